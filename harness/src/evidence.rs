//! The measured facts of a run, and the verdict that follows from them and nothing else.
//!
//! # Invariants
//!
//! - A check's outcome is a function of its figures and reasons ([`CheckRecord::recompute`]); the stored one
//!   is a convenience that `portwright report --check` verifies.
//! - [`Evidence::digest`] covers every fact but not the clock: two runs of the same sources, config,
//!   seed and precision on the same kind of machine have the same digest.

use std::{collections::BTreeMap, path::PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    case::{Regime, Spelling},
    digest,
    engine::{About, EngineKind, Pair, Synthesised},
    figure::Real,
    outcome::{CheckRecord, Outcome, Verdict},
    records::{
        Ancestor, Battery, Cost, DtypeRecord, GenerationRecord, Hardware, LongTextRecord,
        PerPosition, RotationRecord,
    },
};

/// Raised when a field changes its meaning; [`crate::earlier`] reads the one before.
pub const SCHEMA_VERSION: u32 = 3;

/// Fields that are no part of the digest: two runs of the same thing differ in them.
pub const VOLATILE: &[&str] = &["clock", "command", "digest"];

/// A source file that took part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SourceFile {
    /// Relative to its package, e.g. `mlx_lm/models/olmo3.py`.
    pub path: String,
    pub sha256: String,
}

/// The two sides and the checkpoint that they were given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Subject {
    pub model_type: String,
    pub spelling: Spelling,
    pub definition: Option<SourceFile>,
    pub port: Option<SourceFile>,
    /// The synthetic checkpoint, when the run made one.
    pub synthetic: Option<Synthesised>,
    /// The user's checkpoint, when there is one.
    pub checkpoint: Option<PathBuf>,
    /// sha256 of config.json and of the weight files, by name.
    pub checkpoint_files: BTreeMap<String, String>,
    /// How many tensors of the weight files have which dtype, e.g. `{"F32": 38}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tensor_dtypes: BTreeMap<String, u64>,
    /// Whom the definition inherits from, nearest first; empty for an original.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ancestors: Vec<Ancestor>,
    pub config: Value,
    pub seed: u64,
    /// The proved set of configs that this one is a member of, where it was run for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cover: Option<CoverMember>,
}

/// One checkpoint of a cover: the smallest set of real configs in which every difference between the
/// checkpoints of a model type occurs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CoverMember {
    /// sha256 of the whole set: its members with their configs, and the differences that they show.
    pub digest: String,
    /// The checkpoint whose config this run is about, e.g. `org/name`.
    pub candidate: String,
    /// The revision that the config was read at; nothing for a folder.
    pub revision: Option<String>,
    /// How many checkpoints the set has; each has evidence of its own.
    pub members: u64,
}

/// One paired tap, as measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TapRecord {
    pub reference: String,
    pub port: String,
    pub error: Real,
    pub floor: Real,
    pub bound: Real,
    pub position: Option<u64>,
    pub shape: Vec<u64>,
}

/// Everything that was measured in one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    pub schema_version: u32,
    pub portwright: String,
    pub regime: Regime,
    /// Which engine ran the definition, and which one is judged.
    #[serde(default = "Pair::native")]
    pub roles: Pair,
    pub engines: BTreeMap<EngineKind, About>,
    pub subject: Subject,
    pub checks: Vec<CheckRecord>,
    /// Deciding checks that were not asked; what passes without them is partial.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
    pub per_position: PerPosition,
    /// Nothing where there was no long text to read along.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub long_text: Option<LongTextRecord>,
    pub taps: Vec<TapRecord>,
    /// A record for each kind of layer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rotations: Vec<RotationRecord>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dtypes: Vec<DtypeRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<GenerationRecord>,
    /// What these checks are worth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub battery: Option<Battery>,
    /// Where the port's file is the one of the pinned release: what is proved to be wrong with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub known_causes: Vec<String>,
    pub verdict: Verdict,
    /// The command that makes this evidence again.
    pub command: String,
    /// Not part of the digest: when, and how long each phase took in seconds.
    pub clock: Clock,
    /// sha256 of everything above but `clock` and `command`.
    pub digest: String,
}

/// What differs between two runs of the same thing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Clock {
    pub finished: String,
    pub machine: String,
    pub seconds: BTreeMap<String, Real>,
    /// What each side took.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub cost: BTreeMap<EngineKind, Cost>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hardware: Option<Hardware>,
}

impl Evidence {
    /// The digest of the facts as they stand.
    pub fn compute_digest(&self) -> String {
        let mut value = serde_json::to_value(self).expect("evidence is plain data");
        if let Some(map) = value.as_object_mut() {
            for name in VOLATILE {
                map.remove(*name);
            }
        }
        digest::of_json(&value)
    }

    /// Set verdict and digest from the facts.
    pub fn seal(mut self) -> Self {
        for check in &mut self.checks {
            check.outcome = check.recompute();
        }
        self.verdict = self.verdict_of_facts();
        self.digest = self.compute_digest();
        self
    }

    /// What is wrong with stored evidence: outcomes, verdict or digest that its facts do not give.
    pub fn disagreements(&self) -> Vec<String> {
        let mut found = Vec::new();
        for check in &self.checks {
            let (stated, given) = (check.outcome, check.recompute());
            if stated != given {
                found.push(format!(
                    "check `{}` is stored as {stated}, its figures give {given}",
                    check.id
                ));
            }
        }
        let given = self.verdict_of_facts();
        if self.verdict != given {
            let (stated, given) = (self.verdict.word(), given.word());
            found.push(format!("the stored verdict is {stated}, the checks give {given}"));
        }
        let digest = self.compute_digest();
        if self.digest != digest {
            found.push(format!("the stored digest is {}, the facts give {digest}", self.digest));
        }
        found
    }

    /// The verdict of the model that the stored facts give.
    pub fn verdict_of_facts(&self) -> Verdict {
        self.verdict_of_asked().without(&self.left_out)
    }

    /// The verdict of what was asked, be it all or not: for experiments that ask what they need.
    pub fn verdict_of_asked(&self) -> Verdict {
        Verdict::of(&self.checks)
    }

    /// The deciding checks with an outcome.
    pub fn gates_with(&self, outcome: Outcome) -> Vec<String> {
        let gates = self.checks.iter().filter(|it| it.gate && it.outcome == outcome);
        gates.map(|it| it.id.clone()).collect()
    }

    /// The record of one check.
    pub fn check(&self, id: &str) -> Option<&CheckRecord> {
        self.checks.iter().find(|it| it.id == id)
    }
}

/// The JSON schema of `evidence.json`, as kept in `docs/evidence.schema.json`.
pub fn schema() -> Value {
    schemars::schema_for!(Evidence).to_value()
}
