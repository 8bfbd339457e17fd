//! How much difference is noise: bounds derived from the measured noise floor.
//!
//! The floor of a figure is what the same figure gives when the *reference* is compared with itself:
//! at the run's precision, and once more with every weight moved by up to one unit in its last
//! place. A right port computes the same function in another order of operations and with other
//! kernels, so it errs by a small multiple of that; a wrong one errs by orders of magnitude more.
//! [`LINEAR_FACTOR`] is the multiple; `docs/coverage/tolerance.md` shows the measured gap it lies in.

use crate::{
    case::Regime,
    figure::{Bound, Order},
};

/// The multiple of the floor that still counts as noise for figures of linear order, in either
/// regime.
///
/// - `Logic`: over the ports of the sweep that are right the worst figure is below 3.5 floors; of the
///   faults in real ports the smallest is above 5 (an epsilon of 1e-5 for 1e-6).
///   `docs/coverage/verify.md` gives both figures as they were last measured.
/// - `Native`: between two bfloat16 libraries the recorded good revisions of one early port spread by
///   a factor of 2.1 (0.26 to 0.55), and the recorded bad ones begin at 7.1 times the worst good one
///   (3.92).
pub const LINEAR_FACTOR: f64 = 4.0;

/// The multiple of the floor that still counts as noise.
pub fn factor(order: Order) -> f64 {
    match order {
        Order::Linear => LINEAR_FACTOR,
        Order::Quadratic => LINEAR_FACTOR * LINEAR_FACTOR,
    }
}

/// In `Exact` two right models still differ by more than the last place of each number: a constant that one
/// of them rounds on the way, a power that one takes by logarithms. What that may amount to, relative to the
/// values compared; `docs/coverage/embedded.md` has the worst that was measured.
const EXACT: f64 = 1e-11;
/// Figures that grow with the square of an error are themselves computed in float64: below this they are
/// rounding of ours.
const OWN: f64 = 1e-14;

/// The bound of a figure whose measured floor is `floor`.
///
/// `scale` is the size of the values compared (1 for relative figures). The floor is never taken
/// smaller than what rounding the result itself costs, as an exactly reproducible reference (an
/// embedding lookup) has a floor of 0.
pub fn bound(regime: Regime, order: Order, floor: f64, scale: f64) -> Bound {
    let rounding = roundoff(regime) * scale;
    let least = match (order, regime) {
        (Order::Linear, _) => rounding,
        (Order::Quadratic, Regime::Exact) => (rounding * rounding).max(OWN),
        (Order::Quadratic, _) => rounding * rounding,
    };
    Bound::times_floor(factor(order), floor.max(least), order)
}

/// What a right model rounds at the end of its work, relative to its size.
fn roundoff(regime: Regime) -> f64 {
    match regime {
        Regime::Exact => EXACT,
        Regime::Logic | Regime::Native => regime.roundoff(),
    }
}

/// The bound of a RoPE table entry: see [`crate::measure::positions::rotation_floor`].
///
/// Angles are computed in float32, and in float64 where every float is; the table itself is then rounded to
/// the run's precision.
pub fn rotation_bound(regime: Regime, position: u32) -> Bound {
    let angles = match regime {
        Regime::Exact => roundoff(regime),
        Regime::Logic | Regime::Native => Regime::Logic.roundoff(),
    };
    let floor = crate::measure::positions::rotation_floor(position, angles);
    Bound::times_floor(LINEAR_FACTOR, floor + roundoff(regime), Order::Linear)
}
