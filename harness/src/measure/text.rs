//! Figures of a text, as token ids.

use std::collections::HashSet;

/// The share of the n-grams of `ids` that occurred in it before: 0 for a text that never repeats itself,
/// near 1 for one that is caught in a loop.
pub fn repeated(ids: &[u32], n: usize) -> f64 {
    let mut seen = HashSet::new();
    let (mut again, mut all) = (0_u32, 0_u32);
    for gram in ids.windows(n) {
        all += 1;
        again += u32::from(!seen.insert(gram));
    }
    f64::from(again) / f64::from(all.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_repeats_all_but_its_first_round() {
        assert_eq!(repeated(&[1, 2, 3, 4, 5, 6], 4), 0.0);
        let ids: Vec<u32> = (0..103).map(|it| it % 4).collect();
        assert_eq!(repeated(&ids, 4), 0.96);
        assert_eq!(repeated(&[1, 2], 4), 0.0);
    }
}
