//! Why no text can be generated with what was asked.

use std::{borrow::Cow, path::PathBuf};

use portwright_harness::hint::Hint;

use crate::error::Failure;

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    #[error("`{name}` is {found}")]
    Setting {
        name: &'static str,
        found: f64,
        /// What it has to be, e.g. "a number from 0 to 1".
        expected: String,
    },

    #[error("`max_new_tokens` is 0")]
    NoNewTokens,

    #[error("a system message needs a chat template, and there is none in use")]
    SystemWithoutTemplate,

    #[error("`{folder}` does not fill the model: {first}{}", and_more(*.more), folder = folder.display())]
    Incomplete { folder: PathBuf, first: String, more: usize },

    #[error("the prompt has no tokens")]
    EmptyPrompt,
}

impl Failure for RunError {}

impl Hint for RunError {
    fn hint(&self) -> Option<Cow<'static, str>> {
        Some(match self {
            Self::Setting { expected, .. } => format!("give {expected}").into(),
            Self::NoNewTokens => "ask for one token at least".into(),
            Self::SystemWithoutTemplate => "put it into the prompt".into(),
            Self::Incomplete { .. } => {
                "`portwright inspect FOLDER` lists what is missing and what is left over".into()
            }
            Self::EmptyPrompt => "give it some text".into(),
        })
    }
}

fn and_more(count: usize) -> String {
    if count == 0 { String::new() } else { format!(", and {count} more") }
}
