//! The definitions of one release and the ports of one target, side by side.

use std::{collections::BTreeMap, path::Path};

use portwright_harness::{
    cancel::Cancel,
    progress::{Progress, Step},
};
use portwright_source::{
    Library,
    lineage::lineage,
    port::{Candidate, Catalogue, Definition, PortFile, Scaffold, rank, scaffold},
};
use rayon::prelude::*;

use super::error::PortError;
use crate::{error::ToolError, tree::Tree};

/// Names that are less alike (by Jaro and Winkler) were not meant.
const ALIKE: f64 = 0.8;
/// How many names are told where one is not known.
const MOST_NEAREST: usize = 3;

/// What a port is scaffolded from.
pub(super) struct Release {
    pub(super) library: Library,
    catalogue: Catalogue,
    /// Every definition that has a port in the target, by model type.
    ported: BTreeMap<String, Definition>,
}

/// A scaffold, with where it comes from.
pub(super) struct Made {
    pub(super) nearest: Vec<Candidate>,
    pub(super) scaffold: Scaffold,
}

impl Release {
    /// Reads the definitions that have a port in `tree`.
    pub(super) fn read(
        library: Library,
        catalogue: Catalogue,
        tree: &Tree,
        progress: &dyn Progress,
        cancel: &Cancel,
    ) -> Result<Self, ToolError> {
        let types: Vec<&str> = catalogue
            .model_types()
            .filter(|it| tree.ports.contains_key(port_of(&catalogue, tree, it)))
            .collect();
        let step =
            Step::start(progress, "reading the definitions that have a port", types.len() as u64);
        let ported = types
            .par_iter()
            .map(|model_type| {
                if cancel.is_cancelled() {
                    return Err(ToolError::Cancelled);
                }
                let definition = Definition::read(&library, &catalogue, model_type)?;
                step.advance(1);
                Ok(((*model_type).to_owned(), definition))
            })
            .collect::<Result<_, ToolError>>()?;
        drop(step);
        Ok(Self { library, catalogue, ported })
    }

    /// The model types that have a definition, sorted.
    pub(super) fn model_types(&self) -> impl Iterator<Item = &str> {
        self.catalogue.model_types()
    }

    /// The port that loads a checkpoint of a definition, whose config names the definition's class.
    pub(super) fn port<'a>(&self, tree: &'a Tree, model_type: &'a str) -> &'a str {
        port_of(&self.catalogue, tree, model_type)
    }

    /// The classes that the config of a definition's checkpoint names.
    pub(super) fn architectures(&self, model_type: &str) -> Vec<&str> {
        self.catalogue.head(model_type).into_iter().collect()
    }

    /// Whether a definition has the port called `name`.
    pub(super) fn is_ported(&self, tree: &Tree, name: &str) -> bool {
        self.ported.keys().any(|it| self.port(tree, it) == name)
    }

    /// The definition of a model type; an unknown one is told with the nearest that there is.
    pub(super) fn definition(&self, model_type: &str) -> Result<Definition, ToolError> {
        known(&self.catalogue, model_type)?;
        Ok(Definition::read(&self.library, &self.catalogue, model_type)?)
    }

    /// The port of `model_type` as `tree` would get it, from `from` or the nearest port. Ports that
    /// `hidden` names do not exist.
    pub(super) fn scaffold(
        &self,
        tree: &Tree,
        child: &Definition,
        from: Option<&str>,
        hidden: &[&str],
    ) -> Result<Made, ToolError> {
        let lineage = lineage(&self.library, &folder(child)).ok();
        let is_there = |name: &str| tree.ports.get(name).is_some_and(|it| !tree.needs(it, hidden));
        let others = self.ported.values().filter(|it| it.model_type != child.model_type);
        let others = others.filter_map(|it| {
            let port = self.port(tree, &it.model_type);
            is_there(port).then_some((it, port))
        });
        let mut ranked = rank(child, others, lineage.as_ref());
        let chosen = match from {
            None => ranked.first().map(|it| it.model_type.clone()),
            Some(from) => Some(from.to_owned()),
        };
        let target = || tree.target.id.clone();
        let chosen = chosen.ok_or_else(|| PortError::NoPorts { target: target() })?;
        let Some(parent) = self.ported.get(&chosen) else {
            let nearest = nearest_names(&chosen, self.ported.keys().map(String::as_str));
            return Err(PortError::NoParent { target: target(), from: chosen, nearest }.into());
        };
        let port = &tree.ports[self.port(tree, &chosen)];
        if let Some(at) = ranked.iter().position(|it| it.model_type == chosen) {
            let first = ranked.remove(at);
            ranked.insert(0, first);
        }
        let siblings = tree.siblings(port);
        let made = scaffold(&self.catalogue, child, parent, port, &siblings)?;
        Ok(Made { nearest: ranked, scaffold: made })
    }

    /// The port of a type begun from its own: everything is made again, nothing is to be ported.
    pub(super) fn again(&self, tree: &Tree, model_type: &str) -> Result<Scaffold, ToolError> {
        let definition = &self.ported[model_type];
        let port = &tree.ports[self.port(tree, model_type)];
        Ok(scaffold(&self.catalogue, definition, definition, port, &tree.siblings(port))?)
    }
}

/// Refuses a name that is no model type to be ported.
pub(super) fn known(catalogue: &Catalogue, model_type: &str) -> Result<(), PortError> {
    if let Some(own) = catalogue.loaded_as(model_type) {
        let (model_type, own) = (model_type.to_owned(), own.to_owned());
        return Err(PortError::LoadedAs { model_type, own });
    }
    if catalogue.head(model_type).is_none() {
        let nearest = nearest_names(model_type, catalogue.model_types());
        return Err(PortError::NoDefinition { model_type: model_type.to_owned(), nearest });
    }
    Ok(())
}

fn port_of<'a>(catalogue: &Catalogue, tree: &'a Tree, model_type: &'a str) -> &'a str {
    let remapping = &tree.remapping;
    let row = remapping.row(model_type, catalogue.head(model_type).as_slice());
    // No checkpoint is at hand: those of a type that is older than its definition name another class,
    // which the target may know.
    row.or_else(|| remapping.of_any_class(model_type)).unwrap_or(model_type)
}

/// The names that are most like `name`, the nearest first.
pub(super) fn nearest_names<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut near: Vec<(f64, &str)> =
        names.map(|it| (strsim::jaro_winkler(name, it), it)).filter(|it| ALIKE < it.0).collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    near.into_iter().take(MOST_NEAREST).map(|it| it.1.to_owned()).collect()
}

fn folder(definition: &Definition) -> String {
    let folder = definition.path().parent().and_then(Path::file_name).unwrap_or_default();
    folder.to_string_lossy().into_owned()
}

/// Lines of code that `one` has of `other`, each as often as it is there, and how many that one has.
pub(super) fn shared_lines(one: &PortFile, other: &PortFile) -> (usize, usize) {
    let lines = |it: &'_ PortFile| {
        let mut found: BTreeMap<String, usize> = BTreeMap::new();
        let code =
            it.text().lines().map(str::trim).filter(|it| !it.is_empty() && !it.starts_with('#'));
        code.for_each(|it| *found.entry(it.to_owned()).or_default() += 1);
        found
    };
    let (mine, theirs) = (lines(one), lines(other));
    let all = theirs.values().sum();
    let shared = theirs.iter().map(|(line, times)| mine.get(line).map_or(0, |it| *it.min(times)));
    (shared.sum(), all)
}
