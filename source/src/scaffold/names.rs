//! The names that a modular text uses, and the import statements that bring them in.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write;

use indexmap::IndexMap;
use ruff_python_ast::Stmt;
use ruff_python_ast::visitor::Visitor;
use ruff_text_size::Ranged;

use crate::mentions::{self, Names};
use crate::text::{Node, Source};

/// The names that `source` uses, in code and in quoted annotations.
pub(super) fn used(source: &Source) -> HashSet<String> {
    let mut names = Names::default();
    names.visit_body(source.stmts());
    names.loaded.extend(names.stored);
    names.loaded
}

/// One name that one statement brings in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Import {
    /// The condition that it stands under, and what the other branches say.
    pub guard: Option<(String, String)>,
    /// `from x import `, or `import `.
    pub head: String,
    /// `name`, or `name as other`.
    pub alias: String,
    /// What the code calls it.
    pub bound: String,
}

/// What an import statement, or an `if` with imports, brings in.
pub(super) fn imports(node: &Node) -> Vec<Import> {
    let source = &node.source;
    match node.stmt() {
        Stmt::If(branch) => {
            let rest = branch.elif_else_clauses.first().map_or(String::new(), |other| {
                source.text()[other.start().to_usize()..node.owned().end().to_usize()]
                    .trim_end()
                    .to_owned()
            });
            let guard = (source.slice(branch.test.range()).to_owned(), rest);
            branch.body.iter().flat_map(|stmt| of_statement(source, stmt, Some(&guard))).collect()
        }
        stmt => of_statement(source, stmt, None),
    }
}

fn of_statement(source: &Source, stmt: &Stmt, guard: Option<&(String, String)>) -> Vec<Import> {
    let Some((head, names)) = mentions::import(stmt) else { return Vec::new() };
    let one = |alias: &ruff_python_ast::Alias| {
        let bound = alias.asname.as_ref().map_or_else(
            || alias.name.split('.').next().unwrap_or_default().to_owned(),
            ToString::to_string,
        );
        Import {
            guard: guard.cloned(),
            head: head.clone(),
            alias: source.slice(alias.range).to_owned(),
            bound,
        }
    };
    names.iter().map(one).collect()
}

/// The statements of `list`, each head once, guarded ones last.
pub(super) fn write(list: &[Import]) -> String {
    let mut plain: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut guarded: IndexMap<&(String, String), BTreeMap<&str, Vec<&str>>> = IndexMap::new();
    for import in list {
        let heads = match &import.guard {
            None => &mut plain,
            Some(guard) => guarded.entry(guard).or_default(),
        };
        let names = heads.entry(&import.head).or_default();
        if !names.contains(&import.alias.as_str()) {
            names.push(&import.alias);
        }
    }
    let lines = |heads: &BTreeMap<&str, Vec<&str>>, indent: &str| -> String {
        let line = |(head, names): (&&str, &Vec<&str>)| {
            if head.starts_with("from") {
                format!("{indent}{head}{}\n", names.join(", "))
            } else {
                names.iter().flat_map(|name| [indent, head, name, "\n"]).collect()
            }
        };
        heads.iter().map(line).collect()
    };
    let mut text = lines(&plain, "");
    for ((test, rest), heads) in &guarded {
        let _ = write!(text, "\nif {test}:\n{}", lines(heads, "    "));
        if !rest.is_empty() {
            text.push_str(rest);
            text.push('\n');
        }
    }
    text
}
