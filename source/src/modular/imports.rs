//! The imports of a written file: of those that its sources have, the ones whose names it uses.

use std::collections::HashSet;
use std::fmt::Write;

use ruff_python_ast::visitor::{Visitor, walk_annotation, walk_expr};
use ruff_python_ast::{Alias, Expr, Stmt, StmtIf};
use ruff_text_size::{Ranged, TextRange};

use crate::problem::Problem;
use crate::text::{Node, Source, items, line_end, line_start};

/// The names that a file's body uses.
#[derive(Debug, Default)]
pub(super) struct Used {
    names: HashSet<String>,
    /// `torch.nn.functional` as written, for imports of dotted names.
    dotted: HashSet<String>,
    in_annotation: bool,
}

impl Used {
    pub(super) fn of(body: &Source) -> Self {
        let mut used = Self::default();
        used.visit_body(body.stmts());
        used
    }

    fn contains(&self, name: &str) -> bool {
        if name.contains('.') { self.dotted.contains(name) } else { self.names.contains(name) }
    }
}

impl<'a> Visitor<'a> for Used {
    fn visit_annotation(&mut self, expr: &'a Expr) {
        let outer = std::mem::replace(&mut self.in_annotation, true);
        walk_annotation(self, expr);
        self.in_annotation = outer;
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Name(name) => drop(self.names.insert(name.id.to_string())),
            Expr::StringLiteral(literal) if self.in_annotation => {
                let words = literal.value.to_str().split(|c: char| !c.is_alphanumeric() && c != '_');
                self.names.extend(words.filter(|word| !word.is_empty()).map(str::to_owned));
            }
            Expr::Attribute(_) => {
                if let Some(path) = dotted(expr) {
                    self.dotted.insert(path);
                }
            }
            _ => {}
        }
        walk_expr(self, expr);
    }
}

fn dotted(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Name(name) => Some(name.id.to_string()),
        Expr::Attribute(attribute) => Some(format!("{}.{}", dotted(&attribute.value)?, attribute.attr)),
        _ => None,
    }
}

/// The imports of `candidates` that a body needs: plain ones first, guarded ones after.
pub(super) fn needed(candidates: &[Node], used: &Used, defined: &HashSet<&str>) -> Result<String, Problem> {
    let mut chooser = Chooser { used, defined, added: HashSet::new(), guarded: HashSet::new() };
    let (mut plain, mut guards) = (String::new(), String::new());
    for node in candidates {
        match node.stmt() {
            Stmt::If(branch) => guards.push_str(&chooser.guard(node, branch)?),
            stmt => plain.push_str(&chooser.import(&node.source, stmt, node.owned(), "").unwrap_or_default()),
        }
    }
    Ok(plain + &guards)
}

struct Chooser<'a> {
    used: &'a Used,
    defined: &'a HashSet<&'a str>,
    added: HashSet<String>,
    guarded: HashSet<String>,
}

impl Chooser<'_> {
    fn takes(&mut self, name: &str) -> bool {
        self.used.contains(name) && !self.defined.contains(name) && self.added.insert(name.to_owned())
    }

    /// The statement with the names that are used and not imported yet; `None` where none is left.
    fn import(&mut self, source: &Source, stmt: &Stmt, owned: TextRange, indent: &str) -> Option<String> {
        let (head, names) = match stmt {
            Stmt::Import(import) => ("import ".to_owned(), &import.names),
            Stmt::ImportFrom(import) => {
                let dots = ".".repeat(import.level as usize);
                (format!("from {dots}{} import ", import.module.as_deref().unwrap_or_default()), &import.names)
            }
            _ => return None,
        };
        let names: Vec<&Alias> = names.iter().filter(|alias| self.takes(bound(alias))).collect();
        if names.is_empty() {
            return None;
        }
        let lead = source.slice(TextRange::new(owned.start(), line_start(source.text(), stmt.start())));
        let names: Vec<&str> = names.into_iter().map(|alias| source.slice(alias.range)).collect();
        let after = source.slice(TextRange::new(stmt.end(), line_end(source.text(), stmt.end()))).trim();
        let comment = if after.starts_with('#') { format!("  {after}") } else { String::new() };
        Some(format!("{lead}{indent}{head}{}{comment}\n", names.join(", ")))
    }

    /// `if is_torch_available(): ...` with the imports of its first branch that are used.
    fn guard(&mut self, node: &Node, branch: &StmtIf) -> Result<String, Problem> {
        let source = &node.source;
        let start = branch.body.first().map_or(branch.range.end(), Ranged::start);
        let mut body = String::new();
        for item in items(source.text(), &branch.body, line_start(source.text(), start)) {
            let stmt = &branch.body[item.stmts.start];
            if !crate::definitions::is_import(stmt) {
                return Err(source.problem(stmt.range(), "only imports may stand in a guarded import block"));
            }
            if let Some(line) = self.import(source, stmt, item.owned, "    ")
                && self.guarded.insert(line.trim().to_owned())
            {
                body.push_str(&line);
            }
        }
        if body.is_empty() {
            return Ok(String::new());
        }
        let lead = source.slice(TextRange::new(node.owned().start(), branch.start()));
        let mut text = format!("{lead}if {}:\n{body}", source.slice(branch.test.range()));
        if let Some(other) = branch.elif_else_clauses.first() {
            let rest = TextRange::new(other.start(), node.owned().end());
            let _ = write!(text, "{}", source.slice(rest));
        }
        Ok(text)
    }
}

/// The name that an import binds; the whole path of `import a.b`.
fn bound(alias: &Alias) -> &str {
    alias.asname.as_ref().unwrap_or(&alias.name).as_str()
}
