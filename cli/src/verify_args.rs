//! What `verify` takes: one run, a cover of checkpoints, or a sweep.

use std::{collections::BTreeMap, path::PathBuf};

use clap::{Args, ValueEnum};
use portwright_harness::{
    case::{Regime, Spelling},
    definitions::{MODES, Mode},
    engine::Pair,
    head::{HEADS, Head},
};
use portwright_tools::verify::{DEFAULT_DEADLINE, VerifyInput};
use serde_json::Value;

use crate::output::Output;

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("sweep").args(["all", "definitions", "ports", "releases"]))]
pub(crate) struct VerifyArgs {
    /// The model type of the definition, e.g. `olmo3`
    #[arg(required_unless_present_any = ["all", "definitions", "ports", "releases", "cover", "checkpoint"])]
    model_type: Option<String>,

    /// Verify every model type that exists on both sides, in both spellings of the RoPE settings
    #[arg(long, conflicts_with_all = ["model_type", "checkpoint", "config", "cover", "spelling", "checks", "set", "seed", "precision"])]
    pub(crate) all: bool,

    /// Hold the embedded runtime to PyTorch on every definition of transformers
    #[arg(long, conflicts_with_all = ["all", "model_type", "port", "checkpoint", "config", "cover", "spelling", "checks", "set", "seed", "precision"])]
    pub(crate) definitions: bool,

    /// Hold the embedded runtime to MLX on every port of mlx-lm
    #[arg(long, conflicts_with_all = ["all", "definitions", "releases", "model_type", "transformers", "checkpoint", "config", "cover", "spelling", "checks", "set", "seed", "precision", "engines"])]
    pub(crate) ports: bool,

    /// Verify a fixed set of ports on each release of transformers that was tried, or on the one that
    /// --transformers names
    #[arg(long, conflicts_with_all = ["all", "definitions", "model_type", "checkpoint", "config", "cover", "spelling", "checks", "set", "seed", "precision", "engines"])]
    pub(crate) releases: bool,

    /// With --definitions: only these heads, e.g. `causal-lm`
    #[arg(long = "head", requires = "definitions", value_parser = head, value_name = "HEAD")]
    pub(crate) heads: Vec<Head>,

    /// With --definitions: only these modes, e.g. `exact`
    #[arg(long = "mode", requires = "definitions", value_parser = mode, value_name = "MODE")]
    pub(crate) modes: Vec<Mode>,

    /// With a sweep: only these model types or ports, e.g. `olmo3,gemma2`
    #[arg(long, requires = "sweep", value_delimiter = ',', value_name = "MODEL_TYPE")]
    pub(crate) only: Vec<String>,

    /// With a sweep: how many model types at a time (default: one for each core)
    #[arg(long, requires = "sweep", value_name = "N")]
    pub(crate) jobs: Option<usize>,

    /// With a sweep: also write the coverage table to this folder
    #[arg(long, requires = "sweep", value_name = "DIR")]
    pub(crate) docs: Option<PathBuf>,

    /// A checkout or install of transformers, or a release: `5.24` is the newest 5.24.x, `5.24.0` that
    /// one (default: the pinned release)
    #[arg(long, value_name = "PATH|RELEASE")]
    transformers: Option<PathBuf>,

    /// The target's tree with the port: a checkout or install of mlx-lm (default: the pinned release)
    #[arg(long, alias = "mlx-lm", value_name = "PATH")]
    port: Option<PathBuf>,

    /// A real checkpoint: a folder, or a Hub id such as `org/name@revision` (default: a synthetic one)
    #[arg(long, value_name = "PATH|HUB_ID@REV", conflicts_with_all = ["config", "set"])]
    checkpoint: Option<String>,

    /// A real config.json; the synthetic checkpoint keeps its settings at a tiny size
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// The set that `portwright candidates --out` wrote: one run for each of its configs
    #[arg(long, value_name = "FILE", conflicts_with_all = ["config", "checkpoint"])]
    pub(crate) cover: Option<PathBuf>,

    /// With --cover: only this checkpoint of the set
    #[arg(long, requires = "cover", value_name = "ID")]
    pub(crate) candidate: Option<String>,

    /// Set a config field of the synthetic checkpoint, e.g. `--set rms_norm_eps=0.001`
    #[arg(long, value_name = "FIELD=VALUE", value_parser = field)]
    set: Vec<(String, Value)>,

    /// The engine of the definition and the engine that is judged, e.g. `embedded,mlx` (default:
    /// `embedded,embedded-mlx`, both in this program)
    #[arg(long, value_name = "REFERENCE,JUDGED")]
    engines: Option<Pair>,

    /// Ask PyTorch and MLX themselves: `--engines torch,mlx`. A pull request needs such a run
    #[arg(long, conflicts_with_all = ["engines", "definitions", "ports", "releases"])]
    native: bool,

    /// Only these checks or groups, e.g. `state,rope-tables`
    #[arg(long, value_delimiter = ',', value_name = "CHECK")]
    checks: Vec<String>,

    /// Whether to ask `is it the same model` or `does it behave in the checkpoint's dtype` (default:
    /// `exact` of embedded engines, `logic` of others)
    #[arg(long, value_enum)]
    precision: Option<Precision>,

    /// How config.json writes the RoPE settings of the synthetic checkpoint
    #[arg(long, value_enum, value_name = "FIELD")]
    spelling: Option<SpellingArg>,

    /// Seed of the weights and the tokens
    #[arg(long, default_value_t = 0)]
    seed: u64,

    /// The run's folder (default: a new one under portwright-runs)
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,

    /// Seconds that one request to an engine may take
    #[arg(long, value_name = "SECONDS", default_value_t = DEFAULT_DEADLINE)]
    deadline: f64,

    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Precision {
    /// Every float of both sides in float64; of embedded engines only
    Exact,
    /// Both sides in float32, held to the reference in float64
    Logic,
    /// Both sides in bfloat16, held to the reference in float32
    Native,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
enum SpellingArg {
    /// As checkpoints before transformers 5 write it (the default)
    RopeTheta,
    /// As transformers 5 writes it
    RopeParameters,
}

impl VerifyArgs {
    /// The capability's input.
    pub(crate) fn input(&self) -> VerifyInput {
        VerifyInput {
            model_type: self.model_type.clone().unwrap_or_default(),
            transformers: self.transformers.clone(),
            port: self.port.clone(),
            checkpoint: self.checkpoint.clone(),
            config: self.config.clone(),
            cover: self.cover.clone(),
            candidate: self.candidate.clone(),
            overrides: self.set.iter().cloned().collect::<BTreeMap<_, _>>(),
            engines: self
                .engines
                .or(self.native.then(Pair::native))
                .filter(|it| *it != Pair::default())
                .map(|it| it.to_string()),
            checks: self.checks.clone(),
            precision: self.precision.map(|it| match it {
                Precision::Exact => Regime::Exact,
                Precision::Logic => Regime::Logic,
                Precision::Native => Regime::Native,
            }),
            spelling: self.spelling.map(|it| match it {
                SpellingArg::RopeTheta => Spelling::RopeTheta,
                SpellingArg::RopeParameters => Spelling::RopeParameters,
            }),
            seed: self.seed,
            out: self.out.clone(),
            deadline: Some(self.deadline),
        }
    }
}

/// A head of a definition by its name.
fn head(text: &str) -> Result<Head, String> {
    let names = HEADS.map(Head::id).join(", ");
    HEADS.into_iter().find(|it| it.id() == text).ok_or_else(|| format!("it is one of {names}"))
}

/// A mode of the embedded runtime by its name.
fn mode(text: &str) -> Result<Mode, String> {
    let names = MODES.map(Mode::name).join(", ");
    MODES.into_iter().find(|it| it.name() == text).ok_or_else(|| format!("it is one of {names}"))
}

/// `field=value`; a value that is not JSON is a string.
fn field(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').ok_or("expected FIELD=VALUE")?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
    Ok((name.to_owned(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_json_or_text() {
        assert_eq!(field("a=1.5").unwrap().1, Value::from(1.5));
        assert_eq!(field("a=gelu").unwrap().1, Value::from("gelu"));
        assert!(field("a").is_err());
    }
}
