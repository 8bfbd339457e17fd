//! The command line, as clap reads it. Help texts are the doc comments.

use std::{collections::BTreeMap, path::PathBuf};

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use portwright_harness::{
    case::{Regime, Spelling},
    definitions::{MODES, Mode},
    engine::Pair,
    environment::Supply,
    head::{HEADS, Head},
};
use portwright_tools::verify::{DEFAULT_DEADLINE, VerifyInput};
use serde_json::Value;

use crate::{
    candidates::CandidatesArgs, inspect::InspectArgs, modular::ModularCommand, port::PortArgs,
};

/// Proves by measurement that a port of a model is the same model as its definition
///
/// The definition is transformers' on real PyTorch, the port is mlx-lm's on real MLX. Both are asked
/// the same questions; every figure is held to the measured noise floor.
#[derive(Debug, Parser)]
#[command(name = "portwright", version, after_help = AFTER_HELP)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const AFTER_HELP: &str = "\
Start here:
  portwright verify olmo3                     the pinned releases, a synthetic checkpoint
  portwright verify olmo3 --port ~/mlx-lm     your checkout's port
  portwright inspect olmo3                    what the definition is made of
  portwright doctor                           what is installed and what is missing

Exit codes: 0 pass, 1 fail, 2 could not run.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Verify a port: is it the same model as its definition?
    Verify(Box<VerifyArgs>),
    /// Generate text: a model runs from its checkpoint and transformers' source alone
    #[cfg(feature = "candle")]
    Run(Box<crate::run::RunArgs>),
    /// Generate text (not in this build: it has no embedded runtime)
    #[cfg(not(feature = "candle"))]
    Run {
        /// What would be run
        #[arg(num_args = 0.., trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
        arguments: Vec<String>,
    },
    /// Show what an architecture is made of: ancestors, modules, parallel plans, backends, kernels
    Inspect(InspectArgs),
    /// Find the checkpoints of a model type, and the fewest whose configs show every difference
    Candidates(Box<CandidatesArgs>),
    /// Show where the two models of a finished run first diverge
    Explain(RunArgs),
    /// Print the report of a finished run, draft a pull request from it, or check it against its evidence
    Report(crate::report::ReportArgs),
    /// Say what a new revision of a port changed: two runs, before and after
    Compare(crate::compare::CompareArgs),
    /// Say what a target allows, requires and forbids, each with its source
    Policy(crate::policy::PolicyArgs),
    /// Stage a port in a clean checkout of its target: a branch, its files, a patch; never a push
    Stage(Box<crate::stage::StageArgs>),
    /// List every commit of a range once, or hold release notes to them
    Commits(crate::commits::CommitsArgs),
    /// List the checks, or print the page of one
    Checks {
        /// A check, e.g. `rope-tables`
        id: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Plant known port bugs on good ports and see each one caught
    Mutants(MutantArgs),
    /// Set up what commands need (PyTorch, MLX, the sources of transformers and mlx-lm) in the user's cache
    Setup {
        /// Only these: sources (`transformers`, `mlx-lm`) or engines (`torch`, `mlx`) (default: all)
        #[arg(long, value_name = "NEED", value_delimiter = ',')]
        only: Vec<Supply>,
        /// Only say what would be downloaded
        #[arg(long)]
        plan: bool,
        #[command(flatten)]
        output: Output,
    },
    /// Say what is installed, what is missing, and how to mend it
    Doctor {
        #[command(flatten)]
        output: Output,
    },
    /// Serve coding agents over MCP: on stdin and stdout, or over HTTP
    Mcp {
        /// Serve streamable HTTP on this address instead, e.g. 127.0.0.1:8000
        #[arg(long, value_name = "ADDRESS")]
        http: Option<std::net::SocketAddr>,
        /// Where runs are kept
        #[arg(long, value_name = "DIR", default_value = portwright_tools::runs::RUNS)]
        runs: PathBuf,
        /// Serve only these groups of tools, e.g. `inspect,parity` (default: all)
        #[arg(long, value_name = "TOOLSET", value_delimiter = ',')]
        toolsets: Vec<String>,
        /// Serve only tools that change nothing
        #[arg(long)]
        read_only: bool,
        /// A folder in which tools may read and write, beside that of runs; more than one can be given
        /// (default: the current folder)
        #[arg(long = "root", value_name = "DIR")]
        roots: Vec<PathBuf>,
        /// With --http: a name under which clients reach the server, e.g. `build.example`
        ///
        /// On an address that other machines reach, clients need a bearer token: that in
        /// `PORTWRIGHT_TOKEN`, else one that is made and printed when the server starts.
        #[arg(long = "allow-host", value_name = "NAME", requires = "http")]
        hosts: Vec<String>,
    },
    /// Convert, check and begin models of transformers that are written as modular files
    #[command(subcommand)]
    Modular(ModularCommand),
    /// Begin a port
    Port(Box<PortArgs>),
    /// Print the JSON schema of evidence.json
    Schema,
    /// Serve the engine `embedded` to the harness on stdin and stdout
    #[cfg(feature = "candle")]
    #[command(hide = true)]
    Worker {
        /// What the harness tells its worker
        settings: String,
        /// Hold one session
        #[arg(long)]
        session: bool,
    },
}

#[derive(Debug, Default, ClapArgs)]
pub(crate) struct Output {
    /// Print one JSON document instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct RunArgs {
    /// A run's folder, as `verify` printed it
    pub(crate) run: PathBuf,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct MutantArgs {
    /// Only these mutants
    pub(crate) ids: Vec<String>,
    /// Also write the table of catches to this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) docs: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, ClapArgs)]
#[command(group = clap::ArgGroup::new("sweep").args(["all", "definitions"]))]
pub(crate) struct VerifyArgs {
    /// The model type of the definition, e.g. `olmo3`
    #[arg(required_unless_present_any = ["all", "definitions", "cover", "checkpoint"])]
    model_type: Option<String>,

    /// Verify every model type that exists on both sides, in both spellings of the RoPE settings
    #[arg(long, conflicts_with_all = ["model_type", "checkpoint", "config", "cover", "spelling", "checks", "set", "seed", "precision", "engines"])]
    pub(crate) all: bool,

    /// Hold the embedded runtime to PyTorch on every definition of transformers
    #[arg(long, conflicts_with_all = ["all", "model_type", "port", "checkpoint", "config", "cover", "spelling", "checks", "set", "seed", "precision"])]
    pub(crate) definitions: bool,

    /// With --definitions: only these heads, e.g. `causal-lm`
    #[arg(long = "head", requires = "definitions", value_parser = head, value_name = "HEAD")]
    pub(crate) heads: Vec<Head>,

    /// With --definitions: only these modes, e.g. `exact`
    #[arg(long = "mode", requires = "definitions", value_parser = mode, value_name = "MODE")]
    pub(crate) modes: Vec<Mode>,

    /// With --all or --definitions: only these model types, e.g. `olmo3,gemma2`
    #[arg(long, requires = "sweep", value_delimiter = ',', value_name = "MODEL_TYPE")]
    pub(crate) only: Vec<String>,

    /// With --all or --definitions: how many model types at a time (default: one for each core)
    #[arg(long, requires = "sweep", value_name = "N")]
    pub(crate) jobs: Option<usize>,

    /// With --all or --definitions: also write the coverage table to this folder
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

    /// The engine of the definition and the engine that is judged, e.g. `embedded,mlx`
    #[arg(long, value_name = "REFERENCE,JUDGED", default_value_t)]
    engines: Pair,

    /// Only these checks or groups, e.g. `state,rope-tables`
    #[arg(long, value_delimiter = ',', value_name = "CHECK")]
    checks: Vec<String>,

    /// Whether to ask `is it the same model` or `does it behave in the checkpoint's dtype`
    #[arg(long, value_enum, default_value_t = Precision::Logic)]
    precision: Precision,

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
            engines: Some(self.engines)
                .filter(|it| *it != Pair::default())
                .map(|it| it.to_string()),
            checks: self.checks.clone(),
            precision: match self.precision {
                Precision::Logic => None,
                Precision::Native => Some(Regime::Native),
            },
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
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn help_lines_end_without_a_stop() {
        fn check(command: &clap::Command) {
            for argument in command.get_arguments() {
                let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
                assert!(!help.ends_with('.'), "{}: {help}", argument.get_id());
            }
            command.get_subcommands().for_each(check);
        }
        check(&Args::command());
    }

    #[test]
    fn a_field_is_json_or_text() {
        assert_eq!(field("a=1.5").unwrap().1, Value::from(1.5));
        assert_eq!(field("a=gelu").unwrap().1, Value::from("gelu"));
        assert!(field("a").is_err());
    }
}
