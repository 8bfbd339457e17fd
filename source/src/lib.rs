//! Python source as data: parsing, class lineage, and modular conversion in both directions.
//!
//! This room is reserved: nothing lives in it yet.
//!
//! # Invariants
//!
//! - Only this crate knows ruff's parser and formatter.
//! - It is pure: source text in, source text or diagnostics out. It never sees `portwright-runtime`.

pub mod format;
