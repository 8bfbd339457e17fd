//! The graph of all models: who inherits from whom through modular files.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;

use rayon::prelude::*;

use crate::depth::with_room;
use crate::library::Library;
use crate::modular::imported_models;
use crate::problem::Problem;

/// Models by folder, with the folders that their modular files import from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Family {
    parents: BTreeMap<String, BTreeSet<String>>,
    generations: HashMap<String, usize>,
}

impl Family {
    pub(crate) fn read(library: &Library) -> Result<Self, Problem> {
        let files = library.modular_files()?;
        let edges: Vec<(String, BTreeSet<String>)> = files
            .par_iter()
            .filter_map(|path| {
                let folder = path.parent()?.file_name()?.to_string_lossy().into_owned();
                let source = library.peek(path).ok()?;
                Some((folder, with_room(|| imported_models(source.stmts()))))
            })
            .collect();
        Ok(Self::from_edges(edges))
    }

    fn from_edges(edges: impl IntoIterator<Item = (String, BTreeSet<String>)>) -> Self {
        let mut parents: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (folder, of_file) in edges {
            let known = parents.entry(folder.clone()).or_default();
            known.extend(of_file.into_iter().filter(|parent| *parent != folder));
        }
        let mut family = Self { parents, generations: HashMap::new() };
        family.count_generations();
        family
    }

    /// The longest way to an original, by repeated relaxation; a cycle stops at the number of models.
    fn count_generations(&mut self) {
        for _ in 0..self.parents.len() {
            let mut changed = false;
            for (model, parents) in &self.parents {
                let next = parents
                    .iter()
                    .map(|parent| self.generations.get(parent).copied().unwrap_or(0) + 1)
                    .max();
                let next = next.unwrap_or(0).min(self.parents.len());
                if self.generations.get(model).copied().unwrap_or(0) < next {
                    self.generations.insert(model.clone(), next);
                    changed = true;
                }
            }
            if !changed {
                break;
            }
        }
    }

    /// How many generations of modular files lie behind a model; 0 for an original.
    pub(crate) fn generation(&self, folder: &str) -> usize {
        self.generations.get(folder).copied().unwrap_or(0)
    }

    /// How many models inherit directly from `folder`, `except` one.
    pub(crate) fn heirs(&self, folder: &str, except: &str) -> usize {
        self.parents
            .iter()
            .filter(|(model, parents)| *model != except && parents.contains(folder))
            .count()
    }

    /// All models that inherit from `folder`, directly or not: it must not inherit from them.
    pub(crate) fn descendants(&self, folder: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut queue = vec![folder.to_owned()];
        while let Some(next) = queue.pop() {
            for (model, parents) in &self.parents {
                if parents.contains(&next) && found.insert(model.clone()) {
                    queue.push(model.clone());
                }
            }
        }
        found
    }
}

/// The modular file of each model that has one.
pub(super) fn by_model(library: &Library) -> Result<BTreeMap<String, PathBuf>, Problem> {
    let named = library.modular_files()?.into_iter().filter_map(|path| {
        let stem = path.file_stem()?.to_string_lossy().into_owned();
        Some((stem.strip_prefix("modular_")?.to_owned(), path))
    });
    Ok(named.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn family(edges: &[(&str, &[&str])]) -> Family {
        let edges = edges.iter().map(|(model, parents)| {
            ((*model).to_owned(), parents.iter().map(|parent| (*parent).to_owned()).collect())
        });
        Family::from_edges(edges)
    }

    #[test]
    fn generations_count_the_longest_way_and_a_cycle_ends() {
        let it = family(&[("b", &["a"]), ("c", &["a", "b"]), ("x", &["y"]), ("y", &["x"])]);
        assert_eq!((it.generation("a"), it.generation("b"), it.generation("c")), (0, 1, 2));
        assert!(it.generation("x") <= 4);
    }

    #[test]
    fn descendants_are_transitive() {
        let it = family(&[("b", &["a"]), ("c", &["b"]), ("d", &["z"])]);
        assert_eq!(it.descendants("a"), BTreeSet::from(["b".to_owned(), "c".to_owned()]));
        assert_eq!(it.descendants("c"), BTreeSet::new());
    }
}
