//! Which engine is the reference and which is judged.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::EngineKind;

/// The two engines of a run, by their roles. They differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "Given")]
pub struct Pair {
    /// Runs the definition, whose answers are the truth.
    reference: EngineKind,
    /// Is judged: a port, or the same definition on another engine.
    port: EngineKind,
}

/// What is not an order of two engines.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PairError {
    #[error("`{0}` names no two engines")]
    NotTwo(String),
    #[error("there is no engine `{0}`")]
    Unknown(String),
    #[error("`mlx` runs ports, so it cannot be the reference")]
    NoDefinition,
    #[error("both engines are `{0}`: nothing would be compared")]
    Same(EngineKind),
}

impl Pair {
    /// # Errors
    ///
    /// The reference has no definitions, or is the judged engine itself.
    pub fn new(reference: EngineKind, port: EngineKind) -> Result<Self, PairError> {
        if reference == EngineKind::Mlx {
            return Err(PairError::NoDefinition);
        }
        if reference == port {
            return Err(PairError::Same(port));
        }
        Ok(Self { reference, port })
    }

    pub fn reference(self) -> EngineKind {
        self.reference
    }

    pub fn port(self) -> EngineKind {
        self.port
    }

    /// Whether what is judged is the definition itself, on another engine.
    pub fn judges_definition(self) -> bool {
        self.port != EngineKind::Mlx
    }

    /// Whether an engine takes part.
    pub fn has(self, engine: EngineKind) -> bool {
        self.reference == engine || self.port == engine
    }
}

impl Default for Pair {
    /// The definition on PyTorch, and the port on MLX.
    fn default() -> Self {
        Self { reference: EngineKind::Torch, port: EngineKind::Mlx }
    }
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{}", self.reference, self.port)
    }
}

impl FromStr for Pair {
    type Err = PairError;

    /// `torch,mlx`
    fn from_str(text: &str) -> Result<Self, PairError> {
        let engine = |name: &str| {
            let name = name.trim();
            [EngineKind::Torch, EngineKind::Mlx, EngineKind::Candle]
                .into_iter()
                .find(|it| it.id() == name)
                .ok_or_else(|| PairError::Unknown(name.to_owned()))
        };
        let names: Vec<&str> = text.split(',').collect();
        let [reference, port] = names[..] else { return Err(PairError::NotTwo(text.to_owned())) };
        Self::new(engine(reference)?, engine(port)?)
    }
}

/// As it comes from outside.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Given {
    /// Runs the definition, whose answers are the truth.
    reference: EngineKind,
    /// Is judged: a port, or the same definition on another engine.
    port: EngineKind,
}

impl TryFrom<Given> for Pair {
    type Error = PairError;

    fn try_from(given: Given) -> Result<Self, PairError> {
        Self::new(given.reference, given.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_of_two_engines_is_read_back() {
        for text in ["torch,mlx", "candle,mlx", "torch,candle", "candle,torch"] {
            assert_eq!(text.parse::<Pair>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_compares_nothing_is_refused() {
        assert_eq!("mlx,torch".parse::<Pair>(), Err(PairError::NoDefinition));
        assert_eq!("torch,torch".parse::<Pair>(), Err(PairError::Same(EngineKind::Torch)));
        assert!(matches!("torch".parse::<Pair>(), Err(PairError::NotTwo(_))));
        assert!(matches!("torch,jax".parse::<Pair>(), Err(PairError::Unknown(_))));
    }
}
