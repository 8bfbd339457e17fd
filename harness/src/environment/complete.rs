//! The mark of a finished environment, and what the rest of the harness gets to know of it.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{
    error::SetupError,
    home::Home,
    lock::engines_lock_digest,
    settings::{Settings, ShownTorchSource},
    supply::Supply,
};

/// A Python environment that is ready for workers of one engine or of both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Engines {
    /// The environment's Python: run it with [`worker_environment`](super::worker_environment).
    pub python: PathBuf,
    /// `3.11.7`
    pub python_version: String,
    /// Holds the package `portwright_worker`; goes on `PYTHONPATH`.
    pub workers: PathBuf,
    /// Where the pinned `transformers` and `mlx_lm` are, as sources to read.
    pub site_packages: PathBuf,
    /// Installed versions by package name (`torch` -> `2.15.0+cpu`).
    pub versions: BTreeMap<String, String>,
    /// SHA-256 of the lock file that was installed.
    pub lock_digest: String,
    pub torch: ShownTorchSource,
}

impl Engines {
    /// Whether it has what this supply takes.
    pub fn serves(&self, supply: Supply) -> bool {
        serves(&self.versions, supply)
    }
}

/// Told by what is installed, so that an environment with everything serves smaller ones too.
fn serves(versions: &BTreeMap<String, String>, supply: Supply) -> bool {
    versions.contains_key(supply.package())
}

/// `complete.json`: written last, so that its presence says that all before it is there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Complete {
    pub(super) lock_digest: String,
    /// Separates environments of one lock: see [`key`].
    pub(super) torch_key: String,
    pub(super) torch: ShownTorchSource,
    /// The Python that the environment was made from.
    pub(super) base_python: PathBuf,
    pub(super) python_version: String,
    pub(super) uv_version: String,
    pub(super) disk_bytes: u64,
    pub(super) seconds: f64,
    pub(super) versions: BTreeMap<String, String>,
}

pub(super) const FILE: &str = "complete.json";

/// Tells torch sources apart without keeping what may be a secret in them.
pub(super) fn key(settings: &Settings) -> String {
    use super::settings::TorchSource;
    match &settings.torch {
        TorchSource::Locked => "locked".into(),
        TorchSource::Index { url } => super::lock::hex_digest(&[url])[..16].to_owned(),
    }
}

impl Complete {
    pub(super) fn read(folder: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(folder.join(FILE)).ok()?).ok()
    }

    /// Written under another name and renamed, so that a full disk leaves none rather than half.
    pub(super) fn write(&self, folder: &Path) -> Result<(), SetupError> {
        let (draft, path) = (folder.join("complete.draft"), folder.join(FILE));
        let text = serde_json::to_vec_pretty(self).expect("strings and numbers always serialise");
        fs::write(&draft, text).map_err(SetupError::io("write", &draft))?;
        fs::rename(&draft, &path).map_err(SetupError::io("write", &path))
    }

    /// Whether it has what this supply takes.
    pub(super) fn serves(&self, supply: Supply) -> bool {
        serves(&self.versions, supply)
    }

    pub(super) fn engines(self, folder: &Path, workers: PathBuf) -> Engines {
        Engines {
            python: python_of(folder),
            site_packages: site_packages(folder, &self.python_version),
            python_version: self.python_version,
            workers,
            versions: self.versions,
            lock_digest: self.lock_digest,
            torch: self.torch,
        }
    }
}

pub(super) fn python_of(folder: &Path) -> PathBuf {
    folder.join("bin/python")
}

pub(super) fn site_packages(folder: &Path, python_version: &str) -> PathBuf {
    let minor = python_version.rsplit_once('.').map_or(python_version, |(minor, _)| minor);
    folder.join("lib").join(format!("python{minor}")).join("site-packages")
}

/// Every environment in the home with its mark, whatever it was made for.
pub(super) fn all(home: &Home) -> Vec<(PathBuf, Option<Complete>)> {
    let Ok(entries) = fs::read_dir(home.path()) else { return Vec::new() };
    let mut found: Vec<_> = entries
        .filter_map(|it| it.ok().map(|it| it.path()))
        .filter(|it| it.is_dir() && it.file_name().is_some_and(|it| is_ours(&it.to_string_lossy())))
        .map(|it| (it.clone(), Complete::read(&it)))
        .collect();
    found.sort_by(|(left, _), (right, _)| left.cmp(right));
    found
}

fn is_ours(name: &str) -> bool {
    name.strip_prefix("engines-")
        .is_some_and(|it| it.len() == 12 && it.bytes().all(|it| it.is_ascii_hexdigit()))
}

/// A finished environment that serves all of `needs`, without starting any Python.
pub(super) fn find(
    home: &Home,
    settings: &Settings,
    needs: &[Supply],
) -> Option<(PathBuf, Complete)> {
    let chosen = settings.python.as_ref().map(|it| it.canonicalize().unwrap_or(it.clone()));
    all(home).into_iter().find_map(|(folder, _)| {
        let complete = in_folder(&folder, settings, needs)?;
        let made_from = complete.base_python.canonicalize().ok()?;
        chosen.as_ref().is_none_or(|it| *it == made_from).then_some((folder, complete))
    })
}

/// The finished environment in this very folder, when it serves all of `needs`.
pub(super) fn in_folder(folder: &Path, settings: &Settings, needs: &[Supply]) -> Option<Complete> {
    let complete = Complete::read(folder)?;
    // Where torch comes from is of no matter to whoever does not need it.
    let torch = !needs.contains(&Supply::Torch) || complete.torch_key == key(settings);
    let fits = torch
        && complete.lock_digest == engines_lock_digest()
        && needs.iter().all(|it| complete.serves(*it));
    (fits && python_of(folder).exists()).then_some(complete)
}

/// Installed packages by the folders that installers leave: `torch-2.15.0.dist-info`.
pub(super) fn installed(site_packages: &Path) -> io::Result<BTreeMap<String, String>> {
    let mut versions = BTreeMap::new();
    for entry in fs::read_dir(site_packages)? {
        let name = entry?.file_name();
        let name = name.to_string_lossy();
        let Some((package, version)) =
            name.strip_suffix(".dist-info").and_then(|it| it.rsplit_once('-'))
        else {
            continue;
        };
        versions.insert(package.replace(['_', '.'], "-").to_lowercase(), version.to_owned());
    }
    Ok(versions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn installed_packages_are_read_from_their_folders() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["torch-2.15.0+cpu.dist-info", "mlx_lm-0.32.2.dist-info", "torch", "x.py"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        let versions = installed(dir.path()).unwrap();
        let expected = [("mlx-lm", "0.32.2"), ("torch", "2.15.0+cpu")];
        assert!(versions.iter().map(|(name, version)| (&**name, &**version)).eq(expected));
    }

    #[test]
    fn half_a_mark_is_no_mark() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(FILE), r#"{"lock_digest": "ab"#).unwrap();
        assert_eq!(Complete::read(dir.path()), None);
    }
}
