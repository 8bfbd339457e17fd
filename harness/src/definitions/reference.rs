//! PyTorch's side: a tiny random checkpoint, and every case of it in three dtypes.

use std::{collections::BTreeMap, fs, path::Path};

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Mode, loaded::Loaded, row::told};
use crate::{
    answers::Asked,
    case::{Inputs, Side, Signal, Spelling},
    engine::{Forward, Forwarded, Generate, Open, Synthesised, Worker},
    gather::{Question, ask::Ask, read::read_batch},
    head::Head,
    kept::Files,
    outcome::Absence,
    tensors::Tensor,
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
/// What the file of each answer is called; the next one takes its place.
pub(super) const ANSWER: &str = "answer";

/// One way of asking a definition.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) name: String,
    pub(super) forward: Forward,
    /// The places of each row that count.
    pub(super) kept: Option<Vec<Vec<usize>>>,
}

/// What PyTorch said of a definition.
#[derive(Debug)]
pub(super) struct Reference {
    /// The class, where the library's auto class does not choose it.
    pub(super) architecture: Option<String>,
    pub(super) cases: Vec<Case>,
    pub(super) greedy: Option<GreedyRun>,
    /// How PyTorch loaded the checkpoint, in whichever dtype it first did.
    pub(super) loaded: Option<Loaded>,
    /// By case and dtype.
    answers: BTreeMap<(String, Mode), Asked<Tensor>>,
}

/// Greedy ids and the logits that decided them.
#[derive(Debug)]
pub(super) struct GreedyRun {
    pub(super) generate: Generate,
    pub(super) ids: Vec<u32>,
    /// `[1, T, V]`
    pub(super) logits: Tensor,
}

impl Reference {
    /// What PyTorch computed for a case in a dtype.
    pub(super) fn answer(&self, case: &str, dtype: Mode) -> Asked<&Tensor> {
        match self.answers.get(&(case.to_owned(), dtype)) {
            Some(answer) => answer.as_ref().map_err(Clone::clone),
            None => Err(Absence::Blocked { reason: "it was not asked".into() }),
        }
    }
}

/// The question that a definition with this head is.
pub(super) fn question(head: Head, model_type: &str) -> Question {
    let spelling = Spelling::RopeParameters;
    Question { head, spelling, seed: SEED, ..Question::synthetic(model_type) }
}

/// Makes the checkpoint in `folder` and asks everything; also what the answers rest on.
pub(super) fn ask(
    worker: &mut Worker,
    question: &Question,
    folder: &Path,
) -> Asked<(Reference, Files)> {
    let mut session = worker.session().map_err(|err| told(&err))?;
    let mut ask = Ask::new(&mut session, folder, "reference", told);
    let checkpoint = folder.join(CHECKPOINT);
    let (architecture, cases) = if question.head == Head::CausalLm {
        (None, language_model(&mut ask, question, &checkpoint)?)
    } else {
        other_head(&mut ask, question, &checkpoint)?
    };
    let mut reference =
        Reference { architecture, cases, greedy: None, loaded: None, answers: BTreeMap::new() };
    for dtype in [Mode::Float32, Mode::Float64, Mode::Bfloat16] {
        in_dtype(&mut ask, &mut reference, question.head, dtype, &checkpoint);
    }
    // What an engine said before it was gone is no reference.
    ask.ended()?;
    reference.answer("full", Mode::Float64).or_else(|_| reference.answer("full", Mode::Float32))?;
    let files = session.imported();
    Ok((reference, files))
}

fn language_model(
    ask: &mut Ask<'_, '_>,
    question: &Question,
    checkpoint: &Path,
) -> Asked<Vec<Case>> {
    let synthesis = question.synthesis(question.spelling, None, checkpoint);
    let request = serde_json::to_value(&synthesis).expect("plain data");
    let made: Synthesised = ask.call("synthesize", request)?;
    let full = Forward::of(Inputs::text(tokens(made.vocab_size)));
    let chunks = Some([vec![LENGTH - DECODED], vec![1; DECODED]].concat());
    let (padding, lengths) = (Some(Side::Left), Some(PADDED.to_vec()));
    let kept = PADDED.iter().map(|it| (LENGTH - it..LENGTH).collect()).collect();
    let case = |name: &str, forward, kept| Case { name: name.to_owned(), forward, kept };
    Ok(vec![
        case("full", full.clone(), None),
        case("decode", Forward { chunks, ..full.clone() }, None),
        case("padded", Forward { padding, lengths, ..full }, Some(kept)),
    ])
}

/// Two rows of ids away from the special ones.
fn tokens(vocab: u32) -> Vec<Vec<u32>> {
    let (low, high) = (10, vocab.clamp(11, 150));
    let id = |row: u32, place: u32| low + (row * 37 + place * 13 + place * place) % (high - low);
    (0..).take(PADDED.len()).map(|row| (0..).take(LENGTH).map(|it| id(row, it)).collect()).collect()
}

/// A checkpoint with any other head; its Python side knows what it is fed.
#[derive(Deserialize)]
struct Made {
    architecture: String,
    cases: BTreeMap<String, MadeCase>,
}

#[derive(Deserialize)]
struct MadeCase {
    signals: BTreeMap<String, Signal>,
    /// How many places at the start of each row count.
    kept: Option<Vec<usize>>,
}

fn other_head(
    ask: &mut Ask<'_, '_>,
    question: &Question,
    checkpoint: &Path,
) -> Asked<(Option<String>, Vec<Case>)> {
    let request = json!({
        "model_type": question.model_type, "head": question.head.table(), "out": checkpoint,
        "seed": question.seed,
    });
    let made: Made = ask.call("synthesize_head", request)?;
    let cases = made.cases.into_iter().map(|(name, it)| Case {
        name,
        forward: Forward::of(Inputs::named(it.signals)),
        kept: it.kept.map(|it| it.into_iter().map(|it| (0..it).collect()).collect()),
    });
    Ok((Some(made.architecture), cases.collect()))
}

fn in_dtype(
    ask: &mut Ask<'_, '_>,
    reference: &mut Reference,
    head: Head,
    dtype: Mode,
    checkpoint: &Path,
) {
    let architecture = reference.architecture.as_deref();
    let open = Open { architecture, ..Open::new(dtype.name(), checkpoint, dtype.precision()) };
    let opened = ask.open::<Value>(&open).and_then(|answer| Loaded::in_answer(&answer));
    for case in &reference.cases {
        let logits = match &opened {
            Ok(_) => answer(ask, dtype, &case.forward).map(|it| it.1),
            Err(absence) => Err(absence.clone()),
        };
        reference.answers.insert((case.name.clone(), dtype), logits);
    }
    let Ok(loaded) = opened else { return };
    reference.loaded.get_or_insert(loaded);
    if dtype == Mode::Float32 && head == Head::CausalLm {
        let prompt = reference.cases[0].forward.inputs.tokens[0].clone();
        let generate = Generate { prompt, max_new_tokens: NEW_TOKENS, apart: 0 };
        let run = ask.generate(dtype.name(), &generate, ANSWER).and_then(|(said, path)| {
            Ok(GreedyRun { generate, ids: said.ids, logits: taken(&path)? })
        });
        // A definition that generates nothing is held to its forwards.
        reference.greedy = run.ok();
    }
    ask.close(dtype.name());
}

/// The logits of one forward, and what the engine tells of it.
pub(super) fn answer(
    ask: &mut Ask<'_, '_>,
    mode: Mode,
    forward: &Forward,
) -> Asked<(Forwarded, Tensor)> {
    let (said, path) = ask.forward(mode.name(), forward, ANSWER)?;
    Ok((said, taken(&path)?))
}

/// The logits of a file that is not needed again: what is not written anew must not be read twice.
pub(super) fn taken(path: &Path) -> Asked<Tensor> {
    let logits = read_batch(path);
    let _ = fs::remove_file(path);
    logits
}
