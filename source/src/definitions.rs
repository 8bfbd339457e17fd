//! What a file defines at its top level, and which of its names each definition mentions.
//!
//! Classes, functions and plain assignments are *definitions*; imports (also guarded ones) are kept
//! aside. A definition depends on another when it contains its name as an identifier anywhere, as an
//! attribute or keyword too: the modular system decides by spelling, not by binding.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use indexmap::IndexMap;
use ruff_python_ast::statement_visitor::{StatementVisitor, walk_stmt};
use ruff_python_ast::{Expr, Stmt};

use crate::naming::FileKind;
use crate::text::{Node, Source};

/// The definitions of one file.
#[derive(Debug, Clone)]
pub(crate) struct Definitions {
    /// Import statements, and `if` statements that hold imports.
    pub imports: Vec<Node>,
    pub classes: IndexMap<String, Node>,
    pub functions: IndexMap<String, Node>,
    pub assignments: IndexMap<String, Node>,
    /// The first appearance of each name.
    pub order: HashMap<String, usize>,
    /// The identifiers in each function and assignment.
    pub mentions: HashMap<String, HashSet<String>>,
    /// Names imported from files of the same model, and from which.
    pub siblings: HashMap<String, FileKind>,
}

impl Definitions {
    pub(crate) fn of(source: &Arc<Source>) -> Self {
        let mut all = Self {
            imports: Vec::new(),
            classes: IndexMap::new(),
            functions: IndexMap::new(),
            assignments: IndexMap::new(),
            order: HashMap::new(),
            mentions: HashMap::new(),
            siblings: HashMap::new(),
        };
        for (index, item) in source.items().iter().enumerate() {
            if item.stmts.len() == 1 {
                all.add(Node { source: Arc::clone(source), item: index });
            }
        }
        let mut siblings = Siblings(HashMap::new());
        siblings.visit_body(source.stmts());
        all.siblings = siblings.0;
        all
    }

    fn add(&mut self, node: Node) {
        let stmt = node.stmt();
        match stmt {
            Stmt::Import(_) | Stmt::ImportFrom(_) => self.imports.push(node),
            Stmt::If(branch) if branch.body.iter().any(is_import) => self.imports.push(node),
            Stmt::ClassDef(class) => {
                let name = class.name.to_string();
                self.seen(&name);
                self.classes.insert(name, node);
            }
            Stmt::FunctionDef(function) => {
                let name = function.name.to_string();
                self.seen(&name);
                self.mention(&name, &node);
                self.functions.insert(name, node);
            }
            Stmt::Assign(assign) => match assign.targets.as_slice() {
                [Expr::Name(target)] => {
                    let name = target.id.to_string();
                    self.seen(&name);
                    self.mention(&name, &node);
                    self.assignments.insert(name, node);
                }
                // `NAME[...] = ...` belongs to NAME: known by its own text, needed wherever NAME is.
                [
                    Expr::Subscript(ruff_python_ast::ExprSubscript { value, .. })
                    | Expr::Attribute(ruff_python_ast::ExprAttribute { value, .. }),
                ] => {
                    if let Expr::Name(owner) = &**value {
                        let owner = owner.id.to_string();
                        let key = node.source.slice(assign.range).to_owned();
                        self.seen(&key);
                        self.mention(&owner, &node);
                        self.mentions.entry(owner).or_default().insert(key.clone());
                        self.assignments.insert(key, node);
                    }
                }
                _ => {}
            },
            _ => {}
        }
    }

    fn seen(&mut self, name: &str) {
        let next = self.order.len();
        self.order.entry(name.to_owned()).or_insert(next);
    }

    fn mention(&mut self, name: &str, node: &Node) {
        self.mentions.entry(name.to_owned()).or_default().extend(node.names().map(str::to_owned));
    }

    /// The definition called `name`: a function before a class before an assignment.
    pub(crate) fn get(&self, name: &str) -> Option<&Node> {
        self.functions
            .get(name)
            .or_else(|| self.classes.get(name))
            .or_else(|| self.assignments.get(name))
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }
}

pub(crate) fn is_import(stmt: &Stmt) -> bool {
    matches!(stmt, Stmt::Import(_) | Stmt::ImportFrom(_))
}

/// Collects what `from .modeling_x import ...` brings in, at any depth.
struct Siblings(HashMap<String, FileKind>);

impl<'a> StatementVisitor<'a> for Siblings {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        if let Stmt::ImportFrom(import) = stmt {
            let module = import.module.as_deref().filter(|_| import.level == 1);
            if let Some(kind) = module.and_then(FileKind::of_module) {
                let names =
                    import.names.iter().map(|alias| alias.asname.as_ref().unwrap_or(&alias.name));
                self.0.extend(names.map(|name| (name.to_string(), kind)));
            }
        } else {
            walk_stmt(self, stmt);
        }
    }
}
