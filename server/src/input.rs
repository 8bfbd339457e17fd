//! What the tools take: bounded, with defaults, and nothing that is not named here.

use std::{collections::BTreeMap, path::PathBuf};

use portwright_harness::{
    case::{Regime, Spelling},
    check::{self, CHECKS},
};
use portwright_tools::verify::{self, DEFAULT_DEADLINE, VerifyInput};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    refusal::Refusal,
    roots::{AgentName, AgentPath, Roots},
};

const LONGEST_DEADLINE: f64 = 3600.0;
const MOST_CHECKS: usize = 32;
const MOST_OVERRIDES: usize = 64;
/// Rows of one answer.
const MOST_ROWS: usize = 100;
const LONGEST_TEXT: usize = 4096;

/// What to verify.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunParity {
    /// The definition's model type, e.g. `olmo3`.
    #[serde(default)]
    #[schemars(length(max = 64))]
    model_type: String,
    /// Alone: a run without a verdict to take up again, as `run_parity` named it.
    #[serde(default)]
    #[schemars(length(max = 128))]
    resume: Option<String>,
    /// Checkout or install, e.g. `/home/me/transformers`, or release, e.g. `5.24`; absent: the pinned.
    #[serde(default)]
    transformers: Option<AgentPath>,
    /// Checkout or install with the port, e.g. `/home/me/mlx-lm`; absent: the pinned release.
    #[serde(default, alias = "mlx_lm")]
    port: Option<AgentPath>,
    /// Real weights: a folder or a Hub id, e.g. `org/name@main`; absent: tiny random ones.
    #[serde(default)]
    #[schemars(length(max = 4096))]
    checkpoint: Option<AgentName>,
    /// A real config.json to keep the settings of, e.g. `/home/me/config.json`.
    #[serde(default)]
    config: Option<AgentPath>,
    /// A set that `find_candidates` wrote; with `candidate`.
    #[serde(default)]
    cover: Option<AgentPath>,
    /// The member of `cover` to verify, e.g. `org/name`.
    #[serde(default)]
    #[schemars(length(max = 4096))]
    candidate: Option<String>,
    /// Config fields to set, e.g. `{"rms_norm_eps": 0.001}`.
    #[serde(default)]
    #[schemars(extend("maxProperties" = MOST_OVERRIDES))]
    overrides: BTreeMap<String, Value>,
    /// The definition's and the judged engine, e.g. `torch,mlx`; absent: both embedded.
    #[serde(default)]
    #[schemars(length(max = 32))]
    engines: Option<String>,
    /// Check ids or groups, e.g. `["state", "rope-tables"]`; all when empty.
    #[serde(default)]
    #[schemars(length(max = 32))]
    checks: Vec<String>,
    /// `exact` (embedded, their default), `logic`: is it the same model? `native`: does it behave in the
    /// checkpoint's dtype?
    #[serde(default)]
    precision: Option<Regime>,
    /// How config.json writes RoPE, e.g. `rope_theta`.
    #[serde(default = "rope_theta")]
    spelling: Spelling,
    /// Of weights and tokens, e.g. `1`.
    #[serde(default)]
    seed: u64,
    /// Seconds for one request to an engine, e.g. `120`.
    #[serde(default = "default_deadline")]
    #[schemars(range(min = 0.001, max = LONGEST_DEADLINE))]
    deadline: f64,
    /// Keep the call open until the run is over; cancelling it stops the run.
    #[serde(default)]
    wait: bool,
}

fn rope_theta() -> Spelling {
    Spelling::RopeTheta
}

fn default_deadline() -> f64 {
    DEFAULT_DEADLINE
}

impl RunParity {
    pub(crate) fn waits(&self) -> bool {
        self.wait
    }

    /// The run to take up again.
    pub(crate) fn resume(&self) -> Option<&str> {
        self.resume.as_deref()
    }

    /// The capability's input, after everything that can be told at once.
    pub(crate) fn into_question(self, roots: &Roots) -> Result<VerifyInput, Refusal> {
        self.within_bounds()?;
        let input = VerifyInput {
            model_type: self.model_type,
            transformers: roots.library(self.transformers.as_ref())?,
            port: roots.read_any(self.port.as_ref())?,
            checkpoint: self.checkpoint.map(|it| roots.name(&it)).transpose()?,
            config: roots.read_any(self.config.as_ref())?,
            cover: roots.read_any(self.cover.as_ref())?,
            candidate: self.candidate,
            overrides: self.overrides,
            engines: self.engines,
            checks: self.checks,
            precision: self.precision,
            spelling: (self.spelling != Spelling::RopeTheta).then_some(self.spelling),
            seed: self.seed,
            out: None,
            deadline: Some(self.deadline),
        };
        if let Err(unknown) = check::select(&input.checks) {
            let known: Vec<&str> = CHECKS.iter().map(|it| it.id).collect();
            let nearest =
                unknown.nearest.map(|it| format!("did you mean `{it}`? ")).unwrap_or_default();
            let hint = format!("{nearest}the checks are {}", known.join(", "));
            return Err(Refusal::new(unknown.to_string(), hint));
        }
        verify::check_sources(&input)?;
        verify::check_engines(&input)?;
        Ok(input)
    }

    fn within_bounds(&self) -> Result<(), Refusal> {
        let most = |name: &str, what: &str, found: usize, most: usize| {
            if found <= most {
                return Ok(());
            }
            let fact = format!("`{name}` has {found} {what}");
            Err(Refusal::new(fact, format!("at most {most} are taken")))
        };
        most("model_type", "characters", self.model_type.len(), 64)?;
        let checkpoint = self.checkpoint.as_ref().map_or(0, AgentName::len);
        most("checkpoint", "characters", checkpoint, LONGEST_TEXT)?;
        let candidate = self.candidate.as_deref().map_or(0, str::len);
        most("candidate", "characters", candidate, LONGEST_TEXT)?;
        most("engines", "characters", self.engines.as_deref().map_or(0, str::len), 32)?;
        most("checks", "entries", self.checks.len(), MOST_CHECKS)?;
        most("overrides", "fields", self.overrides.len(), MOST_OVERRIDES)?;
        if !(0.001..=LONGEST_DEADLINE).contains(&self.deadline) {
            let fact = format!("`deadline` is {}", self.deadline);
            return Err(Refusal::new(
                fact,
                format!("give seconds from 0.001 to {LONGEST_DEADLINE}"),
            ));
        }
        Ok(())
    }
}

/// A question that was read from disk, when all its paths may be read.
pub(crate) fn admitted(question: VerifyInput, roots: &Roots) -> Result<VerifyInput, Refusal> {
    let path = |it: Option<PathBuf>| roots.read_any(it.map(AgentPath::from).as_ref());
    let question = VerifyInput {
        transformers: roots.library(question.transformers.map(AgentPath::from).as_ref())?,
        port: path(question.port)?,
        checkpoint: question.checkpoint.map(|it| roots.name(&AgentName::from(it))).transpose()?,
        config: path(question.config)?,
        cover: path(question.cover)?,
        out: None,
        ..question
    };
    verify::check_sources(&question)?;
    Ok(question)
}

/// Which run.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OfRun {
    /// The run, as `run_parity` named it.
    #[schemars(length(min = 1, max = 128))]
    pub(crate) run: String,
}

/// Which rows of a run.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RowsOfRun {
    /// The run, as `run_parity` named it.
    #[schemars(length(min = 1, max = 128))]
    pub(crate) run: String,
    /// The `next_offset` of the answer before, e.g. `40`.
    #[serde(default)]
    offset: u32,
    /// Rows to return at most, e.g. `40`.
    #[serde(default = "default_limit")]
    #[schemars(range(min = 1, max = MOST_ROWS))]
    limit: u32,
}

fn default_limit() -> u32 {
    40
}

impl RowsOfRun {
    pub(crate) fn offset(&self) -> usize {
        self.offset as usize
    }

    pub(crate) fn limit(&self) -> usize {
        (self.limit as usize).clamp(1, MOST_ROWS)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// The whole file system: these tests are about other bounds.
    fn roots() -> Roots {
        Roots::new(&["/".into()], Path::new("/runs"), Path::new("/cache")).unwrap()
    }

    fn refused(json: &str) -> String {
        let input: RunParity = serde_json::from_str(json).unwrap();
        input.into_question(&roots()).unwrap_err().text()
    }

    #[test]
    fn what_can_be_told_at_once_is_told_at_once() {
        let text = refused(r#"{"model_type": "olmo3", "checks": ["state-decod"]}"#);
        assert!(
            text.starts_with(
                "no check or group `state-decod`\n\nhint: did you mean `state-decode`?"
            )
        );
        let text = refused(r#"{"model_type": "olmo3", "mlx_lm": "/no/such/checkout"}"#);
        assert!(text.contains("/no/such/checkout"), "{text}");
        let text = refused(r#"{"model_type": "olmo3", "deadline": 0}"#);
        assert!(text.contains("0.001 to 3600"), "{text}");
    }

    #[test]
    fn the_defaults_leave_the_command_short() {
        let input: RunParity = serde_json::from_str(r#"{"model_type": "olmo3"}"#).unwrap();
        assert!(!input.waits());
        let question = input.into_question(&roots()).unwrap();
        assert_eq!(verify::command(&question), "portwright verify olmo3");
    }

    #[test]
    fn unknown_fields_are_refused() {
        for json in
            [r#"{"model_type": "a", "out": "/tmp"}"#, r#"{"model_type": "a", "tolerance": 1}"#]
        {
            assert!(serde_json::from_str::<RunParity>(json).is_err(), "{json}");
        }
    }
}
