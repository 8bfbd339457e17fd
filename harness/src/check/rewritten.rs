//! The same model written otherwise: a checkpoint with more tensors, or with other names for them.

use super::{Finding, logits::judge, power::tried, weights::count};
use crate::{
    answers::{Answers, Loaded},
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

fn of(answers: &Answers, need: Need, holds: &str, how: &str) -> Result<Finding, Absence> {
    let (regime, reference) = (answers.regime, answers.reference()?);
    let found = answers.rewritten(need)?;
    let named: Vec<String> = found.names.iter().take(SHOWN).map(|it| format!("`{it}`")).collect();
    let more = match found.names.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let note = format!("{holds} {}{more}", named.join(", "));
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
