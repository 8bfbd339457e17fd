//! Which transformers is meant, which of its modular files, and where each file stands in it.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use portwright_harness::{
    cancel::Cancel,
    environment::{self, Home, Supply},
    progress::Progress,
};
use portwright_source::{Library, is_modular};

use super::error::ModularError;
use crate::{error::ToolError, transformers};

/// Opens the transformers that `given` names; else the one that holds the first of `names` that is a path,
/// or the current folder; else the pinned release, fetched where it is not there.
pub(crate) fn open(
    given: Option<&Path>,
    names: &[String],
    home: &Home,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Library, ToolError> {
    if let Some(given) = transformers::find(given, home, progress, cancel)? {
        return Ok(Library::open(&given.folder)?);
    }
    if let Some(library) = around(names)? {
        return Ok(library);
    }
    let pinned = environment::ensure(home, &[Supply::Transformers], progress, cancel)?;
    Ok(Library::open(pinned.transformers()?)?)
}

/// As [`open`] with nothing named, but fetches nothing: there may be no transformers on this machine.
pub(crate) fn at_hand(home: &Home) -> Result<Option<Library>, ToolError> {
    if let Some(library) = around(&[])? {
        return Ok(Some(library));
    }
    let Some(pinned) = environment::installed(home, &[Supply::Transformers]) else {
        return Ok(None);
    };
    Ok(Some(Library::open(pinned.transformers()?)?))
}

/// The transformers that files or the current folder lie in.
fn around(names: &[String]) -> Result<Option<Library>, ToolError> {
    let files = names.iter().filter(|it| is_path(it)).map(PathBuf::from);
    let package = files.chain([PathBuf::from(".")]).find_map(|path| package_above(&path));
    Ok(package.map(|it| Library::open(&it)).transpose()?)
}

/// The package folder that `path` lies in, or that the checkout around it holds.
fn package_above(path: &Path) -> Option<PathBuf> {
    let path = path.canonicalize().ok()?;
    path.ancestors()
        .flat_map(|it| [it.to_owned(), it.join("src/transformers")])
        .find(|it| it.join("models/auto").is_dir())
}

fn is_path(name: &str) -> bool {
    name.contains(['/', '\\']) || Path::new(name).extension().is_some_and(|it| it == "py")
}

/// The modular files that `names` mean: model types (`olmo3`), folders or files; all when `all`.
pub(super) fn select(
    library: &Library,
    names: &[String],
    all: bool,
) -> Result<Vec<PathBuf>, ToolError> {
    let every = library.modular_files()?;
    if all {
        return match names {
            [] => Ok(every),
            _ => Err(ModularError::NamesAndAll.into()),
        };
    }
    if names.is_empty() {
        return Err(ModularError::NothingNamed.into());
    }
    let mut chosen: Vec<PathBuf> = Vec::new();
    for name in names {
        let file = if is_path(name) { of_path(Path::new(name))? } else { of_model(name, &every)? };
        if !chosen.contains(&file) {
            chosen.push(file);
        }
    }
    let mut seen = BTreeSet::new();
    if let Some(twice) = chosen.iter().find(|it| !seen.insert(model(it))) {
        return Err(ModularError::Twice { model: model(twice) }.into());
    }
    Ok(chosen)
}

fn of_path(path: &Path) -> Result<PathBuf, ToolError> {
    let found = path
        .canonicalize()
        .map_err(|_| ToolError::NoSuchPath { flag: "FILE", path: path.to_owned() })?;
    let file = if found.is_dir() {
        let name = found.file_name().unwrap_or_default().to_string_lossy().into_owned();
        found.join(format!("modular_{name}.py"))
    } else {
        found
    };
    if file.is_file() && is_modular(&file) {
        return Ok(file);
    }
    Err(ModularError::NotModular { path: path.to_owned() }.into())
}

fn of_model(name: &str, every: &[PathBuf]) -> Result<PathBuf, ToolError> {
    let bare = name.strip_prefix("modular_").unwrap_or(name).replace('-', "_");
    if let Some(file) = every.iter().find(|it| model(it) == bare) {
        return Ok(file.clone());
    }
    let nearest = nearest(&bare, every.iter().map(|it| model(it)));
    Err(ModularError::NoModularFile { name: name.to_owned(), nearest }.into())
}

/// The name that `name` was most likely meant to be.
pub(crate) fn nearest(name: &str, known: impl IntoIterator<Item = String>) -> Option<String> {
    known
        .into_iter()
        .map(|it| (strsim::damerau_levenshtein(name, &it), it))
        .min()
        .filter(|(distance, it)| *distance <= it.len().max(name.len()) / 2)
        .map(|(_, it)| it)
}

/// The model of `modular_<model>.py`.
pub(super) fn model(modular: &Path) -> String {
    let stem = modular.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    stem.strip_prefix("modular_").unwrap_or(&stem).to_owned()
}

/// Whether the package stands in a checkout, where generated files are meant to be replaced.
pub(super) fn is_checkout(library: &Library) -> bool {
    library.package().ends_with("src/transformers")
}

/// Where a file of the package stands in the transformers repository.
pub(super) fn in_repository(library: &Library, path: &Path) -> PathBuf {
    if let Ok(below) = path.strip_prefix(library.package()) {
        return Path::new("src/transformers").join(below);
    }
    // A file outside of the package is taken to be meant for the folder of its model.
    let name = path.file_name().unwrap_or_default();
    let folder = path.parent().and_then(Path::file_name).unwrap_or_default();
    Path::new("src/transformers/models").join(folder).join(name)
}
