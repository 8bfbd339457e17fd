//! The reference's side of a subject: the truth, its noise, its rotations and its config fields.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::mpsc::{Receiver, Sender},
};

use serde::Deserialize;
use serde_json::json;

use super::{Plan, ask::Ask, long, not_asked, open_request, reference_absence};
use crate::{
    answers::Asked,
    case::{NEW_TOKENS, Precision, Regime, StateWay},
    engine::{Experiment, Forward, Forwarded, Generated, Opened, Rope, Session},
    need::Need,
    outcome::Absence,
};

/// Fields beyond this many would cost more than they tell.
const MAX_EXPERIMENTS: usize = 24;

/// What the reference said; tensors are still in their files.
pub(super) struct Said {
    pub(super) opened: Asked<Opened>,
    /// The plain forward at the truth's precision, with taps.
    pub(super) truth: Asked<(Forwarded, PathBuf)>,
    /// The same at the run's precision.
    pub(super) run: Asked<(Forwarded, PathBuf)>,
    /// The same with weights moved by up to one unit in the last place, as often as the regime needs.
    pub(super) nudged: Asked<Vec<(Forwarded, PathBuf)>>,
    pub(super) batch: Asked<Vec<PathBuf>>,
    /// Near and far positions.
    pub(super) rope: Asked<[(Rope, PathBuf); 2]>,
    pub(super) narrow: Asked<Forwarded>,
    pub(super) retied: Asked<PathBuf>,
    /// Seconds to load it at the run's precision.
    pub(super) load_seconds: Option<f64>,
    pub(super) generated: Asked<(Generated, PathBuf)>,
    /// The long text, at the truth's precision.
    pub(super) long: Asked<long::Text>,
    /// Logits along that text at the run's precision.
    pub(super) along: Asked<PathBuf>,
    pub(super) rounded: Asked<Vec<PathBuf>>,
    pub(super) read: Asked<Vec<String>>,
    pub(super) experiments: Asked<BTreeMap<String, Experiment>>,
}

#[derive(Deserialize)]
struct Reads {
    fields: Vec<String>,
}

/// Ask the reference. `ignored` gives the config keys that the port drops, once it has opened; `text`
/// takes the long text as soon as it is written.
pub(super) fn ask(
    session: &mut Session<'_>,
    plan: &Plan<'_>,
    ignored: &Receiver<Asked<Vec<String>>>,
    text: Sender<Vec<u32>>,
) -> Said {
    let regime = plan.question.regime;
    let wants = |need| plan.question.wants(need);
    let plain = Forward { tokens: plan.tokens.clone(), taps: true, ..Forward::default() };
    let mut ask = Ask { session, plan, side: "reference", absence: reference_absence };

    let opened = ask.open("truth", regime.truth(), None).and_then(complete);
    let truth = opened.clone_absence().and_then(|()| ask.forward("truth", &plain, "truth"));
    let batch_wanted =
        [StateWay::LeftPadded, StateWay::RightPadded].map(Need::State).into_iter().any(wants);
    let batch = match &opened {
        Err(absence) => Err(absence.clone()),
        Ok(_) if !batch_wanted => Err(not_asked()),
        Ok(_) => (0..plan.batch.len())
            .map(|row| {
                let tokens = vec![plan.batch[row].clone()];
                let alone = Forward { tokens, ..Forward::default() };
                ask.forward("truth", &alone, &format!("alone-{row}")).map(|(_, path)| path)
            })
            .collect(),
    };
    let long = opened.clone_absence().and_then(|()| ask.long_text("truth"));
    if let Ok((said, _)) = &long {
        // The receiver may be gone when the port failed first; then nobody needs it.
        let _ = text.send(said.ids.clone());
    }
    drop(text);
    ask.close("truth");

    let run_opened =
        opened.clone_absence().and_then(|()| ask.open("run", regime.precision(), None));
    let load_seconds = run_opened.as_ref().ok().and_then(|it| it.seconds);
    let run_opened = run_opened.clone_absence();
    let run = run_opened.clone().and_then(|()| ask.forward("run", &plain, "run"));
    let nudged = (0..nudges(regime))
        .map(|index| {
            ask.open("nudged", regime.precision(), Some(plan.question.seed + index))?;
            let said = ask.forward("nudged", &plain, &format!("nudged-{index}"));
            ask.close("nudged");
            said
        })
        .collect();
    let generated = run_opened.clone().and_then(|()| {
        if !wants(Need::Generation) {
            return Err(not_asked());
        }
        ask.generate("run", NEW_TOKENS, "generated")
    });
    let along = long.as_ref().map_err(Clone::clone).and_then(|(text, _)| {
        run_opened.clone()?;
        ask.along("run", &text.ids)
    });
    let rope = run_opened
        .clone()
        .and_then(|()| if wants(Need::Rotations) { ask.rope("run") } else { Err(not_asked()) });
    let read = run_opened.clone().and_then(|()| {
        if !wants(Need::Fields) {
            return Err(not_asked());
        }
        ask.call::<Reads>("config_reads", json!({"handle": "run"})).map(|it| it.fields)
    });
    ask.close("run");

    let narrow = if wants(Need::Dtypes) {
        ask.open("narrow", Precision::Bfloat16, None).and_then(|_| {
            let said = ask.forward("narrow", &plain, "narrow").map(|(said, _)| said);
            ask.close("narrow");
            said
        })
    } else {
        Err(not_asked())
    };
    let retied = plan.retied.clone().and_then(|(_, checkpoint)| {
        ask.call::<Opened>("open", open_request("retied", &checkpoint, regime.truth()))?;
        let untapped = Forward { taps: false, ..plain.clone() };
        let said = ask.forward("retied", &untapped, "retied").map(|(_, path)| path);
        ask.close("retied");
        said
    });
    let rounded = opened.clone_absence().and_then(|()| ask.rounded());
    let experiments = match &read {
        Err(absence) => Err(absence.clone()),
        Ok(read) => experiments(&mut ask, read, ignored),
    };
    Said {
        opened,
        truth,
        run,
        nudged,
        batch,
        rope,
        narrow,
        retied,
        load_seconds,
        generated,
        long,
        along,
        rounded,
        read,
        experiments,
    }
}

/// A reference with a hole is none: transformers fills what a checkpoint lacks with fresh values.
fn complete(opened: Opened) -> Asked<Opened> {
    let load = &opened.load;
    let lacking = load.missing.iter().chain(load.mismatched.iter().map(|it| &it.name));
    let names: Vec<String> = lacking.take(3).map(|it| format!("`{it}`")).collect();
    if names.is_empty() {
        return Ok(opened);
    }
    let reason = format!("the definition finds no fitting {} in this checkpoint", names.join(", "));
    Err(Absence::Blocked { reason })
}

/// How many samples of the noise are taken. In bfloat16 a router near a tie sends a token elsewhere,
/// so that one sample says little about the next.
fn nudges(regime: Regime) -> u64 {
    match regime {
        Regime::Logic => 1,
        Regime::Native => 4,
    }
}

/// Change each field that the definition reads and the port drops, one at a time.
fn experiments(
    ask: &mut Ask<'_, '_>,
    read: &[String],
    ignored: &Receiver<Asked<Vec<String>>>,
) -> Asked<BTreeMap<String, Experiment>> {
    let ignored = ignored.recv().unwrap_or_else(|_| {
        Err(Absence::Blocked { reason: "the port's side ended early".into() })
    })?;
    let fields = ignored.iter().filter(|it| read.contains(it)).take(MAX_EXPERIMENTS);
    let mut experiments = BTreeMap::new();
    for field in fields {
        let request = json!({
            "checkpoint": ask.plan.checkpoint, "field": field, "tokens": ask.plan.tokens,
        });
        let experiment = ask.call::<Experiment>("config_experiment", request)?;
        experiments.insert(field.clone(), experiment);
    }
    Ok(experiments)
}

impl Ask<'_, '_> {
    fn open(&mut self, handle: &str, precision: Precision, nudge: Option<u64>) -> Asked<Opened> {
        let mut request = open_request(handle, &self.plan.checkpoint, precision);
        request["ulp_noise"] = nudge.into();
        request["ulp"] = (2.0 * precision.roundoff()).into();
        self.call("open", request)
    }
}

/// `Ok(())` or the absence, without the value.
trait CloneAbsence {
    fn clone_absence(&self) -> Asked<()>;
}

impl<T> CloneAbsence for Asked<T> {
    fn clone_absence(&self) -> Asked<()> {
        self.as_ref().map(|_| ()).map_err(Clone::clone)
    }
}
