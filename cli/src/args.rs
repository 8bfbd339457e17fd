//! The command line, as clap reads it. Help texts are the doc comments.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand};
use portwright_harness::environment::Supply;

use crate::{
    candidates::CandidatesArgs, inspect::InspectArgs, modular::ModularCommand, output::Output,
    port::PortArgs, verify_args::VerifyArgs,
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
    /// Put the harness itself to trial: right ports over seeds, and the same with structural bugs
    Trials(crate::trials::TrialsArgs),
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
    /// Show what lies in the cache, how large it is, and what an earlier version left
    Cache {
        /// Remove what this version does not use
        ///
        /// Packages of the native engines from other lock files, code of other versions' workers, and what an
        /// interrupted set-up left. Not while another version runs. All else can be removed as well, the
        /// whole folder at any time: it is fetched or made again.
        #[arg(long)]
        prune: bool,
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
    /// Ask PyTorch and MLX in place of the embedded engines
    #[arg(long)]
    pub(crate) native: bool,
    /// Also write the table of catches to this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) docs: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::mistyped;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn a_mistyped_subcommand_is_told_which_was_meant() {
        let told = |words: &[&str]| {
            let all = [&["portwright"], words].concat();
            let refused = Args::try_parse_from(&all).unwrap_err();
            let words: Vec<String> = words.iter().map(|it| (*it).to_owned()).collect();
            mistyped::told(refused, &Args::command(), &words).to_string()
        };
        let said = told(&["port", "scafold", "olmo3"]);
        assert!(said.contains("did you mean `portwright port scaffold`?"), "{said}");
        let said = told(&["port", "olmo3", "llama"]);
        assert!(said.contains("llama") && !said.contains("did you mean"), "{said}");
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
}
