//! What the headers of weight files tell: how many elements in which dtype, whether the output matrix is
//! among them, and how much memory the model takes in which precision.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A tensor as a header names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tensor {
    pub(super) dtype: String,
    pub(super) shape: Vec<u64>,
}

/// What one dtype holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OfDtype {
    pub tensors: u64,
    pub elements: u64,
}

/// Bytes that the weights take, by precision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Memory {
    pub f32: u64,
    /// bfloat16 or float16.
    pub half: u64,
    pub eight_bit: u64,
    pub four_bit: u64,
}

/// How [`Memory`] is computed, in the words of the answer.
pub const FORMULA: &str = "parameters × bits / 8, weights alone: 32, 16, and for 8 and 4 bits half a bit \
    more, since each group of 64 weights has a scale and a bias of 16 bits";

impl Memory {
    /// Of so many parameters.
    pub fn of(parameters: u64) -> Self {
        // Half bits make whole numbers, and wide ones hold any count.
        let bytes = |half_bits: u128| {
            u64::try_from((u128::from(parameters) * half_bits).div_ceil(16)).unwrap_or(u64::MAX)
        };
        Self { f32: bytes(64), half: bytes(32), eight_bit: bytes(17), four_bit: bytes(9) }
    }
}

/// Elements of all tensors by dtype.
pub(super) fn by_dtype(tensors: &BTreeMap<String, Tensor>) -> BTreeMap<String, OfDtype> {
    let mut found: BTreeMap<String, OfDtype> = BTreeMap::new();
    for tensor in tensors.values() {
        let row = found.entry(tensor.dtype.clone()).or_default();
        row.tensors += 1;
        let elements = tensor.shape.iter().fold(1_u64, |all, it| all.saturating_mul(*it));
        row.elements = row.elements.saturating_add(elements);
    }
    found
}

/// Ends of the names that output matrices have.
const HEADS: [&str; 3] = ["lm_head.weight", "embed_out.weight", "output.weight"];

/// Whether the output matrix is among the tensors.
pub(super) fn has_head(tensors: &BTreeMap<String, Tensor>) -> bool {
    tensors.keys().any(|name| {
        HEADS.iter().any(|head| name.strip_suffix(head).is_some_and(|it| it.is_empty() || it.ends_with('.')))
            // `attention.output.weight` is a layer's.
            && !name.contains("layer") && !name.contains(".h.")
    })
}

/// The output matrix by what the config says and what the files hold, in the words of the matrix.
pub(super) fn output_matrix(tied: Option<bool>, head: bool) -> &'static str {
    match (tied, head) {
        (Some(true), true) => "tied, and in the files too",
        (Some(true), false) => "tied, and not in the files",
        (Some(false), true) => "its own",
        (Some(false), false) => "its own, and not in the files",
        (None, true) => "in the files",
        (None, false) => "not in the files",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensors(names: &[&str]) -> BTreeMap<String, Tensor> {
        let tensor = |shape: &[u64]| Tensor { dtype: "BF16".into(), shape: shape.to_vec() };
        names.iter().map(|it| ((*it).to_owned(), tensor(&[2, 3]))).collect()
    }

    #[test]
    fn memory_is_what_the_formula_says() {
        let memory = Memory::of(1_000_000_000);
        assert_eq!((memory.f32, memory.half), (4_000_000_000, 2_000_000_000));
        assert_eq!((memory.eight_bit, memory.four_bit), (1_062_500_000, 562_500_000));
        assert_eq!(Memory::of(1).four_bit, 1);
        assert_eq!(Memory::of(u64::MAX).f32, u64::MAX);
    }

    #[test]
    fn elements_are_counted_by_dtype() {
        let mut all = tensors(&["a", "b"]);
        all.insert("scalar".into(), Tensor { dtype: "F32".into(), shape: vec![] });
        all.insert("huge".into(), Tensor { dtype: "F32".into(), shape: vec![u64::MAX, 2] });
        let found = by_dtype(&all);
        assert_eq!(found["BF16"], OfDtype { tensors: 2, elements: 12 });
        assert_eq!(found["F32"], OfDtype { tensors: 2, elements: u64::MAX });
    }

    #[test]
    fn the_output_matrix_is_told_from_those_of_layers() {
        for name in [
            "lm_head.weight",
            "model.lm_head.weight",
            "language_model.lm_head.weight",
            "embed_out.weight",
        ] {
            assert!(has_head(&tensors(&[name])), "{name}");
        }
        for name in [
            "model.layers.0.attention.output.weight",
            "my_lm_head.weight",
            "encoder.layer.0.output.weight",
        ] {
            assert!(!has_head(&tensors(&[name])), "{name}");
        }
        assert_eq!(output_matrix(Some(true), true), "tied, and in the files too");
    }
}
