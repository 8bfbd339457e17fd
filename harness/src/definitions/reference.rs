//! PyTorch's side: a tiny random checkpoint, and every case of it in three dtypes.

use std::{collections::BTreeMap, fs, path::Path};

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{Head, Mode, loaded::Loaded, row::one_line};
use crate::{
    case::{Precision, Spelling},
    engine::{EngineError, Generated, Session, Synthesis, Synthesised, Worker},
    kept::Files,
    tensors::{Tensor, TensorError, TensorFile},
};

/// The weights' seed.
const SEED: u64 = 1;
/// Tokens of a row, and how many of each row count in the padded batch.
const LENGTH: usize = 12;
const PADDED: [usize; 2] = [LENGTH, 8];
/// Tokens at the end of a row that are decoded one by one.
const DECODED: usize = 4;
/// Tokens that are generated greedily.
const NEW_TOKENS: usize = 16;
/// The folder of the checkpoint in a definition's own.
pub(super) const CHECKPOINT: &str = "checkpoint";

/// One way of asking a definition.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) name: String,
    /// The op of both engines, and its request without handle and file.
    pub(super) op: &'static str,
    pub(super) request: Value,
    /// The places of each row that count.
    pub(super) kept: Option<Vec<Vec<usize>>>,
}

/// What PyTorch said of a definition.
#[derive(Debug)]
pub(super) struct Reference {
    pub(super) head: Head,
    /// The class, where the library's auto class does not choose it.
    pub(super) architecture: Option<String>,
    pub(super) cases: Vec<Case>,
    pub(super) greedy: Option<GreedyRun>,
    /// How PyTorch loaded the checkpoint, in whichever dtype it first did.
    pub(super) loaded: Option<Loaded>,
    /// By case and dtype; PyTorch's refusal where it gave no answer.
    answers: BTreeMap<(String, &'static str), Result<Tensor, String>>,
}

/// Greedy ids and the logits that decided them.
#[derive(Debug)]
pub(super) struct GreedyRun {
    pub(super) request: Value,
    pub(super) ids: Vec<u32>,
    /// `[1, T, V]`
    pub(super) logits: Tensor,
}

impl Reference {
    /// What PyTorch computed for a case in a dtype, or why not.
    pub(super) fn answer(&self, case: &str, dtype: &'static str) -> Result<&Tensor, &str> {
        match self.answers.get(&(case.to_owned(), dtype)) {
            Some(Ok(it)) => Ok(it),
            Some(Err(why)) => Err(why),
            None => Err("it was not asked"),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub(super) enum ReferenceError {
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error("{0}")]
    Refused(String),
}

/// Makes the checkpoint in `folder` and asks everything; also what the answers rest on.
pub(super) fn ask(
    worker: &mut Worker,
    head: Head,
    model_type: &str,
    folder: &Path,
) -> Result<(Reference, Files), ReferenceError> {
    let mut session = worker.session()?;
    let checkpoint = folder.join(CHECKPOINT);
    let (architecture, cases) = if head == Head::CausalLm {
        (None, language_model(&mut session, model_type, &checkpoint)?)
    } else {
        other_head(&mut session, head, model_type, &checkpoint)?
    };
    let mut reference = Reference {
        head,
        architecture,
        cases,
        greedy: None,
        loaded: None,
        answers: BTreeMap::new(),
    };
    for mode in [Mode::Float32, Mode::Float64, Mode::Bfloat16] {
        in_dtype(&mut session, &mut reference, mode, folder)?;
    }
    let asked = |dtype| reference.answer("full", dtype);
    if let (Err(why), Err(_)) = (asked("float32"), asked("float64")) {
        return Err(ReferenceError::Refused(why.to_owned()));
    }
    let files = session.imported();
    Ok((reference, files))
}

fn language_model(
    session: &mut Session<'_>,
    model_type: &str,
    checkpoint: &Path,
) -> Result<Vec<Case>, EngineError> {
    let synthesis = Synthesis {
        model_type: model_type.to_owned(),
        spelling: Spelling::RopeParameters,
        tie: None,
        overrides: BTreeMap::new(),
        base_config: None,
        dtype: Precision::Float32,
        seed: SEED,
        out: checkpoint.to_owned(),
    };
    let request = serde_json::to_value(&synthesis).expect("plain data");
    let made: Synthesised = session.call("synthesize", request)?;
    let tokens = tokens(made.vocab_size as usize);
    let chunks: Vec<usize> = [vec![LENGTH - DECODED], vec![1; DECODED]].concat();
    let case = |name: &str, request: Value, kept| Case {
        name: name.to_owned(),
        op: "forward",
        request,
        kept,
    };
    let kept = PADDED.iter().map(|it| (LENGTH - it..LENGTH).collect()).collect();
    Ok(vec![
        case("full", json!({"tokens": tokens}), None),
        case("decode", json!({"tokens": tokens, "chunks": chunks}), None),
        case("padded", json!({"tokens": tokens, "padding": "left", "lengths": PADDED}), Some(kept)),
    ])
}

/// Two rows of ids away from the special ones.
fn tokens(vocab: usize) -> Vec<Vec<usize>> {
    let (low, high) = (10, vocab.clamp(11, 150));
    let id =
        |row: usize, place: usize| low + (row * 37 + place * 13 + place * place) % (high - low);
    (0..PADDED.len()).map(|row| (0..LENGTH).map(|place| id(row, place)).collect()).collect()
}

/// A checkpoint with any other head; its Python side knows what it is fed.
#[derive(Deserialize)]
struct Made {
    architecture: String,
    cases: BTreeMap<String, MadeCase>,
}

#[derive(Deserialize)]
struct MadeCase {
    inputs: Value,
    /// How many places at the start of each row count.
    kept: Option<Vec<usize>>,
}

fn other_head(
    session: &mut Session<'_>,
    head: Head,
    model_type: &str,
    checkpoint: &Path,
) -> Result<(Option<String>, Vec<Case>), EngineError> {
    let request = json!({
        "model_type": model_type, "head": head.table(), "out": checkpoint, "seed": SEED,
    });
    let made: Made = session.call("synthesize_head", request)?;
    let cases = made.cases.into_iter().map(|(name, it)| Case {
        name,
        op: "run",
        request: json!({"inputs": it.inputs}),
        kept: it.kept.map(|it| it.into_iter().map(|it| (0..it).collect()).collect()),
    });
    Ok((Some(made.architecture), cases.collect()))
}

fn in_dtype(
    session: &mut Session<'_>,
    reference: &mut Reference,
    mode: Mode,
    folder: &Path,
) -> Result<(), EngineError> {
    let dtype = mode.name();
    let request = json!({
        "handle": dtype, "checkpoint": folder.join(CHECKPOINT), "dtype": dtype,
        "attention": "eager", "architecture": reference.architecture,
    });
    let opened = refusal(session.call::<Value>("open", request))?;
    let opened = opened.and_then(|answer| Loaded::in_answer(&answer));
    if let Ok(loaded) = &opened {
        reference.loaded.get_or_insert_with(|| loaded.clone());
    }
    for case in reference.cases.clone() {
        let answer = match &opened {
            Ok(_) => {
                let mut request = case.request.clone();
                request["handle"] = dtype.into();
                asked::<Value>(session, case.op, request, folder)?.map(|it| it.1)
            }
            Err(why) => Err(why.clone()),
        };
        reference.answers.insert((case.name, dtype), answer);
    }
    if opened.is_ok() {
        if mode == Mode::Float32 && reference.head == Head::CausalLm {
            let prompt = &reference.cases[0].request["tokens"][0];
            let request = json!({"prompt": prompt, "max_new_tokens": NEW_TOKENS});
            let mut handled = request.clone();
            handled["handle"] = dtype.into();
            let answer = asked::<Generated>(session, "generate", handled, folder)?;
            reference.greedy =
                answer.ok().map(|(it, logits)| GreedyRun { request, ids: it.ids, logits });
        }
        session.call::<Value>("close", json!({"handle": dtype}))?;
    }
    Ok(())
}

/// One question whose tensor `logits` comes in a file; what the engine refuses is an answer, too.
pub(super) fn asked<T: DeserializeOwned>(
    session: &mut Session<'_>,
    op: &str,
    mut request: Value,
    folder: &Path,
) -> Result<Result<(T, Tensor), String>, EngineError> {
    let out = folder.join("answer.safetensors");
    request["out"] = out.to_string_lossy().into();
    let answer = match refusal(session.call::<T>(op, request))? {
        Ok(it) => it,
        Err(why) => return Ok(Err(why)),
    };
    let logits = read(&out);
    // The next answer takes its place.
    let _ = fs::remove_file(&out);
    Ok(logits.map(|it| (answer, it)).map_err(|it| it.to_string()))
}

fn read(path: &Path) -> Result<Tensor, TensorError> {
    TensorFile::open(path)?.tensor("logits")
}

/// Tells what an engine refuses from an engine that is gone.
pub(super) fn refusal<T>(answer: Result<T, EngineError>) -> Result<Result<T, String>, EngineError> {
    match answer {
        Ok(it) => Ok(Ok(it)),
        Err(error @ EngineError::Refused { .. }) => Ok(Err(one_line(&error))),
        Err(error) => Err(error),
    }
}
