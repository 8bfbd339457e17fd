//! What the syntax of the files says whose classes a model is made of.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use portwright_source::{
    Library, Source,
    interface::{ClassFacts, Facts, FunctionFacts, facts},
};

use super::{
    Place, Places,
    structure::{Described, ModuleRow},
};

/// The files of a model's classes.
pub(super) struct Definition<'a> {
    files: BTreeMap<String, Facts>,
    pub(super) places: &'a Places,
}

impl<'a> Definition<'a> {
    /// Reads them; a file that cannot be read says nothing.
    pub(super) fn read(described: &Described, library: &Library, places: &'a Places) -> Self {
        let names: BTreeSet<&str> =
            described.modules.iter().filter_map(ModuleRow::definition).collect();
        let files = names
            .into_iter()
            .filter_map(|name| {
                let source = library.load(Path::new(name)).ok()?;
                Some((name.to_owned(), read(&source)))
            })
            .collect();
        Self { files, places }
    }

    #[cfg(test)]
    pub(super) fn of(files: BTreeMap<String, Facts>, places: &'a Places) -> Self {
        Self { files, places }
    }

    /// The class of a module, with what it inherits from classes of the same files.
    pub(super) fn class(&self, row: &ModuleRow) -> Option<(&str, ClassFacts)> {
        self.named(row.definition()?, &row.class)
    }

    /// A class by its name: of a file, else of any of them.
    pub(super) fn named(&self, file: &str, name: &str) -> Option<(&str, ClassFacts)> {
        let in_file = |(file, facts): (&'_ String, &'_ Facts)| {
            facts.classes.iter().find(|it| it.name == name).map(|it| (file.clone(), it.clone()))
        };
        let own = self.files.get_key_value(file).and_then(in_file);
        let (file, mut class) = own.or_else(|| self.files.iter().find_map(in_file))?;
        let (file, _) = self.files.get_key_value(&file)?;
        for base in class.bases.clone() {
            let Some((_, inherited)) = self.named(file, &base).filter(|_| base != name) else {
                continue;
            };
            if class.forward.is_none() {
                class.takes_more = inherited.takes_more;
                class.forward = inherited.forward;
                class.passes.extend(inherited.passes);
                class.attends.extend(inherited.attends);
                class.looks_up = class.looks_up.or(inherited.looks_up);
                class.softmax |= inherited.softmax;
            }
            class.makes.extend(inherited.makes);
        }
        Some((file.as_str(), class))
    }

    /// The functions at the top level of a file.
    pub(super) fn functions(&self, file: &str) -> &[FunctionFacts] {
        self.files.get(file).map_or(&[], |it| it.functions.as_slice())
    }

    /// A line of a file.
    pub(super) fn place(&self, file: &str, line: usize) -> Place {
        self.places.of(&(file.to_owned(), line))
    }

    /// The line that can make the rest of a name below a class: `["mlp", "gate_proj"]` of a layer.
    ///
    /// Only settings decide whether it runs: a plan that names such a thing speaks of another config.
    pub(super) fn can_make(&self, file: &str, class: &str, rest: &[&str]) -> Option<Place> {
        let (first, rest) = rest.split_first()?;
        if *first == "*" {
            return None;
        }
        let (file, facts) = self.named(file, class)?;
        let makings = facts.makes.iter().filter(|it| it.attribute == *first);
        // A number is an item of the list that the attribute is.
        let below: Vec<&str> = rest.iter().copied().skip_while(|it| *it == "*").collect();
        for making in makings {
            if below.is_empty() {
                return Some(self.place(file, making.line));
            }
            let found = making.classes.iter().find_map(|it| self.can_make(file, it, &below));
            if found.is_some() {
                return found;
            }
        }
        None
    }
}

fn read(source: &Source) -> Facts {
    facts(source)
}
