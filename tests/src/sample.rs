//! Which rows of a published table are measured again today: a few, others every day, so that in some
//! weeks all of them have been asked and no test run takes long.

use std::{env, time::SystemTime};

/// Names the day whose sample is drawn again, to look into a failure of that day.
pub const SEED: &str = "SAMPLE_SEED";

/// Days since 1970, or what [`SEED`] says.
///
/// # Panics
///
/// Where [`SEED`] is set to what is no number: drawing another sample in silence would look like a pass.
pub fn seed() -> u64 {
    if let Ok(text) = env::var(SEED) {
        return text.parse().unwrap_or_else(|_| panic!("{SEED} is `{text}`, not a number"));
    }
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.expect("the clock is past 1970").as_secs() / 86_400
}

/// `count` of `all`, distinct. As many days as there are such groups in `all` draw every one of them.
pub fn of_day<T>(mut all: Vec<T>, count: usize, seed: u64) -> Vec<T> {
    let groups = all.len().div_ceil(count.max(1)).max(1) as u64;
    let start = usize::try_from(seed % groups).expect("a group's number") * count;
    let end = (start + count).min(all.len());
    all.drain(start.min(end)..end).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn consecutive_days_draw_everything_once() {
        let days: Vec<usize> = (0..4).flat_map(|day| of_day((0..7).collect(), 2, day)).collect();
        assert_eq!(days.len(), 7);
        assert_eq!(days.iter().copied().collect::<BTreeSet<_>>().len(), 7);
        assert_eq!(of_day((0..7).collect(), 2, 1), of_day((0..7).collect(), 2, 5));
        assert!(of_day(Vec::<u8>::new(), 2, 3).is_empty());
    }
}
