//! The head of a safetensors file: names, shapes and dtypes, without a byte of the weights.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read},
    path::Path,
};

use safetensors::tensor::Metadata;

/// The longest header that is read: the format's own bound.
const LONGEST: u64 = 100_000_000;

/// The header's length comes first, as eight bytes.
pub(crate) const PREFIX: u64 = 8;

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    #[error("it is shorter than 8 bytes")]
    Short,

    #[error("its header would be {length} bytes long")]
    Long { length: u64 },

    #[error("it ends inside its header")]
    Cut,

    #[error("it has {found} bytes, but its header speaks of {expected}")]
    Size { expected: u64, found: u64 },

    #[error("its header is none of safetensors: {detail}")]
    Format { detail: String },

    #[error(transparent)]
    Read(#[from] io::Error),
}

/// What one file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    pub tensors: BTreeMap<String, Tensor>,
    /// What its writer noted, e.g. `{"format": "pt"}`.
    pub metadata: BTreeMap<String, String>,
    /// The whole file, as its header speaks of it.
    pub size: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    /// As the format spells it, e.g. `BF16`.
    pub dtype: String,
    pub shape: Vec<u64>,
    pub bytes: u64,
}

impl Tensor {
    pub fn parameters(&self) -> u64 {
        self.shape.iter().product()
    }
}

impl Header {
    /// Of a file on this machine.
    pub fn read(path: &Path) -> Result<Self, HeaderError> {
        let mut file = File::open(path)?;
        let size = file.metadata()?.len();
        let mut prefix = Vec::new();
        (&mut file).take(PREFIX).read_to_end(&mut prefix)?;
        let length = length(&prefix, size)?;
        let mut text = Vec::new();
        file.take(length).read_to_end(&mut text)?;
        Self::parse(&text, length, size)
    }

    /// From the header's text, which should be `length` bytes, in a file of `size`.
    pub(crate) fn parse(text: &[u8], length: u64, size: u64) -> Result<Self, HeaderError> {
        if (text.len() as u64) < length {
            return Err(HeaderError::Cut);
        }
        let metadata: Metadata = serde_json::from_slice(text)
            .map_err(|err| HeaderError::Format { detail: err.to_string() })?;
        let expected = PREFIX + length + metadata.data_len() as u64;
        if expected != size {
            return Err(HeaderError::Size { expected, found: size });
        }
        let tensors = metadata.tensors().into_iter().map(|(name, info)| {
            let (start, end) = info.data_offsets;
            let tensor = Tensor {
                dtype: info.dtype.to_string(),
                shape: info.shape.iter().map(|it| *it as u64).collect(),
                bytes: (end - start) as u64,
            };
            (name, tensor)
        });
        Ok(Self {
            tensors: tensors.collect(),
            metadata: metadata.metadata().clone().into_iter().flatten().collect(),
            size,
        })
    }
}

/// How long the header is, by the first bytes of a file of `size` bytes.
pub(crate) fn length(prefix: &[u8], size: u64) -> Result<u64, HeaderError> {
    let prefix = prefix.first_chunk().ok_or(HeaderError::Short)?;
    let length = u64::from_le_bytes(*prefix);
    if LONGEST < length {
        return Err(HeaderError::Long { length });
    }
    if size < PREFIX + length {
        return Err(HeaderError::Cut);
    }
    Ok(length)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const TEXT: &[u8] =
        br#"{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;

    fn file(length: u64, rest: &[&[u8]]) -> Result<Header, HeaderError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        fs::write(&path, [&length.to_le_bytes()[..], &rest.concat()].concat()).unwrap();
        Header::read(&path)
    }

    #[test]
    fn a_header_says_what_a_file_holds() {
        let header = file(TEXT.len() as u64, &[TEXT, &[0; 8]]).unwrap();
        let tensor = Tensor { dtype: "F32".into(), shape: vec![2], bytes: 8 };
        assert_eq!(header.tensors, BTreeMap::from([("a".to_owned(), tensor)]));
        assert_eq!(header.metadata["format"], "pt");
    }

    #[test]
    fn what_is_no_header_is_refused() {
        let short = TEXT.len() as u64;
        let overlap = br#"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}"#;
        let huge = br#"{"a":{"dtype":"F32","shape":[9223372036854775807,4],"data_offsets":[0,8]}}"#;
        let cases: [(u64, &[&[u8]], &str); 9] = [
            (u64::MAX, &[], "18446744073709551615 bytes long"),
            (1 << 63, &[TEXT], "9223372036854775808 bytes long"),
            (9, &[], "ends inside"),
            (short + 1, &[TEXT], "ends inside"),
            (short, &[TEXT, &[0; 7]], "its header speaks of"),
            (short, &[TEXT, &[0; 9]], "its header speaks of"),
            (2, &[b"[]"], "none of safetensors"),
            (overlap.len() as u64, &[overlap, &[0; 3]], "none of safetensors"),
            (huge.len() as u64, &[huge, &[0; 8]], "none of safetensors"),
        ];
        for (length, rest, expected) in cases {
            let err = file(length, rest).unwrap_err();
            assert!(err.to_string().contains(expected), "{err}");
        }
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), "abc").unwrap();
        let err = Header::read(&folder.path().join("a")).unwrap_err();
        assert!(matches!(err, HeaderError::Short));
    }
}
