//! Logits along a long text, window by window.

use super::{
    logits::{ShapeMismatch, compare},
    median::windows,
};
use crate::{case::TEXT_WINDOW, tensors::Tensor};

/// The medians of each window of [`TEXT_WINDOW`] tokens.
#[derive(Clone, Debug, PartialEq)]
pub struct Along {
    pub max_abs: Vec<f64>,
    /// Nats.
    pub kl: Vec<f64>,
    /// Nats.
    pub entropy_drift: Vec<f64>,
    /// `max |Δ|` of the whole text.
    pub largest: f64,
}

/// How far `port` is from `reference`, both `[tokens, vocab]`.
///
/// # Errors
///
/// Where the two have other shapes.
pub fn along(reference: &Tensor, port: &Tensor) -> Result<Along, ShapeMismatch> {
    let found = compare(reference, port)?;
    Ok(Along {
        max_abs: windows(&found.max_abs_at, TEXT_WINDOW),
        kl: windows(&found.kl_at, TEXT_WINDOW),
        entropy_drift: windows(&found.drift_at, TEXT_WINDOW),
        largest: found.max_abs,
    })
}
