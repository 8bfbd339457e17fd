//! What a checkpoint's files hold, tensor by tensor, without the virtual machine.

use std::path::PathBuf;

use portwright_runtime::{DType, open_safetensors};
use serde_json::{Value, json};

use crate::{digest, engine::Failure};

/// Letters of a fingerprint: as many as the other engines' workers keep.
const LETTERS: usize = 16;

/// Every tensor under the name that it has in its file, with a fingerprint of its values.
pub(super) fn stored(files: &[PathBuf]) -> Result<Value, Failure> {
    let mut rows = Vec::new();
    for file in files {
        let weights = open_safetensors(file).map_err(|it| failed(it.to_string()))?;
        let mut names: Vec<&str> = weights.names().collect();
        names.sort_unstable();
        for name in names {
            let Some((dtype, shape)) = weights.describe(name) else { continue };
            let tensor = weights.tensor(name, Some(DType::F32)).and_then(|it| it.to_f64_vec());
            let values = tensor.map_err(|it| failed(format!("tensor `{name}`: {it}")))?;
            rows.push(json!({
                "name": name, "shape": shape, "dtype": dtype.to_string(),
                "fingerprint": fingerprint(&values),
            }));
        }
    }
    Ok(rows.into())
}

/// The hash of the sorted values in 32 bits: the same under another name, order or layout.
fn fingerprint(values: &[f64]) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "they were 32 bits wide")]
    let mut values: Vec<f32> = values.iter().map(|&it| it as f32).collect();
    values.sort_by(|a, b| a.partial_cmp(b).unwrap_or_else(|| a.total_cmp(b)));
    let bytes: Vec<u8> = values.iter().flat_map(|it| it.to_le_bytes()).collect();
    let mut digits = digest::of_bytes(&bytes);
    digits.truncate(LETTERS);
    digits
}

fn failed(message: String) -> Failure {
    Failure { kind: "weights".to_owned(), message, ..Failure::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `hashlib.sha256(numpy.sort(numpy.float32([2, -1, 0.5])).tobytes()).hexdigest()[:16]`
    #[test]
    fn a_fingerprint_is_that_of_the_other_workers() {
        assert_eq!(fingerprint(&[2.0, -1.0, 0.5]), "265764890e0ad5eb");
        assert_eq!(fingerprint(&[0.5, 2.0, -1.0]), fingerprint(&[2.0, -1.0, 0.5]));
    }
}
