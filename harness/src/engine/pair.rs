//! Which engine is the reference and which is judged.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::table::{EngineKind, Host, Runs, UnknownEngine, engine_ids};
use crate::case::Regime;

/// The two engines of a run, by their roles. They differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "Given")]
pub struct Pair {
    /// Runs the definition, whose answers are the truth.
    reference: EngineKind,
    /// Is held to it: a port, or the same definition on another engine.
    judged: EngineKind,
}

/// What is not an order of two engines.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PairError {
    #[error(
        "expected two engines, e.g. `{default}`, got `{0}`",
        default = Pair::default()
    )]
    NotTwo(String),
    #[error("{0}; the engines are {ids}", ids = engine_ids())]
    Unknown(#[from] UnknownEngine),
    #[error("`{0}` runs ports, so it cannot be the reference; put it second")]
    NoDefinition(EngineKind),
    #[error("both engines are `{0}`, so nothing would be compared; name two different ones")]
    Same(EngineKind),
}

impl Pair {
    /// # Errors
    ///
    /// The reference has no definitions, or is the judged engine itself.
    pub fn new(reference: EngineKind, judged: EngineKind) -> Result<Self, PairError> {
        if reference.runs() != Runs::Definition {
            return Err(PairError::NoDefinition(reference));
        }
        if reference == judged {
            return Err(PairError::Same(judged));
        }
        Ok(Self { reference, judged })
    }

    /// The definition on both hosts: the native library is the truth, the embedded runtime is judged.
    pub fn of_definitions() -> Self {
        let on = |host| EngineKind::that_runs(Runs::Definition, host);
        Self { reference: on(Host::Native), judged: on(Host::Embedded) }
    }

    /// The definition and the port, both on their own libraries.
    pub fn native() -> Self {
        Self::of_ports(Host::Native)
    }

    fn of_ports(host: Host) -> Self {
        let on = |runs| EngineKind::that_runs(runs, host);
        Self { reference: on(Runs::Definition), judged: on(Runs::Port) }
    }

    /// Whether both engines run in this program.
    pub fn is_embedded(self) -> bool {
        self.engines().into_iter().all(|it| it.row().host == Host::Embedded)
    }

    /// What is asked of it where nothing else is: engines that can compute exactly do.
    pub fn regime(self) -> Regime {
        if self.is_embedded() { Regime::Exact } else { Regime::Logic }
    }

    pub fn reference(self) -> EngineKind {
        self.reference
    }

    pub fn judged(self) -> EngineKind {
        self.judged
    }

    /// Both engines, the reference first.
    pub fn engines(self) -> [EngineKind; 2] {
        [self.reference, self.judged]
    }

    /// Whether an engine takes part.
    pub fn has(self, engine: EngineKind) -> bool {
        self.engines().contains(&engine)
    }
}

impl Default for Pair {
    /// The definition and the port, both in this program: nothing has to be installed for that.
    fn default() -> Self {
        Self::of_ports(Host::Embedded)
    }
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{}", self.reference, self.judged)
    }
}

impl FromStr for Pair {
    type Err = PairError;

    /// `torch,mlx`
    fn from_str(text: &str) -> Result<Self, PairError> {
        let names: Vec<&str> = text.split(',').map(str::trim).collect();
        let [reference, judged] = names[..] else { return Err(PairError::NotTwo(text.to_owned())) };
        Self::new(reference.parse()?, judged.parse()?)
    }
}

/// As it comes from outside.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Given {
    /// Runs the definition, whose answers are the truth.
    reference: EngineKind,
    /// Is held to it: a port, or the same definition on another engine.
    #[serde(alias = "port")]
    judged: EngineKind,
}

impl TryFrom<Given> for Pair {
    type Error = PairError;

    fn try_from(given: Given) -> Result<Self, PairError> {
        Self::new(given.reference, given.judged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_of_two_engines_is_read_back() {
        for text in [
            "torch,mlx",
            "embedded,mlx",
            "torch,embedded",
            "embedded,torch",
            "embedded,embedded-mlx",
        ] {
            assert_eq!(text.parse::<Pair>().unwrap().to_string(), text);
        }
        assert_eq!(Pair::default().to_string(), "embedded,embedded-mlx");
        assert_eq!(Pair::native().to_string(), "torch,mlx");
        assert_eq!(Pair::of_definitions().to_string(), "torch,embedded");
    }

    #[test]
    fn the_names_of_earlier_releases_are_read() {
        assert_eq!("candle, mlx".parse::<Pair>().unwrap().to_string(), "embedded,mlx");
        let old = r#"{"reference": "candle", "port": "mlx"}"#;
        let new = serde_json::from_str::<Pair>(old).unwrap();
        assert_eq!(
            serde_json::to_string(&new).unwrap(),
            r#"{"reference":"embedded","judged":"mlx"}"#
        );
    }

    #[test]
    fn what_compares_nothing_is_refused_with_the_next_step() {
        let refused = |text: &str| text.parse::<Pair>().unwrap_err().to_string();
        assert_eq!(
            refused("mlx,torch"),
            "`mlx` runs ports, so it cannot be the reference; put it second"
        );
        assert_eq!(
            refused("torch,torch"),
            "both engines are `torch`, so nothing would be compared; name two different ones"
        );
        assert_eq!(
            refused("torch"),
            "expected two engines, e.g. `embedded,embedded-mlx`, got `torch`"
        );
        assert_eq!(
            refused("torch,jax"),
            "no engine is called `jax`; the engines are `torch`, `mlx`, `embedded`, `embedded-mlx`"
        );
    }
}
