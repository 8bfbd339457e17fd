//! Quantised: what packing costs the port, beside what rounding costs the definition's own weights.

use super::{
    Finding,
    logits::{blocked, scale_of},
};
use crate::{
    evidence::{Absence, Figure},
    material::Material,
    measure::{logits::compare, median::median},
    tolerance::{Order, bound},
};

/// The median of the positions counts: where a rounded router sends one token elsewhere, its position
/// is far off on either side, and says nothing.
pub(super) fn logits(material: &Material) -> Result<Finding, Absence> {
    let quantised = material.quantised.as_ref().map_err(Clone::clone)?;
    let reference = material.reference.as_ref().map_err(Clone::clone)?;
    let plain = material.logits.as_ref().map_err(Clone::clone)?;
    let scale = scale_of(reference);
    let mut figures = Vec::new();
    for it in quantised {
        let lost = compare(plain, &it.port).map_err(|err| blocked(&err))?;
        let floor = compare(&reference.truth, &it.reference).map_err(|err| blocked(&err))?;
        let bits = it.by.bits;
        let judged = |name: String, lost: &[f64], order, floor: &[f64]| {
            let bound = bound(material.regime, order, median(floor), scale);
            Figure::judged(name, median(lost), bound)
        };
        figures.push(judged(
            format!("median of max |Δ| in {bits} bits"),
            &lost.max_abs_at,
            Order::Linear,
            &floor.max_abs_at,
        ));
        figures.push(judged(
            format!("median KL of a position in {bits} bits (nats)"),
            &lost.kl_at,
            Order::Quadratic,
            &floor.kl_at,
        ));
        figures.push(Figure::informs(format!("max |Δ| in {bits} bits"), lost.max_abs));
        figures.push(Figure::informs(format!("layers packed in {bits} bits"), it.layers as f64));
    }
    Ok(Finding { figures, ..Finding::default() })
}
