//! The imports of a written file: of those that its sources have, the ones whose names it uses.

use std::collections::HashSet;

use ruff_python_ast::visitor::Visitor;
use ruff_python_ast::{Alias, Stmt, StmtIf};
use ruff_text_size::{Ranged, TextRange};

use crate::mentions::{self, Names};
use crate::problem::Problem;
use crate::text::{Node, Source, items, line_end, line_start};

/// The names in `body` and in the conditions of guarded imports.
pub(super) fn used(body: &Source, candidates: &[Node]) -> Names {
    let mut used = Names::default();
    used.visit_body(body.stmts());
    for node in candidates {
        if let Stmt::If(branch) = node.stmt() {
            used.visit_expr(&branch.test);
            branch
                .elif_else_clauses
                .iter()
                .filter_map(|clause| clause.test.as_ref())
                .for_each(|test| used.visit_expr(test));
        }
    }
    used
}

/// The imports of one file.
#[derive(Debug, Default)]
pub(super) struct Imports {
    pub plain: Vec<Import>,
    pub guards: Vec<Guard>,
}

/// One import statement, with the names that are kept of it.
#[derive(Debug)]
pub(super) struct Import {
    /// Comments and blank lines before it.
    pub lead: String,
    /// `import ` or `from module import `.
    pub head: String,
    pub names: Vec<String>,
    comment: String,
}

/// Imports under a condition.
#[derive(Debug)]
pub(super) struct Guard {
    lead: String,
    pub test: String,
    pub imports: Vec<Import>,
    /// The branches after the first, as written.
    pub otherwise: String,
}

impl Import {
    pub(super) fn new(head: String, name: &str) -> Self {
        Self { lead: String::new(), head, names: vec![name.to_owned()], comment: String::new() }
    }

    fn write(&self, indent: &str) -> String {
        let Self { lead, head, names, comment } = self;
        format!("{lead}{indent}{head}{}{comment}\n", names.join(", "))
    }

    pub(super) fn statement(&self) -> String {
        format!("{}{}", self.head, self.names.join(", "))
    }
}

impl Guard {
    pub(super) fn new(test: &str, imports: Vec<Import>) -> Self {
        Self { lead: String::new(), test: test.to_owned(), imports, otherwise: String::new() }
    }

    fn write(&self) -> String {
        let Self { lead, test, imports, otherwise } = self;
        let body: String = imports.iter().map(|import| import.write("    ")).collect();
        format!("{lead}if {test}:\n{body}{otherwise}")
    }
}

impl Imports {
    /// The imports of `candidates` that a body needs.
    pub(super) fn needed(
        candidates: &[Node],
        used: &Names,
        defined: &HashSet<&str>,
    ) -> Result<Self, Problem> {
        let mut chooser = Chooser { used, defined, added: HashSet::new(), guarded: HashSet::new() };
        let mut needed = Self::default();
        for node in candidates {
            match node.stmt() {
                Stmt::If(branch) => needed.guards.extend(chooser.guard(node, branch)?),
                stmt => needed.plain.extend(chooser.import(&node.source, stmt, node.owned())),
            }
        }
        Ok(needed)
    }

    /// Plain imports first, guarded ones after.
    pub(super) fn write(&self) -> String {
        self.plain
            .iter()
            .map(|import| import.write(""))
            .chain(self.guards.iter().map(Guard::write))
            .collect()
    }
}

struct Chooser<'a> {
    used: &'a Names,
    defined: &'a HashSet<&'a str>,
    added: HashSet<String>,
    guarded: HashSet<String>,
}

impl Chooser<'_> {
    fn takes(&mut self, name: &str) -> bool {
        let names = if name.contains('.') { &self.used.dotted } else { &self.used.loaded };
        names.contains(name) && !self.defined.contains(name) && self.added.insert(name.to_owned())
    }

    /// The statement with the names that are used and not imported yet; `None` where none is left.
    fn import(&mut self, source: &Source, stmt: &Stmt, owned: TextRange) -> Option<Import> {
        let (head, names) = mentions::import(stmt)?;
        let names: Vec<String> = names
            .iter()
            .filter(|alias| self.takes(bound(alias)))
            .map(|alias| source.slice(alias.range).to_owned())
            .collect();
        if names.is_empty() {
            return None;
        }
        let lead = source
            .slice(TextRange::new(owned.start(), line_start(source.text(), stmt.start())))
            .to_owned();
        let after =
            source.slice(TextRange::new(stmt.end(), line_end(source.text(), stmt.end()))).trim();
        let comment = if after.starts_with('#') { format!("  {after}") } else { String::new() };
        Some(Import { lead, head, names, comment })
    }

    /// `if is_torch_available(): ...` with the imports of its first branch that are used.
    fn guard(&mut self, node: &Node, branch: &StmtIf) -> Result<Option<Guard>, Problem> {
        let source = &node.source;
        let start = branch.body.first().map_or(branch.range.end(), Ranged::start);
        let mut imports = Vec::new();
        for item in items(source.text(), &branch.body, line_start(source.text(), start)) {
            let stmt = &branch.body[item.stmts.start];
            if !crate::definitions::is_import(stmt) {
                return Err(source
                    .problem(stmt.range(), "only imports may stand in a guarded import block"));
            }
            if let Some(import) = self.import(source, stmt, item.owned)
                && self.guarded.insert(import.statement())
            {
                imports.push(import);
            }
        }
        if imports.is_empty() {
            return Ok(None);
        }
        let lead = source.slice(TextRange::new(node.owned().start(), branch.start())).to_owned();
        let test = source.slice(branch.test.range()).to_owned();
        let otherwise = branch.elif_else_clauses.first().map_or_else(String::new, |other| {
            source.slice(TextRange::new(other.start(), node.owned().end())).to_owned()
        });
        Ok(Some(Guard { lead, test, imports, otherwise }))
    }
}

/// The name that an import binds; the whole path of `import a.b`.
fn bound(alias: &Alias) -> &str {
    alias.asname.as_ref().unwrap_or(&alias.name).as_str()
}
