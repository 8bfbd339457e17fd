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
        let mut files = HashMap::new();
        for path in library.model_files()? {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if !name.starts_with("modeling_") && !name.starts_with("configuration_") {
                continue;
            }
            let text = std::fs::read_to_string(&path)
                .map_err(|error| Problem::of_file(&path, error.to_string()))?;
            for line in text.lines().filter_map(|it| it.strip_prefix("class ")) {
                let end = line.find(['(', ':']).unwrap_or(line.len());
                files.entry(line[..end].trim().to_owned()).or_insert_with(|| path.clone());
            }
        }
        let conversions = Conversions::read(library)?;
        Ok(Self { heads: heads.collect(), files, conversions })
    }

    /// The model types that have a causal language model, sorted.
    pub fn model_types(&self) -> impl Iterator<Item = &str> {
        self.heads.keys().map(String::as_str)
    }

    /// The class of the causal language model of `model_type`.
    pub fn head(&self, model_type: &str) -> Option<&str> {
        self.heads.get(model_type).map(String::as_str)
    }

    pub(super) fn file(&self, class: &str) -> Option<&PathBuf> {
        self.files.get(class)
    }
}
