//! The bodies of classes and functions as lists of members, each a verbatim slice of its file.

use ruff_python_ast::token::TokenKind;
use ruff_python_ast::{Decorator, Expr, Stmt, StmtClassDef, StmtFunctionDef};
use ruff_text_size::{Ranged, TextRange, TextSize};

use crate::text::{Item, Source, items, line_end};

/// A statement line of a body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Member<'a> {
    pub source: &'a Source,
    pub stmt: &'a Stmt,
    /// With the comments and blank lines that it owns.
    pub owned: TextRange,
    /// Whether the line holds this statement alone.
    pub alone: bool,
}

/// A body and what surrounds it.
#[derive(Debug)]
pub(crate) struct Body<'a> {
    pub members: Vec<Member<'a>>,
    /// What stands between the colon and the first member: a comment, a newline.
    pub opening: &'a str,
    /// Comments after the last member.
    pub footer: &'a str,
    /// Whether the body stands on the line of its header.
    pub inline: bool,
}

impl<'a> Member<'a> {
    pub(crate) fn text(&self) -> &'a str {
        self.source.slice(self.owned)
    }

    /// Its text on a line of its own, where it stands on that of a header too.
    pub(crate) fn line(&self) -> String {
        let text = self.text();
        let indent =
            if text.starts_with(|c: char| c.is_whitespace() || c == '#') { "" } else { "    " };
        format!("{indent}{text}")
    }

    /// The comments and blank lines before it, with its indentation.
    pub(crate) fn lead(&self) -> &'a str {
        self.source.slice(TextRange::new(self.owned.start(), self.stmt.start()))
    }

    pub(crate) fn is_docstring(&self) -> bool {
        is_docstring(self.source, self.stmt)
    }

    /// The text of the target of a plain or annotated assignment.
    pub(crate) fn target(&self) -> Option<&'a str> {
        match self.stmt {
            Stmt::Assign(assign) if self.alone => {
                assign.targets.first().map(|target| self.source.slice(target.range()))
            }
            Stmt::AnnAssign(assign) if self.alone => Some(self.source.slice(assign.target.range())),
            _ => None,
        }
    }

    pub(crate) fn function(&self) -> Option<&'a StmtFunctionDef> {
        if let Stmt::FunctionDef(function) = self.stmt { Some(function) } else { None }
    }
}

/// A lone string in triple double quotes.
fn is_docstring(source: &Source, stmt: &Stmt) -> bool {
    let Stmt::Expr(expr) = stmt else { return false };
    let Expr::StringLiteral(literal) = &*expr.value else { return false };
    let text = source.slice(literal.range);
    !literal.value.is_implicit_concatenated()
        && text.find("\"\"\"").is_some_and(|open| text[open + 3..].contains("\"\"\""))
}

pub(crate) fn class_body<'a>(
    source: &'a Source,
    class: &'a StmtClassDef,
    end: TextSize,
) -> Body<'a> {
    let header = class.arguments.as_ref().map_or(class.name.end(), |arguments| arguments.end());
    body(source, header, &class.body, end)
}

pub(crate) fn function_body<'a>(
    source: &'a Source,
    function: &'a StmtFunctionDef,
    end: TextSize,
) -> Body<'a> {
    let header =
        function.returns.as_ref().map_or(function.parameters.end(), |returns| returns.end());
    body(source, header, &function.body, end)
}

/// The body of statements after a header that ends at `header`; the whole ends at `end`.
fn body<'a>(source: &'a Source, header: TextSize, stmts: &'a [Stmt], end: TextSize) -> Body<'a> {
    let first = stmts.first().map_or(end, Ranged::start);
    let mut colon = header;
    let mut newline = None;
    for token in source.tokens(TextRange::new(header, first)) {
        match token.kind() {
            TokenKind::Colon => colon = token.end(),
            TokenKind::Newline => newline = newline.or(Some(token.start())),
            _ => {}
        }
    }
    let start = newline.map_or(first, |newline| line_end(source.text(), newline));
    let members: Vec<_> = items(source.text(), stmts, start)
        .into_iter()
        .map(|Item { owned, stmts: which }| Member {
            source,
            stmt: &stmts[which.start],
            owned,
            alone: which.len() == 1,
        })
        .collect();
    let last = members.last().map_or(start, |member| member.owned.end()).min(end);
    Body {
        opening: source.slice(TextRange::new(colon, start)),
        footer: source.slice(TextRange::new(last, end)),
        inline: newline.is_none(),
        members,
    }
}

/// The decorators of a definition as written, up to its `def`, `async` or `class`.
pub(crate) fn decorators<'a>(source: &'a Source, list: &[Decorator], name: TextSize) -> &'a str {
    let (Some(first), Some(last)) = (list.first(), list.last()) else { return "" };
    let keyword = source
        .tokens(TextRange::new(last.end(), name))
        .iter()
        .find(|token| matches!(token.kind(), TokenKind::Def | TokenKind::Async | TokenKind::Class))
        .map_or(name, Ranged::start);
    source.slice(TextRange::new(first.start(), keyword))
}

/// `super().name(...)`, alone or returned.
pub(crate) fn is_super_call(stmt: &Stmt, name: &str) -> bool {
    let expr = match stmt {
        Stmt::Expr(expr) => Some(&*expr.value),
        Stmt::Return(returned) => returned.value.as_deref(),
        _ => None,
    };
    let Some(Expr::Call(call)) = expr else { return false };
    let Expr::Attribute(function) = &*call.func else { return false };
    let Expr::Call(inner) = &*function.value else { return false };
    function.attr.as_str() == name
        && matches!(&*inner.func, Expr::Name(callee) if callee.id.as_str() == "super")
}
