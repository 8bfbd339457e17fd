//! The list of tiny configs in the target's model tests.

use std::collections::BTreeSet;
use std::path::Path;

use ruff_python_ast::statement_visitor::{StatementVisitor, walk_stmt};
use ruff_python_ast::{Expr, ExprList, Stmt};
use ruff_text_size::{Ranged, TextRange};

use super::rows::with_row;
use crate::problem::Problem;
use crate::text::Source;

/// The list of tiny configs in the target's model tests.
#[derive(Debug, Clone)]
pub struct TestTable {
    /// The model types that have an entry.
    pub model_types: BTreeSet<String>,
}

impl TestTable {
    /// Reads the list called `table` from the text of `path`, however deep it stands.
    ///
    /// # Errors
    ///
    /// Where the text is not Python, or has no such list with an entry.
    pub fn parse(path: &Path, text: &str, table: &str) -> Result<Self, Problem> {
        let source = Source::parse(path, text)?;
        let entries = list(&source, table)?.elts.iter();
        Ok(Self { model_types: entries.filter_map(model_type).collect() })
    }

    /// The text of `path` with one entry more in the list called `table`: the entry's lines, without
    /// indentation and without a comma at their end.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse).
    pub fn with(path: &Path, text: &str, table: &str, entry: &[String]) -> Result<String, Problem> {
        let source = Source::parse(path, text)?;
        let list = list(&source, table)?;
        let rows: Vec<TextRange> = list.elts.iter().map(Ranged::range).collect();
        Ok(with_row(&source, list.range(), &rows, entry))
    }
}

fn model_type(entry: &Expr) -> Option<String> {
    let is_type =
        |it: &Expr| it.as_string_literal_expr().is_some_and(|it| it.value.to_str() == "model_type");
    let items = &entry.as_dict_expr()?.items;
    let item = items.iter().find(|it| it.key.as_ref().is_some_and(is_type))?;
    Some(item.value.as_string_literal_expr()?.value.to_string())
}

fn list<'a>(source: &'a Source, table: &str) -> Result<&'a ExprList, Problem> {
    let mut found = Lists { source, table, list: None };
    found.visit_body(source.stmts());
    let list = found.list.filter(|it| !it.elts.is_empty());
    list.ok_or_else(|| Problem::of_file(source.path(), format!("no list `{table}` with an entry")))
}

struct Lists<'a, 'b> {
    source: &'a Source,
    table: &'b str,
    list: Option<&'a ExprList>,
}

impl<'a> StatementVisitor<'a> for Lists<'a, '_> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        if let Stmt::Assign(assign) = stmt
            && let Expr::List(list) = &*assign.value
            && assign.targets.iter().any(|it| self.source.slice(it.range()) == self.table)
        {
            self.list = self.list.or(Some(list));
        }
        walk_stmt(self, stmt);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "class T:\n    def t(self):\n        test_configs = [\n            {\n                \"model_type\": \"a\",\n            },\n        ]\n        go()\n";

    fn entry() -> Vec<String> {
        ["{", "    \"model_type\": \"c\",", "}"].map(str::to_owned).into()
    }

    fn with(text: &str) -> String {
        TestTable::with(Path::new("test_models.py"), text, "test_configs", &entry()).unwrap()
    }

    #[test]
    fn an_entry_stands_after_the_last_at_its_depth() {
        let after = with(TEXT);
        assert!(
            after.contains("            },\n            {\n                \"model_type\": \"c\",\n            },\n        ]\n        go()\n"),
            "{after}"
        );
        let types = |text: &str| {
            let path = Path::new("test_models.py");
            TestTable::parse(path, text, "test_configs").unwrap().model_types
        };
        assert_eq!(types(TEXT).len(), 1);
        assert!(types(&after).contains("c"));
        let bare = TEXT.replace("            },\n        ]", "            }\n        ]");
        assert_eq!(with(&bare), after, "a comma that is not there is written");
        let flat = "test_configs = [{\"model_type\": \"a\"}]\n";
        assert_eq!(types(&with(flat)).len(), 2);
    }

    #[test]
    fn text_that_moved_since_it_was_read_is_edited_where_the_list_is_now() {
        assert_eq!(with(&format!("import os\n{TEXT}")), format!("import os\n{}", with(TEXT)));
    }

    #[test]
    fn a_file_without_the_list_is_refused() {
        let path = Path::new("test_models.py");
        for text in ["x = 1\n", "test_configs = []\n", "test_configs = configs()\n"] {
            let err = TestTable::parse(path, text, "test_configs").unwrap_err();
            assert!(err.message.contains("no list `test_configs`"), "{err}");
        }
    }
}
