//! Python source as data: parsing, class lineage, and modular conversion in both directions.
//!
//! # Rooms
//!
//! - `text`, `body`, `definitions`, `mentions`: one file as slices that keep their comments, what it
//!   defines, and what it names;
//! - `depth`: what nests too deep for the stack is refused;
//! - `naming`, `rename`, `library`, `rules`: model names, and the files and habits of a transformers
//!   release;
//! - [`modular`]: from a modular file to the standalone files;
//! - [`scaffold`]: from standalone files to the modular file; [`lineage`]: a model's ancestors;
//! - [`format`]: import sorting and layout as ruff does them, with a repository's own settings;
//! - [`port`]: the first file of a port to another library, from the nearest port that it has;
//! - [`outline`]: the classes, exports and tables of a file, for whoever writes beside them;
//! - [`config_class`]: what a configuration class declares;
//! - [`interface`]: what a definition offers to attention backends and kernels;
//! - `problem`: an error with its place.
//!
//! # Invariants
//!
//! - Only this crate knows ruff's parser, linter and formatter.
//! - It reads source files and writes none. It never sees `portwright-runtime`.
//! - Code is only ever moved as verbatim slices: nothing is printed from a syntax tree.

mod body;
pub mod config_class;
mod definitions;
mod depth;
pub mod format;
pub mod interface;
mod library;
pub mod lineage;
mod mentions;
pub mod modular;
mod naming;
pub mod outline;
pub mod port;
mod problem;
mod rename;
mod rules;
pub mod scaffold;
mod text;

pub use library::{Library, is_modular};
pub use naming::{FileKind, ModelNames};
pub use problem::{Place, Problem};
pub use text::Source;
