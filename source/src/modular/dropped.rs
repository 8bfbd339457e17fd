//! Statements of a modular file that reach none of the files it stands for.
//!
//! The modular system carries classes, functions, plain assignments to a name, and imports; all else it
//! leaves out without a word, and a file that uses what was left out does not run. The bytes are the
//! reference's all the same: this only says what is missing.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use ruff_python_ast::visitor::{Visitor, walk_expr, walk_stmt};
use ruff_python_ast::{Expr, Stmt, StmtClassDef};
use ruff_text_size::Ranged;

use super::Generated;
use crate::definitions::Definitions;
use crate::library::Library;
use crate::problem::Problem;
use crate::text::Source;

/// What a written file lacks though the modular file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// Line in the modular file, from 1.
    pub line: usize,
    /// The first line of the statement.
    pub text: String,
    /// Names that a written file uses and that nothing there defines.
    pub undefined: Vec<String>,
}

/// What of the modular file at `path` is in none of `generated`.
pub fn dropped(
    library: &Library,
    path: &Path,
    generated: &[Generated],
) -> Result<Vec<Dropped>, Problem> {
    let source = library.load(path)?;
    let whole = |stmt: &Stmt| source.slice(stmt.range()).trim().to_owned();
    let reaches = |text: &str| generated.iter().any(|it| it.text.contains(text));
    let mut found = Vec::new();
    for stmt in source.stmts() {
        match stmt {
            Stmt::ClassDef(class) => found.extend(of_class(&source, class, generated)),
            _ if is_carried_by_need(stmt) || reaches(&whole(stmt)) => {}
            _ => found.push((stmt.start(), whole(stmt), bound(stmt))),
        }
    }
    let written = if found.is_empty() { Vec::new() } else { written(path, generated)? };
    let dropped = found.into_iter().map(|(at, text, names)| Dropped {
        line: source.text()[..at.to_usize()].matches('\n').count() + 1,
        text: text.lines().next().unwrap_or_default().to_owned(),
        undefined: names
            .into_iter()
            .filter(|it| written.iter().any(|file| file.lacks(it)))
            .collect(),
    });
    Ok(dropped.collect())
}

/// Imports and values with a name stand where they are needed; a string alone is a docstring.
fn is_carried_by_need(stmt: &Stmt) -> bool {
    match stmt {
        Stmt::Import(_) | Stmt::ImportFrom(_) => true,
        Stmt::If(branch) => {
            branch.body.iter().any(|it| matches!(it, Stmt::Import(_) | Stmt::ImportFrom(_)))
        }
        Stmt::Expr(expr) => matches!(&*expr.value, Expr::StringLiteral(_)),
        Stmt::Assign(assign) => matches!(assign.targets.as_slice(), [Expr::Name(_)]),
        _ => false,
    }
}

type Found = (ruff_text_size::TextSize, String, BTreeSet<String>);

/// Parts of properties that are gone, and calls of a parent's method that no parent has.
fn of_class(source: &Arc<Source>, class: &StmtClassDef, generated: &[Generated]) -> Vec<Found> {
    let mut found = Vec::new();
    let head = format!("class {}", class.name);
    let files = || generated.iter().filter(|it| it.text.contains(&head));
    for stmt in &class.body {
        let Stmt::FunctionDef(function) = stmt else { continue };
        for decorator in &function.decorator_list {
            let text = source.slice(decorator.range());
            let part = [".setter", ".deleter", ".getter"].iter().any(|it| text.ends_with(it));
            if part && files().next().is_some() && files().all(|it| !it.text.contains(text)) {
                let name = format!("{text} of {}.{}", class.name, function.name);
                found.push((function.range.start(), name, BTreeSet::new()));
            }
        }
    }
    found
}

/// The names that a statement gives a value, or whose value it changes.
fn bound(stmt: &Stmt) -> BTreeSet<String> {
    struct Names(BTreeSet<String>);
    impl<'a> Visitor<'a> for Names {
        fn visit_stmt(&mut self, stmt: &'a Stmt) {
            match stmt {
                Stmt::Import(import) => self.0.extend(import.names.iter().map(|it| {
                    let name = it.asname.as_ref().unwrap_or(&it.name).as_str();
                    name.split('.').next().unwrap_or(name).to_owned()
                })),
                Stmt::ImportFrom(import) => self.0.extend(
                    import
                        .names
                        .iter()
                        .map(|it| it.asname.as_ref().unwrap_or(&it.name).to_string()),
                ),
                Stmt::FunctionDef(function) => {
                    self.0.insert(function.name.to_string());
                }
                Stmt::ClassDef(class) => {
                    self.0.insert(class.name.to_string());
                }
                _ => walk_stmt(self, stmt),
            }
        }

        fn visit_expr(&mut self, expr: &'a Expr) {
            match expr {
                Expr::Name(name) if name.ctx.is_store() => {
                    self.0.insert(name.id.to_string());
                }
                _ => walk_expr(self, expr),
            }
        }
    }
    let mut names = Names(BTreeSet::new());
    names.visit_stmt(stmt);
    names.0
}

/// A written file: what it defines, and every identifier in it.
struct Written {
    defined: BTreeSet<String>,
    used: BTreeSet<String>,
}

impl Written {
    fn lacks(&self, name: &str) -> bool {
        self.used.contains(name) && !self.defined.contains(name)
    }
}

fn written(path: &Path, generated: &[Generated]) -> Result<Vec<Written>, Problem> {
    struct Used(BTreeSet<String>);
    impl<'a> Visitor<'a> for Used {
        fn visit_expr(&mut self, expr: &'a Expr) {
            if let Expr::Name(name) = expr
                && name.ctx.is_load()
            {
                self.0.insert(name.id.to_string());
            }
            walk_expr(self, expr);
        }
    }
    let one = |it: &Generated| {
        let source = Source::parse(path, it.text.as_str())?;
        let definitions = Definitions::of(&source);
        let mut defined: BTreeSet<String> = definitions.order.keys().cloned().collect();
        source.stmts().iter().for_each(|it| defined.extend(bound(it)));
        let mut used = Used(BTreeSet::new());
        source.stmts().iter().for_each(|it| used.visit_stmt(it));
        Ok(Written { defined, used: used.0 })
    };
    generated.iter().map(one).collect()
}
