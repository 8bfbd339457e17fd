//! Element types by their nominal names, and how PyTorch promotes them.

use std::fmt;

use crate::context::Precision;

/// A *nominal* element type: what the value is in PyTorch's eyes.
///
/// How it is stored is [`Physical`]: the same but for booleans, which are bytes, complex numbers,
/// which are pairs, and exact mode, where every floating type is stored in 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DType {
    Bool,
    U8,
    I8,
    I16,
    I32,
    I64,
    F16,
    BF16,
    F32,
    F64,
    C64,
    C128,
}

/// What promotion compares first: any number of a higher category wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Category {
    Bool,
    Integer,
    Float,
    Complex,
}

/// The type of a storage's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Physical {
    U8,
    I8,
    I16,
    I32,
    I64,
    F16,
    BF16,
    F32,
    F64,
}

impl Physical {
    pub(crate) fn size(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::I16 | Self::F16 | Self::BF16 => 2,
            Self::I32 | Self::F32 => 4,
            Self::I64 | Self::F64 => 8,
        }
    }
}

impl DType {
    pub const ALL: [Self; 12] = [
        Self::Bool,
        Self::U8,
        Self::I8,
        Self::I16,
        Self::I32,
        Self::I64,
        Self::F16,
        Self::BF16,
        Self::F32,
        Self::F64,
        Self::C64,
        Self::C128,
    ];

    /// PyTorch's name without its module: `float32`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::U8 => "uint8",
            Self::I8 => "int8",
            Self::I16 => "int16",
            Self::I32 => "int32",
            Self::I64 => "int64",
            Self::F16 => "float16",
            Self::BF16 => "bfloat16",
            Self::F32 => "float32",
            Self::F64 => "float64",
            Self::C64 => "complex64",
            Self::C128 => "complex128",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }

    pub fn category(self) -> Category {
        match self {
            Self::Bool => Category::Bool,
            Self::U8 | Self::I8 | Self::I16 | Self::I32 | Self::I64 => Category::Integer,
            Self::F16 | Self::BF16 | Self::F32 | Self::F64 => Category::Float,
            Self::C64 | Self::C128 => Category::Complex,
        }
    }

    pub fn is_float(self) -> bool {
        self.category() == Category::Float
    }

    pub fn is_complex(self) -> bool {
        self.category() == Category::Complex
    }

    /// Boolean or integer.
    pub fn is_integral(self) -> bool {
        self.category() <= Category::Integer
    }

    /// Bytes that one element takes in PyTorch.
    pub fn size(self) -> usize {
        match self {
            Self::Bool | Self::U8 | Self::I8 => 1,
            Self::I16 | Self::F16 | Self::BF16 => 2,
            Self::I32 | Self::F32 => 4,
            Self::I64 | Self::F64 | Self::C64 => 8,
            Self::C128 => 16,
        }
    }

    /// The type of the real and imaginary parts; itself when it is not complex.
    pub fn real(self) -> Self {
        match self {
            Self::C64 => Self::F32,
            Self::C128 => Self::F64,
            other => other,
        }
    }

    pub(crate) fn physical(self, precision: Precision) -> Physical {
        match self {
            Self::Bool | Self::U8 => Physical::U8,
            Self::I8 => Physical::I8,
            Self::I16 => Physical::I16,
            Self::I32 => Physical::I32,
            Self::I64 => Physical::I64,
            _ if precision == Precision::Exact => Physical::F64,
            Self::F16 => Physical::F16,
            Self::BF16 => Physical::BF16,
            Self::F32 | Self::C64 => Physical::F32,
            Self::F64 | Self::C128 => Physical::F64,
        }
    }

    /// Position among integers by width, unsigned before signed.
    fn rank(self) -> usize {
        Self::ALL.iter().position(|it| *it == self).unwrap_or(0)
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "torch.{}", self.name())
    }
}

/// `torch.promote_types`: the smallest type that holds both, as PyTorch defines it.
pub fn promote(a: DType, b: DType) -> DType {
    if a == b {
        return a;
    }
    let (low, high) = if a.category() < b.category() { (a, b) } else { (b, a) };
    if low.category() != high.category() {
        return match (low, high) {
            (DType::F64, DType::C64) => DType::C128,
            _ => high,
        };
    }
    match (a, b) {
        (DType::U8, DType::I8) | (DType::I8, DType::U8) => DType::I16,
        (DType::F16, DType::BF16) | (DType::BF16, DType::F16) => DType::F32,
        _ if a.rank() < b.rank() => b,
        _ => a,
    }
}
