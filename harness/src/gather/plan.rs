//! What is shared by the two sides of one subject: its checkpoints, and what they are fed.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::{
    beside::{Beside, Otherwise},
    error::{GatherError, not_asked},
    fp8::Form,
    long, prompt,
    question::Question,
    words::Words,
};
use crate::{
    answers::Asked,
    case::{
        BATCH_LENGTHS, BATCH_LENGTHS_OF_LARGE, LARGE, PROMPT, PROMPT_CASES, PromptCase,
        QUANTISATIONS, Quantisation, STATE_CASES, Spelling, StateCase, TOKENS, token_rows,
    },
    engine::{EngineError, Pair, Synthesis, Synthesised},
    measure::positions::POSITIONS,
    need::Need,
    outcome::Absence,
};

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
pub(super) struct Plan<'a> {
    pub(super) question: &'a Question,
    pub(super) pair: Pair,
    pub(super) checkpoint: PathBuf,
    pub(super) other_spelling: Asked<PathBuf>,
    pub(super) retied: Asked<(bool, PathBuf)>,
    /// With tensors beside the model's, whose names are told.
    pub(super) stray: Asked<Vec<Otherwise>>,
    /// Under other names, which are told.
    pub(super) as_built: Asked<Vec<Otherwise>>,
    /// With weights in fp8, in each form in which it is published so.
    pub(super) fp8: Asked<Vec<(&'static Form, Otherwise)>>,
    /// With heads whose keys and values can be packed.
    pub(super) packable: Asked<PathBuf>,
    pub(super) window: Asked<()>,
    pub(super) tokens: Vec<Vec<u32>>,
    /// What is answered at length.
    pub(super) prompt: Vec<u32>,
    /// Whether its weights are so large that less is asked.
    pub(super) is_large: bool,
    /// Why no text is fed, where one should be.
    pub(super) no_words: Option<String>,
    pub(super) batch: Vec<Vec<u32>>,
    /// Where rotations are asked.
    pub(super) positions: Vec<u32>,
    /// Tokens of the long text.
    pub(super) long_text: usize,
    /// More tokens than are handled in one block; fewer where the model has no room.
    pub(super) long_prompt: Vec<u32>,
    /// Where the engines' files go.
    pub(super) work: PathBuf,
    /// Whether somebody wants to know which sources the answers rest on.
    pub(super) notes_files: bool,
}

impl Plan<'_> {
    /// Nothing, or why a large model is not asked `how`: what it would tell, the same port shows on a tiny
    /// checkpoint.
    pub(super) fn is_small(&self, how: &str) -> Asked<()> {
        if !self.is_large {
            return Ok(());
        }
        Err(Absence::NotApplicable { reason: format!("a large checkpoint is not asked {how}") })
    }

    /// The ways in which the long prompt is fed.
    pub(super) fn prompts(&self) -> impl Iterator<Item = &'static PromptCase> + use<> {
        let is_large = self.is_large;
        PROMPT_CASES.iter().filter(move |it| !is_large || it.of_large)
    }

    /// How the port is quantised: a large one as it is unasked.
    pub(super) fn quantisations(&self) -> impl Iterator<Item = Quantisation> + use<> {
        let skipped = if self.is_large { QUANTISATIONS.len() - 1 } else { 0 };
        QUANTISATIONS.into_iter().skip(skipped)
    }
}

pub(super) type Made = Result<(Synthesised, PathBuf), EngineError>;

/// Decide on the checkpoints and the tokens, and make what is synthetic.
pub(super) fn prepare<'a>(
    question: &'a Question,
    pair: Pair,
    work: &Path,
    words: Result<Option<Words>, String>,
    synthesise: &mut dyn FnMut(Synthesis, &str) -> Made,
) -> Result<(Option<Synthesised>, Plan<'a>), GatherError> {
    let (synthetic, checkpoint) = if let Some(path) = &question.checkpoint {
        let (found, asked) = (model_type_of(path)?, question.model_type.clone());
        if found != asked {
            return Err(GatherError::OtherModel { path: path.clone(), asked, found });
        }
        (None, path.clone())
    } else {
        let plain = question.synthesis(question.spelling, None, Path::new(""));
        let (made, path) = synthesise(plain, "checkpoint")?;
        (Some(made), path)
    };
    if question.insists {
        spelled(question.spelling, synthetic.as_ref())?;
    }
    let config = read_config(&checkpoint)?;
    let Beside { other_spelling, retied, stray, as_built, packable } =
        Beside::make(question, synthetic.as_ref(), &checkpoint, synthesise);
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
    let tokens = TOKENS as u64;
    let window = match window {
        None => {
            Err(Absence::NotApplicable { reason: "the definition has no sliding window".into() })
        }
        Some(size) if tokens <= size => Err(Absence::NotApplicable {
            reason: format!("the window is {size}, the case feeds {tokens} tokens"),
        }),
        Some(_) => Ok(()),
    };
    let seed = question.seed;
    let is_large = LARGE < bytes_of_weights(&checkpoint);
    let lengths = if is_large { BATCH_LENGTHS_OF_LARGE } else { BATCH_LENGTHS };
    let room = long::positions(&config);
    let long = prompt::length(room);
    let (words, no_words) = match words {
        Ok(words) => (words, None),
        Err(why) => (None, Some(why)),
    };
    let (tokens, batch, long_prompt, prompt) = match words {
        Some(words) => {
            (words.rows(&[TOKENS]), words.rows(&lengths), words.read(0, long), words.question)
        }
        None => {
            let tokens = token_rows(vocab, &[TOKENS], seed);
            let prompt = tokens[0][..PROMPT.min(tokens[0].len())].to_vec();
            let batch = token_rows(vocab, &lengths, seed + 1);
            (tokens, batch, token_rows(vocab, &[long], seed + 2).concat(), prompt)
        }
    };
    let long_text = long::length(room, prompt.len(), is_large);
    let plan = Plan {
        question,
        pair,
        checkpoint,
        other_spelling,
        retied,
        stray,
        as_built,
        fp8: Err(not_asked()),
        packable,
        window,
        tokens,
        prompt,
        no_words,
        is_large,
        batch,
        positions: positions(&config),
        long_text,
        long_prompt,
        work: work.to_owned(),
        notes_files: false,
    };
    Ok((synthetic, plan))
}

/// How large a checkpoint's weights are; what cannot be read here is told where it is needed.
fn bytes_of_weights(checkpoint: &Path) -> u64 {
    let files = fs::read_dir(checkpoint).into_iter().flatten().flatten();
    let weights = files.filter(|it| it.path().extension().is_some_and(|it| it == "safetensors"));
    weights.filter_map(|it| Some(fs::metadata(it.path()).ok()?.len())).sum()
}

/// Refuses a checkpoint that is written in another spelling than the one that was asked for.
fn spelled(asked: Spelling, synthetic: Option<&Synthesised>) -> Result<(), GatherError> {
    let why = match synthetic {
        None => "a real checkpoint is judged as it is".to_owned(),
        Some(made) if made.spelling.as_deref() == Some(asked.id()) => return Ok(()),
        Some(made) => made.spelling_note.clone().unwrap_or_else(|| {
            format!("it is written as `{}`", made.spelling.as_deref().unwrap_or("none"))
        }),
    };
    Err(GatherError::OtherSpelling { asked, why })
}

/// Where rotations are asked, the last position that the model supports among them.
fn positions(config: &Value) -> Vec<u32> {
    let last = field(config, "max_position_embeddings").and_then(|it| u32::try_from(it).ok());
    let mut asked = POSITIONS.to_vec();
    if let Some(last) = last.and_then(|it| it.checked_sub(1))
        && 64 <= last
        && !asked.contains(&last)
    {
        asked.push(last);
        asked.sort_unstable();
    }
    // `n_positions` is the size of a table that is made once: nothing lies beyond it.
    let table = field(config, "n_positions").and_then(|it| u32::try_from(it).ok());
    if let Some(size) = table {
        asked.retain(|&it| it < size);
        if !asked.contains(&(size - 1)) {
            asked.push(size - 1);
        }
    }
    asked
}

/// A whole number of config.json, at the top or in `text_config`.
pub(super) fn field(config: &Value, name: &str) -> Option<u64> {
    let nested = config.get("text_config").and_then(|it| it.get(name));
    config.get(name).filter(|it| !it.is_null()).or(nested)?.as_u64()
}

pub(super) fn read_config(checkpoint: &Path) -> Result<Value, GatherError> {
    let path = checkpoint.join("config.json");
    let error = |detail: String| GatherError::Config { path: path.clone(), detail };
    let text = fs::read_to_string(&path).map_err(|err| error(err.to_string()))?;
    serde_json::from_str(&text).map_err(|err| error(err.to_string()))
}

/// State cases that the question wants and the definition allows, with why not for the others.
pub(super) fn state_cases<'a>(
    plan: &'a Plan<'_>,
) -> impl Iterator<Item = (&'static StateCase, Asked<()>)> + 'a {
    STATE_CASES
        .iter()
        .filter(|it| plan.question.wants(Need::State(it.way)))
        .map(|case| (case, if case.needs_window { plan.window.clone() } else { Ok(()) }))
}
