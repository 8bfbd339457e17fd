//! What stands in a file, for whoever writes a new one beside it: its classes, its `__all__`, and the
//! tables in which models are listed.

use std::ops::Range;

use ruff_python_ast::{Expr, Stmt};
use ruff_text_size::Ranged;

use crate::depth::with_room;
use crate::text::{Source, line_end, line_start};

/// A class at the top level of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Class {
    pub name: String,
    /// The plain names among its bases.
    pub bases: Vec<String>,
    /// The string that its body gives `model_type`.
    pub model_type: Option<String>,
}

/// The classes of a file, in its order.
pub fn classes(source: &Source) -> Vec<Class> {
    let class = |stmt: &Stmt| {
        let Stmt::ClassDef(class) = stmt else { return None };
        let bases =
            class.bases().iter().filter_map(|base| Some(base.as_name_expr()?.id.to_string()));
        Some(Class {
            name: class.name.to_string(),
            bases: bases.collect(),
            model_type: class.body.iter().find_map(|stmt| string_of(stmt, "model_type")),
        })
    };
    source.stmts().iter().filter_map(class).collect()
}

/// The names in a file's `__all__`, where that is a list of strings.
pub fn exports(source: &Source) -> Vec<String> {
    let list = source.stmts().iter().find_map(|stmt| value_of(stmt, "__all__"));
    let elements = match list {
        Some(Expr::List(list)) => list.elts.as_slice(),
        Some(Expr::Tuple(tuple)) => tuple.elts.as_slice(),
        _ => &[],
    };
    elements.iter().filter_map(|it| Some(it.as_string_literal_expr()?.value.to_string())).collect()
}

/// A mapping by string keys that is written as a list of pairs:
///
/// ```python
/// NAMES = OrderedDict(
///     [
///         ("llama", "LlamaConfig"),
///     ]
/// )
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    pub name: String,
    pub entries: Vec<Entry>,
}

/// One pair of a [`Table`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub key: String,
    /// The whole lines that it takes, as bytes of the source; comments above it are not among them.
    pub lines: Range<usize>,
    /// Each string in it but the key: its text and its bytes, quotes included.
    pub strings: Vec<(String, Range<usize>)>,
    /// The bytes of the key, quotes included.
    pub key_range: Range<usize>,
}

/// The tables of a file, those inside `if`, `else` and calls included.
pub fn tables(source: &Source) -> Vec<Table> {
    let mut found = Vec::new();
    with_room(|| collect(source, source.stmts(), &mut found));
    found
}

fn collect(source: &Source, stmts: &[Stmt], found: &mut Vec<Table>) {
    for stmt in stmts {
        let (target, value) = match stmt {
            Stmt::Assign(assign) => (assign.targets.first(), Some(&*assign.value)),
            Stmt::AnnAssign(assign) => (Some(&*assign.target), assign.value.as_deref()),
            Stmt::If(branch) => {
                collect(source, &branch.body, found);
                branch
                    .elif_else_clauses
                    .iter()
                    .for_each(|clause| collect(source, &clause.body, found));
                continue;
            }
            _ => continue,
        };
        if let (Some(Expr::Name(name)), Some(Expr::Call(call))) = (target, value)
            && let [Expr::List(list)] = &*call.arguments.args
        {
            let entries: Option<Vec<Entry>> =
                list.elts.iter().map(|pair| entry(source, pair)).collect();
            if let Some(entries) = entries.filter(|entries| !entries.is_empty()) {
                found.push(Table { name: name.id.to_string(), entries });
            }
        }
    }
}

fn entry(source: &Source, pair: &Expr) -> Option<Entry> {
    let Expr::Tuple(tuple) = pair else { return None };
    let [key, value] = tuple.elts.as_slice() else { return None };
    let key_text = key.as_string_literal_expr()?.value.to_string();
    let mut strings = Vec::new();
    strings_in(value, &mut strings);
    let text = source.text();
    let start = line_start(text, tuple.start()).to_usize();
    Some(Entry {
        key: key_text,
        lines: start..line_end(text, tuple.end()).to_usize(),
        strings,
        key_range: key.range().into(),
    })
}

/// Every string literal below `value`.
fn strings_in(value: &Expr, into: &mut Vec<(String, Range<usize>)>) {
    match value {
        Expr::StringLiteral(string) => into.push((string.value.to_string(), string.range.into())),
        Expr::Tuple(tuple) => tuple.elts.iter().for_each(|it| strings_in(it, into)),
        Expr::List(list) => list.elts.iter().for_each(|it| strings_in(it, into)),
        Expr::Dict(dict) => dict.items.iter().for_each(|it| strings_in(&it.value, into)),
        Expr::If(choice) => {
            strings_in(&choice.body, into);
            strings_in(&choice.orelse, into);
        }
        _ => {}
    }
}

fn string_of(stmt: &Stmt, name: &str) -> Option<String> {
    Some(value_of(stmt, name)?.as_string_literal_expr()?.value.to_string())
}

/// The value that a statement gives `name`, annotated or not.
pub(crate) fn value_of<'a>(stmt: &'a Stmt, name: &str) -> Option<&'a Expr> {
    let (target, value) = match stmt {
        Stmt::Assign(assign) => (assign.targets.first()?, Some(&*assign.value)),
        Stmt::AnnAssign(assign) => (&*assign.target, assign.value.as_deref()),
        _ => return None,
    };
    (target.as_name_expr()?.id.as_str() == name).then_some(value)?
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn source(text: &str) -> Arc<Source> {
        Source::parse("a.py", text).unwrap()
    }

    #[test]
    fn classes_say_their_bases_and_model_type() {
        let source =
            source("class A(B, c.D, metaclass=E):\n    model_type = \"a-b\"\n__all__ = ['A']\n");
        let expected =
            Class { name: "A".into(), bases: vec!["B".into()], model_type: Some("a-b".into()) };
        assert_eq!(classes(&source), [expected]);
        assert_eq!(exports(&source), ["A"]);
    }

    #[test]
    fn tables_are_found_inside_branches_and_their_entries_are_whole_lines() {
        let text = "if X:\n    T: dict = O()\nelse:\n    T = O(\n        [\n            # first\n            \
                    (\"a\", {\"p\": \"A\"}),\n            (\n                \"b\",\n                \"B\" if c else None,\n            ),\n        ]\n    )\n";
        let source = source(text);
        let tables = tables(&source);
        assert_eq!(tables.len(), 1);
        let texts: Vec<&str> = tables[0].entries.iter().map(|it| &text[it.lines.clone()]).collect();
        assert_eq!(texts[0], "            (\"a\", {\"p\": \"A\"}),\n");
        assert!(
            texts[1].starts_with("            (\n") && texts[1].ends_with("            ),\n"),
            "{texts:?}"
        );
        assert_eq!(&text[tables[0].entries[1].strings[0].1.clone()], "\"B\"");
    }
}
