//! What a contribution is asked about: one list, in the order in which answers are shown.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whom a rule binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Whom {
    Agent,
    Person,
    /// Whoever does it.
    Anyone,
}

/// One thing that a target may have a rule about.
pub(super) struct Aspect {
    pub(super) id: &'static str,
    pub(super) what: &'static str,
    pub(super) whom: Whom,
    /// What the person does where an agent or a tool may not.
    pub(super) instead: Option<&'static str>,
    /// Whether its values are paths in the target.
    pub(super) paths: bool,
}

const fn agent(id: &'static str, what: &'static str, instead: &'static str) -> Aspect {
    Aspect { id, what, whom: Whom::Agent, instead: Some(instead), paths: false }
}

const fn person(id: &'static str, what: &'static str) -> Aspect {
    Aspect { id, what, whom: Whom::Person, instead: None, paths: false }
}

const fn paths(id: &'static str, what: &'static str) -> Aspect {
    Aspect { id, what, whom: Whom::Anyone, instead: None, paths: true }
}

pub(super) const ALLOWED_PATHS: &str = "allowed-paths";
pub(super) const MODEL_FILES: &str = "model-files";
pub(super) const REGISTRATIONS: &str = "registrations";
pub(super) const SIGN_OFF: &str = "sign-off";

/// Everything that rules can be about.
pub(super) const ASPECTS: &[Aspect] = &[
    agent("agent-code", "write code", "Write the code yourself."),
    agent(
        "agent-description",
        "write the description",
        "Write the description in your own words; the report has the facts.",
    ),
    agent("agent-commit-message", "write commit messages", "Write the commit message yourself."),
    agent("agent-answers", "answer reviewers", "Answer the reviewers yourself."),
    agent("tool-commit", "commit", "Commit what is staged yourself."),
    agent("tool-push", "push", "Push the branch yourself, when you have read every line of it."),
    agent("tool-pull-request", "open a pull request", "Open the pull request yourself."),
    agent("autonomous-agents", "work without a person", "Stay with the work, and answer for it."),
    person("issue-first", "coordinate before code"),
    person("duplicate-check", "look for duplicates"),
    person("disclosure", "disclose AI"),
    person("template", "use the template"),
    person("reference-output", "show reference output"),
    person("checks", "run the checks"),
    person("tests", "add tests"),
    person("defend-every-line", "answer for every line"),
    person(SIGN_OFF, "sign off commits"),
    Aspect {
        id: "code-comments",
        what: "keep comments short",
        whom: Whom::Anyone,
        instead: None,
        paths: false,
    },
    paths(ALLOWED_PATHS, "stay within these paths"),
    paths(MODEL_FILES, "name the model's file"),
    paths(REGISTRATIONS, "register the model"),
];

pub(super) fn find(id: &str) -> Option<&'static Aspect> {
    ASPECTS.iter().find(|it| it.id == id)
}

/// What somebody is about to do, of what a target may forbid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    WriteCode,
    WriteDescription,
    WriteCommitMessage,
    AnswerReviewers,
    Commit,
    Push,
    OpenPullRequest,
}

impl Action {
    /// The aspect whose rule answers for it.
    pub(super) fn aspect(self) -> &'static Aspect {
        let id = match self {
            Self::WriteCode => "agent-code",
            Self::WriteDescription => "agent-description",
            Self::WriteCommitMessage => "agent-commit-message",
            Self::AnswerReviewers => "agent-answers",
            Self::Commit => "tool-commit",
            Self::Push => "tool-push",
            Self::OpenPullRequest => "tool-pull-request",
        };
        find(id).expect("every action is an aspect")
    }
}
