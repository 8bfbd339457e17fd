//! One config, put to both sides: a fresh tiny checkpoint, the same tokens, the same forward.

use std::{
    fs, io,
    path::{Path, PathBuf},
    thread,
};

use serde_json::{Value, json};

use super::domain::with;
use crate::{
    case::{Inputs, Regime, token_rows},
    engine::{EngineError, Failure, Forward, Open, Opened, Session, Synthesis, Synthesised},
    figure::Order,
    gather::{Lane, Question, read::logits_in},
    kept::Files,
    measure::logits::{compare, max_or_nan},
    tensors::Tensor,
    tolerance::bound,
    varied::{Deviation, Setting},
};

/// Tokens of a row: three windows of a synthetic checkpoint.
const TOKENS: usize = 24;
/// What is noise for a run whose floor is one sample only. A field that a port does not honour moves the
/// logits by orders of magnitude more.
const SLACK: f64 = 16.0;
/// Where the noise of the definition is more than this part of its largest logit, nothing can be told.
const HIDDEN: f64 = 1e-2;

/// What came of one config.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Said {
    Right,
    Deviates(Deviation),
    /// Nothing that says anything of the port.
    Nothing {
        why: String,
    },
}

/// Both sides, open for many configs.
pub(super) struct Sides<'a> {
    pub(super) reference: Session<'a>,
    port: Session<'a>,
    pub(super) base: Base<'a>,
}

/// What all configs have in common.
pub(super) struct Base<'a> {
    pub(super) question: &'a Question,
    /// The base config's checkpoint.
    checkpoint: PathBuf,
    folder: PathBuf,
    vocab: u32,
    spelling: Option<String>,
}

impl Base<'_> {
    /// The regime that configs are asked in: whether they are the same model is not asked in bfloat16.
    fn regime(&self) -> Regime {
        match self.question.regime {
            Regime::Exact => Regime::Exact,
            Regime::Logic | Regime::Native => Regime::Logic,
        }
    }

    /// A checkpoint's weights beside the base's config.
    fn written_in(&self, made: &Made) -> Result<PathBuf, EngineError> {
        let folder = self.folder.join("written-in");
        let _ = fs::remove_dir_all(&folder);
        let link = || {
            fs::create_dir_all(&folder)?;
            for file in fs::read_dir(&made.folder)? {
                let file = file?;
                if file.file_name() != CONFIG {
                    fs::hard_link(file.path(), folder.join(file.file_name()))?;
                }
            }
            fs::copy(self.checkpoint.join(CONFIG), folder.join(CONFIG)).map(|_| ())
        };
        let linked: io::Result<()> = link();
        linked.map_err(|source| EngineError::Files { path: folder.clone(), source })?;
        Ok(folder)
    }

    /// Opens the definition at the base config and runs it once, so that it is known what it reads.
    pub(super) fn open(&self, session: &mut Session<'_>, handle: &str) -> Result<(), EngineError> {
        let open = Open::new(handle, &self.checkpoint, self.regime().precision());
        session.call::<Opened>("open", open.request())?;
        let tokens = token_rows(self.vocab, &[TOKENS], self.question.seed);
        let forward = Forward::of(Inputs::text(tokens));
        session.forward(handle, &forward, &self.folder.join("base.safetensors")).map(|_| ())
    }
}

impl<'a> Sides<'a> {
    /// Starts a session on each side and makes the base config's checkpoint.
    pub(super) fn open(
        lane: &'a mut Lane,
        question: &'a Question,
        work: &Path,
    ) -> Result<Self, EngineError> {
        let folder = work.join("variations");
        let [reference, port] = lane.workers();
        let (mut reference, port) = (reference.session()?, port.session()?);
        let checkpoint = folder.join("base");
        let made = synthesise(&mut reference, question, &[], 0, &checkpoint)?;
        let (vocab, spelling) = (made.vocab_size, made.spelling);
        Ok(Self { reference, port, base: Base { question, checkpoint, folder, vocab, spelling } })
    }

    /// What both sessions imported so far.
    pub(super) fn imported(&mut self) -> Files {
        let mut files = self.reference.imported();
        files.extend(self.port.imported());
        files
    }

    /// What both sides make of the base config with these settings.
    pub(super) fn ask(&mut self, settings: &[Setting], seed: u64) -> Result<Said, EngineError> {
        let made = match self.make("one", settings, seed)? {
            Ok(made) => made,
            Err(why) => return Ok(Said::Nothing { why }),
        };
        let [said] = self.side_by_side(&made, [&made.folder])?;
        Ok(said)
    }

    /// What the port makes of one setting, and what a port would that has the base's value written into it:
    /// one that reads the base's config, whatever the checkpoint's says.
    pub(super) fn ask_alone(&mut self, setting: Setting) -> Result<(Said, Said), EngineError> {
        let made = match self.make("one", &[setting], 0)? {
            Ok(made) => made,
            Err(why) => return Ok((Said::Nothing { why: why.clone() }, Said::Nothing { why })),
        };
        let written_in = self.base.written_in(&made)?;
        let [own, written_in] = self.side_by_side(&made, [&made.folder, &written_in])?;
        Ok((own, written_in))
    }

    /// What the port makes of each of these folders, beside the definition's logits of a checkpoint.
    fn side_by_side<const N: usize>(
        &mut self,
        made: &Made,
        folders: [&Path; N],
    ) -> Result<[Said; N], EngineError> {
        let (base, reference, port) = (&self.base, &mut self.reference, &mut self.port);
        let (expected, found) = thread::scope(|scope| {
            let port = scope.spawn(|| {
                let one = |it: &&Path| judged(port, base, it, &made.tokens);
                folders.iter().map(one).collect::<Result<Vec<_>, _>>()
            });
            let expected = truth_and_noise(reference, base, made);
            (expected, port.join().expect("the port's side does not panic"))
        });
        let said: Vec<Said> = match expected? {
            Ok(expected) => found?.into_iter().map(|it| expected.hold(it)).collect(),
            Err(why) => vec![Said::Nothing { why }; N],
        };
        Ok(said.try_into().expect("one answer a folder"))
    }

    /// What the port makes of a checkpoint whose logits are known.
    pub(super) fn held(&mut self, expected: &Expected, made: &Made) -> Result<Said, EngineError> {
        let found = judged(&mut self.port, &self.base, &made.folder, &made.tokens)?;
        Ok(expected.hold(found))
    }

    /// The definition's logits of a checkpoint; or why there are none to hold a port to.
    pub(super) fn expected(
        &mut self,
        made: &Made,
    ) -> Result<Result<Expected, String>, EngineError> {
        truth_and_noise(&mut self.reference, &self.base, made)
    }

    /// A checkpoint of the base config with these settings; or why there is none.
    pub(super) fn make(
        &mut self,
        name: &str,
        settings: &[Setting],
        seed: u64,
    ) -> Result<Result<Made, String>, EngineError> {
        let folder = self.base.folder.join(name);
        let _ = fs::remove_dir_all(&folder);
        let made = synthesise(&mut self.reference, self.base.question, settings, seed, &folder);
        let made = match refusal(made)? {
            Ok(made) => made,
            Err(failure) => return Ok(Err(failure.message)),
        };
        if made.spelling != self.base.spelling {
            return Ok(
                Err("it cannot be written in this spelling of the RoPE settings".to_owned()),
            );
        }
        let tokens = token_rows(self.base.vocab, &[TOKENS], self.base.question.seed + seed);
        Ok(Ok(Made { folder, tokens }))
    }
}

/// The file of a checkpoint's config.
pub(super) const CONFIG: &str = "config.json";

/// A checkpoint of some config, and what both sides read with it.
pub(super) struct Made {
    pub(super) folder: PathBuf,
    tokens: Vec<Vec<u32>>,
}

/// The definition's logits, at the truth's precision and at the run's.
pub(super) struct Expected {
    regime: Regime,
    truth: Tensor,
    noise: Tensor,
}

impl Expected {
    fn hold(&self, found: Result<Tensor, Deviation>) -> Said {
        match found {
            Ok(logits) => self.compared(&logits),
            Err(deviation) => Said::Deviates(deviation),
        }
    }

    fn compared(&self, found: &Tensor) -> Said {
        let Self { regime, truth, noise } = self;
        let scale = truth.values.iter().fold(0.0, |top, it| max_or_nan(top, it.abs()));
        let Ok(floor) = compare(truth, noise).map(|it| it.max_abs) else {
            return Said::Nothing {
                why: "the definition gives other shapes at other precisions".into(),
            };
        };
        let limit = SLACK * bound(*regime, Order::Linear, floor, scale).limit();
        if limit.is_nan() || HIDDEN * scale < limit {
            let why = "the definition's own noise hides what the port does".into();
            return Said::Nothing { why };
        }
        match compare(truth, found) {
            Ok(figures) if figures.max_abs <= limit => Said::Right,
            Ok(figures) => {
                Said::Deviates(Deviation::Differs { max_abs: figures.max_abs, bound: limit })
            }
            Err(err) => Said::Deviates(Deviation::Breaks { message: err.to_string() }),
        }
    }
}

fn synthesise(
    session: &mut Session<'_>,
    question: &Question,
    settings: &[Setting],
    seed: u64,
    out: &Path,
) -> Result<Synthesised, EngineError> {
    let synthesis = Synthesis {
        overrides: with(&question.overrides, settings),
        seed: question.seed + seed,
        ..question.synthesis(question.spelling, None, out)
    };
    session.call("synthesize", serde_json::to_value(&synthesis).expect("plain data"))
}

/// The definition at both precisions of the regime; or why there is nothing to hold a port to. Where nothing is
/// rounded both are one, and the regime's own bound is what is left.
fn truth_and_noise(
    session: &mut Session<'_>,
    base: &Base<'_>,
    made: &Made,
) -> Result<Result<Expected, String>, EngineError> {
    let mut logits = Vec::new();
    let regime = base.regime();
    let precisions = match regime {
        Regime::Exact => vec![regime.truth()],
        Regime::Logic | Regime::Native => vec![regime.truth(), regime.precision()],
    };
    for precision in precisions {
        let open = Open::new("varied", &made.folder, precision);
        let opened = session.call::<Opened>("open", open.request());
        let load = match refusal(opened)? {
            Ok(opened) => opened.load,
            Err(failure) => return Ok(Err(failure.message)),
        };
        // config.json read back must build what was built, or it is not this config that is judged.
        let lacking = load.missing.iter().chain(load.mismatched.iter().map(|it| &it.name)).next();
        if let Some(name) = lacking {
            return Ok(Err(format!("config.json read back has another `{name}`")));
        }
        let said = answer(session, base, "reference", &made.tokens);
        session.call::<Value>("close", json!({"handle": "varied"}))?;
        match refusal(said)? {
            Ok(it) => logits.push(it),
            Err(failure) => return Ok(Err(failure.message)),
        }
    }
    let noise = logits.pop().expect("one precision at least");
    let truth = logits.pop().unwrap_or_else(|| noise.clone());
    Ok(Ok(Expected { regime, truth, noise }))
}

/// The port's logits, or how it does not come to any.
fn judged(
    session: &mut Session<'_>,
    base: &Base<'_>,
    checkpoint: &Path,
    tokens: &[Vec<u32>],
) -> Result<Result<Tensor, Deviation>, EngineError> {
    let open = Open::new("varied", checkpoint, base.regime().precision());
    let opened = session.call::<Opened>("open", open.request());
    let opened = match refusal(opened)? {
        Ok(opened) => opened,
        Err(failure) => return Ok(Err(deviation(&failure))),
    };
    if !opened.opened {
        // Strict loading tells the user which weights do not fit, so nobody is misled.
        let load = &opened.load;
        let misfits = load.mismatched.iter().map(|it| &it.name);
        let first = load.missing.iter().chain(&load.unexpected).chain(misfits).next();
        let name = first.map(String::as_str).unwrap_or_default();
        let message = format!("the weights do not fit: `{name}`");
        return Ok(Err(Deviation::Refuses { message }));
    }
    let said = answer(session, base, "port", tokens);
    session.call::<Value>("close", json!({"handle": "varied"}))?;
    Ok(refusal(said)?.map_err(|failure| deviation(&failure)))
}

/// How a message shows that a port raised it on purpose, or that its arguments name what they lack.
const ON_PURPOSE: [&str; 3] =
    ["NotImplementedError", "ValueError", "which config.json does not have"];

/// An error that a port raises on purpose is a refusal, any other an accident.
fn deviation(failure: &Failure) -> Deviation {
    let message = failure.message.clone();
    let on_purpose = ON_PURPOSE.iter().any(|it| message.contains(it));
    if on_purpose { Deviation::Refuses { message } } else { Deviation::Breaks { message } }
}

fn answer(
    session: &mut Session<'_>,
    base: &Base<'_>,
    side: &str,
    tokens: &[Vec<u32>],
) -> Result<Tensor, EngineError> {
    let out = base.folder.join(format!("{side}.safetensors"));
    let forward = Forward::of(Inputs::text(tokens.to_vec()));
    session.forward("varied", &forward, &out)?;
    logits_in(&out).map_err(|err| session.nonsense("forward", &err))
}

/// A failure whose message is its first lines in one: a validator's name, and what it says.
fn one_line(mut failure: Failure) -> Failure {
    let lines = failure.message.lines().map(str::trim).filter(|it| !it.is_empty()).take(2);
    failure.message = lines.collect::<Vec<_>>().join(" ");
    failure
}

/// What an engine refuses is an answer; an engine that is gone is an error.
fn refusal<T>(answer: Result<T, EngineError>) -> Result<Result<T, Failure>, EngineError> {
    match answer {
        Ok(it) => Ok(Ok(it)),
        Err(EngineError::Refused { failure, .. }) => Ok(Err(one_line(*failure))),
        Err(err) => Err(err),
    }
}
