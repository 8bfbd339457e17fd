//! The source files of one package, without its dependencies: fetched as a wheel, held to its hashes,
//! unpacked into a folder that is named after its contents.
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

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{
    download::download,
    error::SetupError,
    home::Home,
    lock::{Requirement, hex_digest},
    python::Interpreter,
    uv::{Uv, remove},
};
use crate::{
    cancel::Cancel,
    progress::{Progress, Step},
};

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
        let module = site_packages.join(self.name.replace('-', "_")).join("__init__.py");
        (there && module.is_file()).then_some(site_packages)
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
    pub(super) python: &'a Interpreter,
    pub(super) uv: &'a Uv,
}

impl Fetch<'_> {
    /// The folder with the package, fetched unless it is there. Several processes may ask at once: one
    /// fetches, the others wait.
    pub(super) fn run(
        &self,
        requirement: &Requirement<'_>,
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
        let step = format!("source of {} {}", source.name, source.version);
        let _step = Step::start(progress, &step, None);
        // Nobody else fills it while we hold the lock: it is what a killed process left.
        remove(&draft)?;
        self.fill(&draft, &source, requirement, cancel)
            .and_then(|()| {
                remove(&folder)?;
                fs::rename(&draft, &folder).map_err(SetupError::io("write", &folder))
            })
            .inspect_err(|_| {
                // The error that brought us here is the one to report.
                let _ = remove(&draft);
            })?;
        source.find(self.home).ok_or_else(|| SetupError::Command {
            command: format!("uv pip install {}=={}", source.name, source.version),
            status: "it left no such package".into(),
            tail: String::new(),
        })
    }

    fn fill(
        &self,
        draft: &Path,
        source: &Source,
        requirement: &Requirement<'_>,
        cancel: &Cancel,
    ) -> Result<(), SetupError> {
        fs::create_dir_all(draft).map_err(SetupError::io("create", draft))?;
        let lock = draft.join("requirements.lock");
        fs::write(&lock, requirement.text).map_err(SetupError::io("write", &lock))?;
        let with = (self.uv, self.python, self.home);
        install_to(&site_packages(draft), &lock, with, cancel)?;
        let mark = draft.join(MARK);
        let text = serde_json::to_vec_pretty(source).expect("strings always serialise");
        fs::write(&mark, text).map_err(SetupError::io("write", &mark))
    }
}

/// The packages of a lock file, and nothing that they ask for, in a folder.
pub(super) fn install_to(
    target: &Path,
    lock: &Path,
    (uv, python, home): (&Uv, &Interpreter, &Home),
    cancel: &Cancel,
) -> Result<(), SetupError> {
    let mut install = uv.command(home);
    install.args(["pip", "install", "--no-deps", "--require-hashes", "--only-binary", ":all:"]);
    install.arg("--python").arg(&python.path);
    install.arg("--target").arg(target).arg("-r").arg(lock);
    download(uv, "uv pip install", &mut install, home, cancel, &mut |_| {})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::{
        lock::{pinned, requirements},
        python,
        supply::Supply,
        testing::{Fake, World, world},
        uv,
    };

    fn installing(script: &str) -> World {
        world(Fake { install: script.into(), ..Fake::default() })
    }

    fn fetch(world: &World, requirement: &Requirement<'_>) -> Result<PathBuf, SetupError> {
        world.home.create().unwrap();
        let python = python::find(&world.settings, &Cancel::default())?;
        let uv = uv::find(&world.home, &world.settings).unwrap();
        let fetch = Fetch { home: &world.home, python: &python, uv: &uv };
        fetch.run(requirement, &(), &Cancel::default())
    }

    #[test]
    fn a_source_is_fetched_once_and_named_after_its_contents() {
        let world = world(Fake::default());
        let requirement = pinned(Supply::MlxLm);
        let folder = fetch(&world, &requirement).unwrap();
        assert!(folder.join("mlx_lm/__init__.py").is_file());
        assert_eq!(fetch(&world, &requirement).unwrap(), folder);
        let asked = world.asked("pip install");
        assert_eq!(asked.len(), 1);
        assert!(asked[0].contains("--no-deps --require-hashes --only-binary :all:"), "{asked:?}");

        let other = requirement.text.replace("--hash=sha256:", "--hash=sha256:0");
        let other = fetch(&world, &requirements(&other)[0]).unwrap();
        assert_ne!(other, folder);
        assert_eq!(all(&world.home).len(), 2);
        assert!(unfinished(&world.home).is_empty());
    }

    #[test]
    fn a_source_that_was_emptied_or_cut_off_is_fetched_again() {
        let world = world(Fake::default());
        let requirement = pinned(Supply::Transformers);
        let site_packages = fetch(&world, &requirement).unwrap();
        fs::remove_file(site_packages.join("transformers/__init__.py")).unwrap();
        assert_eq!(find(&world.home, &requirement), None);
        let folder = site_packages.parent().unwrap();
        assert_eq!(unfinished(&world.home), [folder]);
        // What a killed process left.
        let draft = PathBuf::from(format!("{}{DRAFT}", folder.display()));
        fs::create_dir_all(draft.join("site-packages/transformers/half")).unwrap();
        assert_eq!(fetch(&world, &requirement).unwrap(), site_packages);
        assert!(site_packages.join("transformers/__init__.py").is_file() && !draft.exists());
        assert!(!site_packages.join("transformers/half").exists());
    }

    #[test]
    fn a_wheel_that_is_not_the_promised_one_leaves_nothing() {
        let world = installing(
            "mkdir -p $target/mlx_lm; echo 'error: Hash mismatch for `mlx-lm==0.32.2`' >&2; exit 1",
        );
        let err = fetch(&world, &pinned(Supply::MlxLm)).unwrap_err();
        assert!(matches!(err, SetupError::Hash { .. }), "{err}");
        assert!(folders(&world.home).is_empty());
    }

    #[test]
    fn a_full_disk_is_told_and_leaves_nothing() {
        let world = installing(
            "mkdir -p $target; echo 'error: failed to write: No space left on device' >&2; exit 2",
        );
        let err = fetch(&world, &pinned(Supply::MlxLm)).unwrap_err();
        assert!(matches!(err, SetupError::DiskFull { .. }), "{err}");
        assert!(folders(&world.home).is_empty());
    }

    #[test]
    fn an_installer_that_leaves_no_package_is_told() {
        let world = installing("mkdir -p $target");
        let err = fetch(&world, &pinned(Supply::MlxLm)).unwrap_err().to_string();
        assert!(err.contains("it left no such package"), "{err}");
    }
}
