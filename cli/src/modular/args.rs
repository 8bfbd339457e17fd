//! The arguments of the `modular` commands. Help texts are the doc comments.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use portwright_tools::modular::FormatterChoice;

use crate::output::Output;

#[derive(Debug, Subcommand)]
pub(crate) enum ModularCommand {
    /// Write the standalone files (modeling, configuration, ...) that modular files stand for
    #[command(after_help = CONVERT_HELP)]
    Convert(ConvertArgs),
    /// Say which standalone files on disk are out of date: what a pre-commit hook or CI runs
    #[command(after_help = CHECK_HELP)]
    Check(CheckArgs),
    /// Make the modular file that standalone files would be generated from
    #[command(after_help = super::scaffold::HELP)]
    Scaffold(Box<super::scaffold::ScaffoldArgs>),
    /// Begin a new model from an existing one: everything that transformers expects of it
    #[command(after_help = NEW_HELP)]
    New(NewArgs),
    /// Measure our conversion, beside the Python converter where one is given
    Bench(BenchArgs),
}

const CONVERT_HELP: &str = "\
Examples:
  portwright modular convert olmo3                    in a checkout: beside the modular file
  portwright modular convert --all --out converted    the release's tree below `converted`
  portwright modular convert --all --diff             what differs from the files on disk

Exit codes: 0 converted, 1 a file failed (with --diff: or differs), 2 could not run.";

const CHECK_HELP: &str = "\
Files whose inputs and outputs did not change since they were last in order are not converted again.
What is remembered lies in the user's cache.

Exit codes: 0 up to date, 1 out of date (the diff is on stdout), 2 could not run.";

const NEW_HELP: &str = "\
Example:
  portwright modular new my_olmo --from olmo3 --display-name MyOlmo

All files are written, or none.";

#[derive(Debug, ClapArgs)]
pub(crate) struct Chosen {
    /// Models such as `olmo3`, or paths of modular files
    #[arg(value_name = "FILE", required_unless_present = "all")]
    pub(crate) files: Vec<String>,
    /// Every modular file of the release
    #[arg(long, conflicts_with = "files")]
    pub(crate) all: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Transformers {
    /// A checkout or install of transformers, or a release such as `5.24.0` or `5.24`, its newest
    /// (default: the one around FILE or the current folder, else the pinned release)
    #[arg(long = "transformers", value_name = "PATH|RELEASE")]
    pub(crate) path: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Formatter {
    /// What lays the files out
    #[arg(long, value_enum, value_name = "WHICH", default_value_t = FormatterArg::Auto)]
    formatter: FormatterArg,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum FormatterArg {
    /// The ruff that the repository pins where it can be had, else the embedded one
    Auto,
    /// The one inside this program: nothing is installed
    Embedded,
    /// The ruff that the repository pins, found or installed: byte for byte what its CI wants
    Pinned,
}

impl Formatter {
    pub(crate) fn choice(&self) -> FormatterChoice {
        match self.formatter {
            FormatterArg::Auto => FormatterChoice::Auto,
            FormatterArg::Embedded => FormatterChoice::Embedded,
            FormatterArg::Pinned => FormatterChoice::Pinned,
        }
    }
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ConvertArgs {
    #[command(flatten)]
    pub(crate) chosen: Chosen,
    #[command(flatten)]
    pub(crate) transformers: Transformers,
    /// Write the repository's tree (src/transformers/...) below this folder
    #[arg(long, value_name = "DIR", conflicts_with_all = ["diff", "in_place"])]
    pub(crate) out: Option<PathBuf>,
    /// Write into an installed package, which is refused otherwise
    #[arg(long, conflicts_with = "diff")]
    pub(crate) in_place: bool,
    /// Write nothing: print how the files on disk differ
    #[arg(long)]
    pub(crate) diff: bool,
    /// Write the coverage table, `modular.md` and `modular.json`, into this folder
    #[arg(long, value_name = "DIR", requires_all = ["all", "diff"])]
    pub(crate) docs: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) formatter: Formatter,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) chosen: Chosen,
    #[command(flatten)]
    pub(crate) transformers: Transformers,
    /// Convert everything, whatever is remembered
    #[arg(long)]
    pub(crate) fresh: bool,
    #[command(flatten)]
    pub(crate) formatter: Formatter,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct NewArgs {
    /// The new model type, in snake case, e.g. `my_olmo`
    pub(crate) name: String,
    /// The model to inherit from, e.g. `olmo3`
    #[arg(long, value_name = "PARENT")]
    pub(crate) from: String,
    /// A checkout of transformers (default: the one around the current folder)
    #[command(flatten)]
    pub(crate) transformers: Transformers,
    /// The name in the documentation (default: made from the model type)
    #[arg(long, value_name = "NAME")]
    pub(crate) display_name: Option<String>,
    /// The prefix of the class names, e.g. `MyOLMo` (default: made from the model type)
    #[arg(long, value_name = "PREFIX")]
    pub(crate) class_prefix: Option<String>,
    /// Kinds of files to inherit besides modeling and configuration, e.g. `processing,image_processing`
    /// (what is not named is taken from the parent by the auto classes)
    #[arg(long, value_delimiter = ',', value_name = "KIND")]
    pub(crate) with: Vec<String>,
    #[command(flatten)]
    pub(crate) formatter: Formatter,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct BenchArgs {
    /// Models such as `olmo3`, or paths of modular files (default: every one)
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<String>,
    #[command(flatten)]
    pub(crate) transformers: Transformers,
    /// A checkout's `utils/modular_model_converter.py`; it runs on a copy of the package
    #[arg(long, value_name = "FILE")]
    pub(crate) python_converter: Option<PathBuf>,
    /// The Python that runs it: needs libcst and what transformers needs (default: the engines')
    #[arg(long, value_name = "PROGRAM", requires = "python_converter")]
    pub(crate) python: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) formatter: Formatter,
    #[command(flatten)]
    pub(crate) output: Output,
}
