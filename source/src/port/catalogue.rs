//! Which definitions a release has, and in which file each class stands.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use ruff_python_ast::{Expr, Stmt};

use crate::library::Library;
use crate::outline::tables;
use crate::problem::Problem;
use crate::text::Source;

/// The table of causal language models in `modeling_auto.py`.
const HEADS: &str = "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES";

/// The causal language models of a release.
#[derive(Debug)]
pub struct Catalogue {
    /// The class of each model type.
    heads: BTreeMap<String, String>,
    /// The file of each class of a modeling or configuration file.
    files: HashMap<String, PathBuf>,
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
        Ok(Self { heads: heads.collect(), files })
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

/// How transformers changes the names of a checkpoint when it loads one, as its source says it.
#[derive(Debug, Default)]
pub(super) struct Conversions(BTreeMap<String, (String, usize)>);

impl Conversions {
    /// Reads `conversion_mapping.py`; a release without it converts nothing by a table.
    pub(super) fn read(library: &Library) -> Result<Self, Problem> {
        let path = library.package().join("conversion_mapping.py");
        if !library.has(&path) {
            return Ok(Self::default());
        }
        let source = library.load(&path)?;
        let mut rows = BTreeMap::new();
        let mut aliases = Vec::new();
        for stmt in source.stmts() {
            match stmt {
                Stmt::FunctionDef(function) => {
                    function.body.iter().for_each(|it| dictionary(&source, it, &mut rows));
                }
                Stmt::Assign(assign) => {
                    if let Expr::Dict(dict) = &*assign.value {
                        aliases.extend(dict.items.iter().filter_map(|item| {
                            let key = item.key.as_ref()?.as_string_literal_expr()?;
                            let value = item.value.as_string_literal_expr()?;
                            Some((key.value.to_string(), value.value.to_string()))
                        }));
                    }
                }
                _ => {}
            }
        }
        for (name, of) in aliases {
            if let Some(row) = rows.get(&of).cloned() {
                rows.entry(name).or_insert(row);
            }
        }
        Ok(Self(rows))
    }

    /// The rule of a model type or class, and its line.
    pub(super) fn of(&self, name: &str) -> Option<(&str, usize)> {
        self.0.get(name).map(|(text, line)| (text.as_str(), *line))
    }
}

/// The entries of `mapping = {"llama": [...], ...}`.
fn dictionary(source: &Source, stmt: &Stmt, into: &mut BTreeMap<String, (String, usize)>) {
    use ruff_text_size::Ranged;
    let Stmt::Assign(assign) = stmt else { return };
    let Expr::Dict(dict) = &*assign.value else { return };
    for item in &dict.items {
        if let Some(Expr::StringLiteral(key)) = &item.key {
            let text = source.slice(item.value.range()).split_whitespace().collect::<Vec<_>>();
            into.insert(key.value.to_string(), (text.join(" "), source.line(key.start())));
        }
    }
}
