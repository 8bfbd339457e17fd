//! What is asked of a pair of engines: one model, one spelling, one regime.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{
    case::{Precision, Regime, Spelling},
    check::{CHECKS, Check, asked_in},
    engine::{Holds, Synthesis},
    head::Head,
    need::Need,
};

/// What is asked: one model, one spelling, one regime.
#[derive(Clone, Debug)]
pub struct Question {
    pub model_type: String,
    /// What the model ends in.
    pub head: Head,
    pub spelling: Spelling,
    /// Whether a model that cannot be written in that spelling is refused, not asked in its own.
    pub insists: bool,
    pub regime: Regime,
    pub seed: u64,
    /// A real checkpoint's folder; `None` makes a synthetic one.
    pub checkpoint: Option<PathBuf>,
    /// A real config.json whose settings the synthetic checkpoint keeps.
    pub base_config: Option<PathBuf>,
    /// Config fields set on top.
    pub overrides: BTreeMap<String, Value>,
    /// Ids of the checks that will be made; only what they need is asked.
    pub checks: Vec<&'static str>,
}

impl Question {
    /// A synthetic checkpoint of `model_type`, in every default.
    pub fn synthetic(model_type: &str) -> Self {
        Self {
            model_type: model_type.to_owned(),
            head: Head::default(),
            spelling: Spelling::RopeTheta,
            insists: false,
            regime: Regime::Logic,
            seed: 0,
            checkpoint: None,
            base_config: None,
            overrides: BTreeMap::new(),
            checks: CHECKS.iter().filter(|it| it.by_default).map(|it| it.id).collect(),
        }
    }

    /// The checks that its regime makes of those that it names, in the table's order.
    pub(crate) fn asked(&self) -> Vec<&'static Check> {
        let named = CHECKS.iter().filter(|it| self.checks.contains(&it.id));
        asked_in(self.regime, named.collect())
    }

    /// Whether one of these needs this.
    pub(crate) fn wants(&self, need: Need) -> bool {
        self.asked().iter().any(|it| it.needs.contains(&need))
    }

    /// A request for the checkpoint that this is asked of, in this spelling and tied as `tie` says.
    pub(crate) fn synthesis(&self, spelling: Spelling, tie: Option<bool>, out: &Path) -> Synthesis {
        Synthesis {
            model_type: self.model_type.clone(),
            spelling,
            tie,
            overrides: self.overrides.clone(),
            base_config: self.base_config.clone(),
            dtype: Precision::Float32,
            seed: self.seed,
            holds: Holds::Published,
            head: None,
            out: out.to_owned(),
        }
    }
}
