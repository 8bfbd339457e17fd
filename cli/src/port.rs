//! `portwright port`: its arguments, what they open, how the result is shown.

use std::path::PathBuf;

use anstyle::{AnsiColor, Style};
use clap::{Args as ClapArgs, Command, Subcommand};
use comfy_table::Cell;
use portwright_tools::{
    count::counted,
    error::ToolError,
    port::{
        self, Part, PortError, PortInput, PortOutput,
        sweep::{self, PortCoverage, PortSweepInput},
        trial::{Outcome, Run},
    },
};

use crate::{
    mistyped,
    output::Output,
    show::{json, new_table},
    surroundings::surroundings,
};

/// `port X` runs what `port scaffold X` runs.
#[derive(Debug, ClapArgs)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true, after_help = HELP)]
pub(crate) struct PortArgs {
    #[command(subcommand)]
    command: Option<PortCommand>,
    #[command(flatten)]
    scaffold: ScaffoldArgs,
}

#[derive(Debug, Subcommand)]
enum PortCommand {
    /// Begin a port: its files in a checkout of the target, from the nearest port that is there
    #[command(after_help = HELP)]
    Scaffold(Box<ScaffoldArgs>),
}

const HELP: &str = "\
Examples:
  portwright port scaffold olmo_hybrid --port ~/mlx-lm --dry-run   what would be written, and what is left to do
  portwright port scaffold olmo_hybrid --port ~/mlx-lm             write it
  portwright port scaffold olmo_hybrid --out drafts                  the model's file alone
  portwright port scaffold my_model --from olmo3 --port ~/mlx-lm   begin from another port

The file is the nearest port under the new names. Wherever the two definitions differ it names the lines
of the definition and raises NotImplementedError, so that it never computes something else unnoticed.

Exit codes: 0 done (with --all: none is silently wrong), 1 with --all: one is, 2 could not run.";

#[derive(Debug, ClapArgs)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
struct ScaffoldArgs {
    /// The model type of the definition, e.g. `olmo_hybrid`
    #[arg(required_unless_present = "all")]
    model_type: Option<String>,
    /// The target that receives the port (default: `mlx-lm`)
    #[arg(long, value_name = "ID")]
    target: Option<String>,
    /// The target's tree, a checkout, which receives the files (with --out, --dry-run or --all: the pinned
    /// release when absent)
    #[arg(long, alias = "mlx-lm", value_name = "PATH")]
    port: Option<PathBuf>,
    /// Write the model's file alone, into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// A checkout or install of transformers, or a release such as `5.24.0` or `5.24`, its newest
    /// (default: the one around the current folder, else the pinned release)
    #[arg(long, value_name = "PATH|RELEASE")]
    transformers: Option<PathBuf>,
    /// Begin from this model type's port (default: the nearest, measured on the definitions)
    #[arg(long, value_name = "MODEL_TYPE")]
    from: Option<String>,
    /// Replace a port that is there
    #[arg(long)]
    force: bool,
    /// Write nothing: say what would be written, and what is left to do
    #[arg(long)]
    dry_run: bool,
    /// As --dry-run, and print the differences to the files on disk
    #[arg(long)]
    diff: bool,
    /// Take away every port in turn, scaffold it again and verify what came of it
    #[arg(long, conflicts_with_all = ["model_type", "out", "from", "force", "dry_run", "diff"])]
    all: bool,
    /// With --all: only these model types, e.g. `olmo3,gemma2`
    #[arg(long, requires = "all", value_delimiter = ',', value_name = "MODEL_TYPE")]
    only: Vec<String>,
    /// With --all: how many model types at a time (default: one for each core)
    #[arg(long, requires = "all", value_name = "N")]
    jobs: Option<usize>,
    /// With --all: also write the table to this folder
    #[arg(long, requires = "all", value_name = "DIR")]
    docs: Option<PathBuf>,
    #[command(flatten)]
    output: Output,
}

/// Do what was asked, and give the exit code.
pub(crate) fn run(args: PortArgs) -> anyhow::Result<u8> {
    let is_bare = args.command.is_none();
    let args = match args.command {
        Some(PortCommand::Scaffold(args)) => *args,
        None => args.scaffold,
    };
    let (home, bars, cancel) = surroundings()?;
    if args.all {
        let input = PortSweepInput {
            model_types: args.only,
            transformers: args.transformers,
            target: args.target,
            port: args.port,
            jobs: args.jobs,
            out: None,
            docs: args.docs,
        };
        let coverage = sweep::sweep(&input, &home, &bars, &cancel)?;
        if args.output.json {
            json(&coverage)?;
        } else {
            table(&coverage);
        }
        return Ok(u8::from(coverage.silently_wrong().next().is_some()));
    }
    let input = PortInput {
        model_type: args.model_type.unwrap_or_default(),
        target: args.target,
        port: args.port,
        transformers: args.transformers,
        out: args.out,
        from: args.from,
        force: args.force,
        dry_run: args.dry_run || args.diff,
    };
    let output = port::scaffold(&input, &home, &bars, &cancel).map_err(|err| told(err, is_bare))?;
    if args.output.json {
        json(&output)?;
    } else {
        if args.diff {
            output.files.iter().for_each(|it| anstream::print!("{}", it.diff));
        }
        show(&output);
    }
    Ok(0)
}

/// The error, under what was meant where the model type is a subcommand that was mistyped.
fn told(err: ToolError, is_bare: bool) -> anyhow::Error {
    let unknown = match err.of() {
        Some(PortError::NoDefinition { model_type, .. }) if is_bare => Some(model_type.clone()),
        _ => None,
    };
    let command = PortArgs::augment_args(Command::new("portwright port"));
    let meant = unknown.as_deref().and_then(|it| mistyped::meant(&command, [it]));
    match (unknown, meant) {
        (Some(word), Some(meant)) => anyhow::Error::new(err).context(format!(
            "`{word}` is neither a model type nor a command; did you mean `{meant}`?"
        )),
        _ => err.into(),
    }
}

fn show(output: &PortOutput) {
    let bold = Style::new().bold();
    let near = &output.nearest;
    anstream::println!(
        "{bold}{}{bold:#} begins from the port of {bold}{}{bold:#} ({}.py): {} of {} lines and {} of {} classes of the definition say the same{}",
        output.model_type,
        near.model_type,
        near.port,
        near.shared_lines,
        near.lines,
        near.shared_classes,
        near.classes,
        match near.inherited_classes {
            0 => String::new(),
            number => {
                format!(
                    "; {}",
                    counted(number, "class inherits from it", "classes inherit from it")
                )
            }
        },
    );
    if !output.runners_up.is_empty() {
        let told = |it: &port::Candidate| {
            format!("{} ({})", it.model_type, counted(it.shared_lines, "line", "lines"))
        };
        let others: Vec<String> = output.runners_up.iter().map(told).collect();
        anstream::println!("next best: {}", others.join(", "));
    }
    let verb = if output.wrote { "written" } else { "not written" };
    for file in &output.files {
        let part = match file.part {
            Part::Model => "model",
            Part::Registration => "registration",
            Part::Test => "test entry",
        };
        anstream::println!(
            "{verb}: {} ({part}, sha256 {})",
            file.path.display(),
            &file.sha256[..12]
        );
    }
    if !output.work.is_empty() {
        let mut table = new_table();
        table.set_header(["line", "kind", "definition", "to be ported"]);
        for work in &output.work {
            table.add_row([
                Cell::new(work.line.map(|it| it.to_string()).unwrap_or_default()),
                Cell::new(
                    serde_json::to_value(work.kind)
                        .unwrap_or_default()
                        .as_str()
                        .unwrap_or_default(),
                ),
                Cell::new(&work.definition),
                Cell::new(&work.construct),
            ]);
        }
        anstream::println!("{table}");
    }
    for (what, fields) in [
        ("stops at other values of", &output.guarded_fields),
        ("never read by the definition", &output.unread_fields),
    ] {
        if !fields.is_empty() {
            anstream::println!("{what}: {}", fields.join(", "));
        }
    }
    weights(output);
    output.notes.iter().for_each(|it| anstream::println!("note: {it}"));
    let (colour, word) = if output.complete {
        (AnsiColor::Green, "nothing is left to be ported".to_owned())
    } else {
        (
            AnsiColor::Yellow,
            counted(output.work.len(), "place is to be ported", "places are to be ported"),
        )
    };
    let style = Style::new().bold().fg_color(Some(colour.into()));
    anstream::println!("{style}{word}{style:#}\nnext: {}", output.next);
}

fn weights(output: &PortOutput) {
    let weights = &output.weights;
    if let Some(why) = &weights.skipped {
        anstream::println!("weight names: not told ({why})");
    } else {
        let strange = weights.names.iter().filter(|it| !it.unknown_to_port.is_empty());
        let strange: Vec<&str> = strange.map(|it| it.name.as_str()).collect();
        let all = weights.names.len();
        anstream::println!("weight names: {} of {all} are the port's own", all - strange.len());
        for name in strange {
            anstream::println!("  no place in the port: {name}");
        }
    }
    weights
        .conversions
        .iter()
        .for_each(|it| anstream::println!("transformers converts on loading: {it}"));
}

fn table(coverage: &PortCoverage) {
    let mut table = new_table();
    table.set_header(["model type", "parent", "work", "from the nearest", "from itself", "why"]);
    let word = |it: Outcome| {
        serde_json::to_value(it).unwrap_or_default().as_str().unwrap_or_default().to_owned()
    };
    for row in &coverage.rows {
        let told = |it: &Run| it.reason.clone().filter(|_| it.outcome != Outcome::Stops);
        let own = row.port.as_ref().map(|it| &it.from_itself);
        let why = [Some(&row.from_nearest), own].into_iter().flatten().filter_map(told);
        table.add_row([
            Cell::new(&row.model_type),
            Cell::new(&row.parent),
            Cell::new(row.work),
            Cell::new(word(row.from_nearest.outcome)),
            Cell::new(own.map(|it| word(it.outcome)).unwrap_or_default()),
            Cell::new(why.collect::<Vec<_>>().join("; ")),
        ]);
    }
    anstream::println!("{table}");
    for outcome in Outcome::ALL {
        anstream::println!(
            "{}: {} from the nearest, {} from itself",
            word(outcome),
            coverage.from_nearest(outcome),
            coverage.from_itself(outcome)
        );
    }
    let wrong: Vec<&str> = coverage.silently_wrong().map(|it| it.model_type.as_str()).collect();
    anstream::println!("silently wrong: {} {}", wrong.len(), wrong.join(", "));
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Port {
        #[command(flatten)]
        args: PortArgs,
    }

    /// What is scaffolded, and in which tree.
    fn parsed(words: &[&str]) -> Result<(Option<String>, Option<PathBuf>), String> {
        let words = std::iter::once("port").chain(words.iter().copied());
        let args = Port::try_parse_from(words).map_err(|err| err.to_string())?.args;
        let args = match args.command {
            Some(PortCommand::Scaffold(args)) => *args,
            None => args.scaffold,
        };
        Ok((args.model_type, args.port))
    }

    #[test]
    fn a_model_type_alone_is_what_scaffold_takes_and_old_names_are_read() {
        let expected = (Some("olmo3".to_owned()), Some(PathBuf::from("tree")));
        for words in [
            &["olmo3", "--port", "tree"][..],
            &["olmo3", "--mlx-lm", "tree"],
            &["scaffold", "olmo3", "--port", "tree"],
            &["scaffold", "olmo3", "--mlx-lm", "tree", "--target", "mlx-lm"],
        ] {
            assert_eq!(parsed(words).unwrap(), expected, "{words:?}");
        }
    }

    #[test]
    fn a_mistyped_subcommand_is_refused() {
        for words in [&["scafold", "olmo3"][..], &["olmo3", "scaffold", "olmo3"], &[]] {
            assert!(parsed(words).is_err(), "{words:?}");
        }
    }

    #[test]
    fn an_unknown_model_type_that_is_like_a_subcommand_is_told_so() {
        let unknown = |model_type: &str| PortError::NoDefinition {
            model_type: model_type.to_owned(),
            nearest: Vec::new(),
        };
        let said = |name, is_bare| told(unknown(name).into(), is_bare).to_string();
        assert!(said("scafold", true).contains("did you mean `portwright port scaffold`?"));
        assert!(said("scafold", false).starts_with("transformers has no"));
        assert!(said("olmo33", true).starts_with("transformers has no"));
    }
}
