//! Whether the reference agrees with itself: what a definition does not do, no port is blamed for.
//!
//! Fed in pieces, with a cache or padded, the definition must say what its own plain forward says. Where it
//! does not, there are two cases. By design ([`by_design`]): a port that is fed in this way is held to the
//! definition fed in the same way. Otherwise it is our way of calling it, or a limit of the definition: then
//! what rests on the reference's answer does not run, and a port that differs is not blamed either; one that
//! agrees with the plain forward does more than the definition, and passes.

use super::Finding;
use crate::{
    answers::{Answers, Asked, State},
    by_design,
    figure::{Figure, significant},
    outcome::Absence,
    tensors::Tensor,
};

/// What a port that is fed in some way is held to.
pub(super) enum Held<'a> {
    /// The plain forward, with what is to be said of the reference.
    Plain(Option<String>),
    /// The reference fed in the same way, and why.
    Own(&'a State, String),
    /// The plain forward, as long as the port agrees: the reference disagrees.
    Alone(String),
}

impl Held<'_> {
    /// What is to be said of the reference.
    ///
    /// # Errors
    ///
    /// It disagrees with itself, and its answer is what would be measured by.
    pub(super) fn note(self) -> Asked<Vec<String>> {
        match self {
            Self::Plain(note) => Ok(note.into_iter().collect()),
            Self::Own(_, note) => Ok(vec![note]),
            Self::Alone(reason) => Err(Absence::Blocked { reason }),
        }
    }
}

/// Judges the reference, fed `how`, as a port would be.
pub(super) fn held<'a>(
    answers: &Answers,
    own: Option<&'a Asked<State>>,
    how: &str,
    judge: impl Fn(&[(&Tensor, &Tensor)]) -> Asked<Vec<Figure>>,
) -> Asked<Held<'a>> {
    let own = match own {
        Some(Ok(own)) => own,
        Some(Err(Absence::NotApplicable { .. })) | None => return Ok(Held::Plain(None)),
        Some(Err(why)) => {
            let note = format!(
                "{how} the definition itself does not answer ({why}): its plain forward is what counts"
            );
            return Ok(Held::Plain(Some(note)));
        }
    };
    let pairs: Vec<(&Tensor, &Tensor)> = own.rows.iter().map(|(a, b)| (a, b)).collect();
    let figures = judge(&pairs)?;
    let Some(worst) = figures.iter().find(|it| !it.holds()) else { return Ok(Held::Plain(None)) };
    let off = format!("{} {}", worst.name, significant(worst.measured.0, 2));
    if let Some(why) = by_design::reason(&answers.config) {
        let note = format!(
            "{how} the definition differs from its plain forward by design ({off}): {why}; so the port is \
             held to the definition {how}"
        );
        return Ok(Held::Own(own, note));
    }
    let most =
        worst.bound.map_or(String::new(), |it| format!(", at most {}", significant(it.limit(), 2)));
    Ok(Held::Alone(format!(
        "the reference disagrees with itself: {how} it is off its own plain forward ({off}{most})"
    )))
}

/// A port's answer held to the plain forward, where the reference's own is [`Held::Alone`] for `reason`.
pub(super) fn alone(finding: Finding, reason: String) -> Asked<Finding> {
    if finding.holds() {
        let note = format!("{reason}; the port agrees with that plain forward");
        return Ok(finding.with_notes(vec![note]));
    }
    Err(Absence::Blocked { reason })
}
