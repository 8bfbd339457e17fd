//! What a file mentions: the names that its code uses, and what its imports bring in from where.

use std::collections::HashSet;

use ruff_python_ast::statement_visitor::{self, StatementVisitor};
use ruff_python_ast::visitor::{Visitor, walk_annotation, walk_expr};
use ruff_python_ast::{Alias, Expr, Stmt, StmtImportFrom};

use crate::naming::FileKind;

/// The names in expressions, also in quoted annotations.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// Names that are read or deleted.
    pub loaded: HashSet<String>,
    /// Names that are assigned.
    pub stored: HashSet<String>,
    /// `torch.nn.functional` as written, for imports of dotted names.
    pub dotted: HashSet<String>,
    in_annotation: bool,
}

impl<'a> Visitor<'a> for Names {
    fn visit_annotation(&mut self, expr: &'a Expr) {
        let outer = std::mem::replace(&mut self.in_annotation, true);
        walk_annotation(self, expr);
        self.in_annotation = outer;
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Name(name) => {
                let names = if name.ctx.is_store() { &mut self.stored } else { &mut self.loaded };
                names.insert(name.id.to_string());
            }
            Expr::StringLiteral(literal) if self.in_annotation => {
                let words =
                    literal.value.to_str().split(|c: char| !c.is_alphanumeric() && c != '_');
                self.loaded.extend(words.filter(|word| !word.is_empty()).map(str::to_owned));
            }
            Expr::Attribute(_) => self.dotted.extend(dotted(expr)),
            _ => {}
        }
        walk_expr(self, expr);
    }
}

fn dotted(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Name(name) => Some(name.id.to_string()),
        Expr::Attribute(attribute) => {
            Some(format!("{}.{}", dotted(&attribute.value)?, attribute.attr))
        }
        _ => None,
    }
}

/// The module of a from-import with its leading dots.
pub(crate) fn module(import: &StmtImportFrom) -> String {
    let dots = ".".repeat(import.level as usize);
    format!("{dots}{}", import.module.as_deref().unwrap_or_default())
}

/// An import statement up to its names, and these; `None` for any other statement.
pub(crate) fn import(stmt: &Stmt) -> Option<(String, &[Alias])> {
    match stmt {
        Stmt::Import(import) => Some(("import ".to_owned(), &import.names)),
        Stmt::ImportFrom(import) => {
            Some((format!("from {} import ", module(import)), &import.names))
        }
        _ => None,
    }
}

/// A name that is imported from a file of a model.
#[derive(Debug)]
pub(crate) struct Taken {
    /// What the code calls it.
    pub name: String,
    /// The model's folder.
    pub folder: String,
    /// The file, without its ending: `modeling_llama`.
    pub file: String,
}

/// What is imported from files of models, anywhere in a file; the auto classes' files apart.
pub(crate) fn taken(stmts: &[Stmt]) -> Vec<Taken> {
    struct Found(Vec<Taken>);
    impl<'a> StatementVisitor<'a> for Found {
        fn visit_stmt(&mut self, stmt: &'a Stmt) {
            let Stmt::ImportFrom(import) = stmt else {
                return statement_visitor::walk_stmt(self, stmt);
            };
            let mut parts = import.module.as_deref().unwrap_or_default().rsplit('.');
            if let (Some(file), Some(folder)) = (parts.next(), parts.next())
                && folder != "auto"
                && FileKind::of_module(file).is_some()
            {
                self.0.extend(import.names.iter().map(|alias| Taken {
                    name: alias.asname.as_ref().unwrap_or(&alias.name).to_string(),
                    folder: folder.to_owned(),
                    file: file.to_owned(),
                }));
            }
        }
    }
    let mut found = Found(Vec::new());
    found.visit_body(stmts);
    found.0
}
