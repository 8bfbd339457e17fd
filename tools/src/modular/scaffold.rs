//! `modular scaffold`: from standalone files to the modular file that they would be generated from.

use std::{
    fs,
    path::{Path, PathBuf},
};

use portwright_harness::{
    cancel::Cancel,
    environment::Home,
    progress::{Progress, Step},
};
use portwright_source::{
    FileKind,
    scaffold::{self, Index, InputFile, Options, Scaffold},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{error::ModularError, files, place};
use crate::{error::ToolError, ruff};

/// What to scaffold, and how.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ScaffoldInput {
    /// The standalone files of one model (`modeling_x.py`, `configuration_x.py`, ...), or its folder.
    /// One file brings those of its model that stand beside it.
    pub files: Vec<PathBuf>,
    /// A checkout or install of transformers whose models may be inherited from; the pinned release
    /// when absent.
    pub transformers: Option<PathBuf>,
    /// Inherit from these models and no others; the best ones when empty.
    pub parents: Vec<String>,
    /// Never inherit from these models.
    pub exclude: Vec<String>,
    /// The model type, where the files' names do not say it.
    pub name: Option<String>,
    /// Where to write the modular file: a file, or a folder; nowhere when absent.
    pub out: Option<PathBuf>,
    /// Replace a file that is there.
    pub force: bool,
}

/// The modular file, and what it is worth.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ScaffoldOutput {
    /// Where it was written.
    pub path: Option<PathBuf>,
    #[serde(flatten)]
    pub scaffold: Scaffold,
}

impl ScaffoldOutput {
    /// 1 where the modular file does not convert back to every byte of the input.
    pub fn exit_code(&self) -> u8 {
        u8::from(!self.scaffold.exact)
    }
}

/// Make a modular file.
///
/// # Errors
///
/// Fails when the files are not Python, are not of one model, or cannot be read or written. One that
/// does not convert back exactly is no error: the output says so, with the difference.
pub fn scaffold(
    input: &ScaffoldInput,
    home: &Home,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<ScaffoldOutput, ToolError> {
    let library = place::open(input.transformers.as_deref(), &[], home, progress, cancel)?;
    let inputs = gather(&input.files)?;
    let style = ruff::settings(library.package())?;
    let options = Options {
        parents: (!input.parents.is_empty()).then(|| input.parents.clone()),
        name: input.name.clone(),
        exclude: input.exclude.clone(),
    };
    let step = Step::start(progress, "reading the models of the release", None);
    let index = Index::build(&library)?;
    drop(step);
    let step = Step::start(progress, "finding parents, and converting back", None);
    let scaffold = scaffold::scaffold(&library, &index, &style, &inputs, &options)?;
    drop(step);
    let path = match &input.out {
        Some(out) => Some(write(out, &scaffold, input.force)?),
        None => None,
    };
    Ok(ScaffoldOutput { path, scaffold })
}

fn write(out: &Path, scaffold: &Scaffold, force: bool) -> Result<PathBuf, ToolError> {
    let name = format!("modular_{}.py", scaffold.model);
    let path = if out.is_dir() { out.join(name) } else { out.to_owned() };
    if path.exists() && !force {
        return Err(ModularError::Exists { path }.into());
    }
    files::replace(&path, &scaffold.modular)?;
    Ok(path)
}

/// The files that were meant: those given, or those of the model in a folder or beside one file.
fn gather(given: &[PathBuf]) -> Result<Vec<InputFile>, ToolError> {
    let mut paths = match given {
        [one] if one.is_dir() => of_folder(one, None)?,
        [one] => {
            let folder = one.parent().filter(|it| !it.as_os_str().is_empty());
            of_folder(folder.unwrap_or(Path::new(".")), model_of(one).as_deref())?
        }
        many => many.to_vec(),
    };
    for path in given.iter().filter(|it| !it.is_dir()) {
        if !paths.iter().any(|it| it.file_name() == path.file_name()) {
            paths.push(path.clone());
        }
    }
    paths.sort();
    if paths.is_empty() {
        return Err(ModularError::NoStandalone.into());
    }
    let read = |path: PathBuf| match fs::read_to_string(&path) {
        Ok(text) => Ok(InputFile { path, text }),
        Err(source) => Err(ToolError::Read { path, source }),
    };
    paths.into_iter().map(read).collect()
}

/// The standalone files in `folder`, of one model where that is said.
fn of_folder(folder: &Path, model: Option<&str>) -> Result<Vec<PathBuf>, ToolError> {
    let error = |source| ToolError::Read { path: folder.to_owned(), source };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(error)? {
        let path = entry.map_err(error)?.path();
        let of = model_of(&path);
        if of.is_some() && (model.is_none() || of.as_deref() == model) {
            paths.push(path);
        }
    }
    Ok(paths)
}

/// The model of a standalone file, by its name.
fn model_of(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?.strip_suffix(".py")?;
    FileKind::split(name).map(|(_, model)| model.to_owned())
}
