//! How deep a source nests: whoever walks, formats or drops its tree recurses, and a stack overflow
//! ends the process. The bound comes from the tokens, since looking at a deep tree recurses as well.

use ruff_python_ast::token::{Token, TokenKind};
use ruff_python_ast::{ModModule, PySourceType};
use ruff_python_parser::{Mode, Parsed, lexer::lex, parse_unchecked_source};
use ruff_text_size::{Ranged, TextSize};

/// Deeper sources are refused. The most that a file of transformers 5.20.2 reaches is 38.
pub(crate) const LIMIT: usize = 1000;

/// The stack that [`LIMIT`] levels need, with room: an unoptimised formatter takes most.
const STACK: usize = 128 << 20;

/// Runs `work` where [`LIMIT`] levels fit, whatever the calling thread has left.
pub(crate) fn with_room<T>(work: impl FnOnce() -> T) -> T {
    stacker::maybe_grow(STACK / 2, STACK, work)
}

/// Parses `text`, errors and all; where it nests deeper than [`LIMIT`], says where.
pub(crate) fn parse(text: &str, kind: PySourceType) -> Result<Parsed<ModModule>, TextSize> {
    if let Some(place) = strings_too_deep(text) {
        return Err(place);
    }
    let parsed = parse_unchecked_source(text, kind);
    match too_deep(parsed.tokens()) {
        None => Ok(parsed),
        Some(place) => {
            // Even dropping such a tree recurses, so what it takes is not given back.
            std::mem::forget(parsed);
            Err(place)
        }
    }
}

/// Whether f-strings nest deeper than [`LIMIT`]: the parser's time grows with the square of that. The
/// place is the first where they may, since each string in another needs a brace.
fn strings_too_deep(text: &str) -> Option<TextSize> {
    let (place, _) = text.match_indices('{').nth(LIMIT)?;
    let mut lexer = lex(text, Mode::Module);
    let mut open = 0_usize;
    loop {
        match lexer.next_token() {
            TokenKind::EndOfFile => return None,
            TokenKind::FStringStart | TokenKind::TStringStart => open += 1,
            TokenKind::FStringEnd | TokenKind::TStringEnd => open = open.saturating_sub(1),
            _ => {}
        }
        if LIMIT < open {
            return TextSize::try_from(place).ok();
        }
    }
}

/// One open bracket, or the statement outside all of them.
#[derive(Clone, Copy, Default)]
struct Level {
    /// Tokens since the last comma that may each hold what stands before or after them.
    chain: usize,
    /// Of these the lambdas, whose parameters have commas too.
    lambdas: usize,
}

/// Where the tree may be deeper than [`LIMIT`]; never an underestimate for expressions and blocks.
fn too_deep<'a>(tokens: impl IntoIterator<Item = &'a Token>) -> Option<TextSize> {
    let mut open: Vec<Level> = Vec::new();
    let mut level = Level::default();
    let (mut blocks, mut outside) = (0_usize, 0_usize);
    for token in tokens {
        match token.kind() {
            TokenKind::Indent => blocks += 1,
            TokenKind::Dedent => blocks = blocks.saturating_sub(1),
            TokenKind::Newline => {
                open.clear();
                (level, outside) = (Level::default(), 0);
            }
            TokenKind::Comma => level.chain = level.lambdas,
            TokenKind::Lpar
            | TokenKind::Lsqb
            | TokenKind::Lbrace
            | TokenKind::FStringStart
            | TokenKind::TStringStart => {
                level.chain += 1;
                outside += level.chain;
                open.push(level);
                level = Level::default();
            }
            TokenKind::Rpar
            | TokenKind::Rsqb
            | TokenKind::Rbrace
            | TokenKind::FStringEnd
            | TokenKind::TStringEnd => {
                level = open.pop().unwrap_or_default();
                outside = outside.saturating_sub(level.chain);
            }
            TokenKind::Name
            | TokenKind::Int
            | TokenKind::Float
            | TokenKind::Complex
            | TokenKind::String
            | TokenKind::FStringMiddle
            | TokenKind::TStringMiddle
            | TokenKind::Comment
            | TokenKind::NonLogicalNewline
            | TokenKind::Colon
            | TokenKind::Equal => {}
            kind => {
                level.chain += 1;
                level.lambdas += usize::from(kind == TokenKind::Lambda);
            }
        }
        if LIMIT < blocks + outside + level.chain {
            return Some(token.start());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use ruff_python_parser::{Mode, ParseOptions, parse_unchecked};

    use super::*;

    fn is_too_deep(source: &str) -> bool {
        let parsed = parse_unchecked(source, ParseOptions::from(Mode::Module));
        too_deep(parsed.tokens()).is_some()
    }

    #[test]
    fn every_way_to_nest_is_counted() {
        let deep = |open: &str, inner: &str, close: &str| {
            format!("x = {}{inner}{}\n", open.repeat(LIMIT + 1), close.repeat(LIMIT + 1))
        };
        for source in [
            deep("(", "1", ")"),
            deep("[", "", "]"),
            deep("-", "1", ""),
            deep("lambda a, b: ", "1", ""),
            deep("1 if a else ", "1", ""),
            deep("", "a", ".b"),
            deep("", "a", "(1)"),
            deep("", "a", "[0, 1]"),
            deep("", "a", " + 1"),
            deep("f\"{", "1", "}\""),
        ] {
            assert!(is_too_deep(&source), "{}", &source[..40]);
        }
    }

    #[test]
    fn long_but_flat_sources_are_not_deep() {
        let list = format!("x = [{}]\n", "f(-1, a.b), ".repeat(5000));
        let lines = "x = a.b.c(1)[2] + {3: -4}\n".repeat(5000);
        let table = format!("x = {{{}}}\n", "'a': ('b', f'{c}'), ".repeat(5000));
        for source in [list, lines, table] {
            assert!(!is_too_deep(&source));
        }
    }
}
