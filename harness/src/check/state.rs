//! State: however the tokens are fed, the logits are those of one plain forward of the reference.

use super::{Finding, logits::judge};
use crate::{answers::Answers, case::StateWay, outcome::Absence, tensors::Tensor};

pub(super) fn case(answers: &Answers, way: StateWay) -> Result<Finding, Absence> {
    let reference = answers.reference()?;
    let state = answers.state(way)?;
    let pairs: Vec<(&Tensor, &Tensor)> = state.rows.iter().map(|(a, b)| (a, b)).collect();
    Finding::of(judge(answers.regime, reference, &pairs)?)
}
