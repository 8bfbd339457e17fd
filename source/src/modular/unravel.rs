//! Replaces `super().method(...)` by the body of the parent's method, and merges what follows it.

use std::collections::{HashMap, HashSet};

use ruff_python_ast::visitor::{Visitor, walk_expr};
use ruff_python_ast::{Expr, ExprCall, Stmt, StmtFunctionDef};
use ruff_text_size::{Ranged, TextRange};

use super::inherit::View;
use crate::body::{Body, Member, function_body, is_super_call};
use crate::problem::Problem;

/// Writes the methods of one class.
pub(super) struct Unraveller<'a> {
    /// What may be called by name to reach the real parent.
    called: Vec<String>,
    parent: &'a View<'a>,
    /// Assignments that follow a call to `super()`, by target. They are kept from one method to the
    /// next: a later method's assignment to the same target is replaced as well.
    assigned: HashMap<String, String>,
    deleted: HashSet<String>,
}

impl<'a> Unraveller<'a> {
    pub(super) fn new(bases: &[String], parent: &'a View<'a>) -> Self {
        let mut called = bases.to_vec();
        if bases.iter().any(|base| base == "GradientCheckpointingLayer") {
            called.push("nn.Module".into());
        }
        if bases.iter().any(|base| base.contains("PreTrainedModel")) {
            called.push("PreTrainedModel".into());
        }
        Self { called, parent, assigned: HashMap::new(), deleted: HashSet::new() }
    }

    /// Appends the body of `method`, called `name` in its class, after its head.
    pub(super) fn write(
        &mut self,
        text: &mut String,
        name: &str,
        method: &Member<'_>,
        function: &StmtFunctionDef,
    ) -> Result<(), Problem> {
        let body = function_body(method.source, function, method.owned.end());
        let inherited = self.parent_body(name);
        let mut lines: Vec<String> = Vec::new();
        let mut documented = false;
        for (index, member) in body.members.iter().enumerate() {
            if is_super_call(member.stmt, &function.name) {
                let Some(inherited) = &inherited else {
                    return Err(method
                        .source
                        .problem(
                            member.stmt.range(),
                            format!("the parent has no method `{name}` to put here"),
                        )
                        .with_help(format!(
                            "`{}` is looked up in {}",
                            self.parent.class.name,
                            self.parent.node.source.path().display()
                        )));
                };
                let merged = self.merge(inherited, &body.members[index + 1..]);
                lines.extend(merged);
                lines = init_first(lines, inherited);
                break;
            }
            documented |= member.is_docstring();
            lines.push(self.call_super(member));
        }
        if !documented
            && let Some(docstring) = inherited
                .and_then(|body| body.members.first().copied())
                .filter(Member::is_docstring)
        {
            lines.insert(0, docstring.text().to_owned());
        }
        // `def f(self): pass` stays on its line.
        let stays = body.inline && lines.len() == 1;
        text.push_str(if body.inline && !stays { "\n" } else { body.opening });
        for line in &lines {
            let indented = line.starts_with(|c: char| c.is_whitespace() || c == '#');
            if !stays && !indented {
                text.push_str("        ");
            }
            text.push_str(line);
            if !line.ends_with('\n') {
                text.push('\n');
            }
        }
        text.push_str(body.footer);
        Ok(())
    }

    fn parent_body(&self, name: &str) -> Option<Body<'a>> {
        let method = self.parent.methods.get(name)?;
        Some(function_body(method.source, method.function()?, method.owned.end()))
    }

    /// The parent's statements with those that follow the call to `super()`.
    fn merge(&mut self, inherited: &Body<'_>, following: &[Member<'_>]) -> Vec<String> {
        for member in following {
            match member.stmt {
                Stmt::Assign(_) if member.alone => {
                    if let Some(target) = member.target() {
                        self.assigned.insert(target.to_owned(), member.text().to_owned());
                    }
                }
                Stmt::Delete(delete) if member.alone => {
                    if let [target] = delete.targets.as_slice() {
                        self.deleted.insert(member.source.slice(target.range()).to_owned());
                    }
                }
                _ => {}
            }
        }
        let mut lines = Vec::new();
        for member in &inherited.members {
            let target = member.target();
            if member.is_docstring() || target.is_some_and(|target| self.deleted.contains(target)) {
                continue;
            }
            let replaced = target
                .filter(|_| matches!(member.stmt, Stmt::Assign(_)))
                .and_then(|t| self.assigned.get(t));
            lines.push(replaced.cloned().unwrap_or_else(|| member.text().to_owned()));
        }
        let mut present: HashSet<String> = lines.iter().map(|line| normalised(line)).collect();
        for member in following {
            if !matches!(member.stmt, Stmt::Delete(_)) && present.insert(normalised(member.text()))
            {
                lines.push(member.text().to_owned());
            }
        }
        if let Some(at) = lines.iter().position(|line| line.contains("self.post_init(")) {
            let last = lines.remove(at);
            lines.push(last);
        }
        lines
    }

    /// `Parent.method(self, ...)` becomes `super().method(...)`: the call that is really meant.
    fn call_super(&self, member: &Member<'_>) -> String {
        let mut calls = ParentCalls { unraveller: self, member, edits: Vec::new() };
        calls.visit_stmt(member.stmt);
        let mut text = member.text().to_owned();
        calls.edits.sort_by_key(|(range, _)| range.start());
        for (range, new) in calls.edits.iter().rev() {
            let range = *range - member.owned.start();
            text.replace_range(range.start().to_usize()..range.end().to_usize(), new);
        }
        text
    }
}

struct ParentCalls<'a, 'b> {
    unraveller: &'a Unraveller<'b>,
    member: &'a Member<'a>,
    edits: Vec<(TextRange, &'static str)>,
}

impl<'v> Visitor<'v> for ParentCalls<'_, '_> {
    fn visit_expr(&mut self, expr: &'v Expr) {
        if let Expr::Call(call) = expr
            && let Expr::Attribute(function) = &*call.func
            && self
                .unraveller
                .called
                .iter()
                .any(|base| base == self.member.source.slice(function.value.range()))
        {
            self.edits.push((function.value.range(), "super()"));
            if let Some(range) = own_argument(call) {
                self.edits.push((range, ""));
            }
        }
        walk_expr(self, expr);
    }
}

/// The range of a first argument `self`, with the comma after it.
fn own_argument(call: &ExprCall) -> Option<TextRange> {
    let first = call
        .arguments
        .args
        .first()
        .filter(|arg| matches!(arg, Expr::Name(name) if name.id.as_str() == "self"))?;
    let next = call.arguments.iter_source_order().nth(1);
    Some(TextRange::new(first.start(), next.map_or(first.end(), |next| next.start())))
}

/// A statement without its comments and the blanks around it: what makes two statements the same.
fn normalised(text: &str) -> String {
    let lines: Vec<&str> =
        text.lines().map(|line| line.split('#').next().unwrap_or(line).trim_end()).collect();
    lines.join("\n").trim().to_owned()
}

/// `super().__init__` moves to the front, unless the parent itself calls it later.
fn init_first(mut lines: Vec<String>, inherited: &Body<'_>) -> Vec<String> {
    const CALL: &str = "super().__init__";
    let mut parent = inherited.members.iter().skip_while(|member| member.is_docstring());
    let at_once = parent.next().is_some_and(|member| member.text().contains(CALL));
    if !at_once && parent.any(|member| member.text().contains(CALL)) {
        return lines;
    }
    let front = lines
        .iter()
        .take_while(|line| line.trim_start().trim_start_matches('r').starts_with("\"\"\""))
        .count();
    if let Some(at) = lines.iter().position(|line| line.contains(CALL))
        && at > front
    {
        let call = lines.remove(at);
        lines.insert(front, call);
    }
    lines
}
