//! `PATH` or `HUB_ID@REV`: where a checkpoint's files are.

use std::{
    borrow::Cow,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use portwright_harness::{
    environment::Engines,
    hint::Hint,
    progress::{Event, Progress, Step},
};

#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    #[error("`{0}` is neither a folder nor a Hub id such as `org/name@revision`")]
    NotACheckpoint(String),

    #[error("failed to fetch `{id}` from the Hub: {detail}")]
    Fetch { id: String, detail: String },
}

impl Hint for CheckpointError {
    fn hint(&self) -> Option<Cow<'static, str>> {
        Some(match self {
            Self::NotACheckpoint(_) => {
                "a folder must hold config.json and *.safetensors; a Hub id has one slash".into()
            }
            Self::Fetch { .. } => {
                "fetch it yourself with `hf download`, then give its folder to `--checkpoint`"
                    .into()
            }
        })
    }
}

/// The folder, where `checkpoint` is one.
pub fn local(checkpoint: &str) -> Option<PathBuf> {
    let path = Path::new(checkpoint);
    path.join("config.json").is_file().then(|| path.canonicalize().ok()).flatten()
}

/// The folder of `checkpoint`, fetched through the Hub's own client when it is an id.
///
/// The client keeps its cache, resumes, and verifies what it fetched; it runs apart from the workers,
/// with the user's own Hub settings.
pub fn resolve(
    checkpoint: &str,
    engines: &Engines,
    progress: &dyn Progress,
) -> Result<PathBuf, CheckpointError> {
    if let Some(folder) = local(checkpoint) {
        return Ok(folder);
    }
    let path = Path::new(checkpoint);
    let (id, revision) = match checkpoint.split_once('@') {
        Some((id, revision)) => (id, Some(revision)),
        None => (checkpoint, None),
    };
    let looks_like_id = id.split('/').count() == 2 && !path.exists() && !id.starts_with(['.', '/']);
    if !looks_like_id {
        return Err(CheckpointError::NotACheckpoint(checkpoint.to_owned()));
    }
    progress.on(Event::Note { text: &format!("fetching {checkpoint} from the Hub") });
    let _step = Step::start(progress, "fetching the checkpoint", None);
    let mut command = Command::new(engines.python.with_file_name("hf"));
    command.args([
        "download",
        id,
        "--quiet",
        "--include",
        "*.json",
        "*.safetensors",
        "tokenizer*",
        "*.jinja",
        "*.py",
    ]);
    if let Some(revision) = revision {
        command.args(["--revision", revision]);
    }
    let fetch = |detail: String| CheckpointError::Fetch { id: checkpoint.to_owned(), detail };
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|err| fetch(format!("the Hub's client did not start: {err}")))?;
    let stdout = String::from_utf8_lossy(&output.stdout);
    let folder = stdout.lines().map(str::trim).rfind(|it| Path::new(it).is_dir());
    if let (true, Some(folder)) = (output.status.success(), folder) {
        Ok(PathBuf::from(folder))
    } else {
        let stderr = String::from_utf8_lossy(&output.stderr);
        let last = stderr.lines().rfind(|it| !it.trim().is_empty());
        Err(fetch(last.unwrap_or("it said nothing").trim().to_owned()))
    }
}
