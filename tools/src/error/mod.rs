//! What a capability can fail with. A failing *port* is not among these: that is a verdict.
//!
//! # Where to start
//!
//! Each capability has an error of its own beside it, with its hints, and says [`Failure`] of it: that
//! is all it takes for `?` to make a [`ToolError`] of it. What the crates below fail with is in
//! [`Below`]. Here stands only what any capability can run into.

mod below;

use std::{borrow::Cow, fmt, io, path::PathBuf};

use portwright_harness::hint::Hint;

pub use below::Below;

/// Why one capability failed; implemented beside each, so that this file knows none of them.
pub trait Failure: Hint + Send + Sync + 'static {
    /// Whether the user stopped it.
    fn is_cancelled(&self) -> bool {
        false
    }
}

/// Why something did not come about. The doors show it, with the [`Hint`] apart.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ToolError {
    #[error(transparent)]
    Capability(Failed),

    #[error(transparent)]
    Below(Below),

    #[error("{flag}: `{path}` does not exist", path = path.display())]
    NoSuchPath { flag: &'static str, path: PathBuf },

    #[error("failed to read `{path}`", path = path.display())]
    Read { path: PathBuf, source: io::Error },

    #[error("failed to write `{path}`", path = path.display())]
    Write { path: PathBuf, source: io::Error },

    #[error("this build has no embedded runtime, so no definition can be run")]
    NoRuntime,

    #[error("cancelled")]
    Cancelled,
}

/// The error of one capability, whichever it is; its text and its cause are that error's own.
#[derive(Debug)]
pub struct Failed(Box<dyn Failure>);

impl ToolError {
    /// Whether the user stopped it.
    pub fn is_cancelled(&self) -> bool {
        match self {
            Self::Capability(Failed(err)) => err.is_cancelled(),
            Self::Below(err) => err.is_cancelled(),
            Self::Cancelled => true,
            _ => false,
        }
    }

    /// The error of a capability, where it is an `E`.
    pub fn of<E: Failure>(&self) -> Option<&E> {
        match self {
            Self::Capability(Failed(err)) => {
                let err: &(dyn std::error::Error + 'static) = &**err;
                err.downcast_ref()
            }
            _ => None,
        }
    }
}

impl<E: Failure> From<E> for ToolError {
    fn from(err: E) -> Self {
        Self::Capability(Failed(Box::new(err)))
    }
}

impl Hint for ToolError {
    fn hint(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Capability(Failed(err)) => err.hint(),
            Self::Below(err) => err.hint(),
            Self::Read { .. } => Some("check that the file is there and can be read".into()),
            Self::Write { .. } => {
                Some("check that the disk has room and the folder can be written".into())
            }
            Self::NoRuntime => {
                Some("build it with the cargo feature `candle`, which is on by default".into())
            }
            Self::NoSuchPath { .. } | Self::Cancelled => None,
        }
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Failed {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

#[cfg(test)]
mod tests {
    use portwright_harness::environment::SetupError;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the toy broke")]
    struct Toy {
        source: io::Error,
        stopped: bool,
    }

    impl Hint for Toy {
        fn hint(&self) -> Option<Cow<'static, str>> {
            Some("mend it".into())
        }
    }

    impl Failure for Toy {
        fn is_cancelled(&self) -> bool {
            self.stopped
        }
    }

    #[test]
    fn an_error_of_a_capability_keeps_its_text_cause_and_hint() {
        let toy = |stopped| ToolError::from(Toy { source: io::Error::other("glue"), stopped });
        let err = toy(false);
        assert_eq!(err.to_string(), "the toy broke");
        assert_eq!(std::error::Error::source(&err).unwrap().to_string(), "glue");
        assert_eq!(err.hint().unwrap(), "mend it");
        assert!(err.of::<Toy>().is_some());
        assert!(!err.is_cancelled() && toy(true).is_cancelled());
    }

    #[test]
    fn an_error_from_below_keeps_its_hint_and_whether_it_was_stopped() {
        let err = ToolError::from(SetupError::Network { tail: String::new() });
        assert_eq!(err.hint(), Hint::hint(&SetupError::Network { tail: String::new() }));
        assert!(!err.is_cancelled() && ToolError::from(SetupError::Cancelled).is_cancelled());
    }
}
