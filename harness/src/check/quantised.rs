//! Quantised: what packing costs the port, beside what rounding costs the definition's own weights.

use super::{
    Finding,
    logits::{blocked, median, scale_of},
};
use crate::{
    evidence::{Absence, Figure},
    material::Material,
    measure::logits::compare,
    tolerance::{Order, bound},
};

/// The median of the positions counts: where a rounded router sends one token elsewhere, its position
/// is far off on either side, and says nothing.
pub(super) fn logits(material: &Material) -> Result<Finding, Absence> {
    let quantised = material.quantised.as_ref().map_err(Clone::clone)?;
    let reference = material.reference.as_ref().map_err(Clone::clone)?;
    let plain = material.logits.as_ref().map_err(Clone::clone)?;
    let mut finding = Finding::default();
    let mut figures = Vec::new();
    for it in quantised {
        let lost = compare(plain, &it.port).map_err(|err| blocked(&err))?;
        let floor = compare(&reference.truth, &it.reference).map_err(|err| blocked(&err))?;
        let bits = it.by.bits;
        let judged = |name: String, lost: f64, order, floor: f64, scale: f64| {
            Figure::judged(name, lost, bound(material.regime, order, floor, scale))
        };
        figures.push(judged(
            format!("median of max |Δ| in {bits} bits"),
            median(&lost.max_abs_at),
            Order::Linear,
            median(&floor.max_abs_at),
            scale_of(reference),
        ));
        figures.push(judged(
            format!("median KL of a position in {bits} bits (nats)"),
            median(&lost.kl_at),
            Order::Quadratic,
            median(&floor.kl_at),
            scale_of(reference),
        ));
        figures.push(Figure::informs(format!("max |Δ| in {bits} bits"), lost.max_abs));
        figures.push(Figure::informs(format!("layers packed in {bits} bits"), it.layers as f64));
    }
    finding.figures = figures;
    Ok(finding)
}
