//! The tensors worth keeping: both sides of the taps around the first divergence.

use std::{collections::HashMap, path::Path};

use safetensors::{Dtype, SafeTensorError, serialize, tensor::TensorView};

use crate::{
    evidence::Evidence,
    gather::{PORT_TAPS, REFERENCE_TAPS},
    tensors::{Tensor, TensorError, TensorFile},
};

#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    #[error(transparent)]
    Tensor(#[from] TensorError),
    #[error("failed to serialise the diverging tensors")]
    Serialise(#[from] SafeTensorError),
}

/// A safetensors file of the first wrong tap, the last right one and the layer, as
/// `reference.<path>` and `port.<path>` in float32; `None` where nothing diverged.
///
/// `work` is the folder that the run's engines wrote to.
pub fn divergence(evidence: &Evidence, work: &Path) -> Result<Option<Vec<u8>>, KeepError> {
    let Some(place) = evidence.checks.iter().find_map(|it| it.place.as_ref()) else {
        return Ok(None);
    };
    let wanted = [Some(&place.module), place.last_agreeing.as_ref(), Some(&place.stage)];
    let reference = TensorFile::open(&work.join(REFERENCE_TAPS))?;
    let port = TensorFile::open(&work.join(PORT_TAPS))?;
    let mut kept: Vec<(String, Tensor)> = Vec::new();
    for path in wanted.into_iter().flatten() {
        let Some(tap) = evidence.taps.iter().find(|it| it.reference == *path) else { continue };
        let name = format!("reference.{path}");
        if kept.iter().all(|(it, _)| *it != name) {
            kept.push((name, reference.tensor(&tap.reference)?));
            kept.push((format!("port.{}", tap.port), port.tensor(&tap.port)?));
        }
    }
    let narrow = |it: &Tensor| -> Vec<u8> {
        #[expect(clippy::cast_possible_truncation, reason = "kept in float32 on purpose")]
        it.values.iter().flat_map(|&it| (it as f32).to_le_bytes()).collect()
    };
    let bytes: Vec<(String, Vec<usize>, Vec<u8>)> =
        kept.iter().map(|(name, it)| (name.clone(), it.shape.clone(), narrow(it))).collect();
    let mut views = Vec::new();
    for (name, shape, bytes) in &bytes {
        views.push((name.as_str(), TensorView::new(Dtype::F32, shape.clone(), bytes)?));
    }
    Ok(Some(serialize(views, None::<HashMap<String, String>>)?))
}
