//! The port's side of a subject: every way of feeding, its rotations, its save and load.

use std::{
    path::PathBuf,
    sync::mpsc::{Receiver, Sender},
};

use serde_json::json;

use super::{
    alone::Layers,
    ask::{Ask, Ran},
    error::port_absence,
    long,
    plan::{Plan, state_cases},
    said::{Half, Said},
    side::Side,
};
use crate::{
    answers::Asked,
    case::{self, Feed, Precision, StateCase},
    engine::{Open, Opened, Operation, Session, Worker},
    kept::Files,
    need::Need,
    outcome::Absence,
};

/// What the reference tells the port's side.
pub(super) struct Told {
    /// Its long text.
    pub(super) text: Receiver<Vec<u32>>,
    /// Which layers' inputs are in its file.
    pub(super) inputs: Receiver<Asked<Layers>>,
}

/// Ask the port. The config keys that it drops go to `ignored` as soon as they are known.
#[expect(clippy::needless_pass_by_value, reason = "their drop says that nothing more comes")]
pub(super) fn ask(
    worker: &mut Worker,
    plan: &Plan<'_>,
    ignored: Sender<Asked<Vec<String>>>,
    told: Told,
) -> Said {
    match worker.session() {
        Ok(mut session) => with_session(&mut session, plan, &ignored, &told),
        Err(err) => {
            let absence = port_absence(&err);
            // The receiver may be gone when the reference failed first; then nobody needs it.
            let _ = ignored.send(Err(absence.clone()));
            let mut said = nothing(&absence);
            said.put(Need::Judged, Err(absence));
            said.files = unknown(plan);
            said
        }
    }
}

fn with_session(
    session: &mut Session<'_>,
    plan: &Plan<'_>,
    ignored: &Sender<Asked<Vec<String>>>,
    told: &Told,
) -> Said {
    let precision = plan.question.regime.precision();
    let ask = Ask::new(session, &plan.work, "port", port_absence);
    let mut side = Side { ask, plan };
    let opened: Asked<Opened> =
        side.ask.open(&Open::new("run", &plan.checkpoint, precision).following());
    let dropped = opened.as_ref().map(|it| it.args_ignored.clone()).map_err(Clone::clone);
    let _ = ignored.send(offers(plan, Operation::DroppedFields).and(dropped));
    let absence = match &opened {
        Ok(port) if port.opened => None,
        Ok(_) => Some(Absence::Blocked { reason: "the weights did not load".into() }),
        Err(absence) => Some(absence.clone()),
    };
    let imported = is_imported(&opened);
    let mut said = absence.as_ref().map_or_else(Said::new, nothing);
    said.put(Need::Judged, opened.map(Half::Opened));
    if absence.is_none() {
        opened_port(&mut side, &mut said, told);
    }
    said.put(Need::OtherSpelling, side.plain_of(&plan.other_spelling, precision));
    if absence.is_none() {
        said.put(Need::Stray, side.rewritten_port("stray", &plan.stray, precision));
        said.put(Need::AsBuilt, side.rewritten_port("as-built", &plan.as_built, precision));
        said.put(Need::Fp8, side.fp8_port(precision).map(Half::Taken));
    }
    if plan.notes_files {
        said.files = side.ask.session.imported();
        if !imported {
            // What failed is not among the modules, and a file may be missing.
            said.files.extend(unknown(plan));
        }
    }
    said
}

/// All that a port which opened is asked.
fn opened_port(side: &mut Side<'_, '_>, said: &mut Said, told: &Told) {
    let plan = side.plan;
    let plain = side.plain();
    let plain = side.ask.forward("run", &plain, "plain");
    let alone = side.alone_when_told(&plain, &told.inputs);
    said.put(Need::Logits, plain.map(Half::Forward));
    said.put(Need::Alone, alone.map(Half::Forward));
    for (case, allowed) in state_cases(plan) {
        let state = allowed.and_then(|()| side.state(case));
        said.put(Need::State(case.way), state.map(Half::Forward));
    }
    if plan.question.wants(Need::Generation) || plan.question.wants(Need::Long) {
        // As many tokens as the longest question wants.
        let generated = side.generate("run", long::new_tokens(plan), "generated");
        said.put(Need::Generation, generated.map(Half::Text));
    }
    let along = side.wanted(Need::Long, |it| it.received("run", &told.text));
    said.put(Need::Long, along.map(Half::Forward));
    let prompts = side.wanted(Need::Prompt, |it| it.long_prompts("run"));
    said.put(Need::Prompt, prompts.map(Half::Logits));
    said.put(Need::Rotations, side.wanted(Need::Rotations, |it| it.rope("run")));
    let roundtrip = offers(plan, Operation::Convert).and_then(|()| {
        side.wanted(Need::Roundtrip, |it| {
            let request = json!({"handle": "run", "out": it.plan.work.join("roundtrip")});
            it.ask.call("roundtrip", request).map(Half::Roundtrip)
        })
    });
    said.put(Need::Roundtrip, roundtrip);
    said.put(Need::Sharded, side.wanted(Need::Sharded, Side::sharded));
    side.ask.close("run");
    said.put(Need::Dtypes, side.wanted(Need::Dtypes, Side::narrow));
    said.put(Need::Retied, side.retied_port(plan.question.regime.precision()));
    said.put(Need::Quantised, side.packed().map(Half::Packed));
    said.put(Need::Float16, side.wanted(Need::Float16, Side::float16));
    said.put(Need::Cast, side.wanted(Need::Cast, Side::cast));
    said.put(Need::PackedCache, side.wanted(Need::PackedCache, Side::packed_cache));
}

/// Whether the port's own module was imported, whatever came after that.
fn is_imported(opened: &Asked<Opened>) -> bool {
    match opened {
        Ok(_) => true,
        Err(Absence::PortFailed { failure }) => !failure.kind.starts_with("port-"),
        Err(_) => false,
    }
}

/// All sources of the judged side: it is not known which of them count.
fn unknown(plan: &Plan<'_>) -> Files {
    let mut files = Files::default();
    files.add_whole(plan.pair.judged().row().package);
    files
}

/// What the judged engine cannot be asked is no fault of the model.
pub(super) fn offers(plan: &Plan<'_>, operation: Operation) -> Asked<()> {
    plan.pair.judged().offers(operation).map_err(Absence::from)
}

/// A port that refuses the other way of tying says so to its user: a limit, not a wrong model.
fn refusal(tied: bool, opened: &Opened) -> String {
    let names = |what: &str, names: &[String]| {
        names.first().map(|it| format!("{what} `{it}`")).unwrap_or_default()
    };
    let why = names("it lacks", &opened.load.missing)
        + &names("it has no place for", &opened.load.unexpected);
    format!("the port refuses to load tie_word_embeddings = {tied}: {why}")
}

/// A port that did not open: the failure itself is reported once, where it happened; what follows from it
/// is blocked.
fn nothing(absence: &Absence) -> Said {
    Said::nothing(match absence {
        Absence::PortFailed { failure } => {
            let first = failure.message.lines().next().unwrap_or_default();
            Absence::Blocked { reason: format!("the port did not load: {first}") }
        }
        other => other.clone(),
    })
}

impl Side<'_, '_> {
    fn state(&mut self, case: &StateCase) -> Asked<Ran> {
        let beyond = match case.feed {
            Feed::Batch { side: case::Side::Right } => Some(Operation::ResumeRightPadded),
            Feed::Kept { .. } => Some(Operation::KeepCaches),
            Feed::Joined => Some(Operation::JoinCaches),
            Feed::Embeddings => Some(Operation::TakeEmbeddings),
            _ => None,
        };
        if let Some(operation) = beyond {
            offers(self.plan, operation)?;
        }
        let forward = self.fed(case.feed, true);
        self.ask.forward("run", &forward, case.name)
    }

    fn retied_port(&mut self, precision: Precision) -> Asked<Half> {
        let (tied, checkpoint) = self.plan.retied.clone()?;
        let opened: Opened = self.ask.open(&Open::new("retied", &checkpoint, precision))?;
        if !opened.opened {
            return Err(Absence::NotApplicable { reason: refusal(tied, &opened) });
        }
        self.closing("retied").map(Half::Forward)
    }

    /// The plain logits of another checkpoint.
    fn plain_of(&mut self, path: &Asked<PathBuf>, precision: Precision) -> Asked<Half> {
        let checkpoint = path.as_ref().map_err(Clone::clone)?;
        let opened: Opened = self.ask.open(&Open::new("other", checkpoint, precision))?;
        if !opened.opened {
            let reason = "its weights do not load".to_owned();
            return Err(Absence::Blocked { reason });
        }
        self.closing("other").map(Half::Forward)
    }
}
