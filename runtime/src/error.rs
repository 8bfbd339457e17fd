//! Why the machine could not do what it was asked.

use std::{fmt, ops::Range, time::Duration};

/// Where in Python source an exception was raised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file as the machine was given it.
    pub file: String,
    /// Counted from 1.
    pub line: usize,
    /// The text of that line, without its indentation; empty when the source is not at hand.
    pub text: String,
    /// The characters of `text` that raised: all of them where no one expression on the line did.
    pub columns: Range<usize>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)?;
        if !self.text.is_empty() {
            let (before, under) = (self.columns.start, self.columns.len().max(1));
            write!(f, "\n    {}\n    {:before$}{}", self.text, "", "^".repeat(under))?;
        }
        Ok(())
    }
}

/// An exception that Python code raised and did not catch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raised {
    /// The exception's class.
    pub class: String,
    pub message: String,
    /// The innermost line of code that is not the dialect's own.
    pub place: Option<Place>,
    /// The module that was computing: `model.layers.2.mlp`.
    pub module: Option<String>,
    /// Python's own traceback.
    pub traceback: String,
}

impl fmt::Display for Raised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.class, self.message)?;
        if let Some(module) = &self.module {
            write!(f, "\n  in module `{module}`")?;
        }
        if let Some(place) = &self.place {
            write!(f, "\n  at {place}")?;
        }
        Ok(())
    }
}

#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    #[error("{0}")]
    Raised(Box<Raised>),
    #[error("Python code ran for more than {limit:?}{}", at(.place.as_ref()))]
    Timeout { limit: Duration, place: Option<Place> },
    #[error("the virtual machine panicked: {0}")]
    Panic(String),
    #[error("this session stopped after an earlier call failed: {0}")]
    Abandoned(String),
    #[error("cannot start the machine's thread")]
    Thread(#[source] std::io::Error),
    #[error("cannot open the checkpoint")]
    Weights(#[source] portwright_kernels::KernelError),
    #[error("not the answer that was expected: {0}")]
    Answer(String),
}

fn at(place: Option<&Place>) -> String {
    place.map(|it| format!("\n  at {it}")).unwrap_or_default()
}

impl RuntimeError {
    /// What to do next.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Timeout { .. } => {
                Some("raise the wall-time limit if the code is known to be slow")
            }
            Self::Abandoned(_) => Some("start a new machine"),
            _ => None,
        }
    }
}
