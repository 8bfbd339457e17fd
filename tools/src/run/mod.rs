//! `run`: text from a checkpoint and the library's source alone.
//!
//! # Where to start
//!
//! [`run()`] does all of it: `tokens` turns the prompt into ids, through the checkpoint's own
//! [`chat`] template where it has one; `settings` says how tokens are chosen and where a text ends;
//! the session opens the model and gives one token a request; `stream` makes text of them.
//!
//! # Invariants
//!
//! - The ids are those that transformers' own `generate` gives with the same settings.
//! - What the checkpoint says about generation and is not followed is told.

pub mod chat;
mod error;
mod python;
mod settings;
mod stream;
pub mod tokens;

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use nix::sys::resource::{UsageWho, getrusage};
use portwright_harness::{
    cancel::Cancel,
    engine::EngineError,
    environment::Home,
    progress::{Event, Progress, Step},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    checkpoint,
    error::ToolError,
    modular,
    session::{self, Door, Session, ask},
};
pub use error::RunError;
pub use settings::Sampling;
use stream::TextStream;
use tokens::{Around, Tokens};

/// The name under which the session holds the model.
const HANDLE: &str = "model";

/// Whether the prompt goes through the checkpoint's chat template.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Template {
    /// Where the checkpoint has one.
    #[default]
    IfAny,
    /// The prompt as it is.
    Never,
}

/// What to run.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RunInput {
    /// A checkpoint's folder, or a Hub id such as `org/name@revision`.
    pub model: String,
    pub prompt: String,
    /// What the chat template is told as the system's message.
    pub system: Option<String>,
    pub template: Template,
    /// Tokens at most.
    pub max_new_tokens: u32,
    pub sampling: Sampling,
    /// Texts that end the answer; they are not part of it.
    pub stop: Vec<String>,
    /// `float32`, `bfloat16`, `float16` or `float64`; the checkpoint's own when absent.
    pub dtype: Option<String>,
    /// `cpu`, `cuda` or `metal`; the CPU when absent.
    pub device: Option<String>,
    /// Threads to compute with; all cores when absent.
    pub threads: Option<u32>,
    /// A checkout or install of transformers; the one around the current folder or the pinned release when absent.
    pub transformers: Option<PathBuf>,
}

/// Why the text ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// One of the checkpoint's end tokens.
    End,
    /// A text that was asked for with `stop`.
    Stop,
    /// So many tokens as were asked for.
    Length,
    /// The user.
    Interrupted,
}

/// What came of it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RunOutput {
    pub model_type: String,
    /// The class of the definition, e.g. `Qwen3ForCausalLM`.
    pub class: String,
    pub parameters: u64,
    /// What the model was given, special tokens and all.
    pub prompt: String,
    pub prompt_ids: Vec<u32>,
    /// The ids of the answer, the end token included.
    pub ids: Vec<u32>,
    /// The answer, without special tokens.
    pub text: String,
    pub finish: Finish,
    pub figures: Figures,
}

/// What it took.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Figures {
    /// Seconds to import the definition and open the weights.
    pub load_seconds: f64,
    /// Seconds from the prompt's ids to the first token.
    pub first_token_seconds: f64,
    /// Tokens of the prompt for each of these seconds.
    pub prefill_tokens_per_second: f64,
    /// Tokens after the first for each second; absent where there was only one.
    pub decode_tokens_per_second: Option<f64>,
    /// The most memory that the engine's process held, mapped weights included, where the system says.
    pub peak_bytes: Option<u64>,
}

/// What the session says of a model that it opened.
#[derive(Debug, Deserialize)]
struct Opened {
    class: String,
    #[serde(default)]
    parameters: u64,
    #[serde(default)]
    missing: Vec<String>,
    #[serde(default)]
    mismatched: Vec<Value>,
}

#[derive(Debug, Deserialize)]
struct Ids {
    ids: Vec<u32>,
}

/// Run a model: `tell` hears the text as it comes.
///
/// # Errors
///
/// As [`prepare`] and [`generate`]; and where the checkpoint cannot be found or fetched.
pub fn run(
    input: &RunInput,
    home: &Home,
    progress: &dyn Progress,
    cancel: &Cancel,
    tell: &mut dyn FnMut(&str),
) -> Result<RunOutput, ToolError> {
    let folder = if let Some(folder) = checkpoint::local(&input.model) {
        folder
    } else {
        checkpoint::resolve(&input.model, progress, cancel)?
    };
    let prepared = prepare(input, &folder, progress)?;
    let library = modular::open(input.transformers.as_deref(), &[], home, progress, cancel)?;
    let door = Door::new(home, &library)
        .threads(input.threads)
        .device(input.device.as_deref())
        .with_code_in(&folder);
    let mut output = session::open(&door, cancel, |session| {
        generate(input, &prepared, session, progress, cancel, tell)
    })?;
    output.figures.peak_bytes = peak_bytes();
    Ok(output)
}

/// The most memory of any process that this one started and that has ended: the session was the last.
fn peak_bytes() -> Option<u64> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).ok()?;
    // Linux counts in KiB, macOS in bytes.
    let unit = if cfg!(target_os = "macos") { 1 } else { 1024 };
    u64::try_from(usage.max_rss()).ok().map(|it| it * unit)
}

/// Everything that can be told before a session is there.
#[derive(Debug)]
pub struct Prepared {
    folder: PathBuf,
    config: Value,
    generation: Value,
    tokens: Tokens,
    prompt: String,
    prompt_ids: Vec<u32>,
}

/// Read the checkpoint's small files and make the prompt.
///
/// # Errors
///
/// No tokenizer, a template that fails, a setting that makes no sense.
pub fn prepare(
    input: &RunInput,
    folder: &Path,
    progress: &dyn Progress,
) -> Result<Prepared, ToolError> {
    input.sampling.check()?;
    if input.max_new_tokens == 0 {
        return Err(RunError::NoNewTokens.into());
    }
    let config = tokens::json(&folder.join("config.json"))?.unwrap_or_default();
    let generation = tokens::json(&folder.join("generation_config.json"))?.unwrap_or_default();
    let tokens = Tokens::open(folder)?;
    let template = tokens.chat.as_ref().filter(|_| input.template == Template::IfAny);
    let (prompt, around) = match template {
        Some(template) => {
            let mut messages = Vec::new();
            if let Some(system) = &input.system {
                messages.push(json!({"role": "system", "content": system}));
            }
            messages.push(json!({"role": "user", "content": input.prompt}));
            let variables = json!({"messages": messages, "add_generation_prompt": true});
            (template.render(&variables, &jiff::Zoned::now())?, Around::Bare)
        }
        None if input.system.is_some() => {
            return Err(RunError::SystemWithoutTemplate.into());
        }
        None => (input.prompt.clone(), Around::Added),
    };
    let prompt_ids = tokens.encode(&prompt, around)?;
    if prompt_ids.is_empty() {
        return Err(RunError::EmptyPrompt.into());
    }
    for setting in settings::not_followed(&generation) {
        let text = format!("generation_config.json sets {setting}, which is not followed");
        progress.on(Event::Note { text: &text });
    }
    Ok(Prepared { folder: folder.to_owned(), config, generation, tokens, prompt, prompt_ids })
}

/// Generate with an open session; `tell` hears the text as it comes.
///
/// # Errors
///
/// What the definition raised, weights that are missing, or how the engine ended. Being cancelled is
/// no error once the first token is there.
pub fn generate(
    input: &RunInput,
    prepared: &Prepared,
    session: &mut dyn Session,
    progress: &dyn Progress,
    cancel: &Cancel,
    tell: &mut dyn FnMut(&str),
) -> Result<RunOutput, ToolError> {
    let start = Instant::now();
    let opened = open(input, prepared, session, progress)?;
    let load_seconds = start.elapsed().as_secs_f64();
    let mut request = input.sampling.request(&prepared.generation);
    request["handle"] = HANDLE.into();
    request["ids"] = json!(prepared.prompt_ids);
    let ends = settings::ends(&prepared.generation, &prepared.config);
    let decode = |ids: &[u32]| prepared.tokens.decode(ids);
    let mut stream = TextStream::new(&input.stop);
    let (mut ids, mut text) = (Vec::new(), String::new());
    let mut first_token = Duration::ZERO;
    let start = Instant::now();
    let finish = loop {
        let answer = if ids.is_empty() {
            ask::<Ids>(session, "start_text", request.take())
        } else {
            ask::<Ids>(session, "continue_text", json!({"handle": HANDLE}))
        };
        let id = match answer {
            Ok(Ids { ids }) => ids.first().copied(),
            Err(EngineError::Cancelled) if !ids.is_empty() => break Finish::Interrupted,
            Err(err) => return Err(err.into()),
        };
        let Some(id) = id else { break Finish::End };
        if ids.is_empty() {
            first_token = start.elapsed();
        }
        ids.push(id);
        let piece = stream.push(id, decode)?;
        text.push_str(&piece.text);
        tell(&piece.text);
        if ends.contains(&id) {
            break Finish::End;
        }
        if piece.stopped {
            break Finish::Stop;
        }
        if input.max_new_tokens as usize <= ids.len() {
            break Finish::Length;
        }
        if cancel.is_cancelled() {
            break Finish::Interrupted;
        }
    };
    let total = start.elapsed();
    if finish != Finish::Stop {
        let rest = stream.finish(decode)?;
        tell(&rest);
        text.push_str(&rest);
    }
    let rate = |count: usize, time: Duration| count as f64 / time.as_secs_f64().max(1e-9);
    let figures = Figures {
        load_seconds,
        first_token_seconds: first_token.as_secs_f64(),
        prefill_tokens_per_second: rate(prepared.prompt_ids.len(), first_token),
        decode_tokens_per_second: (1 < ids.len())
            .then(|| rate(ids.len() - 1, total.saturating_sub(first_token))),
        peak_bytes: None,
    };
    Ok(RunOutput {
        model_type: prepared.config["model_type"].as_str().unwrap_or_default().to_owned(),
        class: opened.class,
        parameters: opened.parameters,
        prompt: prepared.prompt.clone(),
        prompt_ids: prepared.prompt_ids.clone(),
        ids,
        text,
        finish,
        figures,
    })
}

fn open(
    input: &RunInput,
    prepared: &Prepared,
    session: &mut dyn Session,
    progress: &dyn Progress,
) -> Result<Opened, ToolError> {
    let _step = Step::start(progress, "opening the model", None);
    let request = json!({
        "handle": HANDLE,
        "checkpoint": prepared.folder,
        "dtype": input.dtype,
        "attention": "sdpa",
    });
    let opened: Opened = ask(session, "open_model", request)?;
    let unfit = |it: &Value| match &it[0] {
        Value::String(name) => format!("`{name}` has shape {}, not {}", it[1], it[2]),
        _ => it.to_string(),
    };
    let faults: Vec<String> = opened
        .missing
        .iter()
        .map(|it| format!("no tensor for `{it}`"))
        .chain(opened.mismatched.iter().map(unfit))
        .collect();
    match faults.as_slice() {
        [] => Ok(opened),
        [first, rest @ ..] => Err(RunError::Incomplete {
            folder: prepared.folder.clone(),
            first: first.clone(),
            more: rest.len(),
        }
        .into()),
    }
}
