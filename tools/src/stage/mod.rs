//! `stage_contribution`: a port's files, staged on a branch of the target's checkout.
//!
//! # Where to start
//!
//! [`stage`] plans, and carries a plan out; [`recover`] ends a staging that was cut off. `sources`
//! finds the files, `guards` says why not, `plan` puts both together; `apply` does it under a
//! `journal`, and `undo` reads that.
//!
//! # Invariants
//!
//! - A plan writes nothing.
//! - What a plan refuses is not staged, whatever is given besides.
//! - Nothing is committed unless the target's policy allows tools to commit, and a person gave the
//!   message. There is no code here that knows a remote.
//! - Whatever ends a staging, the next call finds the checkout as it was, or as it should be.

mod apply;
mod error;
mod guards;
mod journal;
mod plan;
mod sources;
#[cfg(test)]
mod tests;
mod undo;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use git2::{Repository, RepositoryOpenFlags};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use error::StageError;

use crate::{error::ToolError, policy::Whom};

/// What to stage, and where.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StageInput {
    /// A target, e.g. `mlx-lm`.
    pub target: String,
    /// A clean checkout of it.
    pub checkout: PathBuf,
    /// The model type of the definition, e.g. `olmo3`.
    pub model_type: String,
    /// Files by their path in the target, e.g. `{"mlx_lm/models/olmo3.py": "/home/me/olmo3.py"}`.
    #[serde(default)]
    pub files: BTreeMap<String, PathBuf>,
    /// The target's tree that has the port: of another checkout of it what was changed there, of a folder
    /// laid out like it every file.
    #[serde(default, alias = "from")]
    pub port: Option<PathBuf>,
    /// The new branch; `add-MODEL_TYPE` when absent.
    #[serde(default)]
    pub branch: Option<String>,
    /// The patch file; beside the checkout when absent.
    #[serde(default)]
    pub patch: Option<PathBuf>,
    /// The run that verified the port.
    #[serde(default)]
    pub run: Option<PathBuf>,
    /// Stage although that run did not pass.
    #[serde(default)]
    pub even_if_failed: bool,
    /// A commit's message, by a person.
    #[serde(default)]
    pub message: Option<String>,
}

/// Whether to plan, or to do it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Wish {
    #[default]
    Plan,
    /// Do it, if the plan is still the one with this digest.
    Apply { plan: Option<String> },
}

/// A plan, and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Staging {
    pub target: String,
    pub checkout: PathBuf,
    pub model_type: String,
    /// The new branch.
    pub branch: String,
    /// The commit it starts from, and the branch that points there.
    pub base: String,
    pub base_branch: Option<String>,
    pub files: Vec<StagedFile>,
    /// Given files that the target has already, word for word.
    pub unchanged: Vec<String>,
    pub patch: PathBuf,
    pub message: Option<String>,
    pub run: Option<RunShown>,
    /// Why it cannot be done; nothing is done while there is one.
    pub refusals: Vec<Refusal>,
    /// What is worth knowing before it is done.
    pub notes: Vec<String>,
    /// What stays for the person, by the target's policy.
    pub for_the_person: Vec<String>,
    /// Stands for all of the above; an apply that names another one is refused.
    pub digest: String,
    pub state: State,
    /// What became of an earlier staging that was cut off.
    pub recovered: Option<Recovery>,
}

/// How far it went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum State {
    /// Nothing was changed.
    Planned,
    /// Nothing was changed, although it was asked for.
    Refused,
    Staged,
    Committed {
        commit: String,
    },
}

/// One file of the contribution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StagedFile {
    /// Where it goes in the target.
    pub path: String,
    pub change: Change,
    /// Lines, none for a binary file.
    pub added: usize,
    pub removed: usize,
    pub sha256: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    New,
    Modified,
}

/// What a run has to say of the port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunShown {
    pub path: PathBuf,
    pub verdict: portwright_harness::outcome::Verdict,
    pub digest: String,
    /// Whether the file that it ran is, to the byte, among those that are staged.
    pub same_port: bool,
}

/// One reason against staging.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Refusal {
    /// E.g. `dirty-tree`.
    pub id: String,
    pub why: String,
    /// Whom it binds.
    pub whom: Whom,
    /// What the person does instead.
    pub instead: String,
}

impl Refusal {
    fn new(id: &str, why: impl Into<String>, instead: impl Into<String>) -> Self {
        Self { id: id.to_owned(), why: why.into(), whom: Whom::Anyone, instead: instead.into() }
    }
}

/// What became of a staging that was cut off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum Recovery {
    /// There was none.
    Nothing,
    /// The checkout is as it was before.
    Undone { branch: String },
    /// It had come to its end.
    Finished { branch: String },
}

/// Plan a staging, or carry it out. A staging that was cut off is ended first.
///
/// # Errors
///
/// Fails where there is nothing to plan with, or where something broke on the way; what had been begun
/// is undone then. Reasons against it are refusals in the answer.
pub fn stage(input: &StageInput, wish: &Wish) -> Result<Staging, ToolError> {
    let repository = open(&input.checkout)?;
    let lock = match wish {
        Wish::Plan => journal::lock_existing(&repository)?,
        Wish::Apply { .. } => Some(journal::lock(&repository)?),
    };
    let recovered = lock.as_ref().map_or(Ok(Recovery::Nothing), |_| undo::recover(&repository))?;
    let mut plan = plan::plan(input, &repository)?;
    plan.staging.recovered = Some(recovered).filter(|it| *it != Recovery::Nothing);
    let Wish::Apply { plan: digest } = wish else { return Ok(plan.staging) };
    if let Some(digest) = digest.as_ref().filter(|it| **it != plan.staging.digest) {
        let why =
            format!("this is not the plan `{digest}` any more: the files or the checkout changed");
        plan.staging.refusals.push(Refusal::new("other-plan", why, "Read the new plan."));
    }
    if !plan.staging.refusals.is_empty() {
        plan.staging.state = State::Refused;
        return Ok(plan.staging);
    }
    plan.staging.state = match apply::apply(&repository, &plan, &mut |_| ())? {
        Some(commit) => State::Committed { commit: commit.to_string() },
        None => State::Staged,
    };
    Ok(plan.staging)
}

/// End a staging that was cut off: the checkout is then as it was, or as it should be.
///
/// # Errors
///
/// Fails where somebody changed since what would have to be undone; nothing is touched then.
pub fn recover(checkout: &Path) -> Result<Recovery, ToolError> {
    let repository = open(checkout)?;
    let lock = journal::lock_existing(&repository)?;
    Ok(lock.map_or(Ok(Recovery::Nothing), |_lock| undo::recover(&repository))?)
}

/// Only the folder itself: a folder inside of somebody's repository is not meant.
fn open(checkout: &Path) -> Result<Repository, StageError> {
    let no = |detail: &str| StageError::NoCheckout {
        path: checkout.to_owned(),
        detail: detail.to_owned(),
    };
    let ceiling: [&Path; 0] = [];
    let repository = Repository::open_ext(checkout, RepositoryOpenFlags::NO_SEARCH, ceiling)
        .map_err(|err| no(err.message()))?;
    match repository.workdir() {
        None => Err(no("it has no working tree")),
        Some(_) => Ok(repository),
    }
}
