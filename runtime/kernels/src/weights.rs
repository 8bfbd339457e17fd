//! Weights from safetensors files, mapped: a tensor's elements stay in the file until it is written.

use std::{fs::File, path::Path, sync::Arc};

use memmap2::Mmap;
use safetensors::{Dtype, SafeTensors};

use crate::{
    context::Precision,
    dtype::DType,
    error::{Result, fail},
    layout::{Layout, numel},
    storage::{Mapped, Storage},
    tensor::Tensor,
};

/// One tensor of a file.
#[derive(Clone, Debug)]
struct Entry {
    name: String,
    dtype: DType,
    shape: Vec<usize>,
    start: usize,
    end: usize,
}

/// A mapped safetensors file.
#[derive(Clone, Debug)]
pub struct Weights {
    map: Arc<Mmap>,
    entries: Arc<Vec<Entry>>,
}

/// Maps a safetensors file and reads its header.
///
/// # Errors
///
/// The file cannot be opened, or is no safetensors file.
pub fn open_safetensors(path: &Path) -> Result<Weights> {
    let shown = path.display();
    let map = match File::open(path).and_then(|it| map(&it)) {
        Ok(it) => it,
        Err(error) => fail!(Value, "failed to map `{shown}`: {error}"),
    };
    let (header, metadata) = match SafeTensors::read_metadata(&map) {
        Ok(it) => it,
        Err(error) => fail!(Value, "`{shown}` is no safetensors file: {error}"),
    };
    let body = header + 8;
    let mut entries = Vec::new();
    for (name, info) in metadata.tensors() {
        let Some(dtype) = dtype_of(info.dtype) else {
            fail!(Unsupported, "`{shown}`: tensor `{name}` has elements of type {:?}", info.dtype);
        };
        let (start, end) = (body + info.data_offsets.0, body + info.data_offsets.1);
        let size = numel(&info.shape)? * dtype.size();
        if end > map.len() || end.checked_sub(start) != Some(size) {
            fail!(Value, "`{shown}`: tensor `{name}` lies outside the file");
        }
        entries.push(Entry { name, dtype, shape: info.shape.clone(), start, end });
    }
    entries.sort_by_key(|it| it.start);
    Ok(Weights { map: Arc::new(map), entries: Arc::new(entries) })
}

#[expect(unsafe_code, reason = "mapping a file has no safe form")]
fn map(file: &File) -> std::io::Result<Mmap> {
    // SAFETY: the map is read-only and its elements are plain numbers, for which any bytes are
    // valid. Whoever changes a checkpoint while it is open changes the numbers that are read.
    unsafe { Mmap::map(file) }
}

fn dtype_of(dtype: Dtype) -> Option<DType> {
    Some(match dtype {
        Dtype::BOOL => DType::Bool,
        Dtype::U8 => DType::U8,
        Dtype::I8 => DType::I8,
        Dtype::U16 => DType::U16,
        Dtype::U32 => DType::U32,
        Dtype::U64 => DType::U64,
        Dtype::I16 => DType::I16,
        Dtype::I32 => DType::I32,
        Dtype::I64 => DType::I64,
        Dtype::F16 => DType::F16,
        Dtype::BF16 => DType::BF16,
        Dtype::F32 => DType::F32,
        Dtype::F64 => DType::F64,
        _ => return None,
    })
}

impl Weights {
    /// The tensors' names, in the order of the file.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|it| it.name.as_str())
    }

    /// A tensor's dtype and shape, without touching its elements.
    pub fn describe(&self, name: &str) -> Option<(DType, &[usize])> {
        self.entry(name).map(|it| (it.dtype, it.shape.as_slice()))
    }

    fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|it| it.name == name)
    }

    /// A tensor: mapped where its elements are aligned, else copied. `dtype` converts; exact mode
    /// widens.
    ///
    /// # Errors
    ///
    /// The file has no such tensor, or a copy does not fit the memory limit.
    pub fn tensor(&self, name: &str, dtype: Option<DType>) -> Result<Tensor> {
        let Some(entry) = self.entry(name) else {
            fail!(Value, "the checkpoint has no weight `{name}`");
        };
        let physical = entry.dtype.physical(Precision::Native);
        let bytes = &self.map[entry.start..entry.end];
        let aligned = bytes.as_ptr().align_offset(physical.size()) == 0;
        // A boolean's byte must be 0 or 1, so those are copied and looked at.
        let tensor = if aligned && entry.dtype != DType::Bool {
            let mapped =
                Mapped { map: self.map.clone(), start: entry.start, end: entry.end, physical };
            Tensor::over(Storage::mapped(mapped), Layout::contiguous(&entry.shape), entry.dtype)
        } else {
            Tensor::from_bytes(bytes, &entry.shape, entry.dtype)?
        };
        crate::cast::cast(&tensor, dtype.unwrap_or(entry.dtype))
    }
}
