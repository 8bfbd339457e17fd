//! The target's own template, filled with machine facts; what a person has to say stays a blank.
//!
//! A template is prose of another project, so nothing is assumed of it but Markdown: each heading and
//! each label (`Model:`) asks for something. [`FIELDS`] says which of them a fact answers; every other
//! is a person's.

use std::path::{Path, PathBuf};

use portwright_harness::{engine::Pair, evidence::Evidence, hint::Hint, rundir::write_whole};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    check::{PERSON, PERSON_END},
    data, target,
    target::Template,
};
use crate::{
    count::counted,
    error::{Failure, ToolError},
    runs,
};

/// The filled template, in the run's folder.
pub const DRAFT: &str = "pull-request.md";
/// What it was made from.
pub(super) const TEMPLATE: &str = "pull-request.template.md";

/// What to draft.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DraftInput {
    /// The run's folder.
    pub run: PathBuf,
    /// Whose template is filled: a target's id, e.g. `mlx-lm`; only the report when absent.
    #[serde(alias = "template")]
    pub target: Option<String>,
    /// A checkout of the target, whose own template is filled; a neutral one when absent.
    pub port: Option<PathBuf>,
}

/// Why no report is drafted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DraftError {
    /// The target's own library did not speak.
    #[error(
        "a pull request rests on the libraries themselves, and this run asked {0}; verify with `--native`"
    )]
    NotNative(Pair),
    /// Its evidence contradicts itself.
    #[error("no report is made of evidence that contradicts itself: {0}; run `verify` again")]
    Disagrees(String),
    /// What a person wrote is not overwritten.
    #[error("`{path}` has been filled in by a person; move it away to draft it again", path = .0.display())]
    Filled(PathBuf),
    /// A checkout alone does not say which target's it is.
    #[error("a checkout was named and no target; name the target too, e.g. `mlx-lm`")]
    NoTarget,
}

/// Its texts say the next step.
impl Hint for DraftError {}

impl Failure for DraftError {}

/// What was written.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Draft {
    /// One sentence of counts.
    pub summary: String,
    /// The files in the run's folder.
    pub files: Vec<PathBuf>,
    /// The filled template; absent when none was asked for.
    pub draft: Option<String>,
    /// What a person has to write, by the template's own words.
    pub blanks: Vec<String>,
}

/// What a field of a template may ask for, and the words by which it is known.
struct Field {
    /// The part of `pull-request-fact.md`; `None` for what only a person can say.
    fact: Option<&'static str>,
    words: &'static [&'static str],
}

/// In this order: what is a person's is never taken for a fact.
const FIELDS: &[Field] = &[
    Field {
        fact: None,
        words: &[
            "ai",
            "disclosure",
            "description",
            "describe",
            "why",
            "motivation",
            "summary",
            "who",
            "review",
            "reviewers",
            "checklist",
            "issue",
            "issues",
            "fixes",
            "license",
            "author",
            "maintainer",
            "notes",
            "before",
            "llm",
            "agent",
            "assistance",
            "assistant",
        ],
    },
    Field { fact: Some("reproduce"), words: &["reproduce", "reproduction", "command", "commands"] },
    Field {
        fact: Some("output"),
        words: &["output", "outputs", "generation", "generated", "sample", "prompt"],
    },
    Field {
        fact: Some("cost"),
        words: &["speed", "performance", "memory", "benchmark", "benchmarks", "throughput", "cost"],
    },
    Field {
        fact: Some("parity"),
        words: &[
            "parity",
            "verification",
            "verify",
            "verified",
            "test",
            "tests",
            "testing",
            "tested",
            "numerical",
            "numerics",
            "accuracy",
            "correctness",
            "equivalence",
            "logits",
            "results",
            "validation",
            "evidence",
        ],
    },
    Field { fact: Some("untested"), words: &["limitations", "untested", "missing", "risks"] },
    Field {
        fact: Some("versions"),
        words: &["environment", "version", "versions", "hardware", "machine", "system", "platform"],
    },
    Field {
        fact: Some("source"),
        words: &["reference", "implementation", "definition", "source", "transformers", "upstream"],
    },
    Field {
        fact: Some("model"),
        words: &["model", "architecture", "checkpoint", "checkpoints", "weights", "config"],
    },
];

/// Write the report's files again and, when a template is named, the draft in it.
///
/// # Errors
///
/// Fails when the run has no readable evidence, the target's template cannot be found, or a file
/// cannot be written. Nothing is left half-written.
pub fn draft(input: &DraftInput) -> Result<Draft, ToolError> {
    let evidence = runs::load(&input.run)?;
    if let Some(fault) = evidence.disagreements().first() {
        return Err(DraftError::Disagrees(fault.clone()).into());
    }
    if input.target.is_some() && is_filled(&input.run, DRAFT) {
        return Err(DraftError::Filled(input.run.join(DRAFT)).into());
    }
    let mut files = Vec::new();
    let mut write = |name: &str, text: &str| {
        let path = input.run.join(name);
        write_whole(&path, text.as_bytes())
            .map_err(|source| ToolError::Write { path: path.clone(), source })?;
        files.push(path);
        Ok::<(), ToolError>(())
    };
    let template = match (&input.target, &input.port) {
        (Some(name), folder) => Some(target::find(name, folder.as_deref())?),
        (None, Some(_)) => {
            return Err(DraftError::NoTarget.into());
        }
        (None, None) => None,
    };
    // What a person wrote into the report stays.
    for file in super::FILES.iter().filter(|it| !is_filled(&input.run, it.name)) {
        write(file.name, &(file.render)(&evidence)?)?;
    }
    if input.target.as_deref().is_some_and(|it| !runs::speaks_for(it, &evidence)) {
        return Err(DraftError::NotNative(evidence.roles).into());
    }
    let filled = match &template {
        Some(template) => {
            let filled = fill(&evidence, template)?;
            write(TEMPLATE, &template.to_store())?;
            write(DRAFT, &filled)?;
            Some(filled)
        }
        None => None,
    };
    let blanks = filled.as_deref().map(blanks).unwrap_or_default();
    let summary = format!(
        "{} from the evidence {}; {} left for a person",
        counted(files.len(), "file", "files"),
        &evidence.digest[..12.min(evidence.digest.len())],
        counted(blanks.len(), "blank is", "blanks are")
    );
    Ok(Draft { summary, files, draft: filled, blanks })
}

/// Whether a person has begun to fill in a file of the run.
fn is_filled(run: &Path, name: &str) -> bool {
    std::fs::read_to_string(run.join(name)).is_ok_and(|it| !blanks_are_empty(&it))
}

/// The template with the facts of `evidence`.
pub(super) fn fill(evidence: &Evidence, template: &Template) -> Result<String, ToolError> {
    let text = format!(
        "<!-- Facts by Portwright from the evidence {}; template: {} (sha256 {}).\n     \
         `portwright report --check` holds them to it. What stands between the marks `person` and \
         `end person` is yours. -->\n\n",
        evidence.digest,
        template.origin.replace("--", "- -"),
        template.sha256(),
    );
    let mut filler = Filler { data: data::of(evidence), text, used: Vec::new() };
    filler.template(&template.text)?;
    filler.rest()?;
    Ok(filler.text)
}

struct Filler {
    data: Value,
    text: String,
    used: Vec<&'static str>,
}

/// A heading whose section has not ended.
struct Open {
    title: String,
    /// Whether the section has labels of its own that were answered one by one.
    labels: bool,
}

impl Filler {
    fn template(&mut self, text: &str) -> Result<(), ToolError> {
        let (mut open, mut comment, mut fence) = (None::<Open>, false, false);
        for line in text.lines() {
            let start = line.trim_start();
            let plain = !comment && !fence;
            if !comment && start.starts_with("```") {
                fence = !fence;
            } else if !fence {
                let last = |mark: &str| line.rfind(mark);
                comment = match (last("<!--"), last("-->")) {
                    (Some(begin), Some(end)) => end < begin,
                    (Some(_), None) => true,
                    (None, Some(_)) => false,
                    (None, None) => comment,
                };
            }
            if plain && let Some(title) = heading(start) {
                self.close(open.take())?;
                self.text.push_str(line);
                self.text.push('\n');
                open = Some(Open { title: title.to_owned(), labels: false });
                continue;
            }
            self.text.push_str(line);
            if plain && let Some(label) = label(start) {
                if let Some(open) = &mut open {
                    open.labels = true;
                }
                self.answer_label(label)?;
            }
            self.text.push('\n');
        }
        self.close(open)
    }

    /// Answers a heading at the end of its section.
    fn close(&mut self, open: Option<Open>) -> Result<(), ToolError> {
        let Some(open) = open.filter(|it| !it.labels) else { return Ok(()) };
        while self.text.ends_with("\n\n") {
            self.text.pop();
        }
        self.text.push('\n');
        match fact_of(&open.title) {
            Some(fact) => self.fact(fact)?,
            None => self.text.push_str(&blank(&open.title)),
        }
        self.text.push_str("\n\n");
        Ok(())
    }

    fn answer_label(&mut self, label: &str) -> Result<(), ToolError> {
        if let Some(fact) = fact_of(label) {
            self.text.push_str("\n\n");
            self.fact(fact)?;
            self.text.push('\n');
        } else {
            self.text.push(' ');
            self.text.push_str(&blank(label));
        }
        Ok(())
    }

    fn fact(&mut self, fact: &'static str) -> Result<(), ToolError> {
        if self.used.contains(&fact) {
            self.text.push_str("See above.");
            return Ok(());
        }
        self.used.push(fact);
        self.data["fact"] = fact.into();
        let text = portwright_prompts::render("pull-request-fact.md", &self.data)?;
        self.text.push_str(text.trim());
        Ok(())
    }

    /// What the template did not ask for and a reviewer needs all the same.
    fn rest(&mut self) -> Result<(), ToolError> {
        let left: Vec<&'static str> = FIELDS
            .iter()
            .rev()
            .filter_map(|it| it.fact)
            .filter(|it| !self.used.contains(it))
            .collect();
        if left.is_empty() {
            return Ok(());
        }
        while self.text.ends_with('\n') {
            self.text.pop();
        }
        self.text.push_str("\n\n## Measured\n");
        for fact in left {
            self.text.push('\n');
            self.fact(fact)?;
            self.text.push('\n');
        }
        Ok(())
    }
}

/// The text of an ATX heading.
fn heading(line: &str) -> Option<&str> {
    let title = line.trim_start_matches('#');
    let level = line.len() - title.len();
    ((1..=6).contains(&level) && title.starts_with(' '))
        .then(|| title.trim().trim_end_matches('#').trim())
}

/// A label that waits for an answer: `- **Model:**`, `Model:`.
fn label(line: &str) -> Option<&str> {
    let text = line.trim_start_matches(['-', '*', ' ']).trim_end().trim_end_matches('*').trim_end();
    let text = text.strip_suffix(':')?.trim_end_matches('*').trim();
    let short = !text.is_empty() && text.len() <= 60 && !text.starts_with('[');
    short.then_some(text)
}

/// The fact that answers `title`; `None` where it is for a person to answer.
fn fact_of(title: &str) -> Option<&'static str> {
    let title = title.to_lowercase();
    let words: Vec<&str> = title.split(|it: char| !it.is_alphanumeric()).collect();
    let field = FIELDS.iter().find(|field| field.words.iter().any(|it| words.contains(it)))?;
    field.fact
}

fn blank(what: &str) -> String {
    let what = what.replace("--", "- -").replace(['<', '>'], "");
    format!("{PERSON} {what} --> ____ {PERSON_END}")
}

/// What each blank of a draft asks.
fn blanks(draft: &str) -> Vec<String> {
    let marks = draft.split(PERSON).skip(1);
    marks.filter_map(|it| Some(it.split_once("-->")?.0.trim().to_owned())).collect()
}

fn blanks_are_empty(draft: &str) -> bool {
    let marks = draft.split(PERSON).skip(1);
    marks
        .filter_map(|it| it.split_once("-->")?.1.split_once(PERSON_END))
        .all(|(said, _)| said.trim() == "____")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_persons_is_never_taken_for_a_fact() {
        for title in ["AI disclosure", "Description of the model", "Why this model?", "Checklist"] {
            assert_eq!(fact_of(title), None, "{title}");
        }
        assert_eq!(fact_of("Model"), Some("model"));
        assert_eq!(fact_of("Reference implementation"), Some("source"));
        assert_eq!(fact_of("Generation output"), Some("output"));
        assert_eq!(fact_of("Testing"), Some("parity"));
        assert_eq!(fact_of("Something else"), None);
    }

    #[test]
    fn headings_and_labels_are_told_from_text() {
        assert_eq!(heading("## Model ##"), Some("Model"));
        assert_eq!(heading("#hashtag"), None);
        assert_eq!(label("- **Model type:**"), Some("Model type"));
        assert_eq!(label("**Checkpoint**:"), Some("Checkpoint"));
        assert_eq!(label("- [ ] I have read this:"), None);
        assert_eq!(label("a sentence"), None);
    }

    #[test]
    fn a_blank_names_what_is_asked_and_closes_no_comment() {
        let text = blank("why --> <b>");
        assert_eq!(blanks(&text), ["why - - b"]);
        assert!(blanks_are_empty(&text));
        assert!(!blanks_are_empty(&text.replace("____", "because")));
    }
}
