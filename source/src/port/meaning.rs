//! What a definition says to whoever computes with it: its tokens, without the model's own name, and
//! without layout, comments, annotations and what only training sees.
//!
//! Two pieces of code with the same meaning compute the same. The reverse does not hold: a rewrite that
//! changes nothing reads as a difference, which costs a look and never an error.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;
use ruff_python_ast::token::TokenKind;
use ruff_python_ast::visitor::{Visitor, walk_expr, walk_parameter, walk_stmt};
use ruff_python_ast::{Decorator, Expr, Parameter, Stmt, StmtFunctionDef};
use ruff_text_size::{Ranged, TextRange, TextSize};

use super::inert;
use crate::body::{Member, class_body, function_body};
use crate::text::{Node, Source};

/// The lines of a file that something takes, from the first to the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Lines {
    pub first: usize,
    pub last: usize,
}

impl Lines {
    pub(super) fn of(source: &Source, range: TextRange) -> Self {
        let end = range.end().max(range.start() + TextSize::from(1)) - TextSize::from(1);
        Self { first: source.line(range.start()), last: source.line(end) }
    }

    pub(super) fn count(self) -> usize {
        self.last - self.first + 1
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Statement {
    pub meaning: String,
    pub lines: Lines,
}

/// A method, or what a class says outside of its methods, or a function or constant as a whole.
#[derive(Debug)]
pub(super) struct Unit {
    pub lines: Lines,
    pub statements: Vec<Statement>,
}

impl Unit {
    pub(super) fn says_the_same(&self, other: &Self) -> bool {
        let of =
            |it: &'_ Self| it.statements.iter().map(|it| it.meaning.clone()).collect::<Vec<_>>();
        of(self) == of(other)
    }
}

/// The unit of everything that is not in a method.
pub(super) const WHOLE: &str = "";

/// A class, function or constant.
#[derive(Debug)]
pub(super) struct Part {
    pub name: String,
    pub is_class: bool,
    pub lines: Lines,
    pub units: IndexMap<String, Unit>,
    /// The plain names that it uses.
    pub mentions: BTreeSet<String>,
}

/// Reads the definitions of one file.
pub(super) struct Reader<'a> {
    pub source: &'a Source,
    /// What the model's classes begin with, the longest first.
    pub prefixes: &'a [String],
    /// Where imported names come from.
    pub imports: &'a BTreeMap<String, String>,
}

impl Reader<'_> {
    pub(super) fn part(&self, name: &str, node: &Node) -> Part {
        let mut part = Part {
            name: name.to_owned(),
            is_class: false,
            lines: Lines::of(self.source, node.stmt().range()),
            units: IndexMap::new(),
            mentions: BTreeSet::new(),
        };
        match node.stmt() {
            Stmt::ClassDef(class) => {
                part.is_class = true;
                let body = class_body(self.source, class, node.owned().end());
                let head = body.members.first().map_or(class.end(), |it| it.stmt.start());
                let mut whole = vec![self.statement(
                    TextRange::new(class.start(), head),
                    &[],
                    &class.decorator_list,
                    &mut part.mentions,
                )];
                for member in &body.members {
                    if let Some(function) = member.function() {
                        let name = function.name.to_string();
                        if !inert::method(&name) {
                            let unit = self.function(function, member, &mut part.mentions);
                            // A property and its setter are two methods of one name.
                            let twice = part.units.contains_key(&name);
                            let key = if twice { format!("{name} (again)") } else { name };
                            part.units.insert(key, unit);
                        }
                    } else if !member.target().is_some_and(inert::attribute) {
                        whole.extend(self.plain(member, &mut part.mentions));
                    }
                }
                let lines = whole[0].lines;
                part.units.insert(WHOLE.to_owned(), Unit { lines, statements: whole });
            }
            Stmt::FunctionDef(function) => {
                let member = Member {
                    source: self.source,
                    stmt: node.stmt(),
                    owned: node.owned(),
                    alone: true,
                };
                let unit = self.function(function, &member, &mut part.mentions);
                part.units.insert(WHOLE.to_owned(), unit);
            }
            stmt => {
                let statement = self.statement(stmt.range(), &[stmt], &[], &mut part.mentions);
                let unit = Unit { lines: statement.lines, statements: vec![statement] };
                part.units.insert(WHOLE.to_owned(), unit);
            }
        }
        part
    }

    fn function(
        &self,
        function: &StmtFunctionDef,
        member: &Member<'_>,
        mentions: &mut BTreeSet<String>,
    ) -> Unit {
        let body = function_body(self.source, function, member.owned.end());
        let start = body.members.first().map_or(function.end(), |it| it.stmt.start());
        // The head alone, with its annotations left out.
        let mut head = Skipped::default();
        head.visit_parameters(&function.parameters);
        head.returns(function);
        head.decorators(&function.decorator_list);
        let range = TextRange::new(function.start(), start);
        let mut statements = vec![self.told(range, &head.0, mentions)];
        statements.extend(body.members.iter().filter_map(|it| self.plain(it, mentions)));
        Unit { lines: Lines::of(self.source, function.range), statements }
    }

    /// A member that is neither a docstring nor inert.
    fn plain(&self, member: &Member<'_>, mentions: &mut BTreeSet<String>) -> Option<Statement> {
        let silent = member.is_docstring() || inert::statement(self.source, member.stmt);
        let range = TextRange::new(member.stmt.start(), member.owned.end().max(member.stmt.end()));
        (!silent)
            .then(|| self.statement(range, &[member.stmt], &[], mentions))
            .filter(|it| !it.meaning.is_empty())
    }

    fn statement(
        &self,
        range: TextRange,
        stmts: &[&Stmt],
        decorators: &[Decorator],
        mentions: &mut BTreeSet<String>,
    ) -> Statement {
        let mut skipped = Skipped::default();
        skipped.decorators(decorators);
        let mut walk = Silent { source: self.source, skipped };
        for stmt in stmts {
            walk.visit_stmt(stmt);
        }
        let mut statement = self.told(range, &walk.skipped.0, mentions);
        if let [only] = stmts {
            statement.lines = Lines::of(self.source, only.range());
        }
        statement
    }

    fn told(
        &self,
        range: TextRange,
        skipped: &[TextRange],
        mentions: &mut BTreeSet<String>,
    ) -> Statement {
        let mut out = Telling::default();
        for token in self.source.tokens(range) {
            let at = token.range();
            if skipped.iter().any(|it| it.contains_range(at) && !at.is_empty()) {
                continue;
            }
            let text = self.source.slice(at);
            match token.kind() {
                TokenKind::Comment | TokenKind::NonLogicalNewline => {}
                TokenKind::Newline => out.line(),
                TokenKind::Indent => out.word("{{", token.kind()),
                TokenKind::Dedent => out.word("}}", token.kind()),
                TokenKind::Name => {
                    if out.after_dot() {
                        out.word(text, token.kind());
                    } else {
                        mentions.insert(text.to_owned());
                        let from = self.imports.get(text).map_or("", String::as_str);
                        out.word(&format!("{from}{}", fold(self.prefixes, text)), token.kind());
                    }
                }
                kind => out.word(text, kind),
            }
        }
        Statement { meaning: out.text(), lines: Lines::of(self.source, range) }
    }
}

/// A class name without the model's own name.
pub(super) fn fold(prefixes: &[String], name: &str) -> String {
    let rest = prefixes.iter().find_map(|it| name.strip_prefix(it.as_str()));
    rest.map_or_else(|| name.to_owned(), |rest| format!("@{rest}"))
}

/// Tokens in order, without the comma that a formatter puts at the end of a list.
#[derive(Default)]
struct Telling {
    words: Vec<(String, TokenKind)>,
    /// Of each open bracket: whether one comma before its end means nothing, and commas so far.
    open: Vec<(bool, usize)>,
}

impl Telling {
    fn after_dot(&self) -> bool {
        self.words.last().is_some_and(|(_, kind)| *kind == TokenKind::Dot)
    }

    fn line(&mut self) {
        self.words.push(("\n".to_owned(), TokenKind::Newline));
    }

    fn word(&mut self, text: &str, kind: TokenKind) {
        match kind {
            TokenKind::Lpar => {
                let is_call = self.words.last().is_some_and(|(_, before)| {
                    matches!(before, TokenKind::Name | TokenKind::Rpar | TokenKind::Rsqb)
                });
                self.open.push((is_call, 0));
            }
            TokenKind::Lsqb => {
                // Of a subscript, `x[1,]` is a tuple.
                let is_subscript = self.words.last().is_some_and(|(_, before)| {
                    matches!(before, TokenKind::Name | TokenKind::Rpar | TokenKind::Rsqb)
                });
                self.open.push((!is_subscript, 0));
            }
            TokenKind::Lbrace => self.open.push((true, 0)),
            TokenKind::Comma => {
                if let Some((_, commas)) = self.open.last_mut() {
                    *commas += 1;
                }
            }
            TokenKind::Rpar | TokenKind::Rsqb | TokenKind::Rbrace => {
                let (free, commas) = self.open.pop().unwrap_or((false, 0));
                let trails = self.words.last().is_some_and(|(_, it)| *it == TokenKind::Comma);
                if trails && (free || 2 <= commas) {
                    self.words.pop();
                }
            }
            _ => {}
        }
        self.words.push((text.to_owned(), kind));
    }

    fn text(self) -> String {
        let words: Vec<String> = self.words.into_iter().map(|(word, _)| word).collect();
        words.join(" ").trim().to_owned()
    }
}

/// The ranges that say nothing.
#[derive(Default)]
struct Skipped(Vec<TextRange>);

impl Skipped {
    fn decorators(&mut self, list: &[Decorator]) {
        self.0.extend(list.iter().filter(|it| inert::decorator(it)).map(Ranged::range));
    }

    fn returns(&mut self, function: &StmtFunctionDef) {
        if let Some(returns) = &function.returns {
            self.0.push(TextRange::new(function.parameters.end(), returns.end()));
        }
    }
}

impl<'a> Visitor<'a> for Skipped {
    fn visit_parameter(&mut self, parameter: &'a Parameter) {
        if let Some(annotation) = &parameter.annotation {
            self.0.push(TextRange::new(parameter.name.end(), annotation.end()));
        }
        walk_parameter(self, parameter);
    }
}

/// Finds what says nothing inside of statements.
struct Silent<'s> {
    source: &'s Source,
    skipped: Skipped,
}

impl<'a> Visitor<'a> for Silent<'_> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        if inert::statement(self.source, stmt) {
            self.skipped.0.push(stmt.range());
            return;
        }
        match stmt {
            Stmt::AnnAssign(assign) if assign.value.is_some() => {
                self.skipped.0.push(TextRange::new(assign.target.end(), assign.annotation.end()));
            }
            Stmt::AnnAssign(assign) => self.skipped.0.push(assign.range),
            Stmt::FunctionDef(function) => {
                self.skipped.returns(function);
                self.skipped.decorators(&function.decorator_list);
            }
            _ => {}
        }
        walk_stmt(self, stmt);
    }

    fn visit_parameter(&mut self, parameter: &'a Parameter) {
        self.skipped.visit_parameter(parameter);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        if let Expr::Call(call) = expr {
            let silent = call.arguments.keywords.iter().filter(|it| inert::keyword(it));
            self.skipped.0.extend(silent.map(Ranged::range));
        }
        walk_expr(self, expr);
    }
}
