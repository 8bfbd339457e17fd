//! The modular system on sources of our own (`convert`, `dropped`, `scaffold`, `lineage`) and on sources that
//! nobody means (`hostile`).

#![allow(clippy::unwrap_used, reason = "a test stops where what it assumes does not hold")]

mod convert;
mod dropped;
mod fixture;
mod hostile;
mod lineage;
mod mutant;
mod scaffold;
