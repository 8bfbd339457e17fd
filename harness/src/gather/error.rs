//! Why a subject could not be asked about, and what a failure in the course of asking means.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::{
    case::Spelling,
    engine::{EngineError, Failure, package_path},
    head::Head,
    outcome::Absence,
};

/// A subject that could not be asked about at all.
#[derive(Debug, thiserror::Error)]
pub enum GatherError {
    #[error(transparent)]
    Engine(#[from] EngineError),

    #[error("failed to write `{path}`", path = path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },

    #[error("failed to read `{path}`: {detail}", path = path.display())]
    Config { path: PathBuf, detail: String },

    #[error("the checkpoint in `{path}` is a `{found}`, not a `{asked}`", path = path.display())]
    OtherModel { path: PathBuf, asked: String, found: String },

    #[error("config.json cannot be written as `{}` here: {why}", asked.id())]
    OtherSpelling { asked: Spelling, why: String },

    #[error("ports are asked as `{}`, not as `{}`", Head::default().id(), head.id())]
    OtherHead { head: Head },
}

/// No check needs it.
pub(super) fn not_asked() -> Absence {
    Absence::Blocked { reason: "it was not asked".into() }
}

/// A real checkpoint is asked as it is.
pub(super) fn synthetic_only() -> Absence {
    Absence::NotApplicable { reason: "asked of synthetic checkpoints only".to_owned() }
}

/// The reference could not answer: the check is blocked, whatever the cause.
pub(crate) fn reference_absence(err: &EngineError) -> Absence {
    Absence::Blocked { reason: format!("the reference: {err}") }
}

/// The port could not answer: its own exception is a fail, what the target does not offer is not
/// applicable, and an engine's death is a check that could not run.
pub(super) fn port_absence(err: &EngineError) -> Absence {
    match err.failure() {
        Some(failure) if failure.kind == "unsupported" => {
            Absence::NotApplicable { reason: failure.message.clone() }
        }
        Some(failure) if failure.kind == "worker" => Absence::Blocked {
            reason: format!(
                "Portwright's own worker failed, which says nothing of the port: {failure}"
            ),
        },
        Some(failure) if failure.kind == "limit" || failure.kind == "panic" => {
            Absence::Blocked { reason: failure.to_string() }
        }
        Some(failure) => {
            let mut failure = Failure::clone(failure);
            failure.file = failure.file.map(|it| package_path(Path::new(&it)));
            Absence::PortFailed { failure: Box::new(failure) }
        }
        None => Absence::Blocked { reason: err.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::EngineKind;

    fn refused(kind: &str) -> Absence {
        let failure =
            Failure { kind: kind.into(), message: "it failed".into(), ..Failure::default() };
        let (engine, op, failure) = (EngineKind::Mlx, "forward".into(), Box::new(failure));
        port_absence(&EngineError::Refused { engine, op, failure })
    }

    #[test]
    fn only_what_the_port_itself_raised_is_its_fault() {
        assert!(matches!(refused("exception"), Absence::PortFailed { .. }));
        assert!(matches!(refused("unsupported"), Absence::NotApplicable { .. }));
        for kind in ["worker", "limit", "panic"] {
            assert!(matches!(refused(kind), Absence::Blocked { .. }), "{kind}");
        }
    }
}
