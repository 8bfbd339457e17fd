//! The source files of one package, without its dependencies: the wheel comes from the package index,
//! is held to its hashes and unpacked into a folder that is named after its contents.
//!
//! ```text
//! source-transformers-5.24.0-0123456789ab/
//!     site-packages/transformers/…
//!     source.json
//! ```
//!
//! # Invariants
//!
//! - The folder appears under its name when all of it is there: it is filled as a draft and renamed.
//! - Nothing of the package runs, so neither its dependencies nor the system it was made for matter.
//! - No Python, no pip and no uv is needed.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{
    error::SetupError,
    home::Home,
    index::{Index, Promised, Wheel, unpack},
    lock::{Requirement, hex_digest},
    uv::remove,
};
use crate::{cancel::Cancel, progress::Progress};

const PREFIX: &str = "source-";
const MARK: &str = "source.json";
const DRAFT: &str = ".draft";

/// `source.json`: what lies beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) version: String,
    /// SHA-256 of the files that the lock or the index names for this version; the wheel is one of
    /// them.
    pub(super) hashes: BTreeSet<String>,
}

impl Source {
    fn of(requirement: &Requirement<'_>) -> Self {
        Self {
            name: requirement.name.to_owned(),
            version: requirement.version.to_owned(),
            hashes: requirement.hashes().into_iter().map(str::to_owned).collect(),
        }
    }

    /// The folder's name in the home: other contents are another folder.
    fn folder_name(&self) -> String {
        let Self { name, version, hashes } = self;
        let parts: Vec<&str> = [name, version].into_iter().chain(hashes).map(|it| &**it).collect();
        format!("{PREFIX}{name}-{version}-{}", &hex_digest(&parts)[..12])
    }

    /// The finished folder of these contents: the one that Python would import the package from.
    fn find(&self, home: &Home) -> Option<PathBuf> {
        let folder = home.path().join(self.folder_name());
        let there = Self::read(&folder).as_ref() == Some(self);
        let site_packages = site_packages(&folder);
        // A folder that somebody emptied is no source.
        let module = site_packages.join(self.module()).join("__init__.py");
        (there && module.is_file()).then_some(site_packages)
    }

    /// As Python imports it.
    fn module(&self) -> String {
        self.name.replace('-', "_")
    }

    fn read(folder: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(folder.join(MARK)).ok()?).ok()
    }
}

/// Named as where installers put packages: what lies in such a folder is nobody's checkout.
fn site_packages(folder: &Path) -> PathBuf {
    folder.join("site-packages")
}

/// The folder with the package that `requirement` names, when it was fetched already.
pub(super) fn find(home: &Home, requirement: &Requirement<'_>) -> Option<PathBuf> {
    Source::of(requirement).find(home)
}

/// Every finished source in the home with its folder, in order of their names.
pub(super) fn all(home: &Home) -> Vec<(PathBuf, Source)> {
    folders(home)
        .into_iter()
        .filter_map(|it| {
            let source = Source::read(&it)?;
            Some((source.find(home)?, source))
        })
        .collect()
}

/// Folders that look like sources and are none: left by a kill, or emptied by hand.
pub(super) fn unfinished(home: &Home) -> Vec<PathBuf> {
    let finished = |it: &PathBuf| Source::read(it).is_some_and(|it| it.find(home).is_some());
    folders(home).into_iter().filter(|it| !finished(it)).collect()
}

fn folders(home: &Home) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(home.path()) else { return Vec::new() };
    let mut found: Vec<PathBuf> = entries
        .filter_map(|it| it.ok().map(|it| it.path()))
        .filter(|it| it.file_name().is_some_and(|it| it.to_string_lossy().starts_with(PREFIX)))
        .filter(|it| it.is_dir())
        .collect();
    found.sort();
    found
}

/// What fetches.
pub(super) struct Fetch<'a> {
    pub(super) home: &'a Home,
    pub(super) index: &'a Index<'a>,
    /// Who promised the hashes: the lock file, or the index.
    pub(super) promised_by: &'a str,
}

impl Fetch<'_> {
    /// The folder with the package, fetched unless it is there; `wheel` is asked for where it is not.
    /// Several processes may ask at once: one fetches, the others wait.
    pub(super) fn run(
        &self,
        requirement: &Requirement<'_>,
        wheel: impl FnOnce() -> Result<Wheel, SetupError>,
        progress: &dyn Progress,
        cancel: &Cancel,
    ) -> Result<PathBuf, SetupError> {
        let source = Source::of(requirement);
        let name = source.folder_name();
        let _lock = self.home.lock(&name, progress, cancel)?;
        if let Some(found) = source.find(self.home) {
            return Ok(found);
        }
        let folder = self.home.path().join(&name);
        let draft = self.home.path().join(format!("{name}{DRAFT}"));
        let wheel = wheel()?;
        let hashes = source.hashes.iter().map(String::as_str).collect();
        let promised = Promised { hashes, by: self.promised_by };
        let file = self.index.fetch(self.home, &wheel, &promised, progress, cancel)?;
        // Nobody else fills it while we hold the lock: it is what a killed process left.
        remove(&draft)?;
        let made = fill(&draft, &source, &file, progress, cancel).and_then(|()| {
            remove(&folder)?;
            fs::rename(&draft, &folder).map_err(SetupError::io("write", &folder))
        });
        if !matches!(made, Err(SetupError::Cancelled)) {
            // What is whole was unpacked, or cannot be; a cancelled call goes on with it. Where the
            // removal fails, its next use does without it.
            let _ = fs::remove_file(&file);
        }
        made.inspect_err(|_| {
            // The error that brought us here is the one to report.
            let _ = remove(&draft);
        })?;
        source.find(self.home).ok_or_else(|| SetupError::Damaged {
            tail: format!("{} holds no package `{}`", wheel.name, source.module()),
        })
    }
}

fn fill(
    draft: &Path,
    source: &Source,
    wheel: &Path,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<(), SetupError> {
    fs::create_dir_all(draft).map_err(SetupError::io("create", draft))?;
    unpack(wheel, &source.module(), &site_packages(draft), progress, cancel)?;
    let mark = draft.join(MARK);
    let text = serde_json::to_vec_pretty(source).expect("strings always serialise");
    fs::write(&mark, text).map_err(SetupError::io("write", &mark))
}

/// A finished source without a wheel.
#[cfg(test)]
pub(super) fn put(home: &Home, requirement: &Requirement<'_>) {
    let source = Source::of(requirement);
    let folder = home.path().join(source.folder_name());
    let module = site_packages(&folder).join(source.module());
    fs::create_dir_all(&module).unwrap();
    fs::write(module.join("__init__.py"), "").unwrap();
    fs::write(folder.join(MARK), serde_json::to_vec(&source).unwrap()).unwrap();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::{
        index::Place,
        lock::{pinned, requirements},
        supply::Supply,
        testing::{Fake, Served, World, wheel, world},
    };

    const NAME: &str = "mlx_lm-9.1.0-py3-none-any.whl";

    /// A world whose index has this wheel, and the requirement that names it.
    fn having(files: &[(&str, &str)]) -> (World, Served, String) {
        let wheel = wheel(files);
        let hash = crate::digest::of_bytes(&wheel);
        let served = Served::start(&[("mlx-lm", NAME, wheel)]);
        let mut world = world(Fake::default());
        world.settings.index = Place::new(&served.url);
        (world, served, format!("mlx-lm==9.1.0 --hash=sha256:{hash}\n"))
    }

    fn fetch(world: &World, requirement: &str) -> Result<PathBuf, SetupError> {
        world.home.create().unwrap();
        let requirement = requirements(requirement)[0];
        let index = Index::at(&world.settings.index)?;
        let fetch = Fetch { home: &world.home, index: &index, promised_by: "the lock file" };
        let cancel = Cancel::default();
        fetch.run(&requirement, || index.locked(&requirement, &cancel), &(), &cancel)
    }

    const FILES: [(&str, &str); 2] = [
        ("mlx_lm/__init__.py", "one = 1\n"),
        ("mlx_lm-9.1.0.dist-info/METADATA", "Name: mlx-lm\n"),
    ];

    #[test]
    fn a_source_is_fetched_once_and_named_after_its_contents() {
        let (world, served, requirement) = having(&FILES);
        let folder = fetch(&world, &requirement).unwrap();
        for (path, text) in FILES {
            assert_eq!(fs::read_to_string(folder.join(path)).unwrap(), text);
        }
        let asked = served.asked().len();
        assert_eq!(fetch(&world, &requirement).unwrap(), folder);
        assert_eq!(served.asked().len(), asked);
        assert!(world.asked("").is_empty(), "uv was asked");

        let other = format!("{} --hash=sha256:0{:063}\n", requirement.trim(), 1);
        assert_ne!(fetch(&world, &other).unwrap(), folder);
        assert_eq!(all(&world.home).len(), 2);
        assert!(unfinished(&world.home).is_empty());
        let left = fs::read_dir(world.home.path()).unwrap().map(|it| it.unwrap().file_name());
        assert!(left.into_iter().all(|it| !it.to_string_lossy().ends_with(".part")));
    }

    #[test]
    fn a_source_that_was_emptied_or_cut_off_is_fetched_again() {
        let (world, _served, requirement) = having(&FILES);
        let site_packages = fetch(&world, &requirement).unwrap();
        fs::remove_file(site_packages.join("mlx_lm/__init__.py")).unwrap();
        assert_eq!(find(&world.home, &requirements(&requirement)[0]), None);
        let folder = site_packages.parent().unwrap();
        assert_eq!(unfinished(&world.home), [folder]);
        // What a killed process left.
        let draft = PathBuf::from(format!("{}{DRAFT}", folder.display()));
        fs::create_dir_all(draft.join("site-packages/mlx_lm/half")).unwrap();
        assert_eq!(fetch(&world, &requirement).unwrap(), site_packages);
        assert!(site_packages.join("mlx_lm/__init__.py").is_file() && !draft.exists());
        assert!(!site_packages.join("mlx_lm/half").exists());
    }

    /// Folders of earlier versions, which uv filled, hold a few files more.
    #[test]
    fn a_source_that_is_there_is_taken_whoever_fetched_it() {
        let world = world(Fake::default());
        put(&world.home, &pinned(Supply::MlxLm));
        let found = find(&world.home, &pinned(Supply::MlxLm)).unwrap();
        assert!(found.ends_with("site-packages"));
    }

    #[test]
    fn a_wheel_without_its_package_is_told_and_leaves_nothing() {
        let (world, _served, requirement) = having(&FILES[1..]);
        let err = fetch(&world, &requirement).unwrap_err().to_string();
        assert!(err.contains("holds no package `mlx_lm`"), "{err}");
        assert!(all(&world.home).is_empty());
    }
}
