//! Which port loads a checkpoint: the library's tables by model type, and by model type and architecture.

use std::collections::BTreeMap;
use std::path::Path;

use ruff_python_ast::{DictItem, Expr, ExprDict, Stmt};
use ruff_text_size::{Ranged, TextRange};

use super::rows::{with_row, without_rows};
use crate::problem::Problem;
use crate::text::Source;

/// The library's tables of checkpoints that another model's port serves.
///
/// It decides as mlx-lm does in `_get_classes`: the first of a config's architectures that has a row
/// together with the model type counts; where none has, the row of the model type; else the type itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remapping {
    by_type: BTreeMap<String, String>,
    by_architecture: BTreeMap<(String, String), String>,
}

/// What the tables are called in the library's source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tables<'a> {
    /// `"x": "y"`.
    pub by_type: &'a str,
    /// `("x", "XForCausalLM"): "y"`; older releases have no such table.
    pub by_architecture: Option<&'a str>,
}

impl Remapping {
    /// Reads the tables from the text of `path`.
    ///
    /// # Errors
    ///
    /// Where the text is not Python, has no table by type, or a table has a row that cannot be read.
    pub fn parse(path: &Path, text: &str, tables: Tables<'_>) -> Result<Self, Problem> {
        let source = Source::parse(path, text)?;
        let mut read = Self::default();
        for item in &by_type(&source, tables)?.items {
            let port = text_of(&source, Some(&item.value), item)?;
            read.by_type.insert(text_of(&source, item.key.as_ref(), item)?, port);
        }
        let rows = tables.by_architecture.and_then(|it| dict(&source, it));
        for item in rows.into_iter().flat_map(|it| &it.items) {
            let key = item.key.as_ref().and_then(Expr::as_tuple_expr);
            let [model_type, architecture] = key.map_or(&[][..], |it| &it.elts) else {
                return Err(strange(&source, item));
            };
            let key = (
                text_of(&source, Some(model_type), item)?,
                text_of(&source, Some(architecture), item)?,
            );
            read.by_architecture.insert(key, text_of(&source, Some(&item.value), item)?);
        }
        Ok(read)
    }

    /// The other model whose port loads a checkpoint of this type and these architectures.
    pub fn row<S: AsRef<str>>(&self, model_type: &str, architectures: &[S]) -> Option<&str> {
        let of =
            |it: &S| self.by_architecture.get(&(model_type.to_owned(), it.as_ref().to_owned()));
        let row = architectures.iter().find_map(of).or_else(|| self.by_type.get(model_type));
        row.map(String::as_str)
    }

    /// The port that the table gives the first class of this type that it knows, whatever a config says.
    pub fn of_any_class(&self, model_type: &str) -> Option<&str> {
        let rows = self.by_architecture.iter().filter(|it| it.0.0 == model_type);
        rows.map(|it| it.1.as_str()).next()
    }

    /// The port that loads a checkpoint of this type and these architectures.
    pub fn port<'a, S: AsRef<str>>(&'a self, model_type: &'a str, architectures: &[S]) -> &'a str {
        self.row(model_type, architectures).unwrap_or(model_type)
    }

    /// The text of `path` with one row more in the table by type.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse).
    pub fn with(
        path: &Path,
        text: &str,
        tables: Tables<'_>,
        model_type: &str,
        port: &str,
    ) -> Result<String, Problem> {
        let source = Source::parse(path, text)?;
        let table = by_type(&source, tables)?;
        let rows: Vec<TextRange> = table.items.iter().map(Ranged::range).collect();
        Ok(with_row(&source, table.range(), &rows, &[format!("\"{model_type}\": \"{port}\"")]))
    }

    /// The text of `path` without the rows of `model_type` in either table.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse).
    pub fn without(
        path: &Path,
        text: &str,
        tables: Tables<'_>,
        model_type: &str,
    ) -> Result<String, Problem> {
        let mut text = text.to_owned();
        for table in [Some(tables.by_type), tables.by_architecture].into_iter().flatten() {
            let source = Source::parse(path, text.as_str())?;
            let Some(table) = dict(&source, table) else { continue };
            let rows = table
                .items
                .iter()
                .filter(|it| it.key.as_ref().is_some_and(|it| is_of(it, model_type)));
            let gone: Vec<TextRange> = rows.map(Ranged::range).collect();
            text = without_rows(&source, table.end(), &gone);
        }
        Ok(text)
    }
}

/// Whether a key is that of a model type, alone or with an architecture.
fn is_of(key: &Expr, model_type: &str) -> bool {
    let first = key.as_tuple_expr().map_or(Some(key), |it| it.elts.first());
    let first = first.and_then(Expr::as_string_literal_expr);
    first.is_some_and(|it| it.value.to_str() == model_type)
}

fn by_type<'a>(source: &'a Source, tables: Tables<'_>) -> Result<&'a ExprDict, Problem> {
    dict(source, tables.by_type)
        .ok_or_else(|| Problem::of_file(source.path(), format!("no table `{}`", tables.by_type)))
}

/// The dict that a top-level name is given, annotated or not.
fn dict<'a>(source: &'a Source, name: &str) -> Option<&'a ExprDict> {
    let named = |it: &Expr| it.as_name_expr().is_some_and(|it| it.id == name);
    source.stmts().iter().find_map(|stmt| match stmt {
        Stmt::Assign(it) if it.targets.iter().any(named) => it.value.as_dict_expr(),
        Stmt::AnnAssign(it) if named(&it.target) => it.value.as_deref()?.as_dict_expr(),
        _ => None,
    })
}

fn text_of(source: &Source, expr: Option<&Expr>, row: &DictItem) -> Result<String, Problem> {
    let text = expr.and_then(Expr::as_string_literal_expr);
    text.map(|it| it.value.to_string()).ok_or_else(|| strange(source, row))
}

fn strange(source: &Source, row: &DictItem) -> Problem {
    let message = "this row of a remapping table is not read".to_owned();
    Problem::at(source.path(), source.text(), row.range(), message)
        .with_help("expected \"type\": \"port\" or (\"type\", \"Architecture\"): \"port\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLES: Tables<'_> = Tables { by_type: "BY_TYPE", by_architecture: Some("BY_BOTH") };
    const TEXT: &str = "BY_TYPE = {\n    \"mistral\": \"llama\",  # the same\n    \"hybrid\": \"moe\",\n}\n\
        BY_BOTH = {\n    (\"hybrid\", \"MoeV3\"): \"moe_v3\",\n    (\"linear\", \"MoeV3\"): \"moe_v3\",\n}\n";

    fn read(text: &str) -> Remapping {
        Remapping::parse(Path::new("utils.py"), text, TABLES).unwrap()
    }

    fn with(text: &str) -> String {
        Remapping::with(Path::new("utils.py"), text, TABLES, "c", "d").unwrap()
    }

    #[test]
    fn who_loads_a_checkpoint_is_decided_by_type_and_architecture() {
        let table = read(TEXT);
        let none: [&str; 0] = [];
        for (model_type, architectures, expected) in [
            ("hybrid", &["MoeV3"][..], "moe_v3"),
            ("hybrid", &["Other", "MoeV3"], "moe_v3"),
            ("hybrid", &["MoeV2"], "moe"),
            ("hybrid", &none, "moe"),
            ("linear", &["MoeV2"], "linear"),
            ("linear", &none, "linear"),
            ("linear", &["MoeV3"], "moe_v3"),
            ("other", &["MoeV3"], "other"),
            ("mistral", &["MistralForCausalLM"], "llama"),
        ] {
            assert_eq!(
                table.port(model_type, architectures),
                expected,
                "{model_type} {architectures:?}"
            );
        }
    }

    #[test]
    fn a_row_that_is_no_text_is_refused_with_its_place() {
        for text in [
            "BY_TYPE = {**OLD}\n",
            "BY_TYPE = {\"a\": name}\n",
            "BY_TYPE = {}\nBY_BOTH = {\"a\": \"b\"}\n",
            "BY_TYPE = {}\nBY_BOTH = {(\"a\", \"A\", 1): \"b\"}\n",
        ] {
            let err = Remapping::parse(Path::new("utils.py"), text, TABLES).unwrap_err();
            assert!(err.place.is_some(), "{err}");
        }
        let err = Remapping::parse(Path::new("utils.py"), "x = 1\n", TABLES).unwrap_err();
        assert!(err.message.contains("no table `BY_TYPE`"), "{err}");
        assert_eq!(read("BY_TYPE: dict[str, str] = {\"a\": \"b\"}\n").port("a", &["A"]), "b");
    }

    #[test]
    fn a_row_is_added_however_the_table_is_laid_out() {
        for (before, after) in [
            ("BY_TYPE = {}\n", "BY_TYPE = {\"c\": \"d\"}\n"),
            ("BY_TYPE = {\n}\n", "BY_TYPE = {\n    \"c\": \"d\",\n}\n"),
            ("BY_TYPE = {\"a\": \"b\"}\n", "BY_TYPE = {\"a\": \"b\", \"c\": \"d\"}\n"),
            ("BY_TYPE = {\"a\": \"b\",}\n", "BY_TYPE = {\"a\": \"b\", \"c\": \"d\"}\n"),
            (
                "BY_TYPE = {\n  \"a\": \"b\"\n}\n",
                "BY_TYPE = {\n  \"a\": \"b\",\n  \"c\": \"d\",\n}\n",
            ),
            (
                "BY_TYPE = {\n    \"a\": \"b\"  # why, and }\n}\n",
                "BY_TYPE = {\n    \"a\": \"b\",  # why, and }\n    \"c\": \"d\",\n}\n",
            ),
            (
                "BY_TYPE = {\"a\": \"b\",\n           \"e\": \"f\"}\nx = 1\n",
                "BY_TYPE = {\"a\": \"b\",\n           \"e\": \"f\", \"c\": \"d\"}\nx = 1\n",
            ),
        ] {
            assert_eq!(with(before), after);
            assert_eq!(read(&with(before)).port("c", &["C"]), "d");
        }
    }

    #[test]
    fn text_that_moved_since_it_was_read_is_edited_where_the_table_is_now() {
        let moved = format!("import os\n\n\n{TEXT}");
        assert_eq!(with(&moved), format!("import os\n\n\n{}", with(TEXT)));
        assert_eq!(read(&with(&moved)).port("c", &["C"]), "d");
    }

    #[test]
    fn rows_are_taken_out_of_the_tables_and_of_nothing_else() {
        let path = Path::new("utils.py");
        let other = "OTHER = {\n    \"hybrid\": 1,\n}\nBY_TYPE = {\"hybrid\": \"moe\", \"a\": \"b\"}\n\
            BY_BOTH = {\n    (\n        \"hybrid\",\n        \"MoeV3\",\n    ): \"moe_v3\",\n}\n";
        let without = |text: &str, it: &str| Remapping::without(path, text, TABLES, it).unwrap();
        assert_eq!(
            without(other, "hybrid"),
            "OTHER = {\n    \"hybrid\": 1,\n}\nBY_TYPE = {\"a\": \"b\"}\nBY_BOTH = {\n}\n"
        );
        let text = without(&without(TEXT, "hybrid"), "mistral");
        assert_eq!(read(&text).port("hybrid", &["MoeV3"]), "hybrid");
        assert_eq!(read(&text).port("linear", &["MoeV3"]), "moe_v3");
        assert!(!text.contains("the same"), "{text}");
        assert_eq!(without(&with(TEXT), "c"), TEXT);
    }
}
