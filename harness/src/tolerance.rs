//! How much difference is noise: bounds derived from the measured noise floor.
//!
//! The floor of a figure is what the same figure gives when the *reference* is compared with itself:
//! at the run's precision, and once more with every weight moved by up to one unit in its last
//! place. A right port computes the same function in another order of operations and with other
//! kernels, so it errs by a small multiple of that; a wrong one errs by orders of magnitude more.
//! [`factor`] is the multiple; `docs/coverage/tolerance.md` shows the measured gap it lies in.

use crate::{case::Regime, evidence::Bound};

/// How a figure grows with the error of a logit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Differences, gaps, relative errors.
    Linear,
    /// NMSE, KL divergence and cosine distance: a tenfold error is a hundredfold figure.
    Quadratic,
}

/// The multiple of the floor that still counts as noise, for figures of linear order: 4 in either
/// regime.
///
/// - `Logic`: over the ports of the sweep that are right the worst figure is below 3.5 floors; of the
///   faults in real ports the smallest is above 5 (an epsilon of 1e-5 for 1e-6).
///   `docs/coverage/verify.md` gives both figures as they were last measured.
/// - `Native`: between two bfloat16 libraries the recorded good revisions of one early port spread by
///   a factor of 2.1 (0.26 to 0.55), and the recorded bad ones begin at 7.1 times the worst good one
///   (3.92).
pub fn factor(regime: Regime, order: Order) -> f64 {
    let linear: f64 = match regime {
        Regime::Logic | Regime::Native => 4.0,
    };
    match order {
        Order::Linear => linear,
        Order::Quadratic => linear * linear,
    }
}

/// The bound of a figure whose measured floor is `floor`.
///
/// `scale` is the size of the values compared (1 for relative figures). The floor is never taken
/// smaller than what rounding the result itself costs, as an exactly reproducible reference (an
/// embedding lookup) has a floor of 0.
pub fn bound(regime: Regime, order: Order, floor: f64, scale: f64) -> Bound {
    let rounding = regime.precision().roundoff() * scale;
    let least = match order {
        Order::Linear => rounding,
        Order::Quadratic => rounding * rounding,
    };
    Bound::times_floor(factor(regime, order), floor.max(least))
}

/// The bound of a RoPE table entry: see [`crate::measure::positions::rotation_floor`].
///
/// Angles are computed in float32 in either regime; the table itself is then rounded to the run's
/// precision.
pub fn rotation_bound(regime: Regime, position: u32) -> Bound {
    let floor = crate::measure::positions::rotation_floor(position);
    Bound::times_floor(4.0, floor + regime.precision().roundoff())
}
