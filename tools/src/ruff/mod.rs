//! The `ruff` that a target repository pins: found or installed, then run once over a whole batch.
//!
//! The embedded formatter ([`portwright_source::format`]) is faster and needs nothing installed;
//! this one gives the bytes that the repository's own checks ask for.
//!
//! # Where to start
//!
//! [`Ruff::pinned`], then [`Ruff::tidy`]. [`settings`] are those of either formatter.

mod batch;
mod error;
mod pin;

use std::path::{Path, PathBuf};

use portwright_harness::{
    cancel::Cancel,
    environment::{Home, Tool, ensure_tool},
    progress::Progress,
};

pub use error::RuffError;
pub use pin::{pin, settings};

/// A `ruff` program that said which version it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruff {
    program: PathBuf,
    version: String,
}

impl Ruff {
    /// The `ruff` that the transformers at `root` pins, installed if it is nowhere.
    ///
    /// `root` is a checkout, or the `transformers` folder in one or in an environment. Looked for on
    /// the search path, beside the environment that holds `root`, in the checkout's `.venv`, and in
    /// `home`.
    pub fn pinned(
        root: &Path,
        home: &Home,
        progress: &dyn Progress,
        cancel: &Cancel,
    ) -> Result<Self, RuffError> {
        let version = pin(root)?;
        let tool = Tool { name: "ruff", version: &version };
        let program = ensure_tool(home, tool, &near(root), progress, cancel)
            .map_err(|source| RuffError::Install { version: version.clone(), source })?;
        Ok(Self { program, version })
    }

    /// `0.14.10`
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Where it is.
    pub fn program(&self) -> &Path {
        &self.program
    }
}

/// Folders of programs that belong to `root`: `ENV/bin` of `ENV/lib/python3.X/site-packages/...`,
/// and `.venv/bin` of a checkout.
fn near(root: &Path) -> Vec<PathBuf> {
    let Ok(root) = std::path::absolute(root) else { return Vec::new() };
    root.ancestors().flat_map(|it| [it.join("bin"), it.join(".venv/bin")]).take(10).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environments_own_programs_are_near_its_packages() {
        let found = near(Path::new("/env/lib/python3.11/site-packages/transformers"));
        assert!(found.contains(&PathBuf::from("/env/bin")), "{found:?}");
        assert!(near(Path::new("/checkout")).contains(&PathBuf::from("/checkout/.venv/bin")));
    }
}
