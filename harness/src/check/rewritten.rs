//! The same model written otherwise: a checkpoint with more tensors, with other names for them, or with its
//! weights in fp8.

use super::{Finding, logits::judge, power::tried, weights::count};
use crate::{
    answers::{Answers, Loaded},
    figure::Figure,
    need::Need,
    outcome::Absence,
    tensors::Tensor,
};

/// How many names a note has room for.
const SHOWN: usize = 3;

/// Tensors beside the model's are dropped or used as the definition does.
pub(super) fn stray(answers: &Answers) -> Result<Finding, Absence> {
    of(answers, Need::Stray, "the checkpoint also holds", "with tensors beside the model's")
}

/// The names that the definition's class builds load as those do that it saves.
pub(super) fn names(answers: &Answers) -> Result<Finding, Absence> {
    of(answers, Need::AsBuilt, "the checkpoint has", "under the names that the class builds")
}

/// In each form of fp8 that the port loads, and in one at least, it is the definition on that checkpoint.
pub(super) fn fp8(answers: &Answers) -> Result<Finding, Absence> {
    let (forms, mut figures, mut incomplete) = (answers.fp8()?, Vec::new(), None);
    let (mut notes, mut refusals) = (Vec::new(), Vec::new());
    for form in forms {
        match &form.port {
            Loaded::Logits(port) => {
                let reference = form.reference.as_ref().map_err(Clone::clone)?;
                let judged = |truth: &Tensor, port: &Tensor| {
                    judge(answers.regime, reference, &[(truth, port)])
                };
                let finding = Finding::of(judged(&reference.truth, port)?)?;
                let finding = tried(finding, &reference.truth, judged)?;
                let holds = named("the checkpoint has", &form.names);
                if finding.holds() {
                    notes.push(format!("{}: {holds}", form.says));
                } else {
                    notes.insert(0, format!("{} it is another model: {holds}", form.says));
                }
                incomplete = incomplete.or(finding.incomplete);
                figures.extend(finding.figures.into_iter().map(|it| Figure {
                    id: format!("{}-{}", it.id, form.id),
                    name: format!("{} {}", it.name, form.says),
                    ..it
                }));
            }
            Loaded::Refused { message } => {
                refusals.push(format!("{} it does not load: {message}", form.says));
            }
        }
    }
    if figures.is_empty() {
        figures.push(count("refused", "forms of fp8 weights, none of which it loads", forms.len()));
    }
    let finding = Finding::of(figures)?.with_notes(notes).with_notes(refusals);
    Ok(Finding { incomplete, ..finding })
}

/// The first of some names, and how many more there are.
fn named(holds: &str, names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(SHOWN).map(|it| format!("`{it}`")).collect();
    let more = match names.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{holds} {}{more}", shown.join(", "))
}

fn of(answers: &Answers, need: Need, holds: &str, how: &str) -> Result<Finding, Absence> {
    let (regime, reference) = (answers.regime, answers.reference()?);
    let found = answers.rewritten(need)?;
    let note = named(holds, &found.names);
    let finding = match &found.port {
        Loaded::Logits(port) => {
            let judged = |truth: &Tensor, port: &Tensor| judge(regime, reference, &[(truth, port)]);
            let finding = Finding::of(judged(&found.reference, port)?)?;
            tried(finding, &found.reference, judged)?
        }
        Loaded::Refused { message } => {
            let refused = count("refused", "checkpoints that do not load", 1);
            let why = format!("{how} it does not load: {message}");
            Finding::of(vec![refused])?.with_notes(vec![why])
        }
    };
    Ok(finding.with_notes(vec![note]))
}
