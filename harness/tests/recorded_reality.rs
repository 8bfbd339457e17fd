//! The native rule against recorded figures of one early port (`olmo_hybrid`), bfloat16, last token.
//!
//! Two revisions had lost their `rope_theta` and were called a success; the later ones are right.
//! The noise floor was not recorded, so the rule must decide every figure rightly for every floor
//! that the record allows: a right revision differs by noise alone, so the floor lies where the
//! right revisions lie.

#![expect(clippy::float_cmp, reason = "shares of a top 5 are exact")]

use portwright_harness::{
    case::Regime,
    figure::{Bound, Order},
    measure::logits::{LogitFigures, compare},
    tensors::Tensor,
    tolerance::{bound, factor},
};

/// `max |Δ|` and KL (nats) of the last token, and the share of the top 5 that was the same.
struct Recorded {
    max_abs: f64,
    kl: f64,
    top_5: f64,
}

const LOST_THETA: [Recorded; 2] = [
    Recorded { max_abs: 3.92, kl: 6.0e-2, top_5: 0.8 },
    Recorded { max_abs: 4.58, kl: 9.3e-2, top_5: 1.0 },
];
/// The ends of what the right revisions gave. (Their top 5 was not recorded.)
const RIGHT: [Recorded; 2] = [
    Recorded { max_abs: 0.26, kl: 9.0e-5, top_5: 1.0 },
    Recorded { max_abs: 0.55, kl: 9.5e-4, top_5: 1.0 },
];

const STEPS: u32 = 1000;

/// Floors from the least to the largest recorded difference that was noise, evenly in the logarithm.
fn floors(of: fn(&Recorded) -> f64) -> impl Iterator<Item = f64> {
    let (least, most) = (of(&RIGHT[0]), of(&RIGHT[1]));
    (0..=STEPS).map(move |it| least * (most / least).powf(f64::from(it) / f64::from(STEPS)))
}

fn max_abs_bound(floor: f64, largest_logit: f64) -> Bound {
    bound(Regime::Native, Order::Linear, floor, largest_logit)
}

fn kl_bound(floor: f64, largest_logit: f64) -> Bound {
    bound(Regime::Native, Order::Quadratic, floor, largest_logit)
}

/// Scale 0: the measured floor alone, without the rounding of a logit that it may not fall below.
#[test]
fn each_figure_alone_tells_right_from_wrong_at_every_floor() {
    let mut tried = 0;
    for floor in floors(|it| it.max_abs) {
        let bound = max_abs_bound(floor, 0.0);
        assert!(RIGHT.iter().all(|it| bound.admits(it.max_abs)), "floor {floor}");
        assert!(!LOST_THETA.iter().any(|it| bound.admits(it.max_abs)), "floor {floor}");
        tried += 1;
    }
    for floor in floors(|it| it.kl) {
        let bound = kl_bound(floor, 0.0);
        assert!(RIGHT.iter().all(|it| bound.admits(it.kl)), "floor {floor}");
        assert!(!LOST_THETA.iter().any(|it| bound.admits(it.kl)), "floor {floor}");
        tried += 1;
    }
    assert_eq!(tried, 2 * (STEPS + 1));
}

/// A floor is admissible when the worst right figure is within its bound and the best wrong one is
/// not. Those that the record allows are, with room on either side.
#[test]
fn the_floors_that_the_record_allows_lie_well_inside_the_admissible_ones() {
    type Of = fn(&Recorded) -> f64;
    let figures: [(Order, Of); 2] =
        [(Order::Linear, |it| it.max_abs), (Order::Quadratic, |it| it.kl)];
    for (order, of) in figures {
        let factor = factor(order);
        let (lowest, highest) = (of(&RIGHT[1]) / factor, of(&LOST_THETA[0]) / factor);
        assert!(1.5 * lowest < of(&RIGHT[0]), "{order:?}: floors from {lowest}");
        assert!(1.5 * of(&RIGHT[1]) < highest, "{order:?}: floors to {highest}");
        // At the ends themselves the rule turns over.
        let limit = |floor| bound(Regime::Native, order, floor, 0.0);
        assert!(!limit(lowest * 0.99).admits(of(&RIGHT[1])));
        assert!(limit(lowest * 1.01).admits(of(&RIGHT[1])));
        assert!(!limit(highest * 0.99).admits(of(&LOST_THETA[0])));
        assert!(limit(highest * 1.01).admits(of(&LOST_THETA[0])));
    }
}

/// Logits were not recorded either. The rounding of a large logit lifts both bounds; a run passes
/// only when both figures are within theirs, and that never lets a lost theta through.
#[test]
fn whatever_the_size_of_the_logits_a_lost_theta_fails() {
    for largest_logit in 0..=64 {
        let largest_logit = f64::from(largest_logit);
        for (floor, kl_floor) in floors(|it| it.max_abs).zip(floors(|it| it.kl)) {
            let passes = |it: &Recorded| {
                max_abs_bound(floor, largest_logit).admits(it.max_abs)
                    && kl_bound(kl_floor, largest_logit).admits(it.kl)
            };
            assert!(RIGHT.iter().all(passes), "floor {floor}, logits to {largest_logit}");
            assert!(!LOST_THETA.iter().any(passes), "floor {floor}, logits to {largest_logit}");
        }
    }
}

#[test]
fn top_1_agreement_alone_passes_a_lost_theta() {
    for recorded in &LOST_THETA {
        let figures = rebuilt(recorded);
        assert!(exactly_as(recorded, &figures), "{figures:?}");
        let by_top_1 = 1.0 <= figures.top_agreement[0];
        assert!(by_top_1, "the rule that called it a success");
        for (floor, kl_floor) in floors(|it| it.max_abs).zip(floors(|it| it.kl)) {
            assert!(!max_abs_bound(floor, LARGEST_LOGIT).admits(figures.max_abs));
            assert!(!kl_bound(kl_floor, 0.0).admits(figures.kl_max));
        }
    }
}

#[test]
fn the_measured_figures_of_a_right_revision_pass() {
    for recorded in &RIGHT {
        let figures = rebuilt(recorded);
        assert!(exactly_as(recorded, &figures), "{figures:?}");
        for (floor, kl_floor) in floors(|it| it.max_abs).zip(floors(|it| it.kl)) {
            assert!(max_abs_bound(floor, LARGEST_LOGIT).admits(figures.max_abs));
            assert!(kl_bound(kl_floor, LARGEST_LOGIT).admits(figures.kl_max));
        }
    }
}

const LARGEST_LOGIT: f64 = 12.0;

fn exactly_as(recorded: &Recorded, figures: &LogitFigures) -> bool {
    (figures.max_abs - recorded.max_abs).abs() < 1e-9
        && (figures.kl_max / recorded.kl - 1.0).abs() < 1e-6
        && figures.top_agreement[0] == 1.0
        && figures.top_agreement[1] == recorded.top_5
}

/// Logits of one token that differ as recorded: an unlikely token by `max |Δ|`, the second best by
/// as much as gives the KL, and the fifth and the sixth in another order where the top 5 was.
fn rebuilt(recorded: &Recorded) -> LogitFigures {
    let mut reference = vec![0.0; 160];
    reference[..6].copy_from_slice(&[LARGEST_LOGIT, 11.5, 10.0, 9.0, 8.0, 7.99]);
    let differing = |second: f64| {
        let mut port = reference.clone();
        port[1] -= second;
        if recorded.top_5 < 1.0 {
            port.swap(4, 5);
        }
        port[159] -= recorded.max_abs;
        let row = |values: Vec<f64>| Tensor { shape: vec![1, values.len()], values };
        compare(&row(reference.clone()), &row(port)).expect("rows of one shape")
    };
    // KL grows with the second token's difference; up to 1.45 it stays the second best.
    let (mut low, mut high) = (0.0, 1.45_f64.min(recorded.max_abs));
    for _ in 0..200 {
        let middle = f64::midpoint(low, high);
        if differing(middle).kl_max < recorded.kl {
            low = middle;
        } else {
            high = middle;
        }
    }
    differing(low)
}
