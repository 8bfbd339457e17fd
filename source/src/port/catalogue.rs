//! Which definitions a release has, and in which file each class stands.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use super::conversions::Conversions;
use crate::library::Library;
use crate::outline::tables;
use crate::problem::Problem;

/// The table of causal language models in `modeling_auto.py`.
const HEADS: &str = "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES";

/// The causal language models of a release.
#[derive(Debug)]
pub struct Catalogue {
    /// The class of each model type.
    heads: BTreeMap<String, String>,
    /// The file of each class of a modeling or configuration file.
    files: HashMap<String, PathBuf>,
    /// Model types that a config class of another type reads: `gpt-sw3`, which becomes `gpt2`.
    aliases: BTreeMap<String, String>,
    pub(super) conversions: Conversions,
}

impl Catalogue {
    /// Reads the tables and looks for the classes.
    ///
    /// # Errors
    ///
    /// Where a file cannot be read, or the table is not where it was.
    pub fn read(library: &Library) -> Result<Self, Problem> {
        let auto = library.models().join("auto/modeling_auto.py");
        let source = library.load(&auto)?;
        let table = tables(&source).into_iter().find(|it| it.name == HEADS);
        let table = table.ok_or_else(|| Problem::of_file(&auto, format!("no table `{HEADS}`")))?;
        let heads = table.entries.into_iter().filter_map(|entry| {
            let (class, _) = entry.strings.into_iter().next()?;
            Some((entry.key, class))
        });
        let mut heads: BTreeMap<String, String> = heads.collect();
        let mut files = HashMap::new();
        let mut own_types: HashMap<String, String> = HashMap::new();
        for path in library.model_files()? {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if !name.starts_with("modeling_") && !name.starts_with("configuration_") {
                continue;
            }
            let text = std::fs::read_to_string(&path)
                .map_err(|error| Problem::of_file(&path, error.to_string()))?;
            let mut class = String::new();
            for line in text.lines() {
                if let Some(rest) = line.strip_prefix("class ") {
                    rest[..rest.find(['(', ':']).unwrap_or(rest.len())]
                        .trim()
                        .clone_into(&mut class);
                    files.entry(class.clone()).or_insert_with(|| path.clone());
                } else if let Some(own) = line.strip_prefix("    model_type = ") {
                    let own = own.trim().trim_matches('"').to_owned();
                    own_types.entry(class.clone()).or_insert(own);
                }
            }
        }
        let pairs = library.names().iter();
        let aliases = pairs.filter_map(|(name, class)| {
            let own =
                own_types.get(class).filter(|own| *own != name && heads.contains_key(*own))?;
            Some((name.to_owned(), own.clone()))
        });
        let aliases: BTreeMap<String, String> = aliases.collect();
        heads.retain(|name, _| !aliases.contains_key(name));
        let conversions = Conversions::read(library)?;
        Ok(Self { heads, files, aliases, conversions })
    }

    /// The model types that have a causal language model, sorted.
    pub fn model_types(&self) -> impl Iterator<Item = &str> {
        self.heads.keys().map(String::as_str)
    }

    /// The class of the causal language model of `model_type`.
    pub fn head(&self, model_type: &str) -> Option<&str> {
        self.heads.get(model_type).map(String::as_str)
    }

    /// The model type that `model_type` becomes when it is loaded, where that is another one.
    pub fn loaded_as(&self, model_type: &str) -> Option<&str> {
        self.aliases.get(model_type).map(String::as_str)
    }

    pub(super) fn file(&self, class: &str) -> Option<&PathBuf> {
        self.files.get(class)
    }
}
