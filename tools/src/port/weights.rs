//! The names of a model's weights: in a checkpoint, and in its port. Facts, read off both sides.

use std::collections::BTreeSet;

use portwright_harness::{cancel::Cancel, environment::Home, progress::Progress};
use portwright_source::port::PortFile;
use schemars::JsonSchema;
use serde::Serialize;

use crate::inspect::{self, InspectInput, tree::WeightKind};

/// What is known about the weights.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Weights {
    /// The names that the definition's modules give, layers folded, in the modules' order.
    pub names: Vec<WeightName>,
    /// Why there are no names.
    pub skipped: Option<String>,
    /// How transformers changes a checkpoint's names when it loads one, as its source says it: what
    /// `sanitize` has to do for a checkpoint that was not converted.
    pub conversions: Vec<String>,
    /// Whether the port has a `sanitize`.
    pub sanitizes: bool,
}

/// One weight, or one of each layer.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct WeightName {
    /// In a checkpoint, e.g. `model.layers.{0-27}.mlp.up_proj.weight`.
    pub name: String,
    pub shape: Vec<u64>,
    /// The weight that it is tied to, which a checkpoint holds once.
    pub tied_to: Option<String>,
    /// The parts of the name that no class of the port assigns to itself; the port's name is the
    /// checkpoint's where there are none.
    pub unknown_to_port: Vec<String>,
}

/// What the definition of `model_type` calls its weights, held against what `ports` (the scaffold and the
/// ports that it imports from) assign.
pub(super) fn names(
    input: &InspectInput,
    ports: &[&PortFile],
    home: &Home,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Vec<WeightName>, String> {
    let found = inspect::inspect(input, home, progress, cancel).map_err(|err| err.to_string())?;
    let Some(model) = found.model else {
        return Err(found.no_model.unwrap_or_else(|| "the default config builds no model".into()));
    };
    let assigned: BTreeSet<String> = ports.iter().flat_map(|it| it.attributes()).collect();
    let mut names = Vec::new();
    for row in &model.modules {
        for weight in row.tensors.iter().filter(|it| it.kind != WeightKind::Computed) {
            let name = if row.path.is_empty() {
                weight.name.clone()
            } else {
                format!("{}.{}", row.path, weight.name)
            };
            let own = |it: &&str| {
                let is_layer = it.starts_with('{') || it.chars().all(|c| c.is_ascii_digit());
                !is_layer && !LEAVES.contains(it)
            };
            let unknown = name.split('.').filter(own).filter(|it| !assigned.contains(*it));
            names.push(WeightName {
                unknown_to_port: unknown.map(str::to_owned).collect(),
                shape: weight.tensor.shape.clone(),
                tied_to: weight.tied_to.clone(),
                name,
            });
        }
    }
    Ok(names)
}

/// What MLX's own layers call their weights, as PyTorch's do.
const LEAVES: &[&str] = &["weight", "bias"];
