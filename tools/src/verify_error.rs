//! Why a verification could not be asked for: its arguments contradict each other, or one is missing.

use std::borrow::Cow;

use portwright_harness::{
    engine::{Pair, PairError},
    hint::Hint,
};

use crate::error::Failure;

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    #[error("no model type was given")]
    NoModelType,

    #[error(transparent)]
    Engines(#[from] PairError),

    #[error("`exact` needs engines that compute in float64 throughout, and `{0}` do not")]
    NotExact(Pair),

    #[error("the deadline is not a positive number of seconds")]
    Deadline,

    #[error("a cover was given, but not which of its candidates to verify")]
    NoCandidate,

    #[error("a candidate was given, but not the cover that it is one of")]
    NoCover,

    #[error("a cover has configs of its own, so `config` and `checkpoint` cannot be given with it")]
    CoverWithConfig,

    #[error("the cover is of `{found}`, not of `{asked}`")]
    OtherCover { asked: String, found: String },
}

impl Failure for VerifyError {}

impl Hint for VerifyError {
    fn hint(&self) -> Option<Cow<'static, str>> {
        Some(match self {
            Self::NoModelType => {
                "name one, e.g. `olmo3`, or a checkpoint, which says what it is".into()
            }
            Self::NotExact(_) => {
                let exact = Pair::default();
                format!("ask `{exact}`, or with `--precision logic`").into()
            }
            Self::Deadline => "give e.g. 120".into(),
            Self::NoCandidate => "name one of the cover's members, e.g. `org/name`".into(),
            Self::NoCover => "name the file that `candidates` wrote, e.g. cover.json".into(),
            Self::CoverWithConfig => "leave either the cover or the others out".into(),
            Self::OtherCover { found, .. } => {
                format!("verify `{found}`, or leave the model type out").into()
            }
            // Their texts say the next step.
            Self::Engines(_) => return None,
        })
    }
}
