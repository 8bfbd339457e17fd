//! What the inverse (`scaffold`) asks of the converter: the same renaming, the same class, the same
//! files, for a text that stands nowhere yet.

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) use super::convert_source as convert_text;
pub(crate) use super::inherit::inherit as spelled_out;
use super::inherit::{View, document};
use super::prefix::{candidate, renaming, renamings};
use super::reading::Modular;
use crate::library::Library;
use crate::naming::ModelNames;
use crate::problem::Problem;
use crate::rename::Renaming;
use crate::text::{Node, Source};

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
    renaming(names, old, &chosen, model)
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

/// Where the modular file of `model` stands whose files are in `folder`.
pub(crate) fn modular_path(folder: &Path, model: &str) -> PathBuf {
    folder.join(format!("modular_{model}.py"))
}
