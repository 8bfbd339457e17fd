//! What the inverse (`scaffold`) asks of the converter: the same renaming, the same class, the same
//! files, for a text that stands nowhere yet.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::inherit::{View, document, inherit};
use super::prefix::{candidate, renamings};
use super::reading::Modular;
use super::{Generated, convert_source};
use crate::library::Library;
use crate::naming::ModelNames;
use crate::problem::Problem;
use crate::rename::Renaming;
use crate::text::{Node, Source};

/// The files that a modular text stands for; its path need not exist.
pub(crate) fn convert_text(
    library: &Library,
    source: Arc<Source>,
) -> Result<Vec<Generated>, Problem> {
    convert_source(library, source)
}

/// The renaming that each parent's file gets, by its path.
pub(crate) fn parents_renamed(
    library: &Library,
    source: Arc<Source>,
) -> Result<Vec<(PathBuf, Renaming)>, Problem> {
    let modular = Modular::read(library, source)?;
    let renamings = renamings(library, &modular)?;
    Ok(modular.parents.into_iter().map(|parent| parent.path).zip(renamings).collect())
}

/// The renaming of a parent's file if `class(base)` alone decided on it.
pub(crate) fn renaming_of_pair(
    names: &ModelNames,
    model: &str,
    class: &str,
    base: &str,
    old: &str,
) -> Renaming {
    let default = names.camel(model);
    let chosen = candidate(class, base, &default, &names.camel(old));
    let new = if chosen == default { model.to_owned() } else { names.snake(&chosen) };
    Renaming::new(names, old, &new, model)
}

/// The class that `child` inherits from, with its strings and comments renamed as far as its name asks.
pub(crate) fn documented(
    names: &ModelNames,
    child: &Node,
    renamed_base: &str,
    parent: &Node,
    model: &str,
) -> Result<Node, Problem> {
    Ok(document(names, &View::of(child)?, renamed_base, parent, model)?
        .unwrap_or_else(|| parent.clone()))
}

/// The class of `child` spelled out, with `parent` as its renamed file has it.
pub(crate) fn spelled_out(
    names: &ModelNames,
    child: &Node,
    base: &str,
    renamed_base: &str,
    parent: &Node,
    model: &str,
) -> Result<Node, Problem> {
    inherit(names, child, base, renamed_base, parent, model)
}

/// Where the modular file of `model` stands whose files are in `folder`.
pub(crate) fn modular_path(folder: &Path, model: &str) -> PathBuf {
    folder.join(format!("modular_{model}.py"))
}
