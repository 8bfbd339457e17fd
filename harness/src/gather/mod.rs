//! Asking: drives the two engines through every case and collects what they say.
//!
//! The reference and the port work side by side in their own processes; tensors travel through files
//! in the run's work folder. Nothing here judges: what could not be had is an [`Absence`] with its
//! reason.

mod ask;
mod assemble;
mod long;
mod pairs;
mod port;
mod quantised;
pub(crate) mod read;
mod reference;

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::mpsc::channel,
    thread,
    time::Duration,
};

use portwright_targets as targets;
use serde_json::{Value, json};

use crate::{
    answers::{Answers, Asked},
    cancel::Cancel,
    case::{PROMPT, Precision, Regime, STATE_CASES, Spelling, token_rows},
    check::{CHECKS, Check},
    engine::{
        Catalogue, EngineError, EngineKind, Failure, Launch, Operation, Pair, Session, Sources,
        Synthesis, Synthesised, Texts, Worker, package_path,
    },
    kept::{Files, Packages},
    need::Need,
    outcome::Absence,
    records::GenerationText,
};

/// The plain forward with its taps, of each side, in a run's work folder.
pub const REFERENCE_TAPS: &str = "reference-truth.safetensors";
pub const PORT_TAPS: &str = "port-plain.safetensors";

/// One pair of engines, started once and used for many subjects.
pub struct Lane {
    launch: Launch,
    sources: Sources,
    deadline: Duration,
    cancel: Cancel,
    pair: Pair,
    reference: Worker,
    port: Worker,
    files: Files,
}

impl Lane {
    /// Start both engines; their imports run side by side.
    pub fn start(
        launch: &Launch,
        pair: Pair,
        sources: &Sources,
        deadline: Duration,
        cancel: &Cancel,
    ) -> Result<Self, EngineError> {
        let spawn = |kind| Worker::spawn(kind, launch, sources, deadline, cancel.clone());
        let (reference, port) = (spawn(pair.reference())?, spawn(pair.judged())?);
        Ok(Self {
            launch: launch.clone(),
            sources: sources.clone(),
            deadline,
            cancel: cancel.clone(),
            pair,
            reference,
            port,
            files: Files::default(),
        })
    }

    /// What each engine says of itself; waits for the imports.
    pub fn about(&mut self) -> Result<BTreeMap<EngineKind, crate::engine::About>, EngineError> {
        let reference = self.reference.ready()?.clone();
        let port = self.port.ready()?.clone();
        Ok([(self.pair.reference(), reference), (self.pair.judged(), port)].into())
    }

    /// Where each engine's package was imported from.
    pub fn packages(&mut self) -> Result<Packages, EngineError> {
        let about = self.about()?;
        Ok(about
            .into_iter()
            .filter_map(|(engine, about)| {
                Some((engine.row().package.to_owned(), about.paths.into_values().next()?))
            })
            .collect())
    }

    /// The sources that every answer since the last call rests on.
    pub fn take_files(&mut self) -> Files {
        std::mem::take(&mut self.files)
    }

    /// Which engine has which role.
    pub fn pair(&self) -> Pair {
        self.pair
    }

    /// Replace engines whose process is gone, so that one death costs one subject.
    pub fn revive(&mut self) -> Result<(), EngineError> {
        for (kind, worker) in
            [(self.pair.reference(), &mut self.reference), (self.pair.judged(), &mut self.port)]
        {
            if !worker.is_alive() {
                *worker = Worker::spawn(
                    kind,
                    &self.launch,
                    &self.sources,
                    self.deadline,
                    self.cancel.clone(),
                )?;
            }
        }
        Ok(())
    }

    /// Run another copy of the port from now on; `None` goes back to the first.
    pub fn set_port(&mut self, port: Option<&Path>) -> Result<(), EngineError> {
        let mut sources = self.sources.clone();
        if let Some(path) = port {
            sources.port = Some(path.to_owned());
        }
        self.port = Worker::spawn(
            self.pair.judged(),
            &self.launch,
            &sources,
            self.deadline,
            self.cancel.clone(),
        )?;
        Ok(())
    }

    /// The folder of the target's package that the port comes from.
    pub fn port_package(&mut self) -> Result<PathBuf, EngineError> {
        let engine = self.pair.judged();
        let name = engine.row().package;
        if let Some(path) = &self.sources.port {
            let about = targets::of_package(name).map(|it| it.1);
            let folders = about.map(|it| (it, it.folders(path)));
            let found = folders.and_then(|(about, folders)| {
                folders.into_iter().find(|it| it.join(&about.models).is_dir())
            });
            if let Some(folder) = found {
                return Ok(folder);
            }
        }
        Ok(self.launch.native(engine)?.site_packages.join(name))
    }

    /// Every model type that both sides have, sorted.
    pub fn common_types(&mut self) -> Result<Vec<String>, EngineError> {
        let definitions: Catalogue = self.reference.session()?.call("catalogue", json!({}))?;
        let ports: Catalogue = self.port.session()?.call("catalogue", json!({}))?;
        Ok(definitions.served_by(&ports))
    }

    /// Both workers, for tests that end them.
    pub fn workers(&mut self) -> [&mut Worker; 2] {
        [&mut self.reference, &mut self.port]
    }
}

/// What is asked: one model, one spelling, one regime.
#[derive(Clone, Debug)]
pub struct Question {
    pub model_type: String,
    pub spelling: Spelling,
    pub regime: Regime,
    pub seed: u64,
    /// A real checkpoint's folder; `None` makes a synthetic one.
    pub checkpoint: Option<PathBuf>,
    /// A real config.json whose settings the synthetic checkpoint keeps.
    pub base_config: Option<PathBuf>,
    /// Config fields set on top.
    pub overrides: BTreeMap<String, Value>,
    /// Ids of the checks that will be made; only what they need is asked.
    pub checks: Vec<&'static str>,
}

impl Question {
    /// A synthetic checkpoint of `model_type`, in every default.
    pub fn synthetic(model_type: &str) -> Self {
        Self {
            model_type: model_type.to_owned(),
            spelling: Spelling::RopeTheta,
            regime: Regime::Logic,
            seed: 0,
            checkpoint: None,
            base_config: None,
            overrides: BTreeMap::new(),
            checks: crate::check::CHECKS.iter().map(|it| it.id).collect(),
        }
    }

    /// Whether one of the checks needs this.
    pub(crate) fn wants(&self, need: Need) -> bool {
        let chosen = |it: &&Check| self.checks.contains(&it.id);
        CHECKS.iter().filter(chosen).any(|it| it.needs.contains(&need))
    }
}

/// A subject that could not be asked about at all.
#[derive(Debug, thiserror::Error)]
pub enum GatherError {
    #[error(transparent)]
    Engine(#[from] EngineError),

    #[error("failed to write `{path}`", path = path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },

    #[error("failed to read `{path}`: {detail}", path = path.display())]
    Config { path: PathBuf, detail: String },

    #[error("the checkpoint in `{path}` is a `{found}`, not a `{asked}`", path = path.display())]
    OtherModel { path: PathBuf, asked: String, found: String },
}

/// The model type of a checkpoint, as its config.json says it.
///
/// # Errors
///
/// There is no readable config.json, or it names no model type.
pub fn model_type_of(checkpoint: &Path) -> Result<String, GatherError> {
    let config = read_config(checkpoint)?;
    let named = config["model_type"].as_str().filter(|it| !it.is_empty());
    named.map(str::to_owned).ok_or_else(|| GatherError::Config {
        path: checkpoint.join("config.json"),
        detail: "it has no model_type".into(),
    })
}

/// What is shared by the two sides of one subject.
struct Plan<'a> {
    question: &'a Question,
    pair: Pair,
    checkpoint: PathBuf,
    other_spelling: Asked<PathBuf>,
    retied: Asked<(bool, PathBuf)>,
    window: Asked<()>,
    tokens: Vec<Vec<u32>>,
    batch: Vec<Vec<u32>>,
    positions: [Vec<u32>; 2],
    /// Tokens of the long text.
    long_text: usize,
    work: PathBuf,
}

impl Plan<'_> {
    /// The prompt of the generation.
    fn prompt(&self) -> &[u32] {
        &self.tokens[0][..PROMPT.min(self.tokens[0].len())]
    }
}

/// Ask both engines everything that the question's checks need. Files go to `work`.
///
/// # Errors
///
/// Fails when no checkpoint can be had (unknown model type, refused config, full disk), and when
/// cancelled. What happens after that is an absence among the answers.
pub fn gather(lane: &mut Lane, question: &Question, work: &Path) -> Result<Answers, GatherError> {
    fs::create_dir_all(work)
        .map_err(|source| GatherError::Write { path: work.to_owned(), source })?;
    let mut session = lane.reference.session()?;
    let (synthetic, plan) = {
        let mut synthesise = |spelling, tie, name: &str| {
            let out = work.join(name);
            let synthesis = Synthesis {
                model_type: question.model_type.clone(),
                spelling,
                tie,
                overrides: question.overrides.clone(),
                base_config: question.base_config.clone(),
                dtype: Precision::Float32,
                seed: question.seed,
                out: out.clone(),
            };
            let request = serde_json::to_value(&synthesis).expect("plain data");
            session.call::<Synthesised>("synthesize", request).map(|it| (it, out))
        };
        prepare(question, lane.pair, work, &mut synthesise)?
    };
    let config = read_config(&plan.checkpoint)?;
    let (send_ignored, receive_ignored) = channel();
    let (send_text, receive_text) = channel();
    let (reference, port) = thread::scope(|scope| {
        let port = scope.spawn(|| port::ask(&mut lane.port, &plan, send_ignored, receive_text));
        let reference = reference::ask(&mut session, &plan, &receive_ignored, send_text);
        (reference, port.join().expect("the port's side does not panic"))
    });
    let text = texts(&mut session, &plan, &reference, &port);
    let mut files = session.imported();
    drop(session);
    if reference.opened.is_err() {
        files.add_whole(lane.pair.reference().row().package);
    }
    files.extend(port.files.clone());
    lane.files.extend(files);
    if lane.cancel.is_cancelled() {
        return Err(EngineError::Cancelled.into());
    }
    Ok(assemble::assemble(&plan, synthetic, config, reference, port, text))
}

/// What both sides generated, as text; `None` where the checkpoint or the engine has no tokenizer.
fn texts(
    session: &mut Session<'_>,
    plan: &Plan<'_>,
    reference: &reference::Said,
    port: &port::Said,
) -> Option<GenerationText> {
    let ((reference, _), port) =
        (reference.generated.as_ref().ok()?, port.generated.as_ref().ok()?);
    let writes = plan.pair.reference().offers(Operation::Texts);
    if plan.question.checkpoint.is_none() || writes.is_err() {
        return None;
    }
    let own = &port.ids[..reference.ids.len().min(port.ids.len())];
    let rows = [plan.prompt(), &reference.ids, own];
    let request = json!({"checkpoint": plan.checkpoint, "rows": rows});
    let texts = session.call::<Texts>("texts", request).ok()?.texts?;
    let [prompt, reference, port] = <[String; 3]>::try_from(texts).ok()?;
    Some(GenerationText { prompt, reference, port })
}

type Made = Result<(Synthesised, PathBuf), EngineError>;

/// Decide on the checkpoints and the tokens, and make what is synthetic.
fn prepare<'a>(
    question: &'a Question,
    pair: Pair,
    work: &Path,
    synthesise: &mut dyn FnMut(Spelling, Option<bool>, &str) -> Made,
) -> Result<(Option<Synthesised>, Plan<'a>), GatherError> {
    let only_synthetic =
        || Absence::NotApplicable { reason: "asked of synthetic checkpoints only".into() };
    let (synthetic, checkpoint) = if let Some(path) = &question.checkpoint {
        let (found, asked) = (model_type_of(path)?, question.model_type.clone());
        if found != asked {
            return Err(GatherError::OtherModel { path: path.clone(), asked, found });
        }
        (None, path.clone())
    } else {
        let (made, path) = synthesise(question.spelling, None, "checkpoint")?;
        (Some(made), path)
    };
    let config = read_config(&checkpoint)?;
    let retied = match &synthetic {
        None => Err(only_synthetic()),
        Some(_) if !question.wants(Need::Retied) => Err(not_asked()),
        Some(made) if !made.tie_supported => Err(Absence::NotApplicable {
            reason: "the definition does not offer tie_word_embeddings both ways".into(),
        }),
        Some(made) => synthesise(question.spelling, Some(!made.tied), "retied")
            .map(|(retied, path)| (retied.tied, path))
            .map_err(|err| reference_absence(&err)),
    };
    let other_spelling = match &synthetic {
        None => Err(only_synthetic()),
        Some(_) if !question.wants(Need::OtherSpelling) => Err(not_asked()),
        Some(Synthesised { spelling_note: Some(note), .. }) => {
            Err(Absence::NotApplicable { reason: note.clone() })
        }
        Some(_) => synthesise(question.spelling.other(), None, "other-spelling")
            .map(|(_, path)| path)
            .map_err(|err| reference_absence(&err)),
    };
    let vocab = synthetic.as_ref().map_or_else(
        || field(&config, "vocab_size").and_then(|it| u32::try_from(it).ok()),
        |it| Some(it.vocab_size),
    );
    let Some(vocab) = vocab else {
        let path = checkpoint.join("config.json");
        return Err(GatherError::Config { path, detail: "it has no vocab_size".into() });
    };
    let window = match &synthetic {
        Some(made) => made.sliding_window.map(u64::from),
        None => field(&config, "sliding_window"),
    };
    let tokens = crate::case::TOKENS as u64;
    let window = match window {
        None => {
            Err(Absence::NotApplicable { reason: "the definition has no sliding window".into() })
        }
        Some(size) if tokens <= size => Err(Absence::NotApplicable {
            reason: format!("the window is {size}, the case feeds {tokens} tokens"),
        }),
        Some(_) => Ok(()),
    };
    let plan = Plan {
        question,
        pair,
        checkpoint,
        other_spelling,
        retied,
        window,
        tokens: token_rows(vocab, &[crate::case::TOKENS], question.seed),
        batch: token_rows(vocab, &crate::case::BATCH_LENGTHS, question.seed + 1),
        positions: positions(&config),
        long_text: long::length(long::positions(&config), PROMPT),
        work: work.to_owned(),
    };
    Ok((synthetic, plan))
}

/// Positions near the start and all others, the last one the model supports among them.
///
/// They are asked apart, because some rotations (dynamic, longrope) depend on the largest position
/// of the call.
fn positions(config: &Value) -> [Vec<u32>; 2] {
    let last = field(config, "max_position_embeddings").and_then(|it| u32::try_from(it).ok());
    let (near, mut far): (Vec<u32>, Vec<u32>) =
        crate::measure::positions::POSITIONS.into_iter().partition(|&it| it < 64);
    if let Some(last) = last.and_then(|it| it.checked_sub(1))
        && 64 <= last
        && !far.contains(&last)
    {
        far.push(last);
        far.sort_unstable();
    }
    // `n_positions` is the size of a table that is made once: nothing lies beyond it.
    let table = field(config, "n_positions").and_then(|it| u32::try_from(it).ok());
    if let Some(size) = table {
        far.retain(|&it| it < size);
        if !far.contains(&(size - 1)) {
            far.push(size - 1);
        }
    }
    [near, far]
}

/// A whole number of config.json, at the top or in `text_config`.
fn field(config: &Value, name: &str) -> Option<u64> {
    let nested = config.get("text_config").and_then(|it| it.get(name));
    config.get(name).filter(|it| !it.is_null()).or(nested)?.as_u64()
}

fn read_config(checkpoint: &Path) -> Result<Value, GatherError> {
    let path = checkpoint.join("config.json");
    let error = |detail: String| GatherError::Config { path: path.clone(), detail };
    let text = fs::read_to_string(&path).map_err(|err| error(err.to_string()))?;
    serde_json::from_str(&text).map_err(|err| error(err.to_string()))
}

fn not_asked() -> Absence {
    Absence::Blocked { reason: "it was not asked".into() }
}

/// The reference could not answer: the check is blocked, whatever the cause.
pub(crate) fn reference_absence(err: &EngineError) -> Absence {
    Absence::Blocked { reason: format!("the reference: {err}") }
}

/// The port could not answer: its own exception is a fail, what the target does not offer is not
/// applicable, and an engine's death is a check that could not run.
fn port_absence(err: &EngineError) -> Absence {
    match err.failure() {
        Some(failure) if failure.kind == "unsupported" => {
            Absence::NotApplicable { reason: failure.message.clone() }
        }
        Some(failure) if failure.kind == "limit" || failure.kind == "panic" => {
            Absence::Blocked { reason: failure.to_string() }
        }
        Some(failure) => {
            let mut failure = Failure::clone(failure);
            failure.file = failure.file.map(|it| package_path(Path::new(&it)));
            Absence::PortFailed { failure: Box::new(failure) }
        }
        None => Absence::Blocked { reason: err.to_string() },
    }
}

fn open_request(handle: &str, checkpoint: &Path, precision: Precision) -> Value {
    json!({"handle": handle, "checkpoint": checkpoint, "dtype": precision})
}

/// State cases that the question wants and the definition allows, with why not for the others.
fn state_cases<'a>(
    plan: &'a Plan<'_>,
) -> impl Iterator<Item = (&'static crate::case::StateCase, Asked<()>)> + 'a {
    STATE_CASES
        .iter()
        .filter(|it| plan.question.wants(Need::State(it.way)))
        .map(|case| (case, if case.needs_window { plan.window.clone() } else { Ok(()) }))
}
