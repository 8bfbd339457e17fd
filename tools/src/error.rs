//! What a capability can fail with. A failing *port* is not among these: that is a verdict.

use std::{borrow::Cow, io, path::PathBuf};

use portwright_harness::{
    check::UnknownCheck, definitions::DefinitionsError, engine::EngineError,
    environment::SetupError, gather::GatherError, hint::Hint, keep::KeepError, kept::KeptError,
    mutants::MutantError, rundir::RunDirError, sweep::SweepError,
};
use portwright_hub::HubError;
use portwright_prompts::RenderError;
use portwright_source::{Problem, scaffold::ScaffoldError};

use crate::{
    candidates::CandidatesError,
    checkpoint::CheckpointError,
    commits::CommitsError,
    inspect::InspectError,
    modular::{ModularError, NewModelError},
    policy::PolicyError,
    port::PortError,
    report::DraftError,
    ruff::RuffError,
    stage::StageError,
    table::TableError,
    verify_error::VerifyError,
};

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ToolError {
    #[error(transparent)]
    Setup(#[from] SetupError),

    #[error(transparent)]
    Engine(#[from] EngineError),

    #[error(transparent)]
    Gather(#[from] GatherError),

    #[error(transparent)]
    Keep(#[from] KeepError),

    #[error(transparent)]
    RunDir(#[from] RunDirError),

    #[error(transparent)]
    Check(#[from] UnknownCheck),

    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),

    #[error(transparent)]
    Verify(#[from] VerifyError),

    #[error(transparent)]
    Candidates(#[from] CandidatesError),

    #[error(transparent)]
    Hub(#[from] HubError),

    #[error(transparent)]
    Policy(#[from] PolicyError),

    #[error(transparent)]
    Port(#[from] PortError),

    #[error(transparent)]
    Draft(#[from] DraftError),

    #[error(transparent)]
    Stage(#[from] StageError),

    #[error(transparent)]
    Modular(#[from] ModularError),

    #[error(transparent)]
    NewModel(#[from] NewModelError),

    #[error(transparent)]
    Inspect(#[from] InspectError),

    #[error(transparent)]
    Table(#[from] TableError),

    #[cfg(feature = "candle")]
    #[error(transparent)]
    Run(#[from] crate::run::RunError),

    #[error(transparent)]
    Commits(#[from] CommitsError),

    #[error(transparent)]
    Kept(#[from] KeptError),

    #[error(transparent)]
    Sweep(#[from] SweepError),

    #[error(transparent)]
    Definitions(#[from] DefinitionsError),

    #[error(transparent)]
    Scaffold(#[from] ScaffoldError),

    #[error(transparent)]
    Mutant(#[from] MutantError),

    #[error(transparent)]
    Render(#[from] RenderError),

    #[error("{flag}: `{path}` does not exist", path = path.display())]
    NoSuchPath { flag: &'static str, path: PathBuf },

    #[error("`{given}` is no path that exists, and no release of transformers", given = given.display())]
    NoSuchTransformers { given: PathBuf },

    #[error("`{path}` is no finished run: it has no readable evidence.json ({detail})", path = path.display())]
    NoEvidence { path: PathBuf, detail: String },

    #[error(transparent)]
    Source(#[from] Problem),

    #[error(transparent)]
    Ruff(#[from] RuffError),

    #[error("failed to read `{path}`", path = path.display())]
    Read { path: PathBuf, source: io::Error },

    #[error("failed to write `{path}`", path = path.display())]
    Write { path: PathBuf, source: io::Error },

    #[error("`{package}` is an installed package; it is not written to unless that is asked for", package = package.display())]
    Installed { package: PathBuf },

    #[error("`{package}` is an installed package; a port is written to a checkout", package = package.display())]
    InstalledTarget { package: PathBuf },

    #[error("the model type has a port already: {text}")]
    Ported { text: String },

    #[cfg(feature = "candle")]
    #[error(transparent)]
    Tokens(#[from] crate::run::tokens::TokensError),

    #[cfg(feature = "candle")]
    #[error(transparent)]
    Chat(#[from] crate::run::chat::ChatError),

    #[error(transparent)]
    Headers(#[from] crate::inspect::headers::HeaderError),

    #[error("`{folder}` does not fill the model: {first}{}", and_more(*.more), folder = folder.display())]
    Incomplete { folder: PathBuf, first: String, more: usize },

    #[error(
        "the two runs cannot be compared: {what} is `{before}` in the one and `{after}` in the other"
    )]
    NotComparable { what: &'static str, before: String, after: String },

    #[error("no template for `{target}`: {detail}")]
    Template { target: String, detail: String },

    #[error("this build has no embedded runtime, so no definition can be run")]
    NoRuntime,

    #[error("cancelled")]
    Cancelled,

}

impl ToolError {
    /// Whether the user stopped it.
    pub fn is_cancelled(&self) -> bool {
        match self {
            Self::Engine(err)
            | Self::Gather(GatherError::Engine(err))
            | Self::Sweep(SweepError::Engine(err))
            | Self::Definitions(DefinitionsError::Engine(err))
            | Self::Mutant(
                MutantError::Engine(err) | MutantError::Gather(GatherError::Engine(err)),
            ) => err.is_cancelled(),
            Self::Hub(err) => err.is_cancelled(),
            Self::Setup(SetupError::Cancelled)
            | Self::Ruff(RuffError::Install { source: SetupError::Cancelled, .. })
            | Self::Cancelled => true,
            Self::Checkpoint(err) => err.is_cancelled(),
            _ => false,
        }
    }
}

impl Hint for ToolError {
    fn hint(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Setup(err) => err.hint(),
            Self::Engine(err)
            | Self::Gather(GatherError::Engine(err))
            | Self::Sweep(SweepError::Engine(err))
            | Self::Definitions(DefinitionsError::Engine(err))
            | Self::Mutant(
                MutantError::Engine(err) | MutantError::Gather(GatherError::Engine(err)),
            ) => err.hint(),
            Self::Gather(GatherError::Write { .. }) => {
                Some("check that the disk has room and the folder can be written".into())
            }
            Self::Gather(GatherError::OtherModel { found, .. }) => Some(
                format!("leave the model type out, or verify `{found}`: a checkpoint is judged as what its config.json says it is").into(),
            ),
            Self::Gather(GatherError::OtherHead { .. }) => {
                Some("definitions with any head are run by `portwright verify --definitions`".into())
            }
            Self::Gather(GatherError::Config { .. }) => {
                Some("a checkpoint is a folder with config.json and *.safetensors".into())
            }
            Self::RunDir(err) => err.hint(),
            Self::Check(UnknownCheck { nearest, .. }) => {
                let nearest =
                    nearest.map(|it| format!("did you mean `{it}`? ")).unwrap_or_default();
                Some(format!("{nearest}`portwright checks` lists them").into())
            }
            Self::Checkpoint(err) => err.hint(),
            Self::Verify(err) => err.hint(),
            Self::Candidates(err) => err.hint(),
            Self::Hub(err) => err.hint(),
            Self::Policy(err) => err.hint(),
            Self::Port(err) => err.hint(),
            Self::Stage(err) => err.hint(),
            Self::Modular(err) => err.hint(),
            Self::NewModel(err) => err.hint(),
            Self::Inspect(err) => err.hint(),
            Self::Table(err) => err.hint(),
            #[cfg(feature = "candle")]
            Self::Run(err) => err.hint(),
            Self::Commits(err) => err.hint(),
            Self::NoSuchTransformers { .. } => Some(
                "name a checkout or an install by its path, or a release as in `5.24` (the newest \
                 5.24.x) or `5.24.0`"
                    .into(),
            ),
            Self::NoEvidence { .. } => {
                Some("name the folder that `portwright verify` printed".into())
            }
            Self::Mutant(MutantError::Unknown(_)) => {
                Some("`harness/mutants/mutants.toml` lists them".into())
            }
            Self::Ruff(err) => err.hint(),
            #[cfg(feature = "candle")]
            Self::Tokens(err) => err.hint(),
            #[cfg(feature = "candle")]
            Self::Chat(err) => err.hint(),
            Self::Incomplete { .. } => {
                Some("`portwright inspect FOLDER` lists what is missing and what is left over".into())
            }
            Self::NoRuntime => {
                Some("build it with the cargo feature `candle`, which is on by default".into())
            }
            Self::Headers(_) => Some("the files may be cut short; fetch or make them again".into()),
            Self::Read { .. } => Some("check that the file is there and can be read".into()),
            Self::NotComparable { .. } => {
                Some("verify both with the same `--precision`, `--engines` and model type".into())
            }
            Self::Template { .. } => {
                Some("`--port PATH` names a checkout; without one a neutral template is filled".into())
            }
            Self::Write { .. } => Some("check that the disk has room and the folder can be written".into()),
            Self::Installed { .. } => {
                Some("`--diff` shows what would change, `--out DIR` writes elsewhere, `--in-place` writes to it".into())
            }
            Self::InstalledTarget { .. } => {
                Some("`--port PATH` names a checkout, `--out DIR` writes the model's file elsewhere, `--dry-run` writes nothing".into())
            }
            Self::Ported { .. } => {
                Some("`--force` replaces it, `--dry-run` shows what would be written".into())
            }
            Self::Keep(_)
            | Self::Kept(_)
            | Self::Sweep(_)
            | Self::Definitions(_)
            | Self::Mutant(_)
            | Self::Render(_)
            | Self::Draft(_)
            | Self::NoSuchPath { .. }
            | Self::Scaffold(_)
            | Self::Source(_)
            | Self::Cancelled => None,
        }
    }
}

fn and_more(count: usize) -> String {
    if count == 0 { String::new() } else { format!(", and {count} more") }
}
