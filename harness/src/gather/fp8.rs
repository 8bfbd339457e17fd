//! The checkpoint as it is published in fp8: linear weights in eight bits, with their scales beside them.
//!
//! Such checkpoints are published in several [`FORMS`], of which a port need know one only.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::json;

use super::{
    assemble::measured,
    beside::Otherwise,
    error::{not_asked, reference_absence, synthetic_only},
    plan::{Made, Plan},
    read::read_logits,
    reference::{complete, nudges},
    said::{Baseline, Said},
    side::Side,
};
use crate::{
    answers::{Asked, Fp8, Loaded},
    case::Precision,
    engine::{Holds, Open, Opened, Operation, Synthesis, Worker},
    need::Need,
    outcome::Absence,
};

/// What the names of scales end in. A port that has no such word in it has no code for them.
const SCALE: &str = "scale_inv";

/// A way in which fp8 checkpoints are published.
#[derive(Debug)]
pub(super) struct Form {
    pub(super) id: &'static str,
    /// What follows a figure's name.
    says: &'static str,
    holds: Holds,
}

/// Every form; the worker writes them (`torch_side/fp8.py`).
const FORMS: [Form; 2] = [
    Form { id: "blocks", says: "with a scale for each block of 128x128", holds: Holds::Fp8Blocks },
    Form { id: "tensors", says: "with one scale a weight", holds: Holds::Fp8Tensors },
];

/// What a port made of a checkpoint in one form.
#[derive(Clone, Debug)]
pub(super) enum Taken {
    Logits(PathBuf),
    /// It does not load it.
    Refused(String),
    /// All the scales came out of its `sanitize` as they went in.
    HandedOn,
}

/// The checkpoint in each form, where the port has code for such: what costs least is asked first.
pub(super) fn write(
    plan: &Plan<'_>,
    port: &mut Worker,
    synthesise: &mut dyn FnMut(Synthesis, &str) -> Made,
) -> Asked<Vec<(&'static Form, Otherwise)>> {
    let question = plan.question;
    if !question.wants(Need::Fp8) {
        return Err(not_asked());
    }
    if question.checkpoint.is_some() {
        return Err(synthetic_only());
    }
    for engine in plan.pair.engines() {
        engine.offers(Operation::ReadFp8)?;
    }
    knows_scales(port, &plan.checkpoint)?;
    let mut written = Vec::new();
    for form in &FORMS {
        let plain = question.synthesis(question.spelling, None, Path::new(""));
        let synthesis = Synthesis { holds: form.holds, ..plain };
        let (made, path) = synthesise(synthesis, &format!("fp8-{}", form.id)).map_err(|err| {
            match err.failure() {
                // The definition has nothing to round, or its release no fp8.
                Some(why) if why.kind == "unsupported" => {
                    Absence::NotApplicable { reason: why.message.clone() }
                }
                _ => reference_absence(&err),
            }
        })?;
        written.push((form, (made.otherwise, path)));
    }
    Ok(written)
}

/// Nothing, or that no source of the port speaks of scales.
fn knows_scales(port: &mut Worker, checkpoint: &Path) -> Asked<()> {
    #[derive(Deserialize)]
    struct Mentions {
        files: Vec<String>,
    }
    let request = json!({"checkpoint": checkpoint, "word": SCALE});
    let mentions = port.session().and_then(|mut it| it.call::<Mentions>("mentions", request));
    match mentions {
        Ok(Mentions { files }) if files.is_empty() => Err(without_code("its source does not name")),
        Ok(_) => Ok(()),
        Err(err) => Err(Absence::Blocked { reason: format!("the port's source: {err}") }),
    }
}

fn without_code(why: &str) -> Absence {
    let reason = format!("the port has no code for fp8 weights: {why} `weight_{SCALE}`");
    Absence::NotApplicable { reason }
}

impl Side<'_, '_> {
    /// The definition on each form, and what it errs there against itself.
    pub(super) fn fp8(&mut self) -> Asked<Vec<Asked<Box<Baseline>>>> {
        let forms = self.plan.fp8.as_ref().map_err(Clone::clone)?;
        Ok(forms.iter().map(|(form, (_, path))| self.fp8_baseline(form, path)).collect())
    }

    fn fp8_baseline(&mut self, form: &Form, checkpoint: &Path) -> Asked<Box<Baseline>> {
        let (regime, seed) = (self.plan.question.regime, self.plan.question.seed);
        let handle = |what: &str| format!("fp8-{}-{what}", form.id);
        let name = handle("truth");
        let opened: Opened = self.ask.open(&Open::new(&name, checkpoint, regime.truth()))?;
        let opened = complete(opened).and_then(all_read)?;
        let truth = self.closing(&name);
        let name = handle("run");
        let running: Opened = self.ask.open(&Open::new(&name, checkpoint, regime.precision()))?;
        let run = self.closing(&name);
        let mut nudged = Vec::new();
        for index in 0..nudges(regime) {
            let name = handle(&format!("nudged-{index}"));
            let open = Open::new(&name, checkpoint, regime.precision());
            self.ask.open::<Opened>(&open.nudged(seed + index))?;
            nudged.push(self.closing(&name)?);
        }
        let load_seconds = running.seconds;
        Ok(Box::new(Baseline { opened, truth, run, nudged: Ok(nudged), load_seconds }))
    }

    /// The port on each form.
    pub(super) fn fp8_port(&mut self, precision: Precision) -> Asked<Vec<Taken>> {
        let forms = self.plan.fp8.as_ref().map_err(Clone::clone)?;
        forms.iter().map(|(form, written)| self.taken(form, written, precision)).collect()
    }

    fn taken(
        &mut self,
        form: &Form,
        (scales, checkpoint): &Otherwise,
        precision: Precision,
    ) -> Asked<Taken> {
        let name = format!("fp8-{}", form.id);
        let opened = match self.opened(&Open::new(&name, checkpoint, precision))? {
            Ok(opened) => opened,
            Err(message) => return Ok(Taken::Refused(message)),
        };
        if opened.opened {
            return self.closing(&name).map(|it| Taken::Logits(it.1));
        }
        let left = opened.load.unexpected.iter().filter(|it| it.ends_with(SCALE)).count();
        Ok(if left == scales.len() {
            Taken::HandedOn
        } else {
            Taken::Refused(opened.load.misfit())
        })
    }
}

/// A definition that leaves a scale unread says nothing of how the weights are meant.
fn all_read(opened: Opened) -> Asked<Opened> {
    let Some(name) = opened.load.unexpected.first() else { return Ok(opened) };
    let count = opened.load.unexpected.len();
    let reason =
        format!("the definition leaves `{name}` ({count} in all) of this checkpoint unread");
    Err(Absence::Blocked { reason })
}

/// Both sides' answers to each form; of one that the port does not load, the definition's is not needed.
pub(super) fn assemble(plan: &Plan<'_>, reference: &Said, port: &Said) -> Asked<Vec<Fp8>> {
    let forms = plan.fp8.as_ref().map_err(Clone::clone)?;
    let taken = port.taken(Need::Fp8)?;
    if taken.iter().all(|it| matches!(it, Taken::HandedOn)) {
        return Err(without_code("its `sanitize` hands on every"));
    }
    let baselines = reference.baselines(Need::Fp8)?;
    let halves = forms.iter().zip(baselines).zip(taken);
    halves
        .map(|(((form, (names, _)), baseline), taken)| {
            let truth = baseline.clone().and_then(|it| read_logits(&it.truth?.1));
            let (id, says, names) = (form.id, form.says, names.clone());
            let port = match taken {
                Taken::Logits(path) => Loaded::Logits(read_logits(&path)?),
                Taken::Refused(message) => Loaded::Refused { message },
                Taken::HandedOn => {
                    let message = format!("its `sanitize` hands on every `weight_{SCALE}`");
                    Loaded::Refused { message }
                }
            };
            Ok(Fp8 { id, says, names, reference: measured(baseline, truth), port })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_that_leaves_a_scale_unread_is_no_measure() {
        let opened = |unexpected: &[&str]| -> Opened {
            serde_json::from_value(json!({"load": {"unexpected": unexpected}})).unwrap()
        };
        assert!(all_read(opened(&[])).is_ok());
        let absence = all_read(opened(&["mlp.experts.down_proj_scale_inv"])).unwrap_err();
        assert!(matches!(absence, Absence::Blocked { .. }), "{absence:?}");
        assert!(absence.to_string().contains("`mlp.experts.down_proj_scale_inv` (1 in all)"));
    }
}
