//! Which transformers is meant, which of its modular files, and where each file stands in it.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use portwright_harness::{
    cancel::Cancel,
    environment::{self, Home},
    progress::Progress,
};
use portwright_source::{Library, is_modular};

use crate::error::ToolError;

/// Opens the transformers at `given`; else the one that holds the first of `names` that is a path,
/// or the current folder; else the engines' own.
pub(crate) fn open(
    given: Option<&Path>,
    names: &[String],
    home: &Home,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Library, ToolError> {
    if let Some(library) = checkout(given, names)? {
        return Ok(library);
    }
    let engines = environment::ensure(home, progress, cancel)?;
    Ok(Library::open(&engines.site_packages)?)
}

/// As [`open`], but installs nothing: there may be no transformers on this machine.
pub(crate) fn at_hand(given: Option<&Path>, home: &Home) -> Result<Option<Library>, ToolError> {
    if let Some(library) = checkout(given, &[])? {
        return Ok(Some(library));
    }
    let engines = environment::installed(home);
    Ok(engines.map(|it| Library::open(&it.site_packages)).transpose()?)
}

/// The transformers that is named, or that files or the current folder lie in.
fn checkout(given: Option<&Path>, names: &[String]) -> Result<Option<Library>, ToolError> {
    if let Some(given) = given {
        let path = given.canonicalize().map_err(|_| ToolError::NoSuchPath {
            flag: "--transformers",
            path: given.to_owned(),
        })?;
        return Ok(Some(Library::open(&path)?));
    }
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
            _ => Err(ToolError::Input("either names or all of them".into())),
        };
    }
    if names.is_empty() {
        return Err(ToolError::Input(
            "name modular files or models (e.g. `olmo3`), or ask for all with --all".into(),
        ));
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
        let text = format!("two modular files of `{}` were named; give one of them", model(twice));
        return Err(ToolError::Input(text));
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
    let text = format!("`{}` is no modular file (`modular_<model>.py`)", path.display());
    Err(ToolError::Input(text))
}

fn of_model(name: &str, every: &[PathBuf]) -> Result<PathBuf, ToolError> {
    let bare = name.strip_prefix("modular_").unwrap_or(name).replace('-', "_");
    if let Some(file) = every.iter().find(|it| model(it) == bare) {
        return Ok(file.clone());
    }
    let near = nearest(&bare, every.iter().map(|it| model(it)));
    let hint = near.map(|it| format!("; the nearest is `{it}`")).unwrap_or_default();
    Err(ToolError::Input(format!("`{name}` has no modular file here{hint}")))
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
