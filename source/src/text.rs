//! One Python file as data: its text, its syntax tree, and the statements of its top level with the
//! comments and blank lines that belong to each of them.
//!
//! Everything that is moved between files is a verbatim slice of such a text, so comments and layout
//! survive. Which statement owns which comment is decided in one place, [`items`]:
//!
//! - blank and comment lines before a statement belong to that statement;
//! - comments after the last statement of an indented block, indented at least as deeply as the
//!   block, belong to the block (and so to the compound statement that holds it);
//! - what stands before the first statement of a file (licence, banner) is its header and belongs to
//!   no statement.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use ruff_python_ast::token::{Token, TokenKind};
use ruff_python_ast::{ModModule, PySourceType, Stmt};
use ruff_python_parser::Parsed;
use ruff_source_file::LineIndex;
use ruff_text_size::{Ranged, TextRange, TextSize};

use crate::depth;
use crate::problem::Problem;

/// A parsed Python file.
#[derive(Debug)]
pub struct Source {
    path: PathBuf,
    text: String,
    tree: Tree,
    items: Vec<Item>,
    lines: OnceLock<LineIndex>,
    /// The file that this is a renamed copy of, line by line.
    original: Option<Arc<Source>>,
}

/// A syntax tree that is dropped where there is room for it.
struct Tree(Option<Parsed<ModModule>>);

impl Tree {
    fn parse(path: &Path, text: &str) -> Result<Self, Problem> {
        let parsed = depth::parse(text, PySourceType::Python).map_err(|place| {
            let message = format!("nests deeper than {} levels", depth::LIMIT);
            Problem::at(path, text, TextRange::empty(place), message)
                .with_help("name the inner parts, so that the whole nests less")
        })?;
        let tree = Self(Some(parsed));
        match tree.parsed().errors().first() {
            None => Ok(tree),
            Some(error) => {
                let message = format!("syntax error: {}", error.error);
                Err(Problem::at(path, text, error.location, message))
            }
        }
    }

    fn parsed(&self) -> &Parsed<ModModule> {
        self.0.as_ref().expect("only dropping takes the tree out")
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let parsed = self.0.take();
        depth::with_room(|| drop(parsed));
    }
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} statements", self.parsed().syntax().body.len())
    }
}

/// `text` as Python reads it from a file.
fn plain(text: String) -> String {
    let mut text = text;
    if text.starts_with('\u{feff}') || text.contains('\r') {
        let unmarked = text.strip_prefix('\u{feff}').unwrap_or(&text);
        text = unmarked.replace("\r\n", "\n").replace('\r', "\n");
    }
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

/// A statement line of a block (several statements where they share it by `;`).
#[derive(Debug, Clone)]
pub(crate) struct Item {
    /// From the first comment or blank line that it owns to the end of its last line.
    pub owned: TextRange,
    /// Its statements, as indices into the block.
    pub stmts: Range<usize>,
}

impl Source {
    /// Parses `text`; `path` is what errors call it. As Python does, takes a mark of the byte order
    /// away, every kind of line end for a newline, and the end of the file for one.
    pub fn parse(path: impl Into<PathBuf>, text: impl Into<String>) -> Result<Arc<Self>, Problem> {
        Self::read(path.into(), plain(text.into()), None).map(Arc::new)
    }

    /// Parses `text`, a copy of `original` that differs within lines only. Errors show the original.
    pub(crate) fn renamed(original: &Arc<Self>, text: String) -> Result<Arc<Self>, Problem> {
        let read = Self::read(original.path.clone(), text, Some(Arc::clone(original)));
        read.map(Arc::new).map_err(|problem| {
            let message = format!("renamed, this is not Python: {}", problem.message);
            original.shown(problem.place.map_or(1, |place| place.line), message)
        })
    }

    fn read(path: PathBuf, text: String, original: Option<Arc<Self>>) -> Result<Self, Problem> {
        if u32::try_from(text.len()).is_err() {
            return Err(Problem::of_file(&path, "the file is larger than 4 GiB"));
        }
        let tree = Tree::parse(&path, &text)?;
        let stmts = &tree.parsed().syntax().body;
        let start =
            stmts.first().map_or(TextSize::of(&text), |stmt| line_start(&text, stmt.start()));
        let items = items(&text, stmts, start);
        Ok(Self { path, text, tree, items, lines: OnceLock::new(), original })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// The comments and blank lines before the first statement.
    pub fn header(&self) -> &str {
        let end = self.items.first().map_or(self.text.len(), |item| item.owned.start().to_usize());
        &self.text[..end]
    }

    pub(crate) fn stmts(&self) -> &[Stmt] {
        &self.tree.parsed().syntax().body
    }

    pub(crate) fn items(&self) -> &[Item] {
        &self.items
    }

    pub(crate) fn slice(&self, range: TextRange) -> &str {
        &self.text[range]
    }

    /// The number of the line that holds `at`, from 1.
    pub(crate) fn line(&self, at: TextSize) -> usize {
        self.lines.get_or_init(|| LineIndex::from_source_text(&self.text)).line_index(at).get()
    }

    pub(crate) fn tokens(&self, range: TextRange) -> &[Token] {
        self.tree.parsed().tokens().in_range(range)
    }

    /// The identifiers in `range`: names, attributes, keywords of calls and parameters alike.
    pub(crate) fn names(&self, range: TextRange) -> impl Iterator<Item = &str> {
        self.tokens(range)
            .iter()
            .filter(|token| token.kind() == TokenKind::Name || token.kind().is_soft_keyword())
            .map(|token| self.slice(token.range()))
    }

    /// An error at `range` of this file.
    pub(crate) fn problem(&self, range: TextRange, message: impl Into<String>) -> Problem {
        let problem = Problem::at(&self.path, &self.text, range, message.into());
        match (&self.original, &problem.place) {
            (Some(original), Some(place)) => original.shown(place.line, problem.message),
            _ => problem,
        }
    }

    /// An error at what stands in a line, counted from 1.
    fn shown(&self, line: usize, message: String) -> Problem {
        let start = match line.checked_sub(2) {
            Some(before) => {
                self.text.match_indices('\n').nth(before).map_or(self.text.len(), |(at, _)| at + 1)
            }
            None => 0,
        };
        let line = self.text[start..].lines().next().unwrap_or_default();
        let from = start + line.len() - line.trim_start().len();
        let range = TextRange::new(size(from), size((start + line.trim_end().len()).max(from)));
        Problem::at(&self.path, &self.text, range, message)
    }
}

/// A top-level statement of a file, by reference.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub source: Arc<Source>,
    pub item: usize,
}

impl Node {
    /// The node that a text of one statement consists of.
    pub(crate) fn from_text(path: &Path, text: String) -> Result<Self, Problem> {
        let source = Source::parse(path, text)?;
        Ok(Self { source, item: 0 })
    }

    pub(crate) fn stmt(&self) -> &Stmt {
        &self.source.stmts()[self.source.items()[self.item].stmts.start]
    }

    /// Its text with the comments and blank lines that it owns. A statement that opens its file
    /// owns none, but a text made of one statement keeps its leading lines.
    pub(crate) fn text(&self) -> &str {
        let owned = self.owned();
        if self.source.items().len() == 1 {
            &self.source.text()[..owned.end().to_usize()]
        } else {
            self.source.slice(owned)
        }
    }

    pub(crate) fn owned(&self) -> TextRange {
        self.source.items()[self.item].owned
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.source.names(self.owned())
    }
}

/// The statement lines of a block whose first owned line begins at `start`.
pub(crate) fn items(text: &str, stmts: &[Stmt], start: TextSize) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::with_capacity(stmts.len());
    let mut from = start;
    for (index, stmt) in stmts.iter().enumerate() {
        if let Some(last) = items.last_mut()
            && stmt.start() < last.owned.end()
        {
            last.stmts.end = index + 1;
            last.owned =
                TextRange::new(last.owned.start(), end_of(text, stmt).max(last.owned.end()));
            from = last.owned.end();
            continue;
        }
        let end = end_of(text, stmt);
        items.push(Item { owned: TextRange::new(from, end), stmts: index..index + 1 });
        from = end;
    }
    items
}

/// The end of the last line that belongs to `stmt`.
fn end_of(text: &str, stmt: &Stmt) -> TextSize {
    let mut end = line_end(text, stmt.end());
    // A backslash after a semicolon: the line goes on below.
    while let after = text[stmt.end().to_usize()..end.to_usize()].trim_end_matches('\n')
        && after.ends_with('\\')
        && !after.contains('#')
        && end.to_usize() < text.len()
    {
        end = line_end(text, end);
    }
    if is_compound(stmt) { footer_end(text, end, column(text, stmt.start())) } else { end }
}

pub(crate) fn is_compound(stmt: &Stmt) -> bool {
    matches!(
        stmt,
        Stmt::FunctionDef(_)
            | Stmt::ClassDef(_)
            | Stmt::If(_)
            | Stmt::For(_)
            | Stmt::While(_)
            | Stmt::With(_)
            | Stmt::Try(_)
            | Stmt::Match(_)
    )
}

/// Where the comments end that follow a compound statement at `indent` and are indented deeper.
fn footer_end(text: &str, from: TextSize, indent: usize) -> TextSize {
    let mut end = from;
    let mut at = from.to_usize();
    while at < text.len() {
        let next = text[at..].find('\n').map_or(text.len(), |length| at + length + 1);
        let line = &text[at..next];
        let code = line.trim_start();
        if code.starts_with('#') {
            if line.len() - code.len() <= indent {
                break;
            }
            end = size(next);
        } else if !code.is_empty() {
            break;
        }
        at = next;
    }
    end
}

pub(crate) fn size(offset: usize) -> TextSize {
    TextSize::try_from(offset).expect("a source is smaller than 4 GiB")
}

pub(crate) fn line_start(text: &str, at: TextSize) -> TextSize {
    size(text[..at.to_usize()].rfind('\n').map_or(0, |newline| newline + 1))
}

/// The offset after the newline that ends the line of `at`.
pub(crate) fn line_end(text: &str, at: TextSize) -> TextSize {
    let at = at.to_usize();
    size(text[at..].find('\n').map_or(text.len(), |length| at + length + 1))
}

fn column(text: &str, at: TextSize) -> usize {
    (at - line_start(text, at)).to_usize()
}
