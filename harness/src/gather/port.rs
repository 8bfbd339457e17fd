//! The port's side of a subject: every way of feeding, its rotations, its save and load.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::mpsc::{Receiver, Sender},
};

use serde_json::json;

use super::{Plan, ask::Ask, long, not_asked, open_request, port_absence, quantised, state_cases};
use crate::{
    answers::Asked,
    case::{DECODED, Feed, Precision, Side, StateCase, StateWay, padded},
    engine::{Forward, Forwarded, Generated, Opened, Operation, Rope, Roundtrip, Session, Worker},
    kept::Files,
    need::Need,
    outcome::Absence,
};

/// What the port said; tensors are still in their files.
pub(super) struct Said {
    pub(super) opened: Asked<Opened>,
    pub(super) plain: Asked<(Forwarded, PathBuf)>,
    pub(super) states: BTreeMap<StateWay, Asked<PathBuf>>,
    pub(super) rope: Asked<[(Rope, PathBuf); 2]>,
    pub(super) narrow: Asked<Forwarded>,
    pub(super) roundtrip: Asked<Roundtrip>,
    pub(super) retied: Asked<PathBuf>,
    /// As many tokens as the longest question wants.
    pub(super) generated: Asked<Generated>,
    /// Logits along the reference's long text.
    pub(super) along: Asked<PathBuf>,
    pub(super) packed: Asked<Vec<quantised::Packed>>,
    pub(super) other_spelling: Asked<PathBuf>,
    /// The sources that all this rests on.
    pub(super) files: Files,
}

/// Ask the port. The config keys that it drops go to `ignored` as soon as they are known; `text` gives
/// the reference's long text.
#[expect(clippy::needless_pass_by_value, reason = "their drop says that nothing more comes")]
pub(super) fn ask(
    worker: &mut Worker,
    plan: &Plan<'_>,
    ignored: Sender<Asked<Vec<String>>>,
    text: Receiver<Vec<u32>>,
) -> Said {
    match worker.session() {
        Ok(mut session) => with_session(&mut session, plan, &ignored, &text),
        Err(err) => {
            let absence = port_absence(&err);
            // The receiver may be gone when the reference failed first; then nobody needs it.
            let _ = ignored.send(Err(absence.clone()));
            Said { files: unknown(plan), ..Said::nothing(plan, &absence) }
        }
    }
}

fn with_session(
    session: &mut Session<'_>,
    plan: &Plan<'_>,
    ignored: &Sender<Asked<Vec<String>>>,
    text: &Receiver<Vec<u32>>,
) -> Said {
    let precision = plan.question.regime.precision();
    let wants = |need| plan.question.wants(need);
    let mut ask = Ask { session, plan, side: "port", absence: port_absence };
    let opened: Asked<Opened> = ask.call("open", open_request("run", &plan.checkpoint, precision));
    let dropped = opened.as_ref().map(|it| it.args_ignored.clone()).map_err(Clone::clone);
    let _ = ignored.send(offers(plan, Operation::DroppedFields).and(dropped));
    let absence = match &opened {
        Ok(port) if port.opened => None,
        Ok(_) => Some(Absence::Blocked { reason: "the weights did not load".into() }),
        Err(absence) => Some(absence.clone()),
    };
    if let Some(absence) = absence {
        let mut said = Said::nothing(plan, &absence);
        said.other_spelling = ask.plain_of("other", &plan.other_spelling, precision);
        let mut files = ask.session.imported();
        if !is_imported(&opened) {
            // What failed is not among the modules, and a file may be missing.
            files.extend(unknown(plan));
        }
        return Said { opened, files, ..said };
    }
    let plain = Forward { tokens: plan.tokens.clone(), taps: true, ..Forward::default() };
    let forwarded = ask.forward("run", &plain, "plain");
    let states = state_cases(plan)
        .map(|(case, allowed)| (case.way, allowed.and_then(|()| ask.state(case))))
        .collect();
    let generated = if wants(Need::Generation) || wants(Need::Long) {
        ask.generate("run", long::new_tokens(plan), "generated").map(|(it, _)| it)
    } else {
        Err(not_asked())
    };
    let along = ask.received("run", text);
    let rope = if wants(Need::Rotations) { ask.rope("run") } else { Err(not_asked()) };
    let roundtrip = offers(plan, Operation::Convert).and_then(|()| {
        if wants(Need::Roundtrip) {
            ask.call("roundtrip", json!({"handle": "run", "out": plan.work.join("roundtrip")}))
        } else {
            Err(not_asked())
        }
    });
    ask.close("run");
    let narrow = if wants(Need::Dtypes) {
        ask.call::<Opened>("open", open_request("narrow", &plan.checkpoint, Precision::Bfloat16))
            .and_then(|_| {
                let said = ask.forward("narrow", &plain, "narrow").map(|(said, _)| said);
                ask.close("narrow");
                said
            })
    } else {
        Err(not_asked())
    };
    let retied = plan.retied.clone().and_then(|(tied, checkpoint)| {
        let opened: Opened = ask.call("open", open_request("retied", &checkpoint, precision))?;
        if !opened.opened {
            return Err(Absence::NotApplicable { reason: refusal(tied, &opened) });
        }
        let untapped = Forward { taps: false, ..plain.clone() };
        let said = ask.forward("retied", &untapped, "retied").map(|(_, path)| path);
        ask.close("retied");
        said
    });
    let packed = ask.packed();
    let other_spelling = ask.plain_of("other", &plan.other_spelling, precision);
    let files = ask.session.imported();
    Said {
        opened,
        plain: forwarded,
        states,
        rope,
        narrow,
        roundtrip,
        retied,
        generated,
        along,
        packed,
        other_spelling,
        files,
    }
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

impl Said {
    /// Everything absent for one reason.
    fn nothing(plan: &Plan<'_>, absence: &Absence) -> Self {
        // The failure itself is reported once, where it happened; what follows from it is blocked.
        let blocked = match absence {
            Absence::PortFailed { failure } => {
                let first = failure.message.lines().next().unwrap_or_default();
                Absence::Blocked { reason: format!("the port did not load: {first}") }
            }
            other => other.clone(),
        };
        Self {
            opened: Err(absence.clone()),
            plain: Err(blocked.clone()),
            states: state_cases(plan).map(|(case, _)| (case.way, Err(blocked.clone()))).collect(),
            rope: Err(blocked.clone()),
            narrow: Err(blocked.clone()),
            roundtrip: Err(blocked.clone()),
            retied: Err(blocked.clone()),
            generated: Err(blocked.clone()),
            along: Err(blocked.clone()),
            packed: Err(blocked.clone()),
            other_spelling: Err(blocked),
            files: Files::default(),
        }
    }
}

impl Ask<'_, '_> {
    fn state(&mut self, case: &StateCase) -> Asked<PathBuf> {
        if let Feed::Batch { side: Side::Right } = case.feed {
            offers(self.plan, Operation::ResumeRightPadded)?;
        }
        let forward = match case.feed {
            Feed::Batch { side: Side::Left } => Forward {
                tokens: padded(&self.plan.batch, Side::Left),
                lengths: Some(self.plan.batch.iter().map(Vec::len).collect()),
                padding: Some(Side::Left),
                chunks: Some(case.feed.chunks(self.plan.batch[0].len())),
                ..Forward::default()
            },
            Feed::Batch { side: Side::Right } => {
                let split = |row: &Vec<u32>| row.len() - DECODED;
                let prompts: Vec<Vec<u32>> =
                    self.plan.batch.iter().map(|it| it[..split(it)].to_vec()).collect();
                Forward {
                    tokens: padded(&prompts, Side::Right),
                    lengths: Some(prompts.iter().map(Vec::len).collect()),
                    padding: Some(Side::Right),
                    then: Some(self.plan.batch.iter().map(|it| it[split(it)..].to_vec()).collect()),
                    ..Forward::default()
                }
            }
            Feed::Decode { .. } | Feed::Chunks { .. } => Forward {
                tokens: self.plan.tokens.clone(),
                chunks: Some(case.feed.chunks(self.plan.tokens[0].len())),
                ..Forward::default()
            },
            Feed::Trim { of, by } => Forward {
                tokens: vec![self.plan.tokens[0][..of].to_vec()],
                chunks: Some(case.feed.chunks(of)),
                trim: Some(by),
                ..Forward::default()
            },
        };
        self.forward("run", &forward, case.name).map(|(_, path)| path)
    }

    /// The plain logits of another checkpoint.
    fn plain_of(
        &mut self,
        handle: &str,
        path: &Asked<PathBuf>,
        precision: Precision,
    ) -> Asked<PathBuf> {
        let checkpoint = path.as_ref().map_err(Clone::clone)?;
        let opened: Opened = self.call("open", open_request(handle, checkpoint, precision))?;
        if !opened.opened {
            let reason = "its weights do not load".to_owned();
            return Err(Absence::Blocked { reason });
        }
        let forward = Forward { tokens: self.plan.tokens.clone(), ..Forward::default() };
        let said = self.forward(handle, &forward, handle).map(|(_, path)| path);
        self.close(handle);
        said
    }
}
