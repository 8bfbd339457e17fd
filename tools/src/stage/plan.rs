//! A plan: every file as it is to be, every reason against it, and a digest that stands for both.

use std::path::{Path, PathBuf};

use git2::{ObjectType, Oid, Patch, Repository, Tree};
use portwright_harness::{digest, outcome::Verdict};
use serde_json::json;

use super::{
    Change, Refusal, RunShown, StageInput, StagedFile, Staging, State,
    error::StageError,
    guards,
    sources::{self, Origin, Source, Sources},
};
use crate::{
    error::ToolError,
    policy::{self, Action, Answer, Policy, PolicyInput, Whom},
    runs,
    target_path::TargetPath,
};

const PLAIN: u32 = 0o100_644;
const EXECUTABLE: u32 = 0o100_755;

/// What stays for the person, whatever a tool may do: nothing here does it.
const NEVER_OURS: [Action; 5] = [
    Action::WriteDescription,
    Action::WriteCommitMessage,
    Action::AnswerReviewers,
    Action::Push,
    Action::OpenPullRequest,
];

/// All that is needed to carry it out.
pub(super) struct Plan {
    pub(super) staging: Staging,
    pub(super) base: Oid,
    /// E.g. `refs/heads/main`.
    pub(super) head: String,
    pub(super) files: Vec<Planned>,
}

/// A file that changes.
pub(super) struct Planned {
    pub(super) path: TargetPath,
    pub(super) bytes: Vec<u8>,
    pub(super) mode: u32,
    pub(super) before: Option<Blob>,
    pub(super) after: Oid,
}

/// A file in a commit.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Blob {
    pub(super) id: Oid,
    pub(super) mode: u32,
}

/// Reads everything, writes nothing.
pub(super) fn plan(input: &StageInput, repository: &Repository) -> Result<Plan, ToolError> {
    let root = root(repository)?;
    let policy =
        policy::policy(&PolicyInput { target: input.target.clone(), port: Some(root.clone()) })?;
    model_type(&input.model_type)?;
    let head = repository.head().map_err(|_| StageError::NoCommit { path: root.clone() })?;
    let commit = head.peel_to_commit().map_err(StageError::git("read the commit of HEAD"))?;
    let tree = commit.tree().map_err(StageError::git("read the tree of HEAD"))?;
    let on_branch = head.is_branch().then(|| head.name().ok().map(str::to_owned)).flatten();

    let branch = input.branch.clone().unwrap_or_else(|| format!("add-{}", input.model_type));
    let patch = patch_file(input, &root, &branch)?;
    let (sources, not_taken) = sources::collect(input, &root)?;
    if sources.is_empty() && not_taken.is_empty() {
        return Err(StageError::Nothing.into());
    }

    let mut refusals = guards::checkout(repository)?;
    refusals.extend(not_taken);
    refusals.extend(guards::branch(repository, &branch)?);
    refusals.extend(guards::patch(&root, &patch));
    for path in sources.keys() {
        refusals.extend(guards::path(repository, &tree, &root, path)?);
    }
    refusals.extend(outside(&policy, &input.model_type, &sources));
    refusals.extend(forbidden(&policy, input, repository));

    let (files, unchanged) = changes(&tree, sources, &mut refusals)?;
    if files.is_empty() && refusals.is_empty() {
        let why = "the target has every file already, word for word";
        refusals.push(Refusal::new("nothing-new", why, "Give files that differ."));
    }
    let shown = files.iter().map(|it| shown(repository, it)).collect::<Result<Vec<_>, _>>()?;
    let run = input.run.as_deref().map(|run| of_run(run, input, &shown, &mut refusals));
    let run = run.transpose()?;
    let mut notes = notes(&policy, input, &shown, repository, &branch);
    if let Some(run) = run.as_ref().filter(|it| !it.same_port) {
        notes.push(format!(
            "the run `{}` verified none of the files that are staged",
            run.path.display()
        ));
    }
    let mut staging = Staging {
        target: policy.target.clone(),
        checkout: root,
        model_type: input.model_type.clone(),
        branch,
        base: commit.id().to_string(),
        base_branch: on_branch
            .as_deref()
            .and_then(|it| it.strip_prefix("refs/heads/"))
            .map(Into::into),
        files: shown,
        unchanged,
        patch,
        message: input.message.clone(),
        run,
        refusals,
        notes,
        for_the_person: for_the_person(&policy),
        digest: String::new(),
        state: State::Planned,
        recovered: None,
    };
    staging.digest = digest_of(&staging, &files);
    let head = on_branch.unwrap_or_else(|| "HEAD".to_owned());
    Ok(Plan { staging, base: commit.id(), head, files })
}

fn root(repository: &Repository) -> Result<PathBuf, StageError> {
    let workdir = repository.workdir().expect("a checkout has a working tree");
    workdir.canonicalize().map_err(StageError::read(workdir))
}

/// It becomes part of names of files and branches.
fn model_type(text: &str) -> Result<(), StageError> {
    let plain = |it: char| it.is_ascii_alphanumeric() || "_-.".contains(it);
    let good = text.starts_with(|it: char| it.is_ascii_alphanumeric())
        && text.len() <= 64
        && text.chars().all(plain);
    if good { Ok(()) } else { Err(StageError::ModelType(text.to_owned())) }
}

/// Beside the checkout, unless it is named.
fn patch_file(input: &StageInput, root: &Path, branch: &str) -> Result<PathBuf, StageError> {
    if let Some(patch) = &input.patch {
        return std::path::absolute(patch).map_err(StageError::read(patch));
    }
    let name = branch.replace(['/', '\0'], "-");
    Ok(root.parent().unwrap_or(root).join(format!("{name}.patch")))
}

/// Files that a port has no business with.
fn outside(policy: &Policy, model_type: &str, sources: &Sources) -> Vec<Refusal> {
    let allowed = policy.allowed_paths(model_type);
    let rule = policy.rule("allowed-paths");
    let source = rule.map(|it| format!(" ({}, read {})", it.file, it.read)).unwrap_or_default();
    sources
        .keys()
        .filter(|it| !allowed.is_match(it))
        .map(|path| {
            Refusal::new(
                "outside",
                format!("`{path}` is not among the paths of a port to {}{source}", policy.target),
                "Propose that change by itself.",
            )
        })
        .collect()
}

/// What the policy does not let a tool do.
fn forbidden(policy: &Policy, input: &StageInput, repository: &Repository) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    let mut ask = |id: &str, action: Action, takes: fn(Answer) -> bool| {
        let said = policy.may(action);
        if !takes(said.answer) {
            let refusal = Refusal::new(id, said.why, said.instead);
            refusals.push(Refusal { whom: Whom::Agent, ..refusal });
        }
    };
    ask("agent-code", Action::WriteCode, |it| it != Answer::Forbidden);
    let Some(message) = &input.message else { return refusals };
    ask("commit", Action::Commit, |it| it == Answer::Allowed);
    let yourself = "Commit what is staged yourself.";
    if message.trim().is_empty() {
        refusals.push(Refusal::new("message", "the commit message is empty", "Write one."));
    }
    if policy.signs_off() && !message.lines().any(|it| it.starts_with("Signed-off-by: ")) {
        let why = format!("{} asks for a line `Signed-off-by:` in each commit", policy.target);
        refusals.push(Refusal::new("sign-off", why, "Add it to your message."));
    }
    if repository.signature().is_err() {
        let why = "git does not know your name and address";
        refusals.push(Refusal::new("identity", why, "Set `user.name` and `user.email` of git."));
    }
    let signs = repository.config().and_then(|it| it.get_bool("commit.gpgsign")).unwrap_or(false);
    if signs {
        refusals.push(Refusal::new("signed", "your commits carry a signature", yourself));
    }
    refusals
}

/// What each file becomes; files that are there already are named apart.
fn changes(
    tree: &Tree<'_>,
    sources: Sources,
    refusals: &mut Vec<Refusal>,
) -> Result<(Vec<Planned>, Vec<String>), StageError> {
    let (mut files, mut unchanged) = (Vec::new(), Vec::new());
    for (path, Source { bytes, executable, origin }) in sources {
        let entry = tree.get_path(path.as_ref()).ok();
        let before =
            entry.as_ref().map(|it| Blob { id: it.id(), mode: it.filemode().unsigned_abs() });
        // What is there and no plain file is refused elsewhere.
        if before.is_some_and(|it| ![PLAIN, EXECUTABLE].contains(&it.mode)) {
            continue;
        }
        let after =
            Oid::hash_object(ObjectType::Blob, &bytes).map_err(StageError::git("hash a file"))?;
        if before.is_some_and(|it| it.id == after) {
            unchanged.push(path.to_string());
            continue;
        }
        // Staged whole, such a file would take back what the target did to it in between.
        if matches!(origin, Origin::Checkout(was) if was != before.map(|it| it.id)) {
            refusals.push(Refusal::new(
                "moved-on",
                format!("`{path}` is not the same in the two checkouts, before what you changed"),
                "Bring the checkout that you work in up to date first.",
            ));
        }
        let fresh = if executable { EXECUTABLE } else { PLAIN };
        let mode = before.map_or(fresh, |it| it.mode);
        files.push(Planned { path, bytes, mode, before, after });
    }
    Ok((files, unchanged))
}

fn shown(repository: &Repository, file: &Planned) -> Result<StagedFile, StageError> {
    let failed = || StageError::git("compare a file with what it was");
    let old = match &file.before {
        None => Vec::new(),
        Some(blob) => repository.find_blob(blob.id).map_err(failed())?.content().to_vec(),
    };
    let patch = Patch::from_buffers(&old, None, &file.bytes, None, None).map_err(failed())?;
    let (_, added, removed) = patch.line_stats().map_err(failed())?;
    Ok(StagedFile {
        path: file.path.to_string(),
        change: if file.before.is_some() { Change::Modified } else { Change::New },
        added,
        removed,
        sha256: digest::of_bytes(&file.bytes),
    })
}

/// The run's verdict, and whether it is about these files.
fn of_run(
    run: &Path,
    input: &StageInput,
    files: &[StagedFile],
    refusals: &mut Vec<Refusal>,
) -> Result<RunShown, ToolError> {
    let evidence = runs::consistent(run)?;
    let shown = run.display();
    if evidence.subject.model_type != input.model_type {
        let why = format!("the run `{shown}` is about `{}`", evidence.subject.model_type);
        refusals.push(Refusal::new("other-model", why, "Name a run of this model type."));
    }
    let excused = input.even_if_failed && evidence.verdict != Verdict::Partial;
    if evidence.verdict != Verdict::Pass && !excused {
        let why = format!("the verdict of `{shown}` is {}", evidence.verdict.word());
        let instead = match evidence.verdict {
            Verdict::Partial => "Verify without `--checks`; a run of some checks shows too little.",
            _ => {
                "Mend the port and verify again; `--even-if-failed` is for a person who knows why."
            }
        };
        refusals.push(Refusal::new("verdict", why, instead));
    }
    if !runs::speaks_for(&input.target, &evidence) && !excused {
        let why = format!(
            "the run `{shown}` asked {}, not the libraries that users have",
            evidence.roles
        );
        refusals.push(Refusal::new("engines", why, "Verify with `--native`."));
    }
    let port = evidence.subject.port.as_ref();
    let staged = port.and_then(|port| files.iter().find(|it| it.path == port.path));
    let same_port = staged.zip(port).is_some_and(|(staged, port)| staged.sha256 == port.sha256);
    if let Some(staged) = staged.filter(|_| !same_port) {
        let why = format!("the run `{shown}` verified another version of `{}`", staged.path);
        refusals.push(Refusal::new("other-port", why, "Verify this version."));
    }
    Ok(RunShown {
        path: run.to_owned(),
        verdict: evidence.verdict,
        digest: evidence.digest,
        same_port,
    })
}

/// What a person should know before it is done.
fn notes(
    policy: &Policy,
    input: &StageInput,
    files: &[StagedFile],
    repository: &Repository,
    branch: &str,
) -> Vec<String> {
    let mut notes = policy.warnings.clone();
    let model = policy.model_files(&input.model_type);
    if !files.iter().any(|it| model.is_match(&it.path)) {
        let named = policy.rule("model-files").map(|it| it.values.join(" or "));
        let named = named.unwrap_or_default();
        notes.push(format!("no file of the model itself is among these: {named}"));
    }
    for place in policy.registrations() {
        if !files.iter().any(|it| it.path == *place) {
            notes.push(format!(
                "{} registers a new model in `{place}`, which is not touched",
                policy.target
            ));
        }
    }
    if !files.iter().any(|it| it.path.split('/').any(|part| TESTS.contains(&part))) {
        notes.push("no test is among these".to_owned());
    }
    if input.run.is_none() {
        notes.push("no run was named, so nothing here says that the port was verified".to_owned());
    }
    if input.message.is_some() {
        notes.push("the hooks of the checkout are not run for this commit".to_owned());
    }
    let remote = format!("refs/remotes/*/{branch}");
    let on_remote = repository.references_glob(&remote).is_ok_and(|mut it| it.next().is_some());
    if on_remote {
        notes.push(format!("a remote has a branch `{branch}`"));
    }
    notes
}

/// Folders of tests in every target.
const TESTS: [&str; 2] = ["tests", "test"];

fn for_the_person(policy: &Policy) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for action in NEVER_OURS {
        let said = policy.may(action);
        let line = match said.answer {
            Answer::Forbidden | Answer::Person => format!("{} {}", said.instead, said.why),
            Answer::Allowed | Answer::Unstated => said.instead,
        };
        lines.push(line);
    }
    let theirs = policy.rules.iter().filter(|it| it.whom == Whom::Person);
    lines.extend(theirs.map(|it| format!("{} ({}, read {})", it.says, it.file, it.read)));
    lines
}

/// Whatever would make the outcome another one.
fn digest_of(staging: &Staging, files: &[Planned]) -> String {
    let files: Vec<_> = files
        .iter()
        .map(|it| {
            let before = it.before.map(|it| (it.id.to_string(), it.mode));
            json!([it.path, before, it.after.to_string(), it.mode])
        })
        .collect();
    digest::of_json(&json!({
        "portwright": env!("CARGO_PKG_VERSION"),
        "target": staging.target,
        "checkout": staging.checkout,
        "branch": staging.branch,
        "base": staging.base,
        "base_branch": staging.base_branch,
        "files": files,
        "patch": staging.patch,
        "message": staging.message,
        "run": staging.run,
        "refusals": staging.refusals,
    }))
}
