//! Whether a target has a port of a model at all: told in a moment, before any engine starts.

use std::path::Path;

use portwright_source::{
    Library,
    port::{Catalogue, Remapping},
};
use portwright_targets::{Package, Target};
use serde_json::{Map, Value};

use super::{error::PortError, release::nearest_names};
use crate::{error::ToolError, tree};

/// Refuses a model that has a definition in `definitions` and no port in `place`.
///
/// The tables of the target decide, as for its own users, by the type and by the `architectures` of the
/// config at hand; where there is none, by the classes that configs of this type name. A model type that
/// has no definition either is left to the engine of the definitions, which knows it best, and so is a
/// folder that is no tree of the target.
///
/// # Errors
///
/// [`PortError::NoPort`], and where the target's tables or the definitions' cannot be read.
pub(crate) fn require(
    (target, about): (&'static Target, &'static Package),
    place: &Path,
    definitions: &Path,
    model_type: &str,
    architectures: &[String],
) -> Result<(), ToolError> {
    let Ok(package) = tree::package(about, place) else { return Ok(()) };
    let utils = package.join(&about.remapping.file);
    let remapping = Remapping::parse(&utils, &tree::read(&utils)?, tree::tables(about))?;
    let models = package.join(&about.models);
    let is_there = |name: &str| models.join(format!("{name}.py")).is_file();
    if is_there(remapping.port(model_type, architectures)) {
        return Ok(());
    }
    let catalogue = Catalogue::read(&Library::open(definitions)?)?;
    let Some(head) = catalogue.head(model_type) else { return Ok(()) };
    if architectures.is_empty() {
        let row = remapping.row(model_type, &[head]).or_else(|| remapping.of_any_class(model_type));
        if row.is_some_and(is_there) {
            return Ok(());
        }
    }
    let port = remapping.port(model_type, architectures);
    let ported: Vec<&str> = catalogue.model_types().filter(|it| is_there(it)).collect();
    Err(PortError::NoPort {
        target: target.id.clone(),
        model_type: model_type.to_owned(),
        file: format!("{}/{port}.py", about.ports()),
        nearest: nearest_names(model_type, ported.into_iter()),
    }
    .into())
}

/// The classes that a config names as its architectures: a list, or one alone.
pub(crate) fn architectures(config: &Map<String, Value>) -> Vec<String> {
    match config.get("architectures") {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(all)) => {
            all.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}
