//! What a worker wrote, read back.

use std::path::Path;

use crate::{
    answers::Asked,
    outcome::Absence,
    tensors::{Tensor, TensorError, TensorFile},
};

/// The name of logits in every file of a worker.
pub(super) const LOGITS: &str = "logits";

/// The harness itself could not read what a worker wrote.
pub(super) fn unreadable(err: &TensorError) -> Absence {
    Absence::Blocked { reason: err.to_string() }
}

/// Logits `[1, T, V]` or `[B, T, V]`; a batch of one loses its first axis.
pub(super) fn read_logits(path: &Path) -> Asked<Tensor> {
    let mut tensor =
        TensorFile::open(path).and_then(|it| it.tensor(LOGITS)).map_err(|err| unreadable(&err))?;
    if tensor.shape.len() == 3 && tensor.shape[0] == 1 {
        tensor.shape.remove(0);
    }
    Ok(tensor)
}
