//! The modular system as capabilities: convert, check, scaffold, begin a new model, measure.
//!
//! # Where to start
//!
//! [`convert()`] writes the standalone files, [`check()`] says which of them are out of date,
//! [`scaffold()`] goes the other way, [`new_model()`] begins a model from another, [`bench()`] measures. All of them go through
//! [`conversion`], which takes the files level by level and formats each level as one batch.
//!
//! # Invariants
//!
//! - A file is replaced whole or not at all.
//! - One file that cannot be converted does not stop the others, and it is reported.

mod bench;
mod cache;
mod check;
mod conversion;
mod convert;
pub mod coverage;
mod error;
mod files;
mod formatter;
mod new_model;
mod place;
pub mod round_trip;
mod scaffold;

pub use bench::{BenchInput, BenchOutput, Measured, bench};
pub use check::{CheckInput, CheckOutput, Difference, check};
pub use conversion::Failure;
pub use convert::{Compared, ConvertInput, ConvertOutput, Counts, FileOutcome, convert};
pub use error::ModularError;
pub(crate) use files::replace_all;
pub use formatter::{FormatterChoice, FormatterUsed};
pub use new_model::{NewModelError, NewModelInput, NewModelOutput, new_model};
pub(crate) use place::{at_hand, nearest, open};
pub use scaffold::{ScaffoldInput, ScaffoldOutput, scaffold};
