//! What the tools about contributions take and return.

use std::{collections::BTreeMap, path::PathBuf};

use portwright_tools::{
    policy::{Policy, PolicyFile, PolicyInput, Rule},
    stage::{Recovery, Refusal as Reason, RunShown, StageInput, StagedFile, Staging, State},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{answer::Brief, page::clip, refusal::Refusal};

/// Files of one contribution.
const MOST_FILES: usize = 100;
/// Rows of one kind in an answer; the program's `--json` has all.
const MOST_ROWS: usize = 50;

/// Whose rules.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ContributionPolicy {
    /// A target, e.g. `mlx-lm`.
    #[schemars(length(min = 1, max = 32))]
    target: String,
    /// A checkout of it, e.g. `/home/me/mlx-lm`, to see what changed since.
    #[serde(default)]
    checkout: Option<PathBuf>,
}

impl From<ContributionPolicy> for PolicyInput {
    fn from(input: ContributionPolicy) -> Self {
        Self { target: input.target, checkout: input.checkout }
    }
}

/// The rules of a target, each with its source.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ContributionRules {
    target: String,
    repository: String,
    note: Option<String>,
    rules: Vec<Rule>,
    unstated: Vec<String>,
    files: Vec<PolicyFile>,
    warnings: Vec<String>,
    next_step: String,
}

impl From<Policy> for ContributionRules {
    fn from(policy: Policy) -> Self {
        let next_step = if policy.warnings.is_empty() {
            "tell the person what is forbidden to you and what is theirs to write"
        } else {
            "ask the person to read the files that `warnings` names; then tell them what is theirs to write"
        };
        Self {
            target: policy.target,
            repository: policy.repository,
            note: policy.note,
            rules: policy.rules,
            unstated: policy.unstated,
            files: policy.files,
            warnings: policy.warnings.into_iter().take(MOST_ROWS).collect(),
            next_step: next_step.to_owned(),
        }
    }
}

impl Brief for ContributionRules {
    fn brief(&self) -> String {
        let mut lines = vec![format!("{} ({})", self.target, self.repository)];
        for rule in &self.rules {
            let verdict = serde_json::to_value(rule.verdict).unwrap_or_default();
            let verdict = verdict.as_str().unwrap_or_default().to_owned();
            lines.push(format!(
                "{verdict} {}: {} [{}, {}]",
                rule.id, rule.says, rule.file, rule.read
            ));
        }
        lines.extend(self.warnings.iter().map(|it| format!("mind: {it}")));
        lines.push(format!("next: {}", self.next_step));
        lines.join("\n")
    }
}

/// What to stage.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StageContribution {
    /// A target, e.g. `mlx-lm`.
    #[schemars(length(min = 1, max = 32))]
    target: String,
    /// A clean checkout of it, e.g. `/home/me/mlx-lm`.
    pub(crate) checkout: PathBuf,
    /// E.g. `olmo3`.
    #[schemars(length(min = 1, max = 64))]
    model_type: String,
    /// Files by path in the target, e.g. `{"mlx_lm/models/olmo3.py": "/home/me/olmo3.py"}`.
    #[serde(default)]
    #[schemars(extend("maxProperties" = MOST_FILES))]
    pub(crate) files: BTreeMap<String, PathBuf>,
    /// A folder laid out like the target, e.g. another clone with the changes.
    #[serde(default)]
    pub(crate) from: Option<PathBuf>,
    /// The new branch, e.g. `add-olmo3`.
    #[serde(default)]
    #[schemars(length(max = 200))]
    branch: Option<String>,
    /// The patch file, e.g. `/home/me/add-olmo3.patch`; beside the checkout when absent.
    #[serde(default)]
    pub(crate) patch: Option<PathBuf>,
    /// A finished run of the port, e.g. `olmo3-20260131T120000123Z`.
    #[serde(default)]
    #[schemars(length(max = 128))]
    pub(crate) run: Option<String>,
    /// The `digest` of the plan to carry out; only a plan when absent.
    #[serde(default)]
    #[schemars(length(max = 64))]
    apply: Option<String>,
}

impl StageContribution {
    /// The plan that is to be carried out, if any.
    pub(crate) fn apply(&self) -> Option<String> {
        self.apply.clone()
    }

    /// The capability's input: over MCP nobody gives a commit message, and a run that did not pass is
    /// no exception that an agent may make.
    pub(crate) fn into_input(self, run: Option<PathBuf>) -> Result<StageInput, Refusal> {
        if MOST_FILES < self.files.len() {
            let fact = format!("`files` has {} entries", self.files.len());
            return Err(Refusal::new(fact, format!("at most {MOST_FILES} are taken")));
        }
        Ok(StageInput {
            target: self.target,
            checkout: self.checkout,
            model_type: self.model_type,
            files: self.files,
            from: self.from,
            branch: self.branch,
            patch: self.patch,
            run,
            even_if_failed: false,
            message: None,
        })
    }
}

/// A plan, or what was staged.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct StagedContribution {
    state: State,
    branch: String,
    files: Vec<StagedFile>,
    total_files: usize,
    patch: PathBuf,
    run: Option<RunShown>,
    refusals: Vec<Reason>,
    notes: Vec<String>,
    for_the_person: Vec<String>,
    /// Give it as `apply`.
    digest: String,
    recovered: Option<Recovery>,
    next_step: String,
}

impl From<Staging> for StagedContribution {
    fn from(staging: Staging) -> Self {
        let next_step = match &staging.state {
            State::Planned if staging.refusals.is_empty() => {
                "show the person the plan; when they agree, call again with its digest as `apply`"
            }
            State::Planned | State::Refused => "mend what `refusals` names, then plan again",
            State::Staged | State::Committed { .. } => {
                "stop here: reading, committing and what follows are the person's"
            }
        };
        Self {
            state: staging.state,
            branch: staging.branch,
            total_files: staging.files.len(),
            files: staging.files.into_iter().take(MOST_ROWS).collect(),
            patch: staging.patch,
            run: staging.run,
            refusals: staging.refusals.into_iter().take(MOST_ROWS).collect(),
            notes: staging.notes.iter().take(MOST_ROWS).map(|it| clip(it)).collect(),
            for_the_person: staging.for_the_person,
            digest: staging.digest,
            recovered: staging.recovered,
            next_step: next_step.to_owned(),
        }
    }
}

impl StagedContribution {
    /// An apply that was refused is no answer but something to mend.
    pub(crate) fn refused(self) -> Result<Self, Refusal> {
        if self.state != State::Refused {
            return Ok(self);
        }
        let why: Vec<&str> = self.refusals.iter().map(|it| it.why.as_str()).collect();
        let instead: Vec<&str> = self.refusals.iter().map(|it| it.instead.as_str()).collect();
        Err(Refusal::new(format!("nothing was staged: {}", why.join("; ")), instead.join(" ")))
    }
}

impl Brief for StagedContribution {
    fn brief(&self) -> String {
        let word = match &self.state {
            State::Planned => "planned",
            State::Refused => "refused",
            State::Staged => "staged",
            State::Committed { .. } => "committed",
        };
        let files: Vec<&str> = self.files.iter().map(|it| it.path.as_str()).collect();
        let mut lines = vec![format!("{word} on `{}`: {}", self.branch, files.join(", "))];
        lines.extend(self.refusals.iter().map(|it| format!("refused: {}. {}", it.why, it.instead)));
        lines.extend(self.notes.iter().map(|it| format!("mind: {it}")));
        lines.push(format!("plan: {}", self.digest));
        lines.push(format!("next: {}", self.next_step));
        lines.join("\n")
    }
}
