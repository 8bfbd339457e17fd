//! What the tools take: bounded, with defaults, and nothing that is not named here.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use portwright_harness::{
    case::{Regime, Spelling},
    check::{self, CHECKS},
};
use portwright_tools::verify::{self, DEFAULT_DEADLINE, VerifyInput};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::refusal::Refusal;

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
    /// The model type of the definition, e.g. `olmo3`.
    #[schemars(length(min = 1, max = 64))]
    model_type: String,
    /// A checkout or install of transformers, e.g. `/home/me/transformers`; the pinned release when absent.
    #[serde(default)]
    transformers: Option<PathBuf>,
    /// A checkout or install of mlx-lm with the port, e.g. `/home/me/mlx-lm`; the pinned release when absent.
    #[serde(default)]
    mlx_lm: Option<PathBuf>,
    /// A real checkpoint: a folder, or a Hub id such as `org/name@main`; a tiny synthetic one when absent.
    #[serde(default)]
    #[schemars(length(max = 4096))]
    checkpoint: Option<String>,
    /// A real config.json whose settings the synthetic checkpoint keeps, e.g. `/home/me/config.json`.
    #[serde(default)]
    config: Option<PathBuf>,
    /// A set that `find_candidates` wrote, e.g. `/home/me/cover.json`; needs `candidate`.
    #[serde(default)]
    cover: Option<PathBuf>,
    /// The checkpoint of `cover` whose config to verify, e.g. `org/name`.
    #[serde(default)]
    #[schemars(length(max = 4096))]
    candidate: Option<String>,
    /// Config fields set on top of the synthetic checkpoint's, e.g. `{"rms_norm_eps": 0.001}`.
    #[serde(default)]
    #[schemars(extend("maxProperties" = MOST_OVERRIDES))]
    overrides: BTreeMap<String, Value>,
    /// The engine of the definition and the engine that is judged, e.g. `candle,mlx`; `torch,mlx` when absent.
    #[serde(default)]
    #[schemars(length(max = 32))]
    engines: Option<String>,
    /// Check ids or groups, e.g. `["state", "rope-tables"]`; all when empty.
    #[serde(default)]
    #[schemars(length(max = 32))]
    checks: Vec<String>,
    /// `logic` asks whether it is the same model, `native` whether it behaves in the checkpoint's dtype.
    #[serde(default = "logic")]
    precision: Regime,
    /// How config.json of the synthetic checkpoint writes the RoPE settings, e.g. `rope_theta`.
    #[serde(default = "rope_theta")]
    spelling: Spelling,
    /// Seed of weights and tokens, e.g. `0`.
    #[serde(default)]
    seed: u64,
    /// Seconds that one request to an engine may take, e.g. `120`.
    #[serde(default = "default_deadline")]
    #[schemars(range(min = 0.001, max = LONGEST_DEADLINE))]
    deadline: f64,
    /// Keep this call open until the run is over, with progress; cancelling the call stops the run.
    #[serde(default)]
    wait: bool,
}

fn logic() -> Regime {
    Regime::Logic
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

    /// The capability's input, after everything that can be told at once.
    pub(crate) fn into_question(self) -> Result<VerifyInput, Refusal> {
        self.within_bounds()?;
        let input = VerifyInput {
            model_type: self.model_type,
            transformers: self.transformers,
            mlx_lm: self.mlx_lm,
            checkpoint: self.checkpoint,
            config: self.config,
            cover: self.cover,
            candidate: self.candidate,
            overrides: self.overrides,
            engines: self.engines,
            checks: self.checks,
            precision: (self.precision == Regime::Native).then_some(self.precision),
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
        verify::sources(&input)?;
        verify::pair(&input)?;
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
        let length =
            |path: &Option<PathBuf>| path.as_deref().map_or(0, |it: &Path| it.as_os_str().len());
        most("model_type", "characters", self.model_type.len(), 64)?;
        most("transformers", "characters", length(&self.transformers), LONGEST_TEXT)?;
        most("mlx_lm", "characters", length(&self.mlx_lm), LONGEST_TEXT)?;
        most("config", "characters", length(&self.config), LONGEST_TEXT)?;
        let checkpoint = self.checkpoint.as_deref().map_or(0, str::len);
        most("checkpoint", "characters", checkpoint, LONGEST_TEXT)?;
        most("cover", "characters", length(&self.cover), LONGEST_TEXT)?;
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

/// Which run.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OfRun {
    /// A run's id as `run_parity` returned it, e.g. `olmo3-20260131T120000123Z`.
    #[schemars(length(min = 1, max = 128))]
    pub(crate) run: String,
}

/// Which rows of a run.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RowsOfRun {
    /// A run's id as `run_parity` returned it, e.g. `olmo3-20260131T120000123Z`.
    #[schemars(length(min = 1, max = 128))]
    pub(crate) run: String,
    /// The first row to return: 0, or the `next_offset` of the answer before, e.g. `40`.
    #[serde(default)]
    offset: u32,
    /// Rows to return at most; large rows may leave room for fewer, e.g. `40`.
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
    use super::*;

    fn refused(json: &str) -> String {
        let input: RunParity = serde_json::from_str(json).unwrap();
        input.into_question().unwrap_err().text()
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
        assert_eq!(verify::command(&input.into_question().unwrap()), "portwright verify olmo3");
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
