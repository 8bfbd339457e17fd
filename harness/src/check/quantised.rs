//! Quantised: what packing costs the port, beside what rounding costs the definition's own weights.

use super::{
    Finding,
    logits::{blocked, scale_of},
};
use crate::{
    answers::Answers,
    figure::{Figure, Order},
    measure::{logits::compare, median::median},
    outcome::Absence,
    tolerance::bound,
};

/// The median of the positions counts: where a rounded router sends one token elsewhere, its position
/// is far off on either side, and says nothing.
pub(super) fn logits(answers: &Answers) -> Result<Finding, Absence> {
    let quantised = answers.quantised()?;
    let reference = answers.reference()?;
    let plain = answers.logits()?;
    let scale = scale_of(reference);
    let mut figures = Vec::new();
    for it in quantised {
        let lost = compare(plain, &it.port).map_err(|err| blocked(&err))?;
        let floor = compare(&reference.truth, &it.reference).map_err(|err| blocked(&err))?;
        let bits = it.by.bits;
        let judged = |id: String, name: String, lost: &[f64], order, floor: &[f64]| {
            let bound = bound(answers.regime, order, median(floor), scale);
            Figure::judged(id, name, median(lost), bound)
        };
        figures.push(judged(
            format!("median-abs-{bits}"),
            format!("median of max |Δ| in {bits} bits"),
            &lost.max_abs_at,
            Order::Linear,
            &floor.max_abs_at,
        ));
        figures.push(judged(
            format!("median-kl-{bits}"),
            format!("median KL of a position in {bits} bits (nats)"),
            &lost.kl_at,
            Order::Quadratic,
            &floor.kl_at,
        ));
        let name = format!("max |Δ| in {bits} bits");
        figures.push(Figure::informs(format!("max-abs-{bits}"), name, lost.max_abs));
        let name = format!("layers packed in {bits} bits");
        figures.push(Figure::informs(format!("packed-{bits}"), name, it.layers as f64));
    }
    Finding::of(figures)
}
