//! Tidying Python source as `ruff check --fix` followed by `ruff format` would, in this process.
//!
//! The room of formatting: [`Style`] is a repository's own settings, [`tidy`] applies them to one
//! text. Both are ruff's: its crates read the settings, fix and lay out. Nothing here formats.
//!
//! # Where to start
//!
//! [`Style::from_pyproject`] for a checkout, [`Style::transformers`] for an installed wheel, then
//! [`tidy`] from as many threads as there are files.
//!
//! # Invariants
//!
//! - No file is read: a path only names what is formatted, and decides what is first party.
//! - The text that comes back is what ruff 0.16.4 leaves. A repository that pins an older ruff gets
//!   the older program's rules (see `rules`), but not its older layout: since 0.15 a lambda's body
//!   that does not fit its line gets parentheses, and a blank line before a function inside a
//!   function's first line stays.
//! - No source ends the process: what nests too deep for ruff is refused.

mod options;
mod rules;
mod style;
mod tidy;

pub use style::{Style, StyleError, Warning};
pub(crate) use tidy::lay_out;
pub use tidy::{FormatError, tidy};
