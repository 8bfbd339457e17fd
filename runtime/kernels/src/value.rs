//! What goes into a kernel and comes out of it.

use crate::{dtype::DType, tensor::Tensor};

/// An argument or a result of a kernel.
///
/// Python's numbers stay what they are, so that promotion can treat them as PyTorch does.
#[derive(Clone, Debug)]
pub enum Value {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Complex(f64, f64),
    Str(String),
    DType(DType),
    Tensor(Tensor),
    List(Vec<Value>),
    /// `start:stop:step` within square brackets.
    Slice(Option<i64>, Option<i64>, Option<i64>),
    /// `...` within square brackets.
    Ellipsis,
}

impl Value {
    /// The kind, as an error message names it.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float",
            Self::Complex(..) => "complex",
            Self::Str(_) => "str",
            Self::DType(_) => "dtype",
            Self::Tensor(_) => "Tensor",
            Self::List(_) => "list",
            Self::Slice(..) => "slice",
            Self::Ellipsis => "ellipsis",
        }
    }
}

impl From<Tensor> for Value {
    fn from(tensor: Tensor) -> Self {
        Self::Tensor(tensor)
    }
}

impl From<Vec<Tensor>> for Value {
    fn from(tensors: Vec<Tensor>) -> Self {
        Self::List(tensors.into_iter().map(Self::Tensor).collect())
    }
}
