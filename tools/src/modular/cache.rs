//! What `check` remembers of a library: digests of what each conversion read and gave.
//!
//! It lies in the user's cache and may be deleted at any time: without it, everything is converted
//! again. It holds digests only, so that nothing in it can become an output.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::{Path, PathBuf},
    sync::{PoisonError, RwLock},
    time::SystemTime,
};

use portwright_harness::{digest, environment::Home};
use portwright_source::Library;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{error::ModularError, files};
use crate::error::ToolError;

/// SHA-256 in hexadecimal digits.
pub(super) type Digest = String;

/// One modular file as it was last found in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// The modular file and its parents' files, with what they held.
    pub(super) read: BTreeMap<PathBuf, Digest>,
    /// The standalone files, with what they must hold.
    pub(super) written: BTreeMap<PathBuf, Digest>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Cache {
    /// What all conversions depend on: formatter, release, tables of model types, this program.
    common: Digest,
    pub(super) entries: BTreeMap<PathBuf, Entry>,
}

impl Cache {
    /// What is remembered of `library`; nothing where it was made under another `common`.
    pub(super) fn read(home: &Home, library: &Library, common: Digest) -> Self {
        let found = fs::read(file(home, library)).ok();
        let found = found.and_then(|it| serde_json::from_slice::<Self>(&it).ok());
        found.filter(|it| it.common == common).unwrap_or(Self { common, entries: BTreeMap::new() })
    }

    pub(super) fn write(&self, home: &Home, library: &Library) -> Result<(), ToolError> {
        let text = serde_json::to_string(self).map_err(|source| ModularError::Cache {
            package: library.package().to_owned(),
            source,
        })?;
        files::replace(&file(home, library), &text)
    }
}

/// A file for each place that a library stands in.
fn file(home: &Home, library: &Library) -> PathBuf {
    let place = library.package().to_string_lossy().into_owned();
    home.path().join("modular").join(format!("{}.json", &digest::of_bytes(place.as_bytes())[..16]))
}

/// What all conversions depend on.
pub(super) fn common(library: &Library, formatter: &str) -> Digest {
    let auto = library.models().join("auto");
    let tables = ["auto_mappings.py", "configuration_auto.py"].map(|it| auto.join(it));
    let tables = tables.map(|it| fs::read(it).unwrap_or_default());
    let program = std::env::current_exe().and_then(fs::metadata).ok().map(|it| {
        let modified =
            it.modified().ok().and_then(|it| it.duration_since(SystemTime::UNIX_EPOCH).ok());
        format!("{} {modified:?}", it.len())
    });
    let release = library.version().unwrap_or_default();
    let program = format!("{} {program:?} {release}", env!("CARGO_PKG_VERSION"));
    let parts = [program.as_bytes(), formatter.as_bytes(), &tables[0], &tables[1]];
    // Digests have one length each, so that the parts cannot run into each other.
    digest::of_bytes(parts.map(digest::of_bytes).concat().as_bytes())
}

/// Digests of files on disk, each read once.
#[derive(Debug, Default)]
pub(super) struct Digests(RwLock<HashMap<PathBuf, Option<Digest>>>);

impl Digests {
    /// Reads `paths`, in parallel.
    pub(super) fn read(&self, paths: &[&Path]) {
        let read: Vec<_> = paths.par_iter().map(|it| (it.to_path_buf(), of_file(it))).collect();
        self.0.write().unwrap_or_else(PoisonError::into_inner).extend(read);
    }

    /// The digest of a file on disk; `None` where there is none.
    pub(super) fn of(&self, path: &Path) -> Option<Digest> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.get(path).cloned().unwrap_or_else(|| of_file(path))
    }

    /// Whether each path still holds what it held.
    pub(super) fn hold(&self, expected: &BTreeMap<PathBuf, Digest>) -> bool {
        expected.iter().all(|(path, digest)| self.of(path).as_ref() == Some(digest))
    }
}

fn of_file(path: &Path) -> Option<Digest> {
    fs::read(path).ok().map(|it| digest::of_bytes(&it))
}
