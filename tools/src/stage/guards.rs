//! Reasons against staging that lie in the checkout: its state, and each path.

use std::{fs, path::Path};

use git2::{
    AttrCheckFlags, Branch, BranchType, ObjectType, Repository, RepositoryState, StatusOptions,
    Tree,
};

use super::{Refusal, error::StageError};
use crate::target_path::TargetPath;

/// Names of a dirty tree that are told.
const MOST_NAMES: usize = 5;

/// Attributes by which git rewrites a file on its way in; ours would go in as it is.
const REWRITING: [&str; 2] = ["filter", "working-tree-encoding"];

/// What is wrong with the checkout as a whole.
pub(super) fn checkout(repository: &Repository) -> Result<Vec<Refusal>, StageError> {
    let mut refusals = Vec::new();
    let detached = repository.head_detached().map_err(StageError::git("read HEAD"))?;
    if detached {
        refusals.push(Refusal::new(
            "detached-head",
            "HEAD is detached: the checkout is on no branch",
            "Switch to the target's main branch.",
        ));
    }
    let state = repository.state();
    if state != RepositoryState::Clean {
        refusals.push(Refusal::new(
            "in-progress",
            format!("git is in the middle of something: {}", word(state)),
            "Finish it or give it up.",
        ));
    }
    if repository.path().join("index.lock").exists() {
        refusals.push(Refusal::new(
            "locked",
            "another git is at work: there is an `index.lock`",
            "Wait for it; remove the file if no git runs.",
        ));
    }
    let dirty = dirty(repository)?;
    if !dirty.is_empty() {
        let names: Vec<String> =
            dirty.iter().take(MOST_NAMES).map(|it| format!("`{it}`")).collect();
        let more = dirty.len().saturating_sub(MOST_NAMES);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        refusals.push(Refusal::new(
            "dirty-tree",
            format!("the checkout is not clean: {}{more}", names.join(", ")),
            "Commit or stash that, or stage into a fresh clone.",
        ));
    }
    Ok(refusals)
}

/// Whatever `git status` would name.
fn dirty(repository: &Repository) -> Result<Vec<String>, StageError> {
    let mut options = StatusOptions::new();
    options.include_untracked(true);
    let found =
        repository.statuses(Some(&mut options)).map_err(StageError::git("read the status"))?;
    Ok(found
        .iter()
        .map(|it| String::from_utf8_lossy(it.path_bytes()).escape_debug().to_string())
        .collect())
}

fn word(state: RepositoryState) -> &'static str {
    match state {
        RepositoryState::Clean => "nothing",
        RepositoryState::Merge => "a merge",
        RepositoryState::Revert | RepositoryState::RevertSequence => "a revert",
        RepositoryState::CherryPick | RepositoryState::CherryPickSequence => "a cherry-pick",
        RepositoryState::Bisect => "a bisection",
        RepositoryState::Rebase
        | RepositoryState::RebaseInteractive
        | RepositoryState::RebaseMerge => "a rebase",
        RepositoryState::ApplyMailbox | RepositoryState::ApplyMailboxOrRebase => "applying patches",
    }
}

/// What is wrong with the name of the new branch.
pub(super) fn branch(repository: &Repository, name: &str) -> Result<Option<Refusal>, StageError> {
    let failed = || StageError::git("look for the branch");
    let refuse = |why: String| Ok(Some(Refusal::new("branch", why, "Choose another name.")));
    if name.contains('\0') || !Branch::name_is_valid(name).map_err(failed())? {
        return refuse(format!("`{}` cannot be the name of a branch", name.escape_debug()));
    }
    let full = format!("refs/heads/{name}");
    if repository.find_reference(&full).is_ok() {
        return refuse(format!("there is a branch `{name}` already"));
    }
    // A branch is a file: none can lie below another.
    let above = name.match_indices('/').map(|(at, _)| &name[..at]);
    for other in above {
        if repository.find_branch(other, BranchType::Local).is_ok() {
            return refuse(format!("`{name}` cannot be beside the branch `{other}`"));
        }
    }
    if repository.references_glob(&format!("{full}/*")).map_err(failed())?.next().is_some() {
        return refuse(format!("`{name}` cannot be beside the branches `{name}/...`"));
    }
    Ok(None)
}

/// What is wrong with a path, as far as the checkout and its commit tell; the first that is.
pub(super) fn path(
    repository: &Repository,
    head: &Tree<'_>,
    root: &Path,
    path: &TargetPath,
) -> Result<Option<Refusal>, StageError> {
    let refuse = |id: &str, why: String, instead: &str| Ok(Some(Refusal::new(id, why, instead)));
    for folder in path.folders() {
        let at = root.join(folder);
        if let Ok(entry) = head.get_path(Path::new(folder)) {
            match entry.kind() {
                Some(ObjectType::Tree) => {}
                Some(ObjectType::Commit) => {
                    let why = format!("`{path}` lies in the submodule `{folder}`");
                    return refuse(
                        "submodule",
                        why,
                        "Contribute to the submodule's own repository.",
                    );
                }
                _ => {
                    return refuse(
                        "path",
                        format!("`{folder}` is not a folder"),
                        "Name another path.",
                    );
                }
            }
        }
        match fs::symlink_metadata(&at) {
            Ok(found) if found.is_symlink() => {
                let why = format!("`{folder}`, on the way to `{path}`, is a link");
                return refuse("link", why, "Name the path that the link leads to.");
            }
            Ok(found) if !found.is_dir() => {
                return refuse("path", format!("`{folder}` is not a folder"), "Name another path.");
            }
            Ok(_) if at.join(".git").exists() => {
                let why = format!("`{path}` lies in another repository, `{folder}`");
                return refuse("submodule", why, "Contribute to that repository.");
            }
            _ => {}
        }
    }
    let at = path.below(root);
    let tracked = head.get_path(path.as_ref()).ok();
    let is_file = tracked.as_ref().is_none_or(|it| matches!(it.filemode(), 0o100_644 | 0o100_755));
    let on_disk = fs::symlink_metadata(&at).ok();
    if !is_file || on_disk.as_ref().is_some_and(|it| !it.is_file()) {
        let why = format!("`{path}` is a link, a folder or a submodule in the target");
        return refuse("link", why, "Change it by hand.");
    }
    let ignored = repository
        .is_path_ignored(path)
        .map_err(StageError::git("read what the checkout ignores"))?;
    if tracked.is_none() && ignored {
        let instead = "Leave it out; it is not part of the target.";
        return refuse("ignored", format!("the target ignores `{path}`"), instead);
    }
    if tracked.is_none() && on_disk.is_some() {
        return refuse("path", format!("`{path}` is there and not tracked"), "Move it away.");
    }
    let mut beside = at.into_os_string();
    beside.push(super::apply::PARTIAL);
    if fs::symlink_metadata(&beside).is_ok() {
        let why = format!("`{}` is in the way", Path::new(&beside).display());
        return refuse("path", why, "Move it away.");
    }
    for name in REWRITING {
        let value = repository
            .get_attr(path.as_ref(), name, AttrCheckFlags::default())
            .map_err(StageError::git("read attributes"))?;
        if value.is_some() {
            let why = format!("git rewrites `{path}` on its way in (attribute `{name}`)");
            return refuse("filtered", why, "Stage it by hand.");
        }
    }
    Ok(None)
}

/// What is wrong with the place of the patch file.
pub(super) fn patch(root: &Path, patch: &Path) -> Option<Refusal> {
    let refuse =
        |why: String| Some(Refusal::new("patch", why, "Name another file with `--patch`."));
    let shown = patch.display();
    if fs::symlink_metadata(patch).is_ok() {
        return refuse(format!("the patch file `{shown}` is there already"));
    }
    let folder = patch.parent().unwrap_or(Path::new("/"));
    match folder.canonicalize() {
        Err(err) => refuse(format!("the patch file `{shown}` cannot be written: {err}")),
        Ok(folder) if folder.starts_with(root) => {
            refuse(format!("the patch file `{shown}` would lie in the checkout"))
        }
        Ok(_) => None,
    }
}
