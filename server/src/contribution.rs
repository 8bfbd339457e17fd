//! What the tools about contributions take and return.

use std::{collections::BTreeMap, path::PathBuf};

use portwright_tools::{
    count::counted,
    policy::{Policy, PolicyFile, PolicyInput, Rule},
    stage::{Recovery, Refusal as Reason, RunShown, StageInput, StagedFile, Staging, State},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    answer::Brief,
    confirm::Question,
    page::clip,
    refusal::Refusal,
    roots::{AgentPath, Roots},
};

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
    /// The target's tree, e.g. `/home/me/mlx-lm`, to see what changed since.
    #[serde(default, alias = "checkout")]
    port: Option<AgentPath>,
}

impl ContributionPolicy {
    pub(crate) fn into_input(self, roots: &Roots) -> Result<PolicyInput, Refusal> {
        let port = roots.read_any(self.port.as_ref())?;
        Ok(PolicyInput { target: self.target, port })
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
    checkout: AgentPath,
    /// E.g. `olmo3`.
    #[schemars(length(min = 1, max = 64))]
    model_type: String,
    /// Files by path in the target, e.g. `{"mlx_lm/models/olmo3.py": "/home/me/olmo3.py"}`.
    #[serde(default)]
    #[schemars(extend("maxProperties" = MOST_FILES))]
    files: BTreeMap<String, AgentPath>,
    /// The target's tree with the port, e.g. another clone with the changes.
    #[serde(default, alias = "from")]
    port: Option<AgentPath>,
    /// The new branch, e.g. `add-olmo3`.
    #[serde(default)]
    #[schemars(length(max = 200))]
    branch: Option<String>,
    /// The patch file, e.g. `/home/me/add-olmo3.patch`; beside the checkout when absent.
    #[serde(default)]
    patch: Option<AgentPath>,
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
    pub(crate) fn into_input(
        self,
        roots: &Roots,
        run: Option<PathBuf>,
    ) -> Result<StageInput, Refusal> {
        if MOST_FILES < self.files.len() {
            let fact = format!("`files` has {}", counted(self.files.len(), "entry", "entries"));
            return Err(Refusal::new(fact, format!("at most {MOST_FILES} are taken")));
        }
        let files = self.files.into_iter().map(|(to, from)| Ok((to, roots.read(&from)?)));
        Ok(StageInput {
            target: self.target,
            checkout: roots.write(&self.checkout)?,
            model_type: self.model_type,
            files: files.collect::<Result<_, Refusal>>()?,
            port: roots.read_any(self.port.as_ref())?,
            branch: self.branch,
            patch: roots.write_any(self.patch.as_ref())?,
            run,
            even_if_failed: false,
            message: None,
        })
    }
}

/// What a person agrees to before a plan is carried out.
pub(crate) fn question(plan: &Staging, input: &StageInput) -> Question {
    let files: Vec<&str> = plan.files.iter().map(|it| it.path.as_str()).collect();
    let (branch, checkout) = (&plan.branch, plan.checkout.display());
    let mut lines = vec![format!(
        "Stage {} on the new branch `{branch}` of {checkout}? Nothing is committed or pushed.",
        counted(files.len(), "file", "files")
    )];
    lines.extend(files.iter().take(MOST_ROWS).map(|it| format!("- {it}")));
    lines.push(format!("A patch is written to {}.", plan.patch.display()));
    lines.extend(plan.notes.iter().take(MOST_ROWS).map(|it| clip(it)));
    Question { message: lines.join("\n"), command: command(plan, input) }
}

/// By which a person carries the plan out themselves.
fn command(plan: &Staging, input: &StageInput) -> String {
    let mut words: Vec<String> = ["portwright", "stage", &input.target].map(str::to_owned).into();
    words.extend(input.files.iter().map(|(to, from)| format!("{to}={}", from.display())));
    words.extend(["--model".into(), input.model_type.clone()]);
    let folders = [
        ("--checkout", Some(&input.checkout)),
        ("--port", input.port.as_ref()),
        ("--patch", Some(&plan.patch)),
        ("--run", input.run.as_ref()),
    ];
    for (flag, path) in folders {
        words.extend(
            path.map(|it| [flag.to_owned(), it.display().to_string()]).into_iter().flatten(),
        );
    }
    words.extend(["--branch".into(), plan.branch.clone(), format!("--apply={}", plan.digest)]);
    shell_words::join(words)
}

/// A plan whose patch would be written where the agent may not write is none.
pub(crate) fn within(plan: Staging, roots: &Roots) -> Result<Staging, Refusal> {
    roots.write(&plan.patch.clone().into())?;
    Ok(plan)
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
