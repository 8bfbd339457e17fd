//! Finished runs on disk.

use std::{
    borrow::Cow,
    collections::HashMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::SystemTime,
};

use portwright_harness::{earlier, engine::Pair, evidence::Evidence, hint::Hint, rundir::EVIDENCE};
use portwright_targets as targets;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Failure, ToolError};

/// There is no run, or none that finished.
#[derive(Debug, thiserror::Error)]
#[error("`{path}` is not a finished run: it has no readable evidence.json ({detail})", path = path.display())]
pub(crate) struct NoEvidence {
    path: PathBuf,
    detail: String,
}

impl Failure for NoEvidence {}

impl Hint for NoEvidence {
    fn hint(&self) -> Option<Cow<'static, str>> {
        Some("name the folder that `portwright verify` printed".into())
    }
}

/// Whether a contribution to the target may rest on a run: where the target receives ports, its users run its
/// own library, so that library has to have spoken.
pub(crate) fn speaks_for(target: &str, evidence: &Evidence) -> bool {
    let receives = targets::find(target).is_ok_and(|it| it.package.is_some());
    !receives || evidence.roles == Pair::native()
}

/// The folder under the current one where runs go unless told otherwise.
pub const RUNS: &str = "portwright-runs";

/// The folder of that name under [`RUNS`].
pub fn below(name: impl AsRef<Path>) -> PathBuf {
    let runs = Path::new(RUNS);
    keep_out_of_git(runs);
    runs.join(name)
}

/// Makes a folder of runs that git takes for no part of the checkout around it. Where it cannot be written,
/// whoever writes a run into it says so.
pub fn keep_out_of_git(runs: &Path) {
    let made =
        fs::create_dir_all(runs).and_then(|()| fs::File::create_new(runs.join(".gitignore")));
    if let Ok(mut file) = made {
        let _ = file.write_all(b"*\n");
    }
}

/// One line about a finished run.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RunSummary {
    pub path: PathBuf,
    pub model_type: String,
    pub verdict: String,
    pub digest: String,
    pub finished: String,
}

/// The evidence of the run in `path`.
///
/// # Errors
///
/// Fails when there is none, when it is not JSON of a known schema, or of a later version.
pub fn load(path: &Path) -> Result<Evidence, ToolError> {
    let error = |detail: String| NoEvidence { path: path.to_owned(), detail };
    let text = fs::read_to_string(path.join(EVIDENCE)).map_err(|err| error(err.to_string()))?;
    Ok(earlier::read(&text).map_err(|err| error(err.to_string()))?)
}

/// The evidence of the run in `path`, whose outcomes are what its figures give.
///
/// # Errors
///
/// As [`load`]; and when it contradicts itself.
pub fn consistent(path: &Path) -> Result<Evidence, ToolError> {
    let evidence = load(path)?;
    match evidence.disagreements().first() {
        None => Ok(evidence),
        Some(fault) => Err(NoEvidence {
            path: path.to_owned(),
            detail: format!("it contradicts itself: {fault}"),
        }
        .into()),
    }
}

/// What is known of the finished runs of one folder. Each is read once, because evidence is never
/// changed, only replaced whole.
#[derive(Debug, Default)]
pub struct Index {
    read: Mutex<HashMap<PathBuf, (Stamp, RunSummary)>>,
}

/// Tells a file from the one that replaced it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    modified: SystemTime,
    bytes: u64,
}

impl Index {
    /// Every finished run under `root`, newest first. Unfinished ones are left out.
    pub fn list(&self, root: &Path) -> Vec<RunSummary> {
        let Ok(entries) = fs::read_dir(root) else { return Vec::new() };
        let mut before = self.read.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut now = HashMap::new();
        for path in entries.filter_map(|it| Some(it.ok()?.path())) {
            let Some(stamp) = Stamp::of(&path.join(EVIDENCE)) else { continue };
            let known = before.remove(&path).filter(|it| it.0 == stamp);
            if let Some(run) = known.or_else(|| Some((stamp, summary(&path)?))) {
                now.insert(path, run);
            }
        }
        let mut runs: Vec<RunSummary> = now.values().map(|it| it.1.clone()).collect();
        runs.sort_by(|a, b| b.finished.cmp(&a.finished).then(a.path.cmp(&b.path)));
        *self.read.lock().unwrap_or_else(PoisonError::into_inner) = now;
        runs
    }
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Self { modified: metadata.modified().ok()?, bytes: metadata.len() })
    }
}

fn summary(path: &Path) -> Option<RunSummary> {
    let evidence = load(path).ok()?;
    Some(RunSummary {
        path: path.to_owned(),
        model_type: evidence.subject.model_type,
        verdict: evidence.verdict.word().to_owned(),
        digest: evidence.digest,
        finished: evidence.clock.finished,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_runs_is_no_part_of_the_checkout_around_it_unless_its_owner_says_so() {
        let root = tempfile::tempdir().unwrap();
        let runs = root.path().join(RUNS);
        keep_out_of_git(&runs);
        let ignored = runs.join(".gitignore");
        assert_eq!(fs::read_to_string(&ignored).unwrap(), "*\n");
        fs::write(&ignored, "").unwrap();
        keep_out_of_git(&runs);
        assert_eq!(fs::read_to_string(&ignored).unwrap(), "");
    }

    #[test]
    fn evidence_is_read_once_and_again_when_it_is_replaced() {
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/gemma2");
        let root = tempfile::tempdir().unwrap();
        let run = root.path().join("gemma2-1");
        fs::create_dir(&run).unwrap();
        let evidence = fs::read_to_string(fixture.join(EVIDENCE)).unwrap();
        fs::write(run.join(EVIDENCE), &evidence).unwrap();
        fs::create_dir(root.path().join("unfinished")).unwrap();
        let index = Index::default();
        let listed = index.list(root.path());
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0].model_type, "gemma2");

        // What is known is not read again: the same stamp tells the same.
        let stamp = Stamp::of(&run.join(EVIDENCE)).unwrap();
        let known = RunSummary { verdict: "known".into(), ..listed[0].clone() };
        index.read.lock().unwrap().insert(run.clone(), (stamp, known));
        assert_eq!(index.list(root.path())[0].verdict, "known");

        fs::write(run.join(EVIDENCE), evidence + "\n").unwrap();
        assert_eq!(index.list(root.path())[0].verdict, listed[0].verdict);
        fs::remove_dir_all(&run).unwrap();
        assert!(index.list(root.path()).is_empty());
        assert!(index.read.lock().unwrap().is_empty());
    }
}
