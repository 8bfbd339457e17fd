//! The files of a contribution, from wherever the person has them.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use git2::{Oid, Repository, Status, StatusOptions};

use super::{Refusal, StageInput, error::StageError};
use crate::target_path::{BadPath, TargetPath};

/// A port has a handful.
const MOST_FILES: usize = 500;
/// A longer file is no source code.
const LONGEST: u64 = 4 * 1024 * 1024;

/// A file as it is to be.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) bytes: Vec<u8>,
    pub(super) executable: bool,
    pub(super) origin: Origin,
}

/// Where a file comes from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Origin {
    Anywhere,
    /// Another checkout of the target, with what the file was there before it was changed.
    Checkout(Option<Oid>),
}

/// Files by their path in the target.
pub(super) type Sources = BTreeMap<TargetPath, Source>;

/// Every file that was given; what cannot be taken is a refusal.
pub(super) fn collect(
    input: &StageInput,
    checkout: &Path,
) -> Result<(Sources, Vec<Refusal>), StageError> {
    let mut basket = Basket::default();
    for (path, file) in &input.files {
        basket.take(TargetPath::new(path), file, Origin::Anywhere);
    }
    if let Some(folder) = &input.port {
        let folder = folder.canonicalize().map_err(StageError::read(folder))?;
        if folder == checkout {
            basket.refuse(
                "same-checkout",
                "the files lie in the checkout itself, so it is not clean",
                "Work in another clone or worktree, and stage from there into a clean one.",
            );
        } else if folder.join(".git").exists() {
            basket.take_changed(&folder)?;
        } else {
            for file in files_below(&folder)? {
                let below = file.strip_prefix(&folder).expect("it was found below the folder");
                basket.take(TargetPath::of(below), &file, Origin::Anywhere);
            }
        }
    }
    if MOST_FILES < basket.sources.len() {
        let why = format!("more than {MOST_FILES} files are given");
        basket.refuse("many-files", why, "Stage only what belongs to the port.");
    }
    Ok((basket.sources, basket.refusals))
}

#[derive(Default)]
struct Basket {
    sources: Sources,
    refusals: Vec<Refusal>,
}

impl Basket {
    fn refuse(&mut self, id: &str, why: impl Into<String>, instead: &str) {
        self.refusals.push(Refusal::new(id, why, instead));
    }

    fn take(&mut self, path: Result<TargetPath, BadPath>, file: &Path, origin: Origin) {
        let read = path.map_err(|err| err.to_string());
        match read.and_then(|path| Ok((path, read_source(file, origin)?))) {
            Ok((path, source)) => {
                if self.sources.insert(path.clone(), source).is_some() {
                    self.refuse("twice", format!("`{path}` is given twice"), "Name it once.");
                }
            }
            Err(why) => self.refuse("file", why, "Give a plain file and a path in the target."),
        }
    }

    /// What was changed in another checkout, with what each file was before.
    fn take_changed(&mut self, folder: &Path) -> Result<(), StageError> {
        let failed = || StageError::git("read the checkout that the files are taken from");
        let repository = Repository::open(folder).map_err(failed())?;
        let head = repository.head().and_then(|it| it.peel_to_tree()).map_err(failed())?;
        let mut options = StatusOptions::new();
        options.include_untracked(true).recurse_untracked_dirs(true).exclude_submodules(true);
        for entry in repository.statuses(Some(&mut options)).map_err(failed())?.iter() {
            let Ok(path) = entry.path() else {
                let path = String::from_utf8_lossy(entry.path_bytes()).into_owned();
                let why = format!("`{}` is not written in UTF-8", path.escape_debug());
                self.refuse("file", why, "Give it another name.");
                continue;
            };
            let gone = Status::INDEX_DELETED | Status::WT_DELETED | Status::CONFLICTED;
            if entry.status().intersects(gone) {
                let why = format!("`{path}` is deleted, or in conflict, where the files come from");
                self.refuse("deleted", why, "Put it back, or delete it in the checkout by hand.");
                continue;
            }
            let before = head.get_path(Path::new(path)).ok().map(|it| it.id());
            self.take(TargetPath::new(path), &folder.join(path), Origin::Checkout(before));
        }
        Ok(())
    }
}

/// Every entry that is no folder, links among them, in a stable order.
fn files_below(folder: &Path) -> Result<Vec<PathBuf>, StageError> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).map_err(StageError::read(&folder))? {
            let entry = entry.map_err(StageError::read(&folder))?;
            let kind = entry.file_type().map_err(StageError::read(entry.path()))?;
            if kind.is_dir() {
                open.push(entry.path());
            } else {
                found.push(entry.path());
            }
        }
        if MOST_FILES < found.len() + open.len() {
            break;
        }
    }
    found.sort();
    Ok(found)
}

fn read_source(file: &Path, origin: Origin) -> Result<Source, String> {
    let shown = file.display();
    let failed = |err: std::io::Error| format!("`{shown}` cannot be read: {err}");
    let found = fs::symlink_metadata(file).map_err(failed)?;
    if !found.is_file() {
        return Err(format!("`{shown}` is not a regular file"));
    }
    if LONGEST < found.len() {
        return Err(format!("`{shown}` has {} bytes, at most {LONGEST} are taken", found.len()));
    }
    let bytes = fs::read(file).map_err(failed)?;
    // Git itself keeps such a file as it is, and shows it as changed in the next breath.
    if !bytes.contains(&0) && bytes.windows(2).any(|it| it == b"\r\n") {
        return Err(format!("`{shown}` has Windows line ends"));
    }
    Ok(Source { bytes, executable: found.permissions().mode() & 0o111 != 0, origin })
}
