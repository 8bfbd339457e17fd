//! State: however the tokens are fed, the logits are those of one plain forward of the reference.

use super::{Finding, logits::judge};
use crate::{material::Material, outcome::Absence, tensors::Tensor};

pub(super) fn case(material: &Material, id: &'static str) -> Result<Finding, Absence> {
    let reference = material.reference.as_ref().map_err(Clone::clone)?;
    let state = match material.states.get(id) {
        Some(asked) => asked.as_ref().map_err(Clone::clone)?,
        None => return Err(Absence::Blocked { reason: "it was not asked".into() }),
    };
    let pairs: Vec<(&Tensor, &Tensor)> = state.rows.iter().map(|(a, b)| (a, b)).collect();
    Finding::of(judge(material.regime, reference, &pairs)?)
}
