//! What is wrong with a source, and where: file, line, the construct with a caret, and what to do.

use std::fmt;
use std::path::{Path, PathBuf};

use ruff_text_size::{Ranged, TextRange};
use serde::Serialize;

/// An error in a Python source, at its place.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct Problem {
    pub path: PathBuf,
    /// Line and column, both from 1; `None` where the whole file is meant.
    pub place: Option<Place>,
    pub message: String,
    /// What the reader can do about it.
    pub help: Option<String>,
}

/// The most characters of a line that are printed.
const SHOWN: usize = 200;

/// The line of an error and where the caret goes.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct Place {
    pub line: usize,
    pub column: usize,
    /// The source line.
    pub text: String,
    /// Characters under the caret.
    pub width: usize,
}

impl Problem {
    pub(crate) fn at(path: &Path, text: &str, range: impl Ranged, message: String) -> Self {
        let range = range.range();
        Self { path: path.into(), place: Some(Place::of(text, range)), message, help: None }
    }

    pub fn of_file(path: &Path, message: impl Into<String>) -> Self {
        Self { path: path.into(), place: None, message: message.into(), help: None }
    }

    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl Place {
    fn of(text: &str, range: TextRange) -> Self {
        let start = floor_char_boundary(text, range.start().to_usize());
        let from = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let to = text[start..].find('\n').map_or(text.len(), |length| start + length);
        let end = floor_char_boundary(text, range.end().to_usize()).clamp(start, to);
        Self {
            line: text[..start].matches('\n').count() + 1,
            column: text[from..start].chars().count() + 1,
            text: text[from..to].trim_end().into(),
            width: text[start..end].chars().count().max(1),
        }
    }
}

fn floor_char_boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            None => write!(f, "{}: {}", self.path.display(), self.message)?,
            Some(place) => {
                writeln!(
                    f,
                    "{}:{}:{}: {}",
                    self.path.display(),
                    place.line,
                    place.column,
                    self.message
                )?;
                let number = place.line.to_string();
                let margin = " ".repeat(number.len());
                writeln!(f, "{margin} |")?;
                // Of a line that no terminal holds, what stands around the caret.
                let skip = (place.column - 1).saturating_sub(SHOWN / 2);
                let shown: String = place.text.chars().skip(skip).take(SHOWN).collect();
                writeln!(f, "{number} | {shown}")?;
                let column = place.column - 1 - skip;
                let tabs = shown.chars().map(|c| if c == '\t' { '\t' } else { ' ' });
                let lead: String = tabs.chain(std::iter::repeat(' ')).take(column).collect();
                let width = place.width.min(SHOWN - column);
                write!(f, "{margin} | {lead}{}", "^".repeat(width))?;
            }
        }
        if let Some(help) = &self.help {
            write!(f, "\n  help: {help}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}
