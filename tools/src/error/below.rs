//! What the crates below fail with, and what can be done about it from here.

use std::borrow::Cow;

use portwright_harness::{
    check::UnknownCheck, definitions::DefinitionsError, engine::EngineError,
    environment::SetupError, gather::GatherError, hint::Hint, keep::KeepError, kept::KeptError,
    mutants::MutantError, ports::PortsError, rundir::RunDirError, sweep::SweepError,
    trials::TrialError,
};
use portwright_hub::HubError;
use portwright_prompts::RenderError;
use portwright_source::{Problem, scaffold::ScaffoldError};

use super::ToolError;

macro_rules! below {
    ($($variant:ident($error:ty)),* $(,)?) => {
        /// An error of a crate below, as it is.
        #[derive(Debug, thiserror::Error)]
        #[non_exhaustive]
        pub enum Below {
            $(#[error(transparent)] $variant($error),)*
        }

        $(impl From<$error> for ToolError {
            fn from(err: $error) -> Self {
                Self::Below(Below::$variant(err))
            }
        })*
    };
}

below! {
    Setup(SetupError),
    Engine(EngineError),
    Gather(GatherError),
    Keep(KeepError),
    RunDir(RunDirError),
    Check(UnknownCheck),
    Kept(KeptError),
    Sweep(SweepError),
    Definitions(DefinitionsError),
    Ports(PortsError),
    Mutant(MutantError),
    Trial(TrialError),
    Hub(HubError),
    Render(RenderError),
    Source(Problem),
    Scaffold(ScaffoldError),
}

impl Below {
    /// The error of an engine that it comes down to.
    fn engine(&self) -> Option<&EngineError> {
        match self {
            Self::Engine(err)
            | Self::Gather(GatherError::Engine(err))
            | Self::Sweep(SweepError::Engine(err))
            | Self::Definitions(DefinitionsError::Engine(err))
            | Self::Ports(PortsError::Engine(err))
            | Self::Mutant(
                MutantError::Engine(err) | MutantError::Gather(GatherError::Engine(err)),
            )
            | Self::Trial(TrialError::Engine(err) | TrialError::Gather(GatherError::Engine(err))) => {
                Some(err)
            }
            _ => None,
        }
    }

    pub(super) fn is_cancelled(&self) -> bool {
        match self {
            Self::Hub(err) => err.is_cancelled(),
            Self::Setup(err) => matches!(err, SetupError::Cancelled),
            _ => self.engine().is_some_and(EngineError::is_cancelled),
        }
    }
}

impl Hint for Below {
    fn hint(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Setup(err) => err.hint(),
            Self::RunDir(err) => err.hint(),
            Self::Hub(err) => err.hint(),
            Self::Gather(GatherError::Write { .. }) => {
                Some("check that the disk has room and the folder can be written".into())
            }
            Self::Gather(GatherError::OtherModel { found, .. }) => Some(
                format!("leave the model type out, or verify `{found}`: a checkpoint is judged as what its config.json says it is").into(),
            ),
            Self::Gather(GatherError::OtherSpelling { .. }) => {
                Some("without a spelling the model is judged in the one that it has".into())
            }
            Self::Gather(GatherError::OtherHead { .. }) => {
                Some("definitions with any head are run by `portwright verify --definitions`".into())
            }
            Self::Gather(GatherError::Config { .. }) => {
                Some("a checkpoint is a folder with config.json and *.safetensors".into())
            }
            Self::Check(UnknownCheck { nearest, .. }) => {
                let nearest =
                    nearest.map(|it| format!("did you mean `{it}`? ")).unwrap_or_default();
                Some(format!("{nearest}`portwright checks` lists them").into())
            }
            Self::Ports(PortsError::Unknown { .. }) => {
                Some("a port is a file of `mlx_lm/models`, named without its `.py`".into())
            }
            Self::Mutant(MutantError::Unknown(_)) => {
                Some("`harness/mutants/mutants.toml` lists them".into())
            }
            _ => self.engine().and_then(Hint::hint),
        }
    }
}
