//! Tensors that workers left in safetensors files, read one at a time.
//!
//! Only the header is held; a tensor's bytes are read when it is asked for, so comparing two files
//! needs memory for two tensors.

use std::{
    borrow::Cow,
    fs::File,
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use half::{bf16, f16};
use safetensors::{Dtype, tensor::Metadata};

use crate::hint::Hint;

/// A header larger than this is not a header (the safetensors crate's own limit).
const MAX_HEADER: u64 = 100_000_000;

#[derive(Debug, thiserror::Error)]
pub enum TensorError {
    #[error("failed to read `{path}`", path = path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("`{path}` is not a safetensors file: {detail}", path = path.display())]
    Foreign { path: PathBuf, detail: String },
    #[error("`{path}` has no tensor `{name}`", path = path.display())]
    Missing { path: PathBuf, name: String },
    #[error("tensor `{name}` in `{path}` is {dtype}, not a floating dtype", path = path.display())]
    NotFloating { path: PathBuf, name: String, dtype: String },
}

impl Hint for TensorError {
    fn hint(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Foreign { .. } => {
                Some("the file may be cut short; fetch or make it again".into())
            }
            _ => None,
        }
    }
}

/// Values in row-major order with their shape, widened to f64.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    pub shape: Vec<usize>,
    pub values: Vec<f64>,
}

impl Tensor {
    /// The size of the last axis.
    pub fn width(&self) -> usize {
        self.shape.last().copied().unwrap_or(1).max(1)
    }

    /// Rows of the last axis: `[.., V]` as many slices of length `V`.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f64]> {
        self.values.chunks_exact(self.width())
    }

    /// Rows `from..to` of a tensor `[1, T, V]` or `[T, V]`, as `[to - from, V]`.
    pub fn time_slice(&self, from: usize, to: usize) -> Self {
        let width = self.width();
        Self {
            shape: vec![to - from, width],
            values: self.values[from * width..to * width].to_vec(),
        }
    }

    /// `[A, V]` and `[B, V]` as `[A + B, V]`.
    pub fn followed_by(mut self, other: &Self) -> Self {
        self.shape[0] += other.shape[0];
        self.values.extend(&other.values);
        self
    }

    /// Row `index` of the first axis of `[B, T, V]`, as `[T, V]`.
    pub fn batch_row(&self, index: usize) -> Self {
        let per_row = self.values.len() / self.shape.first().copied().unwrap_or(1).max(1);
        Self {
            shape: self.shape[1..].to_vec(),
            values: self.values[index * per_row..(index + 1) * per_row].to_vec(),
        }
    }
}

/// An open safetensors file.
#[derive(Debug)]
pub struct TensorFile {
    path: PathBuf,
    file: File,
    metadata: Metadata,
    data_start: u64,
}

impl TensorFile {
    pub fn open(path: &Path) -> Result<Self, TensorError> {
        let read = |source| TensorError::Read { path: path.to_owned(), source };
        let foreign = |detail: String| TensorError::Foreign { path: path.to_owned(), detail };
        let file = File::open(path).map_err(read)?;
        let length = file.metadata().map_err(read)?.len();
        let mut prefix = [0; 8];
        file.read_exact_at(&mut prefix, 0).map_err(|_| foreign("shorter than 8 bytes".into()))?;
        let header = u64::from_le_bytes(prefix);
        if MAX_HEADER < header || length < header + 8 {
            return Err(foreign(format!("its header claims {header} bytes of {length}")));
        }
        let mut bytes = vec![0; usize::try_from(header + 8).expect("bounded above")];
        file.read_exact_at(&mut bytes, 0).map_err(read)?;
        let metadata: Metadata =
            serde_json::from_slice(&bytes[8..]).map_err(|err| foreign(err.to_string()))?;
        let data_start = header + 8;
        let promised = data_start + metadata.data_len() as u64;
        if length < promised {
            return Err(foreign(format!("it is {length} bytes, its header promises {promised}")));
        }
        Ok(Self { path: path.to_owned(), file, metadata, data_start })
    }

    /// The names in the file, sorted.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.metadata.tensors().into_keys().collect();
        names.sort();
        names
    }

    /// The dtype of each tensor, e.g. `BF16`.
    pub fn dtypes(&self) -> Vec<String> {
        self.metadata.tensors().values().map(|it| format!("{:?}", it.dtype)).collect()
    }

    /// One tensor, widened to f64.
    pub fn tensor(&self, name: &str) -> Result<Tensor, TensorError> {
        let Some(info) = self.metadata.info(name) else {
            return Err(TensorError::Missing { path: self.path.clone(), name: name.to_owned() });
        };
        let (from, to) = info.data_offsets;
        let mut bytes = vec![0; to - from];
        self.file
            .read_exact_at(&mut bytes, self.data_start + from as u64)
            .map_err(|source| TensorError::Read { path: self.path.clone(), source })?;
        let values = match info.dtype {
            Dtype::F64 => widen(&bytes, f64::from_le_bytes),
            Dtype::F32 => widen(&bytes, |it| f64::from(f32::from_le_bytes(it))),
            Dtype::BF16 => widen(&bytes, |it| bf16::from_le_bytes(it).to_f64()),
            Dtype::F16 => widen(&bytes, |it| f16::from_le_bytes(it).to_f64()),
            other => {
                return Err(TensorError::NotFloating {
                    path: self.path.clone(),
                    name: name.to_owned(),
                    dtype: format!("{other:?}"),
                });
            }
        };
        Ok(Tensor { shape: info.shape.clone(), values })
    }
}

fn widen<const N: usize>(bytes: &[u8], convert: impl Fn([u8; N]) -> f64) -> Vec<f64> {
    bytes.chunks_exact(N).map(|it| convert(it.try_into().expect("chunks of N"))).collect()
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, fs};

    use safetensors::tensor::TensorView;

    use super::*;

    fn file(values: &[f32]) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.safetensors");
        let bytes: Vec<u8> = values.iter().flat_map(|it| it.to_le_bytes()).collect();
        let view = TensorView::new(Dtype::F32, vec![values.len()], &bytes).unwrap();
        fs::write(&path, safetensors::serialize([("x", view)], None::<HashMap<_, _>>).unwrap())
            .unwrap();
        (dir, path)
    }

    #[test]
    fn a_tensor_reads_back_as_f64() {
        let (_dir, path) = file(&[1.5, -2.0]);
        let read = TensorFile::open(&path).unwrap();
        assert_eq!(read.names(), ["x"]);
        assert_eq!(read.tensor("x").unwrap().values, [1.5, -2.0]);
        assert!(matches!(read.tensor("y"), Err(TensorError::Missing { .. })));
    }

    #[test]
    fn a_cut_file_and_a_foreign_file_are_told() {
        let (_dir, path) = file(&[1.0; 64]);
        let whole = fs::read(&path).unwrap();
        for cut in [3, 20, whole.len() - 4] {
            fs::write(&path, &whole[..cut]).unwrap();
            assert!(matches!(TensorFile::open(&path), Err(TensorError::Foreign { .. })), "{cut}");
        }
        fs::write(&path, b"PK\x03\x04 this is a zip file of some kind").unwrap();
        assert!(matches!(TensorFile::open(&path), Err(TensorError::Foreign { .. })));
    }
}
