//! The modular system on sources of our own (`convert`, `scaffold`, `lineage`) and on sources that
//! nobody means (`hostile`).

#![allow(clippy::unwrap_used, reason = "a test stops where what it assumes does not hold")]

mod convert;
mod fixture;
mod hostile;
mod lineage;
mod mutant;
mod scaffold;
