//! Why no text can be generated with what was asked.

use std::borrow::Cow;

use portwright_harness::hint::Hint;

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

    #[error("the prompt has no tokens")]
    EmptyPrompt,
}

impl Hint for RunError {
    fn hint(&self) -> Option<Cow<'static, str>> {
        Some(match self {
            Self::Setting { expected, .. } => format!("give {expected}").into(),
            Self::NoNewTokens => "ask for one token at least".into(),
            Self::SystemWithoutTemplate => "put it into the prompt".into(),
            Self::EmptyPrompt => "give it some text".into(),
        })
    }
}
