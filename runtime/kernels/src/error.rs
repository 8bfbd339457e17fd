//! Why a kernel could not run, by the Python exception that it becomes.

/// Why a kernel could not run. Each variant is the Python exception that PyTorch raises in its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KernelError {
    /// `TypeError`: an argument of a kind that the kernel does not take.
    #[error("{0}")]
    Type(String),
    /// `ValueError`: an argument of the right kind with a value that has no meaning here.
    #[error("{0}")]
    Value(String),
    /// `IndexError`: a dimension or an index outside its range.
    #[error("{0}")]
    Index(String),
    /// `RuntimeError`: shapes or dtypes that do not go together.
    #[error("{0}")]
    Runtime(String),
    /// `MemoryError`: the result does not fit the memory limit.
    #[error("{0}")]
    Memory(String),
    /// `NotImplementedError`: PyTorch has this, the kernels do not.
    #[error("{0}")]
    Unsupported(String),
}

impl KernelError {
    /// The same error, with the kernel's name in front.
    pub(crate) fn within(self, kernel: &str) -> Self {
        let named = |it: String| format!("{kernel}: {it}");
        match self {
            Self::Type(it) => Self::Type(named(it)),
            Self::Value(it) => Self::Value(named(it)),
            Self::Index(it) => Self::Index(named(it)),
            Self::Runtime(it) => Self::Runtime(named(it)),
            Self::Memory(it) => Self::Memory(named(it)),
            Self::Unsupported(it) => Self::Unsupported(named(it)),
        }
    }
}

pub(crate) type Result<T> = std::result::Result<T, KernelError>;

macro_rules! fail {
    ($kind:ident, $($message:tt)*) => {
        return Err($crate::error::KernelError::$kind(format!($($message)*)))
    };
}
pub(crate) use fail;
