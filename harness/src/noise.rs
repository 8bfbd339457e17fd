//! What the reference differs from itself: the yardstick of every bound, so measured once.

use std::sync::OnceLock;

use crate::{
    measure::logits::{LogitFigures, ShapeMismatch, compare},
    tensors::Tensor,
};

/// One way in which the reference differs from itself.
#[derive(Debug)]
pub struct Noise {
    pub name: &'static str,
    /// What it is compared with: the truth, or the unperturbed run.
    pub base: Tensor,
    pub logits: Tensor,
    figures: OnceLock<Result<LogitFigures, ShapeMismatch>>,
}

impl Noise {
    pub fn new(name: &'static str, base: Tensor, logits: Tensor) -> Self {
        Self { name, base, logits, figures: OnceLock::new() }
    }

    /// How far the two lie apart.
    ///
    /// # Errors
    ///
    /// Where they have other shapes.
    pub fn figures(&self) -> Result<&LogitFigures, ShapeMismatch> {
        let figures = self.figures.get_or_init(|| compare(&self.base, &self.logits));
        figures.as_ref().map_err(Clone::clone)
    }
}
