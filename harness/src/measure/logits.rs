//! Figures of two sets of logits, position by position.
//!
//! `T` positions, `V` vocabulary. All arithmetic is in f64.

use crate::tensors::Tensor;

/// The k of top-k.
pub const TOP_K: [usize; 3] = [1, 5, 10];

/// How far `other` is from `reference`. All figures are 0 for equal logits.
#[derive(Clone, Debug, PartialEq)]
pub struct LogitFigures {
    /// `max |Δ|` over positions and vocabulary.
    pub max_abs: f64,
    /// `mean |Δ|`.
    pub mean_abs: f64,
    /// `Σ Δ² / Σ reference²`: normalised mean squared error.
    pub nmse: f64,
    /// The largest KL(reference ‖ other) of a position, in nats.
    pub kl_max: f64,
    /// The largest `1 - cos` of a position.
    pub cosine_distance: f64,
    /// For each [`TOP_K`]: the mean share of the reference's top k that are in the other's.
    pub top_agreement: [f64; TOP_K.len()],
    /// For each [`TOP_K`]: the largest logit gap, in the reference, between its k-th best and the
    /// worst of the other's top k. A tie that fell the other way costs as little as the tie is close.
    pub top_gap: [f64; TOP_K.len()],
    /// The position of `max_abs`.
    pub worst_position: usize,
    /// `max |Δ|` of each position.
    pub max_abs_at: Vec<f64>,
    /// KL of each position.
    pub kl_at: Vec<f64>,
    /// How far the entropies of each position lie apart, in nats.
    pub drift_at: Vec<f64>,
}

/// Logits that cannot be compared.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("logits have shape {found:?}, but the reference's have {expected:?}")]
pub struct ShapeMismatch {
    pub found: Vec<usize>,
    pub expected: Vec<usize>,
}

/// Compare `[T, V]` with `[T, V]` (leading axes of size 1 are the caller's to strip).
///
/// A NaN on either side makes the figures it enters NaN, which no bound admits.
pub fn compare(reference: &Tensor, other: &Tensor) -> Result<LogitFigures, ShapeMismatch> {
    if reference.values.len() != other.values.len() || reference.width() != other.width() {
        let (found, expected) = (other.shape.clone(), reference.shape.clone());
        return Err(ShapeMismatch { found, expected });
    }
    let mut figures = LogitFigures {
        max_abs: 0.0,
        mean_abs: 0.0,
        nmse: 0.0,
        kl_max: 0.0,
        cosine_distance: 0.0,
        top_agreement: [0.0; TOP_K.len()],
        top_gap: [0.0; TOP_K.len()],
        worst_position: 0,
        max_abs_at: Vec::new(),
        kl_at: Vec::new(),
        drift_at: Vec::new(),
    };
    let (mut squared_error, mut squared_reference) = (0.0, 0.0);
    for (position, (expected, actual)) in reference.rows().zip(other.rows()).enumerate() {
        let mut worst: f64 = 0.0;
        for (&want, &got) in expected.iter().zip(actual) {
            let delta = (got - want).abs();
            worst = max_or_nan(worst, delta);
            figures.mean_abs += delta;
            squared_error += delta * delta;
            squared_reference += want * want;
        }
        if exceeds(worst, figures.max_abs) {
            figures.worst_position = position;
        }
        figures.max_abs = max_or_nan(figures.max_abs, worst);
        figures.max_abs_at.push(worst);
        let (log_p, log_q) = (log_softmax(expected), log_softmax(actual));
        let kl = kl_divergence(&log_p, &log_q);
        figures.drift_at.push((entropy(&log_p) - entropy(&log_q)).abs());
        figures.kl_max = max_or_nan(figures.kl_max, kl);
        figures.kl_at.push(kl);
        figures.cosine_distance =
            max_or_nan(figures.cosine_distance, cosine_distance(expected, actual));
        for (index, (share, gap)) in top_k(expected, actual).into_iter().enumerate() {
            figures.top_agreement[index] += share;
            figures.top_gap[index] = max_or_nan(figures.top_gap[index], gap);
        }
    }
    let positions = figures.max_abs_at.len().max(1) as f64;
    figures.mean_abs /= reference.values.len().max(1) as f64;
    figures.nmse = if squared_error == 0.0 { 0.0 } else { squared_error / squared_reference };
    for share in &mut figures.top_agreement {
        *share /= positions;
    }
    Ok(figures)
}

/// The entropy of a distribution that is given by its logarithms, in nats.
fn entropy(log_p: &[f64]) -> f64 {
    let said = log_p.iter().filter(|it| f64::MIN < **it || it.is_nan());
    said.map(|it| -it.exp() * it).sum()
}

/// The larger of two, or NaN when either is NaN (`f64::max` would drop it).
pub fn max_or_nan(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) }
}

/// Whether `new` is worse than `worst` so far: larger, or the first NaN.
pub fn exceeds(new: f64, worst: f64) -> bool {
    worst < new || (new.is_nan() && !worst.is_nan())
}

/// `Σ p log(p / q)` of two distributions that are given by their logarithms, in nats.
fn kl_divergence(log_p: &[f64], log_q: &[f64]) -> f64 {
    let mut total = 0.0;
    for (lp, lq) in log_p.iter().zip(log_q) {
        // Σ p (lp - lq) cancels to rounding for near-equal rows; adding q - p (which sums to 0)
        // makes every term positive and of second order.
        let ratio = lq - lp;
        total += lp.exp() * (ratio.exp_m1() - ratio);
    }
    total
}

fn log_softmax(row: &[f64]) -> Vec<f64> {
    let top = row.iter().copied().fold(f64::NEG_INFINITY, max_or_nan);
    let sum: f64 = row.iter().map(|it| (it - top).exp()).sum();
    let norm = top + sum.ln();
    row.iter().map(|it| it - norm).collect()
}

/// `1 - cos`, computed as `‖a/‖a‖ - b/‖b‖‖² / 2` so that it does not cancel for near-equal rows.
fn cosine_distance(a: &[f64], b: &[f64]) -> f64 {
    let norm = |row: &[f64]| row.iter().map(|it| it * it).sum::<f64>().sqrt();
    let (norm_a, norm_b) = (norm(a), norm(b));
    if norm_a == 0.0 && norm_b == 0.0 {
        return 0.0;
    }
    a.iter().zip(b).map(|(x, y)| (x / norm_a - y / norm_b).powi(2)).sum::<f64>() / 2.0
}

/// For each [`TOP_K`]: the share of the reference's top k that the other's top k holds, and the gap it gives
/// away.
fn top_k(reference: &[f64], other: &[f64]) -> [(f64, f64); TOP_K.len()] {
    if reference.iter().chain(other).any(|it| it.is_nan()) {
        return TOP_K.map(|_| (0.0, f64::NAN));
    }
    let most = TOP_K.into_iter().max().unwrap_or_default().min(reference.len());
    let (best, chosen) = (top_indices(reference, most), top_indices(other, most));
    let lowest =
        |indices: &[usize]| indices.iter().map(|&it| reference[it]).fold(f64::INFINITY, f64::min);
    TOP_K.map(|k| {
        let k = k.min(most);
        if k == 0 {
            return (1.0, 0.0);
        }
        let (best, chosen) = (&best[..k], &chosen[..k]);
        let shared = chosen.iter().filter(|it| best.contains(it)).count();
        (shared as f64 / k as f64, lowest(best) - lowest(chosen))
    })
}

/// Indices of the `k` largest values, the largest first; of equal values the first come first.
fn top_indices(row: &[f64], k: usize) -> Vec<usize> {
    let mut indices: Vec<usize> = (0..row.len()).collect();
    let order = |&a: &usize, &b: &usize| row[b].total_cmp(&row[a]).then(a.cmp(&b));
    if k < indices.len() {
        indices.select_nth_unstable_by(k - 1, order);
        indices.truncate(k);
    }
    indices.sort_unstable_by(order);
    indices
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logits(rows: &[&[f64]]) -> Tensor {
        Tensor { shape: vec![rows.len(), rows[0].len()], values: rows.concat() }
    }

    #[test]
    fn equal_logits_give_zero_everywhere() {
        let a = logits(&[&[1.0, 2.0, -3.0], &[0.5, 0.5, 0.1]]);
        let figures = compare(&a, &a).unwrap();
        assert_eq!(figures.max_abs, 0.0);
        assert_eq!(figures.kl_max, 0.0);
        assert_eq!(figures.nmse, 0.0);
        assert_eq!(figures.cosine_distance, 0.0);
        assert_eq!(figures.top_agreement, [1.0; 3]);
        assert_eq!(figures.top_gap, [0.0; 3]);
    }

    /// Against the closed form: two classes, p = (3/4, 1/4), q = (1/2, 1/2).
    #[test]
    fn kl_agrees_with_the_closed_form() {
        let figures = compare(&logits(&[&[3f64.ln(), 0.0]]), &logits(&[&[0.0, 0.0]])).unwrap();
        let expected = 0.75 * (0.75f64 / 0.5).ln() + 0.25 * (0.25f64 / 0.5).ln();
        assert!((figures.kl_max - expected).abs() < 1e-15);
    }

    /// A difference of 1e-9 has a KL of about its variance over 2: far below f64's own rounding of
    /// the textbook sum.
    #[test]
    fn kl_of_nearly_equal_rows_does_not_cancel() {
        let figures = compare(&logits(&[&[0.0, 0.0]]), &logits(&[&[1e-9, 0.0]])).unwrap();
        assert!((figures.kl_max / 1.25e-19 - 1.0).abs() < 1e-3, "{}", figures.kl_max);
    }

    #[test]
    fn a_shift_of_all_logits_moves_no_probability() {
        let figures = compare(&logits(&[&[0.0, 1.0]]), &logits(&[&[5.0, 6.0]])).unwrap();
        assert!(figures.kl_max < 1e-30);
        assert_eq!(figures.max_abs, 5.0);
    }

    #[test]
    fn a_tie_that_falls_the_other_way_costs_its_gap() {
        let figures =
            compare(&logits(&[&[1.0, 1.0 - 1e-7, 0.0]]), &logits(&[&[1.0, 1.0 + 1e-7, 0.0]]))
                .unwrap();
        assert_eq!(figures.top_agreement[0], 0.0);
        assert!(figures.top_gap[0] < 2e-7);
    }

    #[test]
    fn nan_never_hides() {
        let good = logits(&[&[1.0, 2.0], &[1.0, 2.0]]);
        let bad = logits(&[&[f64::NAN, 2.0], &[1.0, 2.0]]);
        let figures = compare(&good, &bad).unwrap();
        assert!(figures.max_abs.is_nan() && figures.kl_max.is_nan() && figures.top_gap[0].is_nan());
        assert_eq!(figures.worst_position, 0);
    }

    #[test]
    fn shapes_must_agree() {
        let err = compare(&logits(&[&[1.0, 2.0]]), &logits(&[&[1.0, 2.0, 3.0]])).unwrap_err();
        assert_eq!(err.expected, [1, 2]);
    }
}
