//! `contribution_policy`: what a target allows, requires and forbids, with the source of each answer.
//!
//! # Where to start
//!
//! [`policy`] gives the rules of one target; [`Policy::may`] answers for one action, and staging asks
//! it. `aspect` lists what rules can be about, `table` takes rules out of the targets' tables, `files` holds
//! what they were read from to the checkout of today, and `history` asks its git where it cannot.
//!
//! # Invariants
//!
//! - A rule has a source and a date, or its table does not load.
//! - A file whose digest is not known is never called unchanged.
//! - What no rule speaks of is not allowed: it is unstated.

mod aspect;
mod error;
mod files;
mod history;
mod table;

use std::path::PathBuf;

use globset::GlobSet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use aspect::{Action, Whom};
pub use error::PolicyError;
pub use files::{PolicyFile, Standing};
pub use table::Verdict;

use crate::error::ToolError;

/// Whose rules.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyInput {
    /// A target, e.g. `mlx-lm`.
    pub target: String,
    /// A checkout of it; what rules were read from is compared with it.
    #[serde(default, alias = "checkout")]
    pub port: Option<PathBuf>,
}

/// The rules of a target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Policy {
    pub target: String,
    /// Where its pull requests go, e.g. `ml-explore/mlx-lm`.
    pub repository: String,
    pub note: Option<String>,
    pub rules: Vec<Rule>,
    /// What agents do that no rule speaks of; it is not allowed by that.
    pub unstated: Vec<String>,
    /// What rules were read from.
    pub files: Vec<PolicyFile>,
    /// Why a rule may be out of date; a person reads what is named.
    pub warnings: Vec<String>,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Rule {
    /// E.g. `agent-commit-message`.
    pub id: String,
    pub what: String,
    pub verdict: Verdict,
    pub whom: Whom,
    pub says: String,
    /// What the person does instead of the agent.
    pub instead: Option<String>,
    /// Paths, commands or words that the rule names.
    pub values: Vec<String>,
    /// The file that it was read from, e.g. `AGENTS.md`.
    pub file: String,
    pub section: String,
    /// The day on which it was read.
    pub read: String,
    /// What became of the file since.
    pub standing: Standing,
}

/// Whether an action is allowed to an agent or a tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    Allowed,
    Forbidden,
    Person,
    /// The target says nothing of it.
    Unstated,
}

/// The answer for one action, with what stands behind it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Permission {
    pub answer: Answer,
    /// Why, for whom, and by which file of which day.
    pub why: String,
    /// What the person does instead.
    pub instead: String,
}

/// The rules of a target, held to its checkout where one is given.
///
/// # Errors
///
/// Fails for an unknown target, and for a folder that is no checkout of it.
pub fn policy(input: &PolicyInput) -> Result<Policy, ToolError> {
    let table = table::load(&input.target)?;
    let files = files::compare(&table, input.port.as_deref())?;
    let compared = input.port.is_some();
    let warnings = files.iter().filter_map(|it| it.warning(compared)).collect();
    let mut rules = Vec::new();
    let mut unstated = Vec::new();
    for aspect in aspect::ASPECTS {
        let Some(row) = table.rule.iter().find(|it| it.id == aspect.id) else {
            if aspect.whom == Whom::Agent {
                unstated.push(aspect.what.to_owned());
            }
            continue;
        };
        let file = row.file.as_str();
        let source = files.iter().find(|it| it.file == file).expect("a table names its sources");
        let barred = matches!(row.verdict, Verdict::Forbidden | Verdict::Person);
        let instead = row.instead.clone().or_else(|| aspect.instead.map(str::to_owned));
        rules.push(Rule {
            id: row.id.clone(),
            what: aspect.what.to_owned(),
            verdict: row.verdict,
            whom: aspect.whom,
            says: row.says.clone(),
            instead: instead.filter(|_| barred),
            values: row.values.clone(),
            file: file.to_owned(),
            section: row.section.clone(),
            read: source.read.clone().expect("rules were read from it"),
            standing: source.standing,
        });
    }
    Ok(Policy {
        target: table.target,
        repository: table.repository,
        note: table.note,
        rules,
        unstated,
        files,
        warnings,
    })
}

impl Policy {
    /// Whether an agent or a tool may do it, and what a person does where it may not.
    pub fn may(&self, action: Action) -> Permission {
        let aspect = action.aspect();
        let instead = aspect.instead.unwrap_or_default().to_owned();
        let Some(rule) = self.rule(aspect.id) else {
            let why = format!("{} says nothing of whether a tool may {}", self.target, aspect.what);
            return Permission { answer: Answer::Unstated, why, instead };
        };
        Permission {
            answer: match rule.verdict {
                Verdict::Allowed | Verdict::Required => Answer::Allowed,
                Verdict::Forbidden => Answer::Forbidden,
                Verdict::Person => Answer::Person,
            },
            why: format!("{} ({}, read {})", rule.says, rule.file, rule.read),
            instead: rule.instead.clone().unwrap_or(instead),
        }
    }

    pub(crate) fn rule(&self, id: &str) -> Option<&Rule> {
        self.rules.iter().find(|it| it.id == id)
    }

    /// The paths that a port of `model_type` may touch.
    pub(crate) fn allowed_paths(&self, model_type: &str) -> GlobSet {
        self.paths(aspect::ALLOWED_PATHS, model_type)
    }

    /// Where the model itself lies; one of them is enough.
    pub(crate) fn model_files(&self, model_type: &str) -> GlobSet {
        self.paths(aspect::MODEL_FILES, model_type)
    }

    /// Files that a new model is registered in, where the target requires it.
    pub(crate) fn registrations(&self) -> &[String] {
        let rule = self.rule(aspect::REGISTRATIONS);
        rule.filter(|it| it.verdict == Verdict::Required).map_or(&[], |it| &it.values)
    }

    pub(crate) fn signs_off(&self) -> bool {
        self.rule(aspect::SIGN_OFF).is_some_and(|it| it.verdict == Verdict::Required)
    }

    /// A model's files have underscores where its type has hyphens.
    fn paths(&self, id: &str, model_type: &str) -> GlobSet {
        let values = self.rule(id).map_or(&[][..], |it| &it.values);
        table::globs(values, &model_type.replace('-', "_")).unwrap_or_else(|_| GlobSet::empty())
    }
}

#[cfg(test)]
mod tests;
