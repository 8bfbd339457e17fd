//! How far logits lie from others, over the spread of those they are held against.

use crate::{answers::Asked, figure::significant, outcome::Absence, tensors::Tensor};

/// The largest difference over the standard deviation of the expected values; none where not all of
/// these are numbers. Both are `[B, T, ..]`, or `[B, ..]` where nothing is padded.
///
/// `kept` gives the places of each row that count.
///
/// # Errors
///
/// When the shapes differ.
pub(crate) fn difference(
    expected: &Tensor,
    found: &Tensor,
    kept: Option<&[Vec<usize>]>,
) -> Asked<Option<f64>> {
    if expected.shape != found.shape {
        let (a, b) = (&expected.shape, &found.shape);
        let reason = format!("an answer of shape {b:?}, PyTorch's has {a:?}");
        return Err(Absence::Blocked { reason });
    }
    let length = expected.shape.get(1).copied().unwrap_or(1).max(1);
    let width: usize = expected.shape.iter().skip(2).product::<usize>().max(1);
    let pairs: Vec<(f64, f64)> = expected
        .values
        .iter()
        .zip(&found.values)
        .enumerate()
        .filter(|(place, _)| {
            let (row, column) = (place / width / length, place / width % length);
            kept.is_none_or(|it| it.get(row).is_some_and(|it| it.contains(&column)))
        })
        .map(|(_, (a, b))| (*a, *b))
        .collect();
    // Infinite logits are a definition's way to rule a token out: they must be the same.
    if pairs.iter().any(|it| it.0.is_nan()) {
        return Ok(None);
    }
    let mut worst: f64 = 0.0;
    for (a, b) in &pairs {
        let difference = if a.total_cmp(b).is_eq() { 0.0 } else { (a - b).abs() };
        if difference.is_nan() {
            return Ok(Some(f64::INFINITY));
        }
        worst = worst.max(difference);
    }
    let spread = spread(pairs.into_iter().map(|it| it.0));
    Ok(Some(if worst == 0.0 { 0.0 } else { worst / spread }))
}

/// The standard deviation of the finite values.
pub(crate) fn spread(values: impl Iterator<Item = f64>) -> f64 {
    let values: Vec<f64> = values.filter(|it| it.is_finite()).collect();
    let count = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / count;
    (values.iter().map(|it| (it - mean).powi(2)).sum::<f64>() / count).sqrt()
}

/// Digits of a figure in the table and in its reasons: they change when the figure does.
const DIGITS: usize = 2;

/// A figure in words.
pub(crate) fn text(figure: f64) -> String {
    significant(figure, DIGITS)
}

/// A figure as the table holds it.
pub(crate) fn rounded(figure: f64) -> f64 {
    text(figure).parse().unwrap_or(figure)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(values: &[f64]) -> Tensor {
        Tensor { shape: vec![1, values.len() / 2, 2], values: values.to_vec() }
    }

    #[test]
    fn a_difference_is_counted_in_standard_deviations_of_what_is_kept() {
        let (a, b) = (tensor(&[1.0, -1.0, 5.0, 5.0]), tensor(&[1.0, -0.5, 9.0, 5.0]));
        let first = [vec![0]];
        assert_eq!(difference(&a, &b, Some(&first)), Ok(Some(0.5)));
        assert!(difference(&a, &b, None).unwrap().unwrap() > 1.0);
    }

    #[test]
    fn what_is_no_number_never_passes() {
        let nan = tensor(&[f64::NAN, 1.0]);
        let (a, b) = (tensor(&[2.0, 1.0]), tensor(&[f64::NEG_INFINITY, 1.0]));
        assert_eq!(difference(&nan, &a, None), Ok(None));
        assert_eq!(difference(&a, &nan, None), Ok(Some(f64::INFINITY)));
        assert_eq!(difference(&b, &b, None), Ok(Some(0.0)));
        assert_eq!(difference(&a, &b, None), Ok(Some(f64::INFINITY)));
        assert!(difference(&a, &tensor(&[1.0, 2.0, 3.0, 4.0]), None).is_err());
    }
}
