//! The tensors of a checkpoint by name, opened by the machine's caller and seen by Python code.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use portwright_kernels::{DType, KernelError, Tensor};
use safetensors::{SafeTensorError, SafeTensors, tensor::Dtype};

/// Why the tensors of a checkpoint could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    #[error("cannot read `{}`", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("`{}` is not a whole safetensors file", path.display())]
    Format { path: PathBuf, source: SafeTensorError },
    #[error("`{name}` in `{}` has dtype {dtype:?}, which the kernels do not have", path.display())]
    DType { path: PathBuf, name: String, dtype: Dtype },
    #[error("`{name}` in `{}` does not become a tensor", path.display())]
    Tensor { path: PathBuf, name: String, source: KernelError },
    #[error("`{name}` is in `{}` and in a file before it", path.display())]
    Twice { path: PathBuf, name: String },
}

/// Every tensor of the given safetensors files, under the settings of the calling thread.
///
/// # Errors
///
/// The first file or tensor that cannot be read.
pub fn tensors_of(paths: &[PathBuf]) -> Result<BTreeMap<String, Tensor>, WeightsError> {
    let mut tensors = BTreeMap::new();
    for path in paths {
        add_file(path, &mut tensors)?;
    }
    Ok(tensors)
}

fn add_file(path: &Path, tensors: &mut BTreeMap<String, Tensor>) -> Result<(), WeightsError> {
    let path = path.to_owned();
    let bytes =
        fs::read(&path).map_err(|source| WeightsError::Read { path: path.clone(), source })?;
    let file = SafeTensors::deserialize(&bytes)
        .map_err(|source| WeightsError::Format { path: path.clone(), source })?;
    for (name, view) in file.iter() {
        let Some(dtype) = dtype_of(view.dtype()) else {
            let (name, dtype) = (name.to_owned(), view.dtype());
            return Err(WeightsError::DType { path, name, dtype });
        };
        let tensor = Tensor::from_bytes(view.data(), view.shape(), dtype).map_err(|source| {
            WeightsError::Tensor { path: path.clone(), name: name.to_owned(), source }
        })?;
        if tensors.insert(name.to_owned(), tensor).is_some() {
            return Err(WeightsError::Twice { path, name: name.to_owned() });
        }
    }
    Ok(())
}

fn dtype_of(dtype: Dtype) -> Option<DType> {
    Some(match dtype {
        Dtype::BOOL => DType::Bool,
        Dtype::U8 => DType::U8,
        Dtype::I8 => DType::I8,
        Dtype::I16 => DType::I16,
        Dtype::I32 => DType::I32,
        Dtype::I64 => DType::I64,
        Dtype::F16 => DType::F16,
        Dtype::BF16 => DType::BF16,
        Dtype::F32 => DType::F32,
        Dtype::F64 => DType::F64,
        Dtype::C64 => DType::C64,
        _ => return None,
    })
}
