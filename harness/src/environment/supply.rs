//! What a command needs set up: the sources of a library, or an engine that runs it.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One thing that [`ensure`](super::ensure) can set up. A command states those that it uses.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Supply {
    /// The source files of the pinned transformers: what the embedded engine and the readers of
    /// source take.
    Transformers,
    /// The source files of the pinned mlx-lm.
    MlxLm,
    /// Real PyTorch with transformers.
    Torch,
    /// Real MLX with mlx-lm, and so with transformers too.
    Mlx,
}

/// A name that is no [`Supply`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is nothing that can be set up; there are {}", Supply::ALL.map(Supply::id).join(", "))]
pub struct UnknownSupply {
    name: String,
}

impl Supply {
    pub const ALL: [Self; 4] = [Self::Transformers, Self::MlxLm, Self::Torch, Self::Mlx];

    /// The name on the command line.
    pub fn id(self) -> &'static str {
        match self {
            Self::Transformers => "transformers",
            Self::MlxLm => "mlx-lm",
            Self::Torch => "torch",
            Self::Mlx => "mlx",
        }
    }

    /// Whether it takes a Python environment; sources are files alone.
    pub fn is_engine(self) -> bool {
        matches!(self, Self::Torch | Self::Mlx)
    }

    /// The locked package whose presence says that an environment serves this supply.
    pub(super) fn package(self) -> &'static str {
        self.roots()[0]
    }

    /// The packages of `engines.in` that it takes. A source is one package without its
    /// dependencies; an engine is these with everything that they depend on.
    pub(super) fn roots(self) -> &'static [&'static str] {
        match self {
            Self::Transformers => &["transformers"],
            Self::MlxLm => &["mlx-lm"],
            Self::Torch => &["torch", "transformers", "safetensors", "numpy"],
            // The worker stands on safetensors and numpy itself.
            Self::Mlx => &["mlx-lm", "mlx", "safetensors", "numpy"],
        }
    }

    /// Those of `needs` that are engines, each once and in one order.
    pub(super) fn engines(needs: &[Self]) -> Vec<Self> {
        Self::ALL.into_iter().filter(|it| it.is_engine() && needs.contains(it)).collect()
    }

    /// Those of `needs` that are sources, each once and in one order.
    pub(super) fn sources(needs: &[Self]) -> Vec<Self> {
        Self::ALL.into_iter().filter(|it| !it.is_engine() && needs.contains(it)).collect()
    }

    /// `the sources of transformers and mlx-lm`, `the engines torch and mlx`: sources that an
    /// engine brings along are not told apart.
    pub(super) fn told(needs: &[Self]) -> String {
        let part = |these: &[Self], one: &str, several: &str| match these {
            [] => None,
            [it] => Some(format!("{one} {it}")),
            [first, second, ..] => Some(format!("{several} {first} and {second}")),
        };
        let engines = Self::engines(needs);
        let sources: Vec<Self> = Self::sources(needs)
            .into_iter()
            .filter(|source| !engines.iter().any(|it| it.brings(*source)))
            .collect();
        let parts = [
            part(&engines, "the engine", "the engines"),
            part(&sources, "the source of", "the sources of"),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", and ")
    }

    /// Whether the environment of this engine holds the sources of `source`.
    fn brings(self, source: Self) -> bool {
        match self {
            Self::Mlx => true,
            Self::Torch => source == Self::Transformers,
            Self::Transformers | Self::MlxLm => false,
        }
    }
}

impl fmt::Display for Supply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

impl FromStr for Supply {
    type Err = UnknownSupply;

    fn from_str(text: &str) -> Result<Self, UnknownSupply> {
        Self::ALL
            .into_iter()
            .find(|it| it.id() == text)
            .ok_or_else(|| UnknownSupply { name: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_needed_is_told_once_and_in_one_order() {
        use Supply::{Mlx, MlxLm, Torch, Transformers};
        let told = |needs: &[Supply]| Supply::told(needs);
        assert_eq!(told(&[Transformers]), "the source of transformers");
        assert_eq!(told(&[MlxLm, Transformers]), "the sources of transformers and mlx-lm");
        assert_eq!(told(&[Mlx, Transformers]), "the engine mlx");
        assert_eq!(told(&Supply::ALL), "the engines torch and mlx");
        assert_eq!(told(&[Torch, MlxLm]), "the engine torch, and the source of mlx-lm");
    }

    #[test]
    fn a_name_is_read_back_and_another_is_refused_with_those_there_are() {
        for supply in Supply::ALL {
            assert_eq!(supply.id().parse(), Ok(supply));
        }
        let err = "jax".parse::<Supply>().unwrap_err().to_string();
        assert!(err.contains("`jax`") && err.contains("transformers, mlx-lm, torch, mlx"), "{err}");
    }
}
