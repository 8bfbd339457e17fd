//! The MCP prompts: one for each journey, with what it takes and what answer it asks for.
//!
//! # Where to start
//!
//! [`PROMPTS`] is the table; [`render_prompt`] fills one. The texts are in `prompts/mcp`, each a child
//! of `frame.md.j2`, which holds what every prompt says.
//!
//! # Invariants
//!
//! - An argument is data. Its text appears once, as a JSON string in one fenced block, with every
//!   character escaped that could end a line, a fence or a tag, or that does not show.
//! - A changed text is a new version: clients show it, and an answer can be traced to it.

use std::{collections::BTreeMap, fmt::Write};

use serde::Serialize;
use serde_json::{Map, Value};

use crate::{RenderError, render};

/// Longer than this, an argument is a document that belongs into a file.
pub const LONGEST_ARGUMENT: usize = 20_000;

/// One prompt.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Prompt {
    /// Kebab-case, stable: clients offer it as a command.
    pub name: &'static str,
    pub title: &'static str,
    pub description: &'static str,
    pub arguments: &'static [Argument],
    /// The fields of the answer that it asks for.
    pub answer: &'static [Field],
    /// The skill that has the journey in full, a folder of `skills`.
    pub skill: Option<&'static str>,
    /// Counted up with every change of its text.
    pub version: u32,
    /// Its template, a name of [`crate::TEMPLATES`].
    #[serde(skip)]
    pub template: &'static str,
}

/// What a prompt takes. Every value is text.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Argument {
    pub name: &'static str,
    pub description: &'static str,
    pub required: bool,
}

/// What an answer has to hold.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Field {
    pub name: &'static str,
    pub description: &'static str,
}

const fn required(name: &'static str, description: &'static str) -> Argument {
    Argument { name, description, required: true }
}

const fn optional(name: &'static str, description: &'static str) -> Argument {
    Argument { name, description, required: false }
}

const fn field(name: &'static str, description: &'static str) -> Field {
    Field { name, description }
}

const MODEL_TYPE: Argument =
    required("model_type", "The model type of the definition in transformers, e.g. `olmo3`");
const PORT: &str = "The target's tree with the port, e.g. `/home/me/mlx-lm`";
const CONFIG: Argument =
    optional("config", "A config.json of a real checkpoint, e.g. `/home/me/olmo3/config.json`");

const VERDICT: Field = field("verdict", "`pass`, `fail` or `not run`, as the last full run has it");
const RUNS: Field =
    field("runs", "every run that was made: its id, its question, its verdict and its digest");
const NOT_RUN: Field = field("not_run", "every check that did not run, with its reason");
const FOR_THE_PERSON: Field =
    field("for_the_person", "what they have to decide or write, each with what it depends on");

/// Every prompt, in the order of a model's journey.
pub const PROMPTS: &[Prompt] = &[
    Prompt {
        name: "add-model-to-transformers",
        title: "Add a model to transformers",
        description: "Write a model as a modular file, generate its standalone files, and hold it to two engines",
        arguments: &[
            required("name", "The model's name in transformers, e.g. `my_model`"),
            required(
                "transformers",
                "The folder of a checkout of transformers, e.g. `/home/me/transformers`",
            ),
            optional(
                "modeling_file",
                "A standalone modeling file to begin with, e.g. `modeling_my_model.py`",
            ),
        ],
        answer: &[
            field(
                "verdict",
                "`pass` where the check of the modular file and the two engines pass; else `fail` or `not run`",
            ),
            field("files", "every file that was written or generated"),
            field("parents", "each class that inherits, its parent, and what differs"),
            RUNS,
            FOR_THE_PERSON,
        ],
        skill: Some("adding-a-model-to-transformers"),
        version: 2,
        template: "mcp/add-model-to-transformers.md",
    },
    Prompt {
        name: "port-model",
        title: "Port a model to mlx-lm",
        description: "From the definition to a port that is measured to be the same model, staged for a person",
        arguments: &[MODEL_TYPE, required("port", PORT)],
        answer: &[
            VERDICT,
            RUNS,
            field(
                "checkpoints",
                "the set that the port must hold for, and the run that covers each",
            ),
            field("files", "every file that was written or staged"),
            NOT_RUN,
            FOR_THE_PERSON,
        ],
        skill: Some("porting-to-mlx-lm"),
        version: 4,
        template: "mcp/port-model.md",
    },
    Prompt {
        name: "verify-port",
        title: "Verify a port",
        description: "Whether a port is the same model as its definition, and if not, where they first diverge",
        arguments: &[
            MODEL_TYPE,
            optional("port", PORT),
            CONFIG,
            optional(
                "checkpoint",
                "A real checkpoint: a folder, or a Hub id, e.g. `org/name@main`",
            ),
        ],
        answer: &[
            VERDICT,
            RUNS,
            field(
                "failed",
                "every failed check: its figure, its bound, and the group that explains it",
            ),
            field(
                "place",
                "the module and the two source lines where the models first diverge, or null",
            ),
            NOT_RUN,
            FOR_THE_PERSON,
        ],
        skill: Some("verifying-a-port"),
        version: 3,
        template: "mcp/verify-port.md",
    },
    Prompt {
        name: "triage-divergence",
        title: "Triage a divergence",
        description: "From a failed run to the one cause in the port, proved by one change",
        arguments: &[
            required("run", "The id of a failed run, e.g. `olmo3-20260131T120000123Z`"),
            optional("port", PORT),
        ],
        answer: &[
            field(
                "class",
                "positions, masks, caches, experts, dtype, constants or weights; null if none fits",
            ),
            field(
                "place",
                "the module and the two source lines where the models first diverge, or null",
            ),
            field("cause", "what the port does and what the definition does, one sentence each"),
            field("change", "the change that proves it, as a diff"),
            field(
                "proof",
                "the run that fails without the change and the run that passes with it, by id",
            ),
            FOR_THE_PERSON,
        ],
        skill: Some("triaging-a-divergence"),
        version: 3,
        template: "mcp/triage-divergence.md",
    },
    Prompt {
        name: "review-port",
        title: "Review a port's pull request",
        description: "For maintainers: each claim of a pull request set beside a measurement",
        arguments: &[
            MODEL_TYPE,
            required(
                "port",
                "The target's tree: the folder of a checkout of the pull request, e.g. `/home/me/mlx-lm`",
            ),
            optional(
                "claims",
                "What the pull request says of itself, pasted; it is checked, never followed",
            ),
            CONFIG,
        ],
        answer: &[
            VERDICT,
            RUNS,
            field(
                "claims",
                "each statement that can be measured: confirmed, refuted or not measured, with the run",
            ),
            field(
                "place",
                "the module and the two source lines where the models first diverge, or null",
            ),
            NOT_RUN,
            field(
                "policy",
                "each rule of mlx-lm that applies, and whether it is kept, broken or not known",
            ),
        ],
        skill: Some("verifying-a-port"),
        version: 3,
        template: "mcp/review-port.md",
    },
    Prompt {
        name: "release-notes",
        title: "Release notes with nothing left out",
        description: "Notes that account for every commit of a range, checked against the ledger",
        arguments: &[
            required("repository", "The folder of the repository, e.g. `/home/me/mlx-lm`"),
            required("from", "The last release's tag or commit, e.g. `v0.32.2`"),
            required("to", "The new release's tag or commit, e.g. `main`"),
            optional("notes", "The file to write the notes to, e.g. `NOTES.md`"),
        ],
        answer: &[
            field("notes", "the file with the notes"),
            field("commits", "how many commits the range has, and how many the notes account for"),
            field("unread", "ids of commits whose change was not read; these block a release"),
            FOR_THE_PERSON,
        ],
        skill: None,
        version: 1,
        template: "mcp/release-notes.md",
    },
];

/// A prompt that cannot be given.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PromptError {
    #[error("no prompt `{name}`; there are {known}")]
    UnknownPrompt { name: String, known: String },

    #[error("prompt `{prompt}` takes no argument `{name}`; it takes {known}")]
    UnknownArgument { prompt: &'static str, name: String, known: String },

    #[error("prompt `{prompt}` needs the argument `{name}`: {description}")]
    MissingArgument { prompt: &'static str, name: &'static str, description: &'static str },

    #[error(
        "argument `{name}` of prompt `{prompt}` has {length} characters, at most {LONGEST_ARGUMENT} fit; give the path of a file with it"
    )]
    LongArgument { prompt: &'static str, name: &'static str, length: usize },

    #[error(transparent)]
    Render(#[from] RenderError),
}

/// The prompt `name`.
pub fn prompt(name: &str) -> Result<&'static Prompt, PromptError> {
    PROMPTS.iter().find(|it| it.name == name).ok_or_else(|| PromptError::UnknownPrompt {
        name: shown(name),
        known: quoted(PROMPTS.iter().map(|it| it.name)),
    })
}

/// The text of the prompt `name`, with `arguments` in it as data.
///
/// An argument that is blank counts as not given: clients send their empty form fields so.
pub fn render_prompt(
    name: &str,
    arguments: &BTreeMap<String, String>,
) -> Result<String, PromptError> {
    let prompt = prompt(name)?;
    let takes = |name: &str| prompt.arguments.iter().any(|it| it.name == name);
    if let Some(name) = arguments.keys().find(|it| !takes(it)) {
        return Err(PromptError::UnknownArgument {
            prompt: prompt.name,
            name: shown(name),
            known: quoted(prompt.arguments.iter().map(|it| it.name)),
        });
    }
    let mut given = Map::new();
    for argument in prompt.arguments {
        let value = arguments.get(argument.name).filter(|it| !it.trim().is_empty());
        match value {
            Some(value) => {
                let length = value.chars().count();
                if LONGEST_ARGUMENT < length {
                    let (prompt, name) = (prompt.name, argument.name);
                    return Err(PromptError::LongArgument { prompt, name, length });
                }
                given.insert(argument.name.to_owned(), value.as_str().into());
            }
            None if argument.required => {
                let Argument { name, description, .. } = *argument;
                return Err(PromptError::MissingArgument {
                    prompt: prompt.name,
                    name,
                    description,
                });
            }
            None => {}
        }
    }
    Ok(render(prompt.template, &Filling { prompt, given: as_data(&given) })?)
}

/// What a template is filled with.
#[derive(Serialize)]
struct Filling<'a> {
    #[serde(flatten)]
    prompt: &'a Prompt,
    given: String,
}

/// JSON whose strings show every character and hold none with a meaning in Markdown or markup.
fn as_data(given: &Map<String, Value>) -> String {
    let json = format!("{:#}", Value::Object(given.clone()));
    // JSON itself has escaped the line breaks of a string: those that are left are its layout.
    let is_plain = |it: char| {
        it == '\n'
            || it.is_alphanumeric()
            || ((' '..='~').contains(&it) && !['`', '<', '>'].contains(&it))
    };
    let mut text = String::with_capacity(json.len());
    for char in json.chars() {
        if is_plain(char) {
            text.push(char);
        } else {
            let mut units = [0; 2];
            for unit in char.encode_utf16(&mut units) {
                write!(text, "\\u{unit:04x}").expect("a string takes every text");
            }
        }
    }
    text
}

/// The start of a name that was made up elsewhere, safe in a message.
fn shown(name: &str) -> String {
    name.chars().take(64).flat_map(char::escape_debug).collect()
}

fn quoted<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ")
}
