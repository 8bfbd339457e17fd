//! What workers are started from: the native engines' environment, and how the embedded one is held.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{EngineError, EngineKind, Runs, Sources};
use crate::{
    case::Regime,
    environment::{Engines, Home, Pinned, Supply, memory_bytes},
    kept::{KeptError, Key},
};

/// What [`Worker::spawn`](super::Worker::spawn) needs to know, whichever engine it starts.
#[derive(Clone, Debug)]
pub struct Launch {
    /// The pinned sources and the environment of the native engines, as far as [`needs`] asked for
    /// them.
    pub pinned: Pinned,
    pub embedded: Embedded,
}

/// How the engine `embedded` is held.
#[derive(Clone, Debug)]
pub struct Embedded {
    /// The program whose hidden command `worker` serves the engine; `None` is the running one.
    pub program: Option<PathBuf>,
    pub home: Home,
    pub limits: Limits,
    /// Every floating dtype computes in 64 bits and its nominal dtype travels along.
    pub exact: bool,
    /// Threads of the kernels. One is fastest for tiny models and the same everywhere.
    pub threads: usize,
    /// Where tensors lie: `cpu`, `cuda:0`, `metal:0`; the last two where the program was built for them.
    pub device: String,
    /// A checkpoint's folder whose own code may be run: the files that `auto_map` of its config.json
    /// names.
    pub remote_code: Option<PathBuf>,
}

/// What one session of the engine `embedded` may use up. Its wall time is the request's deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes of heap, stacks and tensors together; mapped weights do not count.
    pub memory_bytes: u64,
    /// Frames of Python code in one another.
    pub recursion: usize,
}

/// The device that is always there.
const CPU: &str = "cpu";
/// Used where the machine's memory cannot be told.
const MEMORY: u64 = 8 << 30;

impl Default for Limits {
    /// Three quarters of the memory that this process may use.
    fn default() -> Self {
        let memory_bytes = memory_bytes().map_or(MEMORY, |it| it / 4 * 3);
        Self { memory_bytes, recursion: 1000 }
    }
}

impl Launch {
    /// A launch with the default limits.
    pub fn new(home: &Home, pinned: Pinned) -> Self {
        let embedded = Embedded {
            program: None,
            home: home.clone(),
            limits: Limits::default(),
            exact: false,
            threads: 1,
            device: CPU.to_owned(),
            remote_code: None,
        };
        Self { pinned, embedded }
    }

    /// The same, for what is asked in this regime.
    #[must_use]
    pub fn in_regime(mut self, regime: Regime) -> Self {
        self.embedded.exact = regime == Regime::Exact;
        self
    }

    /// What every row rests on that engines of this launch make: this program, the native packages, and
    /// what the engines say of themselves, `about`.
    ///
    /// # Errors
    ///
    /// When this program's own file cannot be read.
    pub fn key(&self, about: &impl Serialize) -> Result<Key, KeptError> {
        // Serialised, it leaves out where the engines lie on this machine.
        let about = serde_json::to_string(about).expect("plain data");
        let packages = self.pinned.engines().ok().map(|it| (&it.lock_digest, &it.versions));
        Ok(Key::of_program()?.and("packages", &packages).and("engines", &about))
    }

    /// The native engines' environment, for the engine that needs it.
    pub(crate) fn native(&self, engine: EngineKind) -> Result<&Engines, EngineError> {
        let there = self.pinned.engines().ok();
        let serves = |it: &&Engines| engine.row().installs.is_none_or(|supply| it.serves(supply));
        there.filter(serves).ok_or(EngineError::NotInstalled { engine })
    }

    /// The folder of the package whose source an engine runs: the user's, else the pinned release's.
    pub(crate) fn package(
        &self,
        engine: EngineKind,
        sources: &Sources,
    ) -> Result<PathBuf, EngineError> {
        let package = engine.row().package;
        let none = |looked| EngineError::NoSource { engine, package, looked };
        let (own, pinned) = match engine.runs() {
            Runs::Definition => (&sources.definition, self.pinned.transformers()),
            Runs::Port => (&sources.port, self.pinned.mlx_lm()),
        };
        match own {
            Some(root) => package_in(root, package).ok_or_else(|| none(Some(root.clone()))),
            None => pinned.map(|it| it.join(package)).map_err(|_| none(None)),
        }
    }
}

/// What has to be set up before these engines can be started on these sources.
pub fn needs(engines: &[EngineKind], sources: &Sources) -> Vec<Supply> {
    let mut needs: Vec<Supply> = engines.iter().filter_map(|it| it.row().installs).collect();
    // What is installed brings the sources that it runs; the embedded machine brings none.
    needs.extend(engines.iter().filter_map(|engine| {
        let given = match engine.runs() {
            Runs::Definition => &sources.definition,
            Runs::Port => &sources.port,
        };
        engine.row().dialect.as_ref().filter(|_| given.is_none()).map(|it| it.sources)
    }));
    needs
}

/// The release of transformers in a checkout or an install of it: `5.24.0`.
pub fn release_in(root: &Path) -> Option<String> {
    version_in(&package_in(root, "transformers")?.join("__init__.py")).ok()
}

/// `__version__ = "5.24.0"`
pub(super) fn version_in(file: &Path) -> Result<String, String> {
    let text = fs::read_to_string(file)
        .map_err(|error| format!("cannot read `{}`: {error}", file.display()))?;
    text.lines()
        .find_map(|it| it.strip_prefix("__version__ = "))
        .map(|it| it.trim().trim_matches(['"', '\'']).to_owned())
        .ok_or_else(|| format!("`{}` names no __version__", file.display()))
}

/// The folder of a Python package in a checkout or an install of it.
fn package_in(root: &Path, name: &str) -> Option<PathBuf> {
    let candidates = [root.join(name), root.join("src").join(name), root.to_owned()];
    candidates.into_iter().find(|it| it.join("__init__.py").is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_needs_its_own_engines_and_no_others() {
        use EngineKind::{Embedded, EmbeddedMlx, Mlx, Torch};
        let pinned = Sources::default();
        let own = Sources { definition: Some("/checkout".into()), ..Sources::default() };
        assert_eq!(needs(&[Torch, Mlx], &pinned), [Supply::Torch, Supply::Mlx]);
        assert_eq!(needs(&[Embedded, Mlx], &pinned), [Supply::Mlx, Supply::Transformers]);
        assert_eq!(needs(&[Embedded, Mlx], &own), [Supply::Mlx]);
        assert_eq!(needs(&[Embedded], &own), []);
        assert_eq!(needs(&[Embedded, EmbeddedMlx], &own), [Supply::MlxLm]);
    }

    #[test]
    fn an_engine_that_was_not_set_up_is_not_started() {
        let home = Home::at("/nowhere").unwrap();
        let launch = Launch::new(&home, Pinned::default());
        for engine in [EngineKind::Torch, EngineKind::Mlx] {
            let err = launch.native(engine).unwrap_err();
            assert!(matches!(err, EngineError::NotInstalled { .. }), "{err}");
        }
        for engine in [EngineKind::Embedded, EngineKind::EmbeddedMlx] {
            let err = launch.package(engine, &Sources::default()).unwrap_err();
            assert!(matches!(err, EngineError::NoSource { looked: None, .. }), "{err}");
        }
    }
}
