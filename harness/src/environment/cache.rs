//! What lies in the home, what of it this program uses, and what an earlier one left.
//!
//! All of it can be fetched or made again. Pruning removes only what this program would not use: folders of
//! other lock files, of other workers' code, and what an interrupted set-up left.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    complete,
    error::SetupError,
    home::Home,
    lock::pinned,
    settings::Settings,
    source,
    supply::Supply,
    uv::{self, remove},
    workers,
};
use crate::{
    cancel::Cancel,
    progress::{Progress, Step},
};

/// What the names of the home's entries begin with, and what such an entry is.
const KINDS: [(&str, &str); 10] = [
    ("engines-", "packages of the native engines"),
    ("beside-", "packages that an earlier release of transformers needs"),
    ("source-", "source files of a library"),
    ("wheel-", "a source, as far as it was fetched"),
    ("release-", "what an index said of a release"),
    ("workers-", "the workers' own code"),
    ("uv-", "uv, the installer"),
    ("tool-", "a tool"),
    ("code", "compiled Python of definitions"),
    ("locks", "locks"),
];
/// The mark by which backup programs leave caches out.
const TAG: &str = "CACHEDIR.TAG";

/// The home and all that is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Cache {
    pub home: PathBuf,
    /// In the order of their names.
    pub entries: Vec<Entry>,
    /// Bytes of all of them; what several share counts once.
    pub bytes: u64,
    /// Names of what was removed.
    pub removed: Vec<String>,
}

/// One file or folder of the home.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Entry {
    pub name: String,
    /// What it is, in a few words.
    pub what: String,
    /// What is not shared with an entry before it.
    pub bytes: u64,
    pub state: State,
}

/// Whether an entry is of use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// This program uses it.
    Used,
    /// It was asked for once, and is kept.
    Kept,
    /// Another version used it, or a set-up was interrupted: it can go.
    Old,
    /// Nothing of Portwright's: it stays.
    Foreign,
}

/// Looks at the home; with `prune` what is [`State::Old`] is removed.
///
/// # Errors
///
/// What cannot be read or removed, by its path; or when cancelled.
pub fn cache(
    home: &Home,
    prune: bool,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Cache, SetupError> {
    look(home, &Settings::from_environment(), prune, progress, cancel)
}

fn look(
    home: &Home,
    settings: &Settings,
    prune: bool,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Cache, SetupError> {
    let used = used(home, settings);
    let names = names(home.path()).map_err(SetupError::io("read", home.path()))?;
    let step = Step::start(progress, "looking at the cache", names.len() as u64);
    let (mut entries, mut removed, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
    for name in names {
        if cancel.is_cancelled() {
            return Err(SetupError::Cancelled);
        }
        let path = home.path().join(&name);
        let kind = KINDS.iter().find(|it| name.starts_with(it.0));
        let state = state(&name, kind.is_some(), used.contains(&path));
        if prune && state == State::Old {
            discard(&path)?;
            removed.push(name);
            step.advance(1);
            continue;
        }
        let bytes = bytes(&path, &mut seen).map_err(SetupError::io("read", &path))?;
        let what = kind.map_or("not Portwright's", |it| it.1).to_owned();
        entries.push(Entry { name, what, bytes, state });
        step.advance(1);
    }
    let bytes = entries.iter().map(|it| it.bytes).sum();
    Ok(Cache { home: home.path().to_owned(), entries, bytes, removed })
}

/// The folders that this program uses with these settings.
fn used(home: &Home, settings: &Settings) -> BTreeSet<PathBuf> {
    let engines = complete::all(home).into_iter().map(|it| it.0);
    let engines = engines.filter(|it| complete::in_folder(it, settings, &[]).is_some());
    let sources = [Supply::Transformers, Supply::MlxLm].map(|it| source::find(home, &pinned(it)));
    let sources = sources.into_iter().flatten().filter_map(|it| Some(it.parent()?.to_owned()));
    let own = [workers::folder(home), home.path().join(format!("uv-{}", uv::pinned()))];
    engines.chain(sources).chain(own).collect()
}

fn state(name: &str, is_ours: bool, is_used: bool) -> State {
    // Drafts and what a removal left are of no use to anybody.
    let is_litter = [".draft", ".part", GOING].iter().any(|it| name.ends_with(it));
    match (is_ours, is_used) {
        (true, _) if is_litter => State::Old,
        (true, true) => State::Used,
        (true, false) if ["engines-", "workers-", "uv-"].iter().any(|it| name.starts_with(it)) => {
            State::Old
        }
        (true, false) => State::Kept,
        (false, _) => State::Foreign,
    }
}

/// What is being removed is called so, until it is gone.
const GOING: &str = ".going";

fn discard(path: &Path) -> Result<(), SetupError> {
    if path.is_file() {
        return fs::remove_file(path).map_err(SetupError::io("remove", path));
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let going = path.with_file_name(format!("{}{GOING}", name.trim_end_matches(GOING)));
    if going != path {
        // Half of it under its own name would look like the whole.
        remove(&going)?;
        fs::rename(path, &going).map_err(SetupError::io("remove", path))?;
    }
    remove(&going)
}

fn names(home: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(home) {
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name != TAG {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Bytes of the files below a path that are not among `seen`: installers link one file into several folders.
fn bytes(path: &Path, seen: &mut BTreeSet<(u64, u64)>) -> io::Result<u64> {
    let found = fs::symlink_metadata(path)?;
    if found.is_dir() {
        let mut sum = 0;
        for entry in fs::read_dir(path)? {
            sum += bytes(&entry?.path(), seen)?;
        }
        return Ok(sum);
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;

        if found.nlink() > 1 && !seen.insert((found.dev(), found.ino())) {
            return Ok(0);
        }
    }
    Ok(found.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::{
        setup::ensure_with,
        testing::{Fake, world},
    };

    #[test]
    fn what_another_version_left_goes_and_what_is_used_or_foreign_stays() {
        let world = world(Fake::default());
        let needs = [Supply::Torch, Supply::Mlx];
        ensure_with(&world.home, &world.settings, &needs, &(), &Cancel::default()).unwrap();
        let path = |name: &str| world.home.path().join(name);
        for old in
            ["engines-0123456789ab", "workers-ba9876543210", "source-x.draft", "wheel-0a.part"]
        {
            fs::create_dir_all(path(old)).unwrap();
            fs::write(path(old).join("file"), [0; 100]).unwrap();
        }
        fs::create_dir_all(path("mine")).unwrap();
        fs::write(path("release-transformers-5.6.json"), "{}").unwrap();
        let look =
            |prune| look(&world.home, &world.settings, prune, &(), &Cancel::default()).unwrap();
        let before = look(false);
        let states = |it: &Cache, state| {
            let of = it.entries.iter().filter(|it| it.state == state);
            of.map(|it| it.name.clone()).collect::<Vec<_>>()
        };
        let old =
            ["engines-0123456789ab", "source-x.draft", "wheel-0a.part", "workers-ba9876543210"];
        assert_eq!(states(&before, State::Old), old);
        assert_eq!(states(&before, State::Foreign), ["mine"]);
        assert!(states(&before, State::Used).iter().any(|it| it.starts_with("engines-")));
        assert!(states(&before, State::Kept).contains(&"release-transformers-5.6.json".to_owned()));

        let after = look(true);
        assert_eq!(after.removed, old);
        assert_eq!(after.bytes, before.bytes - 400);
        assert_eq!(look(false).entries, after.entries);
        assert!(path("mine").is_dir());
    }

    #[test]
    fn a_removal_that_was_cut_off_is_finished_the_next_time() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path().join("home")).unwrap();
        fs::create_dir_all(home.path().join(format!("workers-0123456789ab{GOING}/deep"))).unwrap();
        let after = look(&home, &Settings::default(), true, &(), &Cancel::default()).unwrap();
        assert_eq!(after.removed.len(), 1);
        assert!(after.entries.is_empty());
    }

    #[test]
    fn a_home_that_is_not_there_is_empty() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path().join("none")).unwrap();
        let found = look(&home, &Settings::default(), true, &(), &Cancel::default()).unwrap();
        assert_eq!((found.entries.len(), found.bytes), (0, 0));
        assert!(!home.path().exists());
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_two_folders_share_counts_once() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (dir.path().join("one"), dir.path().join("two"));
        fs::write(&one, [0; 10]).unwrap();
        fs::hard_link(&one, &two).unwrap();
        assert_eq!(bytes(dir.path(), &mut BTreeSet::new()).unwrap(), 10);
    }
}
