//! A class as hashes: what two classes have in common is found without looking at their text again.
//!
//! Two inks: *folded* reads tokens with the model's own name, layout and brackets left out, so that
//! classes of different models compare over the whole library; *exact* reads the text as it stands,
//! so that what compares equal is equal.

use std::hash::{DefaultHasher, Hash, Hasher};

use ruff_python_ast::token::TokenKind;
use ruff_python_ast::visitor::{Visitor, walk_expr};
use ruff_python_ast::{Expr, Stmt};
use ruff_text_size::{Ranged, TextRange};

use crate::body::{Member, decorators, function_body, is_super_call};
use crate::modular::View;
use crate::naming::ModelNames;
use crate::problem::Problem;
use crate::rename::Renaming;
use crate::text::{Node, Source};

/// How text becomes a hash.
pub(super) enum Ink {
    Exact,
    /// With the names of one model folded.
    Folded(Renaming),
}

/// A piece of text: what it says, and how many lines of code it is long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    pub hash: u64,
    pub lines: u32,
}

#[derive(Debug)]
pub(super) struct Attribute {
    pub name: String,
    pub part: Part,
}

/// What a statement of a method assigns, if it does so plainly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    None,
    Assigned(u64),
    Annotated(u64),
}

/// What a statement is to the merging of bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Plain,
    /// `super().same_name(...)`, alone or returned: the converter would put the parent's body here.
    SuperCall,
    PostInit,
}

#[derive(Debug)]
pub(super) struct Statement {
    pub part: Part,
    pub target: Target,
    pub role: Role,
    /// It mentions `super().__init__`.
    pub inits: bool,
    /// The plain names that it reads, and those that it binds.
    pub reads: Vec<u64>,
    pub binds: Vec<u64>,
}

#[derive(Debug)]
pub(super) struct Method {
    pub name: String,
    pub lead: u64,
    pub decorators: Option<Part>,
    pub asynchronous: bool,
    pub parameters: Part,
    /// The names of the parameters.
    pub names: Vec<u64>,
    pub returns: Option<u64>,
    pub docstring: Option<Part>,
    pub statements: Vec<Statement>,
    pub whole: Part,
}

/// A class.
#[derive(Debug)]
pub(super) struct Shape {
    pub lead: u64,
    pub decorators: Option<Part>,
    pub bases: Vec<u64>,
    pub keywords: u64,
    pub docstring: Option<Part>,
    pub attributes: Vec<Attribute>,
    pub methods: Vec<Method>,
    /// It has members or comments that an inheriting class cannot be given.
    pub closed: bool,
    pub lines: u32,
}

impl Ink {
    pub(super) fn folded(names: &ModelNames, model: &str) -> Self {
        Self::Folded(Renaming::folding(names, model))
    }

    pub(super) fn part(&self, source: &Source, range: TextRange) -> Part {
        Part { hash: self.hash(source, range), lines: count_lines(source.slice(range)) }
    }

    fn hash(&self, source: &Source, range: TextRange) -> u64 {
        let mut hasher = DefaultHasher::new();
        match self {
            Self::Exact => trim_blank(source.slice(range)).for_each(|line| line.hash(&mut hasher)),
            Self::Folded(folding) => {
                for token in source.tokens(range) {
                    let text = source.slice(token.range());
                    match token.kind() {
                        TokenKind::Lpar
                        | TokenKind::Rpar
                        | TokenKind::Comma
                        | TokenKind::NonLogicalNewline
                        | TokenKind::Newline => {}
                        TokenKind::Comment if text.contains("# Copied from") => {}
                        TokenKind::Name | TokenKind::String | TokenKind::Comment => {
                            fold(&folding.apply(text)).hash(&mut hasher);
                        }
                        TokenKind::Indent | TokenKind::Dedent => token.kind().hash(&mut hasher),
                        _ => text.hash(&mut hasher),
                    }
                }
            }
        }
        hasher.finish()
    }

    pub(super) fn word(&self, text: &str) -> u64 {
        let mut hasher = DefaultHasher::new();
        match self {
            Self::Exact => text.hash(&mut hasher),
            Self::Folded(folding) => fold(&folding.apply(text)).hash(&mut hasher),
        }
        hasher.finish()
    }

    /// A member's name, which may carry its model's.
    fn name(&self, name: &str) -> String {
        match self {
            Self::Exact => name.to_owned(),
            Self::Folded(folding) => folding.apply(name),
        }
    }

    /// The comments in what stands before a definition.
    fn comments(&self, text: &str) -> u64 {
        let mut hasher = DefaultHasher::new();
        if matches!(self, Self::Exact) {
            text.lines()
                .map(str::trim)
                .filter(|line| !line.is_empty())
                .for_each(|line| line.hash(&mut hasher));
        }
        hasher.finish()
    }
}

/// A name that carries the model's prefix, with only the last word of what follows the prefix:
/// the text tower's norm and the norm are the same thing.
fn fold(text: &str) -> &str {
    if text.starts_with(Renaming::FOLDED_CAMEL)
        && text.chars().skip(1).all(|c| c.is_alphanumeric() || c == '_')
    {
        text.rfind(char::is_uppercase).map_or(text, |at| &text[at..])
    } else {
        text
    }
}

/// The lines without the blank ones around them and at their ends.
fn trim_blank(text: &str) -> impl Iterator<Item = &str> {
    let text = text.trim_end();
    text.lines().map(str::trim_end).skip_while(|line| line.is_empty())
}

/// Lines of code: those that hold more than blanks or a comment.
pub fn count_lines(text: &str) -> u32 {
    let code =
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    u32::try_from(code.count()).unwrap_or(u32::MAX)
}

impl Shape {
    pub(super) fn of(node: &Node, ink: &Ink) -> Result<Self, Problem> {
        let view = View::of(node)?;
        let source = &*node.source;
        let class = view.class;
        let text = node.text();
        let before = text.len() - (node.owned().end() - class.range.start()).to_usize();
        let docstring = view.docstring();
        let attributes = view.attributes();
        let shown = attributes.len() + view.methods.len() + usize::from(docstring.is_some());
        let idle = view.body.members.iter().filter(|member| is_idle(member)).count();
        let opening =
            view.body.opening.contains('#') || view.body.footer.contains('#') || view.body.inline;
        let decorated = decorators(source, &class.decorator_list, class.name.start());
        Ok(Self {
            lead: ink.comments(&text[..before]),
            decorators: decorated_part(ink, source, &class.decorator_list, decorated),
            bases: class.bases().iter().map(|base| ink.hash(source, base.range())).collect(),
            keywords: class.arguments.as_ref().map_or(0, |arguments| {
                arguments
                    .keywords
                    .iter()
                    .fold(1, |all: u64, one| all.rotate_left(5) ^ ink.hash(source, one.range))
            }),
            docstring: docstring.map(|member| ink.part(source, member.owned)),
            attributes: attributes
                .iter()
                .map(|(name, member)| Attribute { name: ink.name(name), part: spaced(ink, member) })
                .collect(),
            methods: view
                .methods
                .iter()
                .filter_map(|(name, member)| Method::of(name, member, ink))
                .collect(),
            closed: opening || view.body.members.len() != shown + idle,
            lines: count_lines(text),
        })
    }
}

/// `pass` alone is what an empty class consists of.
fn is_idle(member: &Member<'_>) -> bool {
    matches!(member.stmt, Stmt::Pass(_)) && !member.text().contains('#')
}

/// A member with the blank line before it, which is the author's choice between attributes.
fn spaced(ink: &Ink, member: &Member<'_>) -> Part {
    let mut part = ink.part(member.source, member.owned);
    if matches!(ink, Ink::Exact) && member.text().starts_with('\n') {
        part.hash = part.hash.rotate_left(1) ^ 1;
    }
    part
}

fn decorated_part(
    ink: &Ink,
    source: &Source,
    list: &[ruff_python_ast::Decorator],
    text: &str,
) -> Option<Part> {
    let (first, last) = (list.first()?, list.last()?);
    let hash = match ink {
        Ink::Exact => ink.word(text.trim_end()),
        Ink::Folded(_) => ink.hash(source, TextRange::new(first.start(), last.end())),
    };
    Some(Part { hash, lines: count_lines(text) })
}

impl Method {
    fn of(name: &str, member: &Member<'_>, ink: &Ink) -> Option<Self> {
        let function = member.function()?;
        let source = member.source;
        let body = function_body(source, function, member.owned.end());
        let lead = TextRange::new(member.owned.start(), member.stmt.start());
        let decorated = decorators(source, &function.decorator_list, function.name.start());
        let docstring = body.members.first().filter(|first| first.is_docstring());
        let statements = body.members.iter().filter(|one| !one.is_docstring());
        Some(Self {
            name: ink.name(name),
            lead: ink.comments(source.slice(lead)),
            decorators: decorated_part(ink, source, &function.decorator_list, decorated),
            asynchronous: function.is_async,
            parameters: ink.part(source, function.parameters.range),
            names: function.parameters.iter().map(|it| ink.word(it.name())).collect(),
            returns: function.returns.as_ref().map(|returns| ink.hash(source, returns.range())),
            docstring: docstring.map(|first| ink.part(source, first.owned)),
            statements: statements.map(|one| Statement::of(one, &function.name, ink)).collect(),
            whole: ink.part(source, member.owned),
        })
    }

    /// Lines of the decorators and the `def`.
    pub(super) fn head_lines(&self) -> u32 {
        self.parameters.lines.max(1)
    }
}

impl Statement {
    fn of(member: &Member<'_>, method: &str, ink: &Ink) -> Self {
        let text = member.text();
        let role = if is_super_call(member.stmt, method) {
            Role::SuperCall
        } else if text.contains("self.post_init(") {
            Role::PostInit
        } else {
            Role::Plain
        };
        let target = match (member.stmt, member.target()) {
            (Stmt::Assign(_), Some(target)) => Target::Assigned(ink.word(target)),
            (Stmt::AnnAssign(_), Some(target)) => Target::Annotated(ink.word(target)),
            _ => Target::None,
        };
        let mut names = Names { ink, reads: Vec::new(), binds: Vec::new() };
        names.visit_stmt(member.stmt);
        let Names { reads, binds, .. } = names;
        let inits = text.contains("super().__init__");
        Self { part: ink.part(member.source, member.owned), target, role, inits, reads, binds }
    }
}

struct Names<'a> {
    ink: &'a Ink,
    reads: Vec<u64>,
    binds: Vec<u64>,
}

impl<'v> Visitor<'v> for Names<'_> {
    fn visit_expr(&mut self, expr: &'v Expr) {
        if let Expr::Name(name) = expr {
            let word = self.ink.word(&name.id);
            if name.ctx.is_load() { self.reads.push(word) } else { self.binds.push(word) }
        }
        walk_expr(self, expr);
    }
}
