//! What is measured: pure functions of tensors, without files, engines or verdicts.

pub mod along;
pub mod logits;
pub mod median;
pub mod pairing;
pub mod positions;
pub mod taps;
pub mod text;
