//! How transformers changes the names of a checkpoint when it loads one, as its source says it.

use std::collections::BTreeMap;

use ruff_python_ast::{Expr, ExprDict, Stmt};
use ruff_text_size::{Ranged, TextRange};

use crate::library::Library;
use crate::problem::Problem;
use crate::text::Source;

/// The table of rules, inside of the function that builds it.
const TABLE: &str = "mapping";

/// The rules of a model type or class: what they say, and the line where they begin.
#[derive(Debug, Default)]
pub(super) struct Conversions(BTreeMap<String, (String, usize)>);

impl Conversions {
    /// Reads `conversion_mapping.py`; a release without it converts nothing by a table.
    ///
    /// ```python
    /// _MODEL_TO_CONVERSION_PATTERN = {"minimax": "mixtral"}
    ///
    /// def _build_checkpoint_conversion_mapping():
    ///     mapping = {"mixtral": [WeightRenaming(...)]}
    ///     mapping["laguna"] = mapping["mixtral"].copy()
    ///     mapping["laguna"] += [WeightRenaming(...)]
    /// ```
    pub(super) fn read(library: &Library) -> Result<Self, Problem> {
        let path = library.package().join("conversion_mapping.py");
        if !library.has(&path) {
            return Ok(Self::default());
        }
        let source = library.load(&path)?;
        let mut rules = Self::default();
        let mut aliases = Vec::new();
        for stmt in source.stmts() {
            match stmt {
                Stmt::FunctionDef(function) => {
                    function.body.iter().for_each(|it| rules.statement(&source, it));
                }
                Stmt::Assign(assign) => {
                    aliases.extend(assign.value.as_dict_expr().into_iter().flat_map(strings));
                }
                _ => {}
            }
        }
        for (name, of) in aliases {
            if let Some(rule) = rules.0.get(&of).cloned() {
                rules.0.entry(name).or_insert(rule);
            }
        }
        Ok(rules)
    }

    /// The rule of a model type or class, and its line.
    pub(super) fn of(&self, name: &str) -> Option<(&str, usize)> {
        self.0.get(name).map(|(text, line)| (text.as_str(), *line))
    }

    fn statement(&mut self, source: &Source, stmt: &Stmt) {
        match stmt {
            Stmt::Assign(assign) => {
                let [target] = assign.targets.as_slice() else { return };
                match (target, &*assign.value) {
                    (Expr::Name(name), Expr::Dict(dict)) if name.id.as_str() == TABLE => {
                        for item in &dict.items {
                            if let Some(Expr::StringLiteral(key)) = &item.key {
                                let text = self.told(source, item.value.range());
                                let line = source.line(key.start());
                                self.0.insert(key.value.to_string(), (text, line));
                            }
                        }
                    }
                    _ => {
                        if let Some(key) = row(source, target) {
                            let text = self.told(source, assign.value.range());
                            self.0.insert(key, (text, source.line(stmt.start())));
                        }
                    }
                }
            }
            Stmt::AugAssign(assign) => {
                if let Some(key) = row(source, &assign.target) {
                    let text = self.told(source, assign.value.range());
                    let line = source.line(stmt.start());
                    let rule = self.0.entry(key).or_insert_with(|| (String::new(), line));
                    rule.0 = format!("{} + {text}", rule.0);
                }
            }
            _ => {}
        }
    }

    /// An expression on one line, with the rules that it names in the place of their names.
    fn told(&self, source: &Source, range: TextRange) -> String {
        let words: Vec<&str> = source.slice(range).split_whitespace().collect();
        let mut text = words.join(" ");
        for (key, (rule, _)) in &self.0 {
            let name = format!("{TABLE}[\"{key}\"]");
            if text.contains(&name) {
                text = text.replace(&format!("{name}.copy()"), rule).replace(&name, rule);
            }
        }
        text
    }
}

/// The key in `mapping["key"]`.
fn row(source: &Source, target: &Expr) -> Option<String> {
    let Expr::Subscript(subscript) = target else { return None };
    let key = subscript.slice.as_string_literal_expr()?;
    (source.slice(subscript.value.range()) == TABLE).then(|| key.value.to_string())
}

/// The entries of a dict from strings to strings.
fn strings(dict: &ExprDict) -> impl Iterator<Item = (String, String)> {
    dict.items.iter().filter_map(|item| {
        let key = item.key.as_ref()?.as_string_literal_expr()?;
        let value = item.value.as_string_literal_expr()?;
        Some((key.value.to_string(), value.value.to_string()))
    })
}
