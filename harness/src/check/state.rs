//! State: however the tokens are fed, the logits are those of one plain forward of the reference.

use super::{
    Finding,
    logits::{judge, judge_along, judge_along_of},
    power::tried,
};
use crate::{
    answers::Answers, case::StateWay, figure::Figure, measure::logits::max_or_nan,
    outcome::Absence, tensors::Tensor,
};

pub(super) fn case(answers: &Answers, way: StateWay) -> Result<Finding, Absence> {
    let reference = answers.reference()?;
    let state = answers.state(way)?;
    let pairs: Vec<(&Tensor, &Tensor)> = state.rows.iter().map(|(a, b)| (a, b)).collect();
    let finding = Finding::of(judge(answers.regime, reference, &pairs)?)?;
    let Some((truth, _)) = pairs.first() else { return Ok(finding) };
    tried(finding, truth, |truth, answer| judge(answers.regime, reference, &[(truth, answer)]))
}

/// A long prompt is judged by medians of windows, as a long text is; of the ways of feeding the worst
/// counts.
pub(super) fn prompt(answers: &Answers) -> Result<Finding, Absence> {
    let (reference, prompt) = (answers.reference()?, answers.prompt()?);
    let mut worst: Vec<Figure> = Vec::new();
    let mut notes = Vec::new();
    for (how, logits) in &prompt.fed {
        let figures = judge_along(answers.regime, reference, &prompt.noise, logits)?;
        if figures.iter().any(|it| !it.holds()) {
            notes.push(format!("fed {how}, it is not the definition"));
        }
        if worst.is_empty() {
            worst = figures;
            continue;
        }
        for (kept, figure) in worst.iter_mut().zip(figures) {
            let larger = max_or_nan(kept.measured.0, figure.measured.0);
            if larger.to_bits() != kept.measured.0.to_bits() {
                *kept = figure;
            }
        }
    }
    let finding = Finding::of(worst)?.with_notes(notes);
    tried(finding, &prompt.noise.base, |truth, answer| {
        judge_along_of(answers.regime, reference, &prompt.noise, truth, answer)
    })
}
