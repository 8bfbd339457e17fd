//! The measured facts of a run, and the verdict that follows from them and nothing else.
//!
//! # Invariants
//!
//! - A check's outcome is a function of its figures and reasons ([`CheckRecord::recompute`]); the stored one
//!   is a convenience that `portwright report --check` verifies.
//! - [`Evidence::digest`] covers every fact but not the clock: two runs of the same sources, config,
//!   seed and precision on the same kind of machine have the same digest.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    case::{Regime, Spelling},
    digest,
    engine::{About, EngineKind, Failure, Lacks, Pair, Synthesised},
    facts::{
        Ancestor, Battery, Cost, DtypeRecord, GenerationRecord, Hardware, LongTextRecord,
        PerPosition, RotationRecord,
    },
    tolerance::Order,
};

/// Raised when a field changes its meaning; readers refuse other numbers.
pub const SCHEMA_VERSION: u32 = 2;

/// A measured number. Unlike JSON's it may be NaN or infinite, which no bound admits.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Default)]
pub struct Real(pub f64);

impl Serialize for Real {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_finite() {
            serializer.serialize_f64(self.0)
        } else {
            serializer.serialize_str(&self.0.to_string())
        }
    }
}

impl<'de> Deserialize<'de> for Real {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Number(number) => Ok(Self(number.as_f64().unwrap_or(f64::NAN))),
            Value::String(text) if matches!(text.as_str(), "NaN" | "inf" | "-inf") => {
                Ok(Self(text.parse().expect("one of three that parse")))
            }
            other => Err(serde::de::Error::custom(format!("{other} is not a measured number"))),
        }
    }
}

impl JsonSchema for Real {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Real".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A measured number; NaN and infinities are strings",
            "anyOf": [{"type": "number"}, {"enum": ["NaN", "inf", "-inf"]}],
        })
    }
}

/// How a figure decides.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "rule", rename_all = "kebab-case")]
pub enum Bound {
    /// At most `factor` times the measured noise floor.
    TimesFloor { factor: Real, floor: Real },
    /// At most this much.
    AtMost { limit: Real },
    /// At least this much.
    AtLeast { limit: Real },
}

impl Bound {
    pub fn times_floor(factor: f64, floor: f64) -> Self {
        Self::TimesFloor { factor: Real(factor), floor: Real(floor) }
    }

    pub fn at_most(limit: f64) -> Self {
        Self::AtMost { limit: Real(limit) }
    }

    pub fn at_least(limit: f64) -> Self {
        Self::AtLeast { limit: Real(limit) }
    }

    /// The number that the figure is held to.
    pub fn limit(self) -> f64 {
        match self {
            Self::TimesFloor { factor, floor } => factor.0 * floor.0,
            Self::AtMost { limit } | Self::AtLeast { limit } => limit.0,
        }
    }

    /// Whether `measured` is within the bound. NaN never is, on either side.
    pub fn admits(self, measured: f64) -> bool {
        match self {
            Self::TimesFloor { .. } | Self::AtMost { .. } => measured <= self.limit(),
            Self::AtLeast { limit } => limit.0 <= measured,
        }
    }
}

/// One measured number of a check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Figure {
    /// What was measured, e.g. `max |Δ|`.
    pub name: String,
    pub measured: Real,
    /// Absent for a figure that only informs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<Bound>,
}

impl Figure {
    pub fn judged(name: impl Into<String>, measured: f64, bound: Bound) -> Self {
        Self { name: name.into(), measured: Real(measured), bound: Some(bound) }
    }

    pub fn informs(name: impl Into<String>, measured: f64) -> Self {
        Self { name: name.into(), measured: Real(measured), bound: None }
    }

    /// The figure as a multiple of its noise floor; of one that grows with the square of the error,
    /// the root. `None` for figures that are not held to a floor.
    pub fn multiple(&self, regime: Regime) -> Option<f64> {
        let Some(Bound::TimesFloor { factor, floor }) = self.bound else { return None };
        let multiple = self.measured.0 / floor.0;
        let linear = factor.0 <= crate::tolerance::factor(regime, Order::Linear);
        Some(if linear { multiple } else { multiple.sqrt() })
    }

    /// Whether the figure is within its bound; one without a bound always is.
    pub fn holds(&self) -> bool {
        self.bound.is_none_or(|it| it.admits(self.measured.0))
    }
}

/// What a check came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    Pass,
    Fail,
    /// It should have run and could not; never a pass.
    NotRun,
    /// The definition has nothing of the kind (no window, no rotation): a measured fact, not a gap.
    NotApplicable,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::NotRun => "not run",
            Self::NotApplicable => "not applicable",
        })
    }
}

/// Why a check has no figures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "why", rename_all = "kebab-case")]
pub enum Absence {
    /// The port (or what it was given) raised an error where the definition answers: a fail.
    PortFailed { failure: Box<Failure> },
    /// Something it needs is missing: another step failed, an engine died, it was not asked.
    Blocked { reason: String },
    /// The definition or the target has nothing of the kind.
    NotApplicable { reason: String },
}

impl From<Lacks> for Absence {
    fn from(lacks: Lacks) -> Self {
        Self::NotApplicable { reason: lacks.to_string() }
    }
}

/// Where two models part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Place {
    /// The definition's module path of the first wrong tap.
    pub module: String,
    /// The port's path of the same module.
    pub port_module: String,
    /// The decoder layer it lies in.
    pub stage: String,
    /// The last tap before it that agreed.
    pub last_agreeing: Option<String>,
    /// The time position that differs most.
    pub position: Option<u64>,
    pub error: Real,
    /// The smallest tolerance (relative error) under which this run would have passed.
    pub smallest_passing: Real,
    /// Where each side calls the module.
    #[serde(default)]
    pub lines: Vec<SourceLine>,
}

/// One line of a definition or of a port.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SourceLine {
    /// `definition` or `port`.
    pub side: String,
    /// Relative to its package.
    pub file: String,
    pub line: u32,
    pub text: String,
    /// The class of the module that is called.
    pub class: String,
}

/// One check, as it was decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CheckRecord {
    pub id: String,
    pub group: String,
    /// Whether a fail of it fails the run.
    pub gate: bool,
    pub outcome: Outcome,
    pub figures: Vec<Figure>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absence: Option<Absence>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// Facts worth reading, one sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<String>,
}

impl CheckRecord {
    /// The outcome that the figures and the absence give.
    pub fn recompute(&self) -> Outcome {
        match &self.absence {
            Some(Absence::Blocked { .. }) => Outcome::NotRun,
            Some(Absence::NotApplicable { .. }) => Outcome::NotApplicable,
            None if self.figures.iter().all(Figure::holds) => Outcome::Pass,
            Some(Absence::PortFailed { .. }) | None => Outcome::Fail,
        }
    }
}

/// The verdict of a run.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    Pass,
    Fail,
    NotRun,
}

impl Verdict {
    /// A gate that fails fails the run; a gate that could not run leaves it `not run`; nothing
    /// asked is nothing shown.
    pub fn of<'a>(checks: impl IntoIterator<Item = &'a CheckRecord>) -> Self {
        let mut verdict = None;
        for check in checks {
            let this = match check.recompute() {
                Outcome::Fail if check.gate => Self::Fail,
                Outcome::NotRun if check.gate => Self::NotRun,
                Outcome::Pass if check.gate => Self::Pass,
                _ => continue,
            };
            verdict = Some(match (verdict, this) {
                (Some(Self::Fail), _) | (_, Self::Fail) => Self::Fail,
                (Some(Self::NotRun), _) | (_, Self::NotRun) => Self::NotRun,
                _ => Self::Pass,
            });
        }
        verdict.unwrap_or(Self::NotRun)
    }

    /// The exit code of the process that reached it.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Fail => 1,
            Self::NotRun => 2,
        }
    }

    /// As it is printed.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Fail => "FAIL",
            Self::NotRun => "NOT RUN",
        }
    }
}

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
    #[serde(default)]
    pub roles: Pair,
    pub engines: BTreeMap<EngineKind, About>,
    pub subject: Subject,
    pub checks: Vec<CheckRecord>,
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
            for volatile in ["clock", "command", "digest"] {
                map.remove(volatile);
            }
        }
        digest::of_json(&value)
    }

    /// Set verdict and digest from the facts.
    pub fn seal(mut self) -> Self {
        for check in &mut self.checks {
            check.outcome = check.recompute();
        }
        self.verdict = Verdict::of(&self.checks);
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
        let given = Verdict::of(&self.checks);
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

    /// The record of one check.
    pub fn check(&self, id: &str) -> Option<&CheckRecord> {
        self.checks.iter().find(|it| it.id == id)
    }
}

/// The JSON schema of `evidence.json`, as kept in `docs/evidence.schema.json`.
pub fn schema() -> Value {
    schemars::schema_for!(Evidence).to_value()
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn record(
        gate: bool,
        figures: Vec<Figure>,
        absence: Option<Absence>,
    ) -> CheckRecord {
        let mut record = CheckRecord {
            id: "x".into(),
            group: "logits".into(),
            gate,
            outcome: Outcome::Pass,
            figures,
            absence,
            place: None,
            findings: vec![],
        };
        record.outcome = record.recompute();
        record
    }

    #[test]
    fn nan_is_admitted_by_no_bound_and_survives_json() {
        for bound in [Bound::at_most(1.0), Bound::at_least(0.0), Bound::times_floor(4.0, f64::NAN)]
        {
            assert!(!bound.admits(f64::NAN));
        }
        assert!(!Bound::times_floor(4.0, f64::NAN).admits(0.0));
        let text = serde_json::to_string(&Real(f64::NAN)).unwrap();
        assert!(serde_json::from_str::<Real>(&text).unwrap().0.is_nan());
        assert!(serde_json::from_str::<Real>("\"1.0\"").is_err());
    }

    #[test]
    fn a_check_that_could_not_run_never_passes() {
        let blocked = || Some(Absence::Blocked { reason: "engine died".into() });
        assert_eq!(Verdict::of(&[record(true, vec![], blocked())]), Verdict::NotRun);
        let passed = record(true, vec![Figure::judged("a", 0.0, Bound::at_most(1.0))], None);
        assert_eq!(
            Verdict::of(&[passed.clone(), record(true, vec![], blocked())]),
            Verdict::NotRun
        );
        assert_eq!(Verdict::of(&[passed.clone(), record(false, vec![], blocked())]), Verdict::Pass);
        assert_eq!(Verdict::of(&[]), Verdict::NotRun);
        let failed = record(true, vec![Figure::judged("a", 2.0, Bound::at_most(1.0))], None);
        assert_eq!(Verdict::of(&[record(true, vec![], blocked()), failed, passed]), Verdict::Fail);
    }

    #[test]
    fn not_applicable_alone_is_not_a_pass() {
        let absent = Some(Absence::NotApplicable { reason: "no window".into() });
        assert_eq!(Verdict::of(&[record(true, vec![], absent)]), Verdict::NotRun);
    }
}
