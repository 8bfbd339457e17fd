//! What came of varying a config: the answer that [`crate::variations`] gives and a check reads.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A field of config.json and the value that it was given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Setting {
    pub field: String,
    pub value: Value,
}

/// What a port does with some values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Deviation {
    /// It computes another model: `max |Δ|` of the logits, and what that may be.
    Differs { max_abs: f64, bound: f64 },
    /// It breaks in a way that says nothing of the value.
    Breaks { message: String },
    /// It says that it does not know the value: a limit, not a wrong model.
    Refuses { message: String },
}

/// The fewest values with which a port deviates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Varied {
    pub settings: Vec<Setting>,
    pub deviation: Deviation,
}

/// What was varied, and what came of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Variations {
    /// Fields that were varied.
    pub fields: Vec<String>,
    /// Fields that the definition reads and that nothing else is known for.
    pub unvaried: Vec<String>,
    /// Fields of which it is known that a port with the base's value written in would show.
    pub shown: Vec<String>,
    /// Values with which such a port gives the definition's logits all the same.
    pub hidden: Vec<Setting>,
    /// Configs that both sides computed.
    pub compared: usize,
    pub deviations: Vec<Varied>,
    /// Values that the definition itself does not take, with the reason.
    pub refused_by_definition: Vec<(Vec<Setting>, String)>,
    /// Pairs of values that were asked together, and how many there are.
    pub pairs: (usize, usize),
    pub defaults: Option<Defaults>,
}

/// What a port does with a config.json that leaves out what has the definition's default.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Defaults {
    /// Fields that could be left out, one by one and all together, without another model.
    pub fields: Vec<Setting>,
    /// The fewest that the port does not do without, each with its default.
    pub deviations: Vec<Varied>,
}
