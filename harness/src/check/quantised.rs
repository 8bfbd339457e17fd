//! Quantised: what packing costs the port, beside what rounding costs the definition's own weights.

use super::{Finding, formats::medians, logits::blocked};
use crate::{answers::Answers, figure::Figure, measure::logits::compare, outcome::Absence};

/// The median of the positions counts: see [`super::formats`].
pub(super) fn logits(answers: &Answers) -> Result<Finding, Absence> {
    let quantised = answers.quantised()?;
    let reference = answers.reference()?;
    let plain = answers.logits()?;
    let mut figures = Vec::new();
    for it in quantised {
        let lost = compare(plain, &it.port).map_err(|err| blocked(&err))?;
        let floor = compare(&reference.truth, &it.reference).map_err(|err| blocked(&err))?;
        let bits = it.by.bits;
        let (what, id) = (format!(" in {bits} bits"), format!("-{bits}"));
        figures.extend(medians(answers.regime, reference, &what, &id, &lost, &floor));
        let name = format!("layers packed in {bits} bits");
        figures.push(Figure::informs(format!("packed-{bits}"), name, it.layers as f64));
    }
    Finding::of(figures)
}
