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

use super::target::Tree;
use crate::{error::ToolError, modular::nearest};

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
        tree: &Tree,
        progress: &dyn Progress,
        cancel: &Cancel,
    ) -> Result<Self, ToolError> {
        let catalogue = Catalogue::read(&library)?;
        let types: Vec<&str> = catalogue
            .model_types()
            .filter(|it| tree.ports.contains_key(tree.remapping.port(it)))
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

    /// Whether a definition has the port called `name`.
    pub(super) fn is_ported(&self, tree: &Tree, name: &str) -> bool {
        self.ported.keys().any(|it| tree.remapping.port(it) == name)
    }

    /// The definition of a model type; an unknown one is told with the nearest that there is.
    pub(super) fn definition(&self, model_type: &str) -> Result<Definition, ToolError> {
        if let Some(own) = self.catalogue.loaded_as(model_type) {
            let text =
                format!("transformers loads `{model_type}` as `{own}`: that is the one to port");
            return Err(ToolError::Input(text));
        }
        if self.catalogue.head(model_type).is_none() {
            let near = nearest(model_type, self.catalogue.model_types().map(str::to_owned));
            let near = near.map(|it| format!("; the nearest is `{it}`")).unwrap_or_default();
            let text = format!("transformers has no causal language model `{model_type}`{near}");
            return Err(ToolError::Input(text));
        }
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
            let port = tree.remapping.port(&it.model_type);
            is_there(port).then_some((it, port))
        });
        let mut ranked = rank(child, others, lineage.as_ref());
        let chosen = match from {
            None => ranked.first().map(|it| it.model_type.clone()),
            Some(from) => Some(from.to_owned()),
        };
        let chosen = chosen.ok_or_else(|| ToolError::Input("no port to begin from".to_owned()))?;
        let Some(parent) = self.ported.get(&chosen) else {
            let near = nearest(&chosen, self.ported.keys().cloned());
            let near = near.map(|it| format!("; the nearest is `{it}`")).unwrap_or_default();
            let text = format!("{} has no port of `{chosen}` to begin from{near}", tree.target.id);
            return Err(ToolError::Input(text));
        };
        let port = &tree.ports[tree.remapping.port(&chosen)];
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
        let port = &tree.ports[tree.remapping.port(model_type)];
        Ok(scaffold(&self.catalogue, definition, definition, port, &tree.siblings(port))?)
    }
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
