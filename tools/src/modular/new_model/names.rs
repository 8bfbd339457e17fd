//! What everything is called in the new model, decided once.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use portwright_source::{FileKind, Library, Source, outline};
use serde::Serialize;

use super::{NewModelError, NewModelInput};
use crate::{error::ToolError, modular::place};

/// Every name that the new model needs.
#[derive(Debug)]
pub(super) struct Names {
    /// The new model type, which is also its folder: `my_olmo`.
    pub(super) name: String,
    /// The folder of the parent: `olmo3`.
    pub(super) parent: String,
    /// The class prefixes of both.
    pub(super) prefix: String,
    pub(super) parent_prefix: String,
    pub(super) display_name: String,
    /// The kinds of files that are derived.
    pub(super) kinds: Vec<FileKind>,
    pub(super) classes: Vec<NewClass>,
    /// The model types of the parent, and what each becomes.
    pub(super) type_map: BTreeMap<String, String>,
    /// The model type of each new configuration class.
    pub(super) types: BTreeMap<String, String>,
    pub(super) year: i16,
}

/// A class of the modular file.
#[derive(Debug, Serialize)]
pub(super) struct NewClass {
    pub(super) name: String,
    pub(super) base: String,
    /// `olmo3.modeling_olmo3`
    pub(super) module: String,
    /// Written out where renaming would not give it.
    pub(super) model_type: Option<String>,
    /// Whether it has a `forward` that belongs into the documentation.
    pub(super) forward: bool,
}

impl Names {
    pub(super) fn decide(library: &Library, input: &NewModelInput) -> Result<Self, ToolError> {
        let name = valid_name(&input.name)?;
        let parent = input.from.replace('-', "_");
        let folder = library.models().join(&parent);
        if !folder.join(format!("configuration_{parent}.py")).is_file() {
            return Err(no_parent(library, &input.from).into());
        }
        let parent_prefix = library.names().camel(&parent);
        let prefix = match &input.class_prefix {
            Some(prefix) => valid_prefix(prefix)?,
            None => library.names().camel(&name),
        };
        let config = format!("{prefix}Config");
        let taken = library.names().iter().find(|(key, class)| *key == name || *class == config);
        if library.models().join(&name).exists() || taken.is_some() {
            let found =
                taken.map_or(format!("`{name}`"), |(key, class)| format!("`{key}` ({class})"));
            return Err(NewModelError::Taken { found }.into());
        }
        let mut names = Self {
            display_name: input.display_name.clone().unwrap_or_else(|| spaced(&name)),
            kinds: kinds(&folder, &parent, &input.with)?,
            classes: Vec::new(),
            type_map: [(parent.clone(), name.clone())].into(),
            types: BTreeMap::new(),
            year: jiff::Zoned::now().year(),
            name,
            parent,
            prefix,
            parent_prefix,
        };
        for kind in names.kinds.clone() {
            let module = kind.module(&names.parent);
            let source = library.load(&folder.join(format!("{module}.py")))?;
            names.derive(&source, &module);
        }
        if names.classes.is_empty() {
            return Err(NewModelError::NoClasses { parent: names.parent }.into());
        }
        Ok(names)
    }

    /// Takes the classes that a file of the parent exports.
    fn derive(&mut self, source: &Source, module: &str) {
        let exports = outline::exports(source);
        for class in outline::classes(source).into_iter().filter(|it| exports.contains(&it.name)) {
            let name = self.class(&class.name);
            let mut model_type = None;
            if let Some(old) = class.model_type {
                let (new, renamed) = self.model_type(&old);
                self.type_map.insert(old, new.clone());
                self.types.insert(name.clone(), new.clone());
                model_type = (!renamed).then_some(new);
            }
            let module = format!("{}.{module}", self.parent);
            let forward = module.contains(".modeling_") && !name.ends_with("PreTrainedModel");
            self.classes.push(NewClass { name, base: class.name, module, model_type, forward });
        }
    }

    fn class(&self, old: &str) -> String {
        if old.contains(&self.parent_prefix) {
            return old.replace(&self.parent_prefix, &self.prefix);
        }
        format!("{}{old}", self.prefix)
    }

    /// What a model type of the parent becomes, and whether conversion renames it by itself.
    fn model_type(&self, old: &str) -> (String, bool) {
        let hyphenated = self.parent.replace('_', "-");
        if old.contains(&self.parent) {
            (old.replace(&self.parent, &self.name), true)
        } else if old.contains(&hyphenated) {
            (old.replace(&hyphenated, &self.name), false)
        } else {
            (format!("{}_{old}", self.name), false)
        }
    }

    /// The new class of a parent's, where it is derived.
    pub(super) fn new_class(&self, base: &str) -> Option<&str> {
        self.classes.iter().find(|it| it.base == base).map(|it| it.name.as_str())
    }

    /// The new class called `prefix + suffix`, where there is one.
    pub(super) fn with_suffix(&self, suffix: &str) -> Option<&str> {
        let name = format!("{}{suffix}", self.prefix);
        self.classes.iter().map(|it| it.name.as_str()).find(|it| *it == name)
    }

    pub(super) fn modular(&self, library: &Library) -> PathBuf {
        library.models().join(&self.name).join(format!("modular_{}.py", self.name))
    }

    /// What only a person can do.
    pub(super) fn work(&self) -> Vec<String> {
        let name = &self.name;
        vec![
            format!(
                "in modular_{name}.py, write what differs from `{}` into the classes, and delete those that are not needed",
                self.parent
            ),
            format!("run `portwright modular convert {name}` after each change"),
            "name a real checkpoint in the configuration's `@auto_docstring(checkpoint=...)`"
                .into(),
            format!(
                "fill in docs/source/en/model_doc/{name}.md, and the dates that `utils/add_dates.py` asks for"
            ),
            format!(
                "run the tests: `pytest tests/models/{name}`, and add integration tests with a real checkpoint"
            ),
            "write the conversion of the weights, if the checkpoint is not in this layout".into(),
        ]
    }
}

fn valid_name(name: &str) -> Result<String, NewModelError> {
    let part = |it: &str| {
        !it.is_empty() && it.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
    };
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase()) && name.split('_').all(part);
    // A keyword cannot be imported from.
    if plain && Source::parse("", format!("from .{name} import *\n")).is_ok() {
        return Ok(name.to_owned());
    }
    Err(NewModelError::Name(name.to_owned()))
}

fn valid_prefix(prefix: &str) -> Result<String, NewModelError> {
    let plain = prefix.chars().all(|it| it.is_ascii_alphanumeric());
    if plain && prefix.starts_with(|it: char| it.is_ascii_uppercase()) {
        return Ok(prefix.to_owned());
    }
    Err(NewModelError::Prefix(prefix.to_owned()))
}

fn no_parent(library: &Library, from: &str) -> NewModelError {
    let parent = from.to_owned();
    if library.names().iter().any(|(key, _)| key == from) {
        return NewModelError::ParentWithoutFolder { parent };
    }
    let known = library.names().iter().map(|(key, _)| key.to_owned());
    NewModelError::NoParent { parent, nearest: place::nearest(from, known) }
}

/// Configuration and modeling, and what else was asked for, where the parent has such a file.
fn kinds(folder: &Path, parent: &str, with: &[String]) -> Result<Vec<FileKind>, NewModelError> {
    let has = |kind: &FileKind| folder.join(format!("{}.py", kind.module(parent))).is_file();
    let mut kinds: Vec<FileKind> =
        [FileKind::Configuration, FileKind::Modeling].into_iter().filter(has).collect();
    for name in with {
        match FileKind::ALL.into_iter().find(|it| it.to_string() == *name) {
            Some(kind) if !has(&kind) => {
                return Err(NewModelError::NoFileOfKind {
                    parent: parent.to_owned(),
                    kind: name.clone(),
                });
            }
            Some(kind) if kinds.contains(&kind) => {}
            Some(kind) => kinds.push(kind),
            None => {
                return Err(NewModelError::UnknownKind(name.clone()));
            }
        }
    }
    Ok(kinds)
}

/// `my_olmo` -> `My Olmo`
fn spaced(name: &str) -> String {
    let word = |it: &str| {
        let (first, rest) = it.split_at(it.len().min(1));
        first.to_uppercase() + rest
    };
    name.split('_').map(word).collect::<Vec<_>>().join(" ")
}
