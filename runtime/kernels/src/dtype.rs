//! Element types by their nominal names. How they are promoted is the dialect's choice: `semantics`.

use std::fmt;

use crate::context::{self, Precision};

/// A *nominal* element type: what the value is in the eyes of the library that is stood in for.
///
/// How it is stored is [`Physical`]: the same but for booleans, which are bytes, complex numbers,
/// which are pairs, and exact mode, where every floating type is stored in 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DType {
    Bool,
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
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
    U16,
    I16,
    U32,
    I32,
    U64,
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
            Self::U16 | Self::I16 | Self::F16 | Self::BF16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }
}

impl DType {
    pub const ALL: [Self; 15] = [
        Self::Bool,
        Self::U8,
        Self::I8,
        Self::U16,
        Self::I16,
        Self::U32,
        Self::I32,
        Self::U64,
        Self::I64,
        Self::F16,
        Self::BF16,
        Self::F32,
        Self::F64,
        Self::C64,
        Self::C128,
    ];

    /// The name without its module, the same in every library: `float32`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::U8 => "uint8",
            Self::I8 => "int8",
            Self::U16 => "uint16",
            Self::I16 => "int16",
            Self::U32 => "uint32",
            Self::I32 => "int32",
            Self::U64 => "uint64",
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
            Self::F16 | Self::BF16 | Self::F32 | Self::F64 => Category::Float,
            Self::C64 | Self::C128 => Category::Complex,
            _ => Category::Integer,
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

    /// Whether a whole number of it can be negative.
    pub fn is_signed(self) -> bool {
        !matches!(self, Self::Bool | Self::U8 | Self::U16 | Self::U32 | Self::U64)
    }

    /// Bytes that one element takes in its own library.
    pub fn size(self) -> usize {
        match self {
            Self::Bool | Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 | Self::F16 | Self::BF16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 | Self::C64 => 8,
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
            Self::U16 => Physical::U16,
            Self::I16 => Physical::I16,
            Self::U32 => Physical::U32,
            Self::I32 => Physical::I32,
            Self::U64 => Physical::U64,
            Self::I64 => Physical::I64,
            _ if precision == Precision::Exact => Physical::F64,
            Self::F16 => Physical::F16,
            Self::BF16 => Physical::BF16,
            Self::F32 | Self::C64 => Physical::F32,
            Self::F64 | Self::C128 => Physical::F64,
        }
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", context::semantics().module, self.name())
    }
}
