//! Rotations of RoPE, compared by position and frequency.

use crate::{
    measure::logits::{exceeds, max_or_nan},
    tensors::Tensor,
};

/// The positions whose rotations are compared, as far as the model reaches; the last position that
/// it supports is added. Wide apart, so that a theta, a factor or a table in low precision shows.
pub const POSITIONS: [u32; 7] = [0, 1, 10, 100, 1_000, 10_000, 30_000];

/// How two tables `[P, n, 2]` of (cos, sin) differ.
#[derive(Clone, Debug, PartialEq)]
pub struct RotationFigures {
    /// `max |Δ|` of cos and sin.
    pub max_abs: f64,
    /// Index of the position and of the frequency of `max_abs`.
    pub worst: (usize, usize),
    /// `max |Δ|` of each position.
    pub max_abs_at: Vec<f64>,
}

/// Compare two tables; `None` when they have different numbers of frequencies or positions.
pub fn compare(reference: &Tensor, other: &Tensor) -> Option<RotationFigures> {
    if reference.shape != other.shape || reference.shape.len() != 3 {
        return None;
    }
    let frequencies = reference.shape[1];
    let mut figures =
        RotationFigures { max_abs: 0.0, worst: (0, 0), max_abs_at: vec![0.0; reference.shape[0]] };
    for (index, (want, got)) in reference.values.iter().zip(&other.values).enumerate() {
        let (position, frequency) = (index / 2 / frequencies, index / 2 % frequencies);
        let delta = (want - got).abs();
        if exceeds(delta, figures.max_abs) {
            figures.worst = (position, frequency);
        }
        figures.max_abs = max_or_nan(figures.max_abs, delta);
        figures.max_abs_at[position] = max_or_nan(figures.max_abs_at[position], delta);
    }
    Some(figures)
}

/// The error that rounding to `roundoff` (f32's as a rule) makes in `cos(p * f)` at position `p`: the angle is rounded before the
/// cosine is taken, so the error grows with the angle.
///
/// The angle is at most `p` (the fastest frequency is 1); the frequency itself carries a rounding or
/// two, as does the product.
pub fn rotation_floor(position: u32, roundoff: f64) -> f64 {
    (f64::from(position) * 2.0 + 1.0) * roundoff
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(theta: f64, positions: &[u32]) -> Tensor {
        let mut values = Vec::new();
        for &p in positions {
            for i in 0..4 {
                let angle = f64::from(p) * theta.powf(-f64::from(i) / 4.0);
                values.extend([angle.cos(), angle.sin()]);
            }
        }
        Tensor { shape: vec![positions.len(), 4, 2], values }
    }

    #[test]
    fn another_theta_shows_at_position_one() {
        let (a, b) = (table(10_000.0, &[0, 1]), table(500_000.0, &[0, 1]));
        let figures = compare(&a, &b).unwrap();
        assert_eq!(figures.max_abs_at[0], 0.0);
        assert!(1e3 * rotation_floor(1, 2f64.powi(-24)) < figures.max_abs_at[1]);
        assert_eq!(figures.worst.0, 1);
    }

    #[test]
    fn tables_of_other_shapes_do_not_compare() {
        assert_eq!(compare(&table(1e4, &[0, 1]), &table(1e4, &[0])), None);
    }
}
