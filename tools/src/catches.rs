//! What became of planted bugs, as data: what `mutants` measures, and what a run's background quotes.

use portwright_harness::{mutants::Catch, outcome::Verdict};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The name of the data of PyTorch's and MLX's own table in the docs.
pub const TABLE_JSON: &str = "mutants.json";

/// Every planted bug and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Catches {
    pub catches: Vec<Catch>,
}

impl Catches {
    pub fn caught(&self) -> usize {
        self.catches.iter().filter(|it| it.caught).count()
    }

    /// Good ports that did not pass.
    pub fn false_alarms(&self) -> usize {
        self.catches.iter().filter(|it| it.unpatched != Verdict::Pass).count()
    }
}
