//! What a worker wrote, read back.

use std::path::Path;

use crate::{
    answers::Asked,
    measure::logits::max_or_nan,
    outcome::Absence,
    tensors::{Tensor, TensorError, TensorFile},
};

/// The name of logits in every file of a worker.
pub(crate) const LOGITS: &str = "logits";

/// The harness itself could not read what a worker wrote.
pub(crate) fn unreadable(err: &TensorError) -> Absence {
    Absence::Blocked { reason: err.to_string() }
}

/// What the definition errs in one tensor: in the run against the truth, and in each run with nudged weights
/// against that run.
pub(super) fn floor(
    key: &str,
    truth: &Tensor,
    run: &TensorFile,
    nudged: &[TensorFile],
    error: fn(&Tensor, &Tensor) -> (f64, Option<usize>),
) -> Asked<f64> {
    let read = |file: &TensorFile| file.tensor(key).map_err(|err| unreadable(&err));
    let base = read(run)?;
    let mut floor = error(truth, &base).0;
    for nudged in nudged {
        floor = max_or_nan(floor, error(&base, &read(nudged)?).0);
    }
    Ok(floor)
}

/// Logits `[B, T, V]`, as they were written.
pub(crate) fn read_batch(path: &Path) -> Asked<Tensor> {
    batch_in(path).map_err(|err| unreadable(&err))
}

/// Logits `[1, T, V]` or `[B, T, V]`; a batch of one loses its first axis.
pub(super) fn read_logits(path: &Path) -> Asked<Tensor> {
    logits_in(path).map_err(|err| unreadable(&err))
}

/// Logits of rows of different lengths, each `[T, V]`.
pub(super) fn read_rows(path: &Path, count: usize) -> Asked<Vec<Tensor>> {
    let file = TensorFile::open(path).map_err(|err| unreadable(&err))?;
    let row = |at: usize| file.tensor(&format!("{LOGITS}.{at}")).map_err(|err| unreadable(&err));
    (0..count).map(row).collect()
}

/// As [`read_logits`], with the error as it is.
pub(crate) fn logits_in(path: &Path) -> Result<Tensor, TensorError> {
    let mut tensor = batch_in(path)?;
    if tensor.shape.len() == 3 && tensor.shape[0] == 1 {
        tensor.shape.remove(0);
    }
    Ok(tensor)
}

fn batch_in(path: &Path) -> Result<Tensor, TensorError> {
    TensorFile::open(path).and_then(|it| it.tensor(LOGITS))
}
