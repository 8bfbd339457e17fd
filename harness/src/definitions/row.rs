//! One line of the table: a definition and what came of it in each mode.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    case::Precision,
    engine::{ENGINES, EngineError},
    head::Head,
    outcome::{Absence, Verdict},
};

/// How a definition is computed.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    Float32,
    Bfloat16,
    Float64,
    /// Every floating dtype computes in 64 bits and its nominal dtype travels along.
    Exact,
}

/// Every mode, in the order of the table's columns.
pub const MODES: [Mode; 4] = [Mode::Float32, Mode::Bfloat16, Mode::Float64, Mode::Exact];

impl Mode {
    /// As it is spelled on the command line and in the data.
    pub fn name(self) -> &'static str {
        match self {
            Self::Float32 => "float32",
            Self::Bfloat16 => "bfloat16",
            Self::Float64 => "float64",
            Self::Exact => "exact",
        }
    }

    /// What the model is opened in.
    pub(super) fn precision(self) -> Precision {
        match self {
            Self::Float32 | Self::Exact => Precision::Float32,
            Self::Bfloat16 => Precision::Bfloat16,
            Self::Float64 => Precision::Float64,
        }
    }
}

/// What the greedy ids are, beside PyTorch's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Greedy {
    Equal,
    /// They part where two logits are closer to each other than noise.
    Tie,
    Different,
}

/// A definition in one mode. Figures are in standard deviations of PyTorch's logits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cell {
    pub verdict: Verdict,
    /// The largest difference of any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worst: Option<f64>,
    /// What it may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<f64>,
    /// The largest difference of each case.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub figures: BTreeMap<String, f64>,
    /// What another order of the same operations changes; exact mode only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reordered: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub greedy: Option<Greedy>,
    /// Why it does not pass, or what could not be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Cell {
    /// A cell without figures.
    pub(super) fn not_run(reason: Option<String>) -> Self {
        Self {
            verdict: Verdict::NotRun,
            worst: None,
            bound: None,
            figures: BTreeMap::new(),
            reordered: None,
            greedy: None,
            reason,
        }
    }

    /// A definition that the embedded runtime could not run.
    pub(super) fn failed(why: &Absence) -> Self {
        Self { verdict: Verdict::Fail, ..Self::not_run(Some(why.to_string())) }
    }
}

/// A definition and its cells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Row {
    pub head: Head,
    pub model_type: String,
    /// The class that was run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    pub modes: BTreeMap<Mode, Cell>,
    /// Why nothing could be asked in any mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Row {
    pub(super) fn new(head: Head, model_type: &str) -> Self {
        let model_type = model_type.to_owned();
        Self { head, model_type, class: None, modes: BTreeMap::new(), reason: None }
    }

    /// The verdict of one mode.
    pub fn verdict(&self, mode: Mode) -> Verdict {
        self.modes.get(&mode).map_or(Verdict::NotRun, |it| it.verdict)
    }
}

/// Refused or gone: a model gave no answer either way, and what it said goes into the table.
pub(crate) fn told(err: &EngineError) -> Absence {
    Absence::Blocked { reason: one_line(&err.to_string()) }
}

/// Characters of a reason in the table.
const LONGEST_REASON: usize = 400;

/// A message in one line, with files named from the library's folder on.
fn one_line(text: &str) -> String {
    let lines = text
        .lines()
        .map(str::trim)
        .filter(|it| !it.is_empty() && it.chars().any(|it| it != '^'))
        .map(without_folder);
    clipped(lines.collect::<Vec<_>>().join("; "))
}

/// Libraries like to list all that they know; the table does not.
fn clipped(text: String) -> String {
    match text.char_indices().nth(LONGEST_REASON) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// `at /home/me/lib/transformers/models/x.py:3` as `at transformers/models/x.py:3`.
fn without_folder(line: &str) -> String {
    let words = line.split(' ').map(|word| {
        let libraries = ENGINES.iter().map(|it| it.package);
        let start = libraries
            .chain(["portwright_worker", "site-packages"])
            .find_map(|it| word.find(&format!("/{it}/")));
        start.map_or(word, |it| &word[it + 1..])
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_lists_all_there_is_is_cut() {
        let text = format!("no `x`; there are {}", "a name, ".repeat(200));
        let line = one_line(&text);
        assert!(line.starts_with("no `x`; there are a name") && line.ends_with('…'));
        assert_eq!(line.chars().count(), LONGEST_REASON + 1);
    }

    #[test]
    fn a_message_becomes_one_line_without_folders() {
        let text =
            "KeyError: 'x'\n  at /a/b/transformers/models/m.py:3\n     y = d['x']\n     ^^^^";
        assert_eq!(one_line(text), "KeyError: 'x'; at transformers/models/m.py:3; y = d['x']");
    }
}
