//! The same model written otherwise: checkpoints beside the subject's, which must mean the same or what the
//! definition makes of them.

use std::path::{Path, PathBuf};

use super::{
    error::{not_asked, reference_absence, synthetic_only},
    plan::Made,
    question::Question,
    read::read_logits,
    said::{Half, Said},
    side::Side,
};
use crate::{
    answers::{Asked, Loaded, Rewritten},
    case::{PACKABLE_HEAD, Precision},
    engine::{Holds, Open, Opened, Synthesis, Synthesised},
    need::Need,
    outcome::Absence,
};

/// Tensors that a checkpoint has otherwise, and the checkpoint, or what it gives.
pub(super) type Otherwise = (Vec<String>, PathBuf);

/// The checkpoints beside the subject's.
pub(super) struct Beside {
    pub(super) other_spelling: Asked<PathBuf>,
    /// With `tie_word_embeddings` the other way, which is told.
    pub(super) retied: Asked<(bool, PathBuf)>,
    /// With tensors that the definition ignores; a port that knows them under either number has them.
    pub(super) stray: Asked<Vec<Otherwise>>,
    /// Under the names that the class builds.
    pub(super) as_built: Asked<Vec<Otherwise>>,
    /// With heads whose keys and values can be packed.
    pub(super) packable: Asked<PathBuf>,
}

impl Beside {
    /// Makes those that some check needs; a real checkpoint is asked as it is.
    pub(super) fn make(
        question: &Question,
        synthetic: Option<&Synthesised>,
        checkpoint: &Path,
        synthesise: &mut dyn FnMut(Synthesis, &str) -> Made,
    ) -> Self {
        let Some(made) = synthetic else {
            return Self {
                other_spelling: Err(synthetic_only()),
                retied: Err(synthetic_only()),
                stray: Err(synthetic_only()),
                as_built: Err(synthetic_only()),
                packable: Ok(checkpoint.to_owned()),
            };
        };
        let plain = || question.synthesis(question.spelling, None, Path::new(""));
        let mut make = |need: Need, synthesis: Synthesis, name: &str| {
            if !question.wants(need) {
                return Err(not_asked());
            }
            synthesise(synthesis, name).map_err(|err| reference_absence(&err))
        };
        let absent = |reason: &str| Absence::NotApplicable { reason: reason.to_owned() };
        let other_spelling = match &made.spelling_note {
            Some(note) if question.wants(Need::OtherSpelling) => Err(absent(note)),
            _ => {
                let other = Synthesis { spelling: question.spelling.other(), ..plain() };
                make(Need::OtherSpelling, other, "other-spelling").map(|it| it.1)
            }
        };
        let retied = if made.tie_supported {
            let other = Synthesis { tie: Some(!made.tied), ..plain() };
            make(Need::Retied, other, "retied").map(|(made, path)| (made.tied, path))
        } else {
            Err(absent("the definition does not offer tie_word_embeddings both ways"))
        };
        let mut otherwise = |need, holds, name: &str, none: &str| {
            let made = make(need, Synthesis { holds, ..plain() }, name);
            made.and_then(|(made, path)| match made.otherwise {
                names if names.is_empty() => Err(absent(none)),
                names => Ok(vec![(names, path)]),
            })
        };
        let stray = otherwise(
            Need::Stray,
            Holds::Stray,
            "stray",
            "the definition names no tensors that it ignores",
        );
        let behind = format!("layers.{}.", made.num_layers);
        let stray = stray.and_then(|mut all| {
            if all[0].0.iter().any(|it| it.contains(&behind)) {
                let named = otherwise(Need::Stray, Holds::StrayAsNamed, "stray-as-named", "")?;
                all.extend(named);
            }
            Ok(all)
        });
        let as_built = otherwise(
            Need::AsBuilt,
            Holds::AsBuilt,
            "as-built",
            "the names that are saved are those that the class builds",
        );
        let wide = Synthesis { head: Some(PACKABLE_HEAD), ..plain() };
        // A definition whose widths depend on one another has no such heads.
        let packable = make(Need::PackedCache, wide, "packable").map(|it| it.1);
        let packable =
            packable.map_err(|why| absent(&format!("no heads of {PACKABLE_HEAD}: {why}")));
        Self { other_spelling, retied, stray, as_built, packable }
    }
}

impl Side<'_, '_> {
    /// The definition's plain logits of a checkpoint that is written otherwise.
    pub(super) fn rewritten(
        &mut self,
        handle: &str,
        of: &Asked<Vec<Otherwise>>,
        precision: Precision,
    ) -> Asked<Half> {
        let (_, checkpoint) = &of.as_ref().map_err(Clone::clone)?[0];
        self.ask.open::<Opened>(&Open::new(handle, checkpoint, precision))?;
        self.closing(handle).map(Half::Forward)
    }

    /// The port's, or in what it does not fit.
    pub(super) fn rewritten_port(
        &mut self,
        handle: &str,
        of: &Asked<Vec<Otherwise>>,
        precision: Precision,
    ) -> Asked<Half> {
        let all = of.as_ref().map_err(Clone::clone)?;
        let first = self.one_rewritten(handle, &all[0], precision)?;
        match (&first, all.get(1)) {
            (Half::Rewritten(Err(_)), Some(other)) => {
                let other = self.one_rewritten(handle, other, precision)?;
                Ok(if matches!(other, Half::Rewritten(Ok(_))) { other } else { first })
            }
            _ => Ok(first),
        }
    }

    fn one_rewritten(
        &mut self,
        handle: &str,
        (names, checkpoint): &Otherwise,
        precision: Precision,
    ) -> Asked<Half> {
        match self.opened(&Open::new(handle, checkpoint, precision))? {
            Err(message) => return Ok(Half::Rewritten(Err(message))),
            Ok(opened) if !opened.opened => {
                return Ok(Half::Rewritten(Err(opened.load.misfit())));
            }
            Ok(_) => {}
        }
        self.closing(handle).map(|it| Half::Rewritten(Ok((names.clone(), it.1))))
    }
}

/// Both sides' answers to a checkpoint that is written otherwise.
pub(super) fn assemble(
    need: Need,
    of: &Asked<Vec<Otherwise>>,
    reference: &Said,
    port: &Said,
) -> Asked<Rewritten> {
    let asked = of.clone()?.swap_remove(0).0;
    let (names, port) = match port.rewritten(need)? {
        Ok((names, path)) => (names, Loaded::Logits(read_logits(&path)?)),
        Err(message) => (asked, Loaded::Refused { message }),
    };
    let reference = read_logits(&reference.forward(need)?.1)?;
    Ok(Rewritten { names, reference, port })
}
