//! Medians: what holds of most positions, whatever a single one does.

use super::logits::exceeds;

/// The middle value, the upper one of two; NaN where there is none or one is NaN.
pub fn median(values: &[f64]) -> f64 {
    if values.iter().any(|it| it.is_nan()) {
        return f64::NAN;
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The median of each window of `length` values; the last may be shorter.
pub fn windows(values: &[f64], length: usize) -> Vec<f64> {
    values.chunks(length).map(median).collect()
}

/// The largest of some windows' medians, and which it is.
pub fn worst(medians: &[f64]) -> (f64, usize) {
    let mut worst = (0.0, 0);
    for (index, &found) in medians.iter().enumerate() {
        if exceeds(found, worst.0) {
            worst = (found, index);
        }
    }
    worst
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_does_not_make_a_window_the_worst() {
        let values = [0.0, 9.0, 0.0, 2.0, 2.0, 0.0];
        assert_eq!(median(&values), 2.0);
        assert_eq!(windows(&values, 3), [0.0, 2.0]);
        assert_eq!(worst(&windows(&values, 3)), (2.0, 1));
        assert_eq!(worst(&windows(&[1.0, 1.0, 0.0], 2)), (1.0, 0));
    }

    #[test]
    fn a_nan_is_the_worst_there_is() {
        assert!(median(&[1.0, f64::NAN]).is_nan());
        assert!(median(&[]).is_nan());
        let (worst, at) = worst(&windows(&[5.0, 5.0, 1.0, f64::NAN], 2));
        assert!(worst.is_nan());
        assert_eq!(at, 1);
    }
}
