//! Tensors on their way out: what Python code handed over, as a safetensors file.

use std::{
    borrow::Cow,
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use portwright_runtime::{DType, Tensor};
use safetensors::{Dtype, View};
use serde_json::Value;

use crate::engine::Failure;

/// Where a request wants its tensors.
pub(super) fn place(request: &Value) -> Result<Option<PathBuf>, Failure> {
    match &request["out"] {
        Value::Null => Ok(None),
        Value::String(path) => Ok(Some(path.into())),
        _ => Err(failed("`out` is not a path".to_owned())),
    }
}

/// Writes the tensors; a later one takes the place of an earlier one of its name.
pub(super) fn write(
    path: &Path,
    tensors: &[(String, Tensor)],
    most_bytes: u64,
) -> Result<(), Failure> {
    let mut left = most_bytes;
    let mut views: HashMap<&str, Handed> = HashMap::new();
    for (name, tensor) in tensors {
        let dtype = dtype_of(tensor).ok_or_else(|| {
            failed(format!("tensor `{name}` is {}, which files cannot hold", tensor.dtype()))
        })?;
        let bytes = (tensor.numel() as u64).saturating_mul(dtype.bitsize() as u64 / 8);
        left = left.checked_sub(bytes).ok_or_else(|| {
            failed(format!("tensors of more than {most_bytes} bytes were handed over"))
        })?;
        let bytes = bytes_of(tensor).map_err(|it| failed(format!("tensor `{name}`: {it}")))?;
        views.insert(name, Handed { dtype, shape: tensor.shape().to_vec(), bytes });
    }
    // What transformers asks of a checkpoint's files.
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    safetensors::serialize_to_file(views, Some(metadata), path)
        .map_err(|error| failed(format!("cannot write `{}`: {error}", path.display())))
}

/// Writes a checkpoint's folder: `config.json` as it was decided, and the weights beside it.
pub(super) fn checkpoint(
    folder: &Path,
    written: &Value,
    tensors: &[(String, Tensor)],
    most_bytes: u64,
) -> Result<(), Failure> {
    let path = folder.join("config.json");
    let Some(config) = path.to_str().and_then(|it| written.get(it)) else {
        return Err(failed("the checkpoint was made without a config.json".to_owned()));
    };
    let error =
        |error: std::io::Error| failed(format!("cannot write `{}`: {error}", path.display()));
    fs::create_dir_all(folder).map_err(error)?;
    fs::write(&path, format!("{config:#}\n")).map_err(error)?;
    write(&folder.join("model.safetensors"), tensors, most_bytes)
}

struct Handed {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl View for Handed {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

/// Exact tensors keep their 64 bits.
fn bytes_of(tensor: &Tensor) -> Result<Vec<u8>, portwright_runtime::KernelError> {
    if tensor.is_exact() {
        return Ok(tensor.to_f64_vec()?.iter().flat_map(|it| it.to_le_bytes()).collect());
    }
    tensor.to_bytes()
}

fn dtype_of(tensor: &Tensor) -> Option<Dtype> {
    if tensor.is_exact() {
        return (!tensor.dtype().is_complex()).then_some(Dtype::F64);
    }
    Some(match tensor.dtype() {
        DType::Bool => Dtype::BOOL,
        DType::U8 => Dtype::U8,
        DType::I8 => Dtype::I8,
        DType::I16 => Dtype::I16,
        DType::I32 => Dtype::I32,
        DType::I64 => Dtype::I64,
        DType::F16 => Dtype::F16,
        DType::BF16 => Dtype::BF16,
        DType::F32 => Dtype::F32,
        DType::F64 => Dtype::F64,
        _ => return None,
    })
}

fn failed(message: String) -> Failure {
    Failure { kind: "exception".to_owned(), message, ..Failure::default() }
}
