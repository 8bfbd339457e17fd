//! `modular scaffold`: its arguments, and its result for people.

use std::path::PathBuf;

use anstyle::{AnsiColor, Style};
use clap::Args as ClapArgs;
use comfy_table::Cell;
use portwright_harness::{cancel::Cancel, environment::Home};
use portwright_tools::modular::{
    self, ScaffoldInput, ScaffoldOutput,
    round_trip::{self, RoundTripInput},
};

use super::{args::Transformers, short};
use crate::{
    output::Output,
    progress::Bars,
    show::{json, new_table},
};

pub(super) const HELP: &str = "\
Examples:
  portwright modular scaffold modeling_x.py               print the modular file
  portwright modular scaffold modeling_x.py --explain     which parent for which class, and why
  portwright modular scaffold my_model/ --out my_model/   write my_model/modular_<model>.py

Exit codes: 0 it converts back to every byte, 1 it does not (the difference is shown), 2 could not run.";

#[derive(Debug, ClapArgs)]
pub(crate) struct ScaffoldArgs {
    /// Standalone files of one model, or its folder; one file brings those that stand beside it
    #[arg(required_unless_present = "all", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Make every modular file of the release again, and measure it against the one people wrote
    #[arg(long, conflicts_with_all = ["files", "parents", "exclude", "name", "out", "explain"])]
    all: bool,
    /// Write the coverage table, `scaffold.md` and `scaffold.json`, into this folder
    #[arg(long, value_name = "DIR", requires = "all")]
    docs: Option<PathBuf>,
    #[command(flatten)]
    transformers: Transformers,
    /// Inherit from these models and no others
    #[arg(long, value_delimiter = ',', value_name = "MODELS")]
    parents: Vec<String>,
    /// Never inherit from these models
    #[arg(long, value_delimiter = ',', value_name = "MODELS")]
    exclude: Vec<String>,
    /// The model type, where the files' names do not say it
    #[arg(long, value_name = "MODEL")]
    name: Option<String>,
    /// Write the modular file here: a file, or a folder
    #[arg(long, value_name = "PATH")]
    out: Option<PathBuf>,
    /// Replace a file that is there
    #[arg(long, requires = "out")]
    force: bool,
    /// Say which parent each class got and what differs, instead of printing the file
    #[arg(long)]
    explain: bool,
    #[command(flatten)]
    output: Output,
}

pub(super) fn run(
    args: ScaffoldArgs,
    home: &Home,
    bars: &Bars,
    cancel: &Cancel,
) -> anyhow::Result<u8> {
    if args.all {
        return run_all(args, home, bars, cancel);
    }
    let input = ScaffoldInput {
        files: args.files,
        transformers: args.transformers.path,
        parents: args.parents,
        exclude: args.exclude,
        name: args.name,
        out: args.out,
        force: args.force,
    };
    let output = modular::scaffold(&input, home, bars, cancel)?;
    if args.output.json {
        json(&output)?;
    } else {
        show(&output, args.explain);
    }
    Ok(output.exit_code())
}

fn run_all(args: ScaffoldArgs, home: &Home, bars: &Bars, cancel: &Cancel) -> anyhow::Result<u8> {
    let input = RoundTripInput {
        models: Vec::new(),
        transformers: args.transformers.path,
        docs: args.docs,
    };
    let output = round_trip::round_trips(&input, home, bars, cancel)?;
    let (exact, total) = (output.table.exact(), output.table.rows.len());
    if args.output.json {
        json(&output)?;
        return Ok(u8::from(exact != total));
    }
    let mut table = new_table();
    table.set_header(["model", "exact", "ours", "theirs", "what differs"]);
    for row in output.table.rows.iter().filter(|it| !it.exact) {
        table.add_row([
            Cell::new(&row.model),
            Cell::new("no"),
            Cell::new(row.lines),
            Cell::new(row.human_lines),
            Cell::new(row.differs.join("; ")),
        ]);
    }
    anstream::println!("{table}");
    let median = round_trip::quantile(&output.table.ratios(), 50);
    anstream::println!(
        "{exact} of {total} models come back exactly, {:.1} s; {median:.2} lines of ours for each of \
         theirs in the median",
        output.seconds
    );
    Ok(u8::from(exact != total))
}

fn show(output: &ScaffoldOutput, explain: bool) {
    let scaffold = &output.scaffold;
    if explain {
        explained(output);
    } else if output.path.is_none() {
        anstream::print!("{}", scaffold.modular);
    }
    for file in scaffold.files.iter().filter(|it| !it.exact) {
        anstream::eprintln!("{}", file.diff);
    }
    for note in &scaffold.notes {
        anstream::eprintln!("note: {note}");
    }
    let (colour, word) = if scaffold.exact {
        (AnsiColor::Green, "converts back to every byte")
    } else {
        (AnsiColor::Red, "does not convert back exactly")
    };
    let style = Style::new().bold().fg_color(Some(colour.into()));
    // The file itself goes to stdout; what is said about it does not mix with it.
    anstream::eprintln!(
        "{style}{word}{style:#}: {} lines of code for {} of `{}`",
        scaffold.lines,
        scaffold.input_lines,
        scaffold.model
    );
    if let Some(path) = &output.path {
        anstream::eprintln!("written: {}", short(path));
    }
}

fn explained(output: &ScaffoldOutput) {
    let mut table = new_table();
    table.set_header(["class", "parent", "in", "alike", "what differs"]);
    for class in &output.scaffold.classes {
        let lists = [
            ("replaces", &class.replaced),
            ("extends", &class.extended),
            ("adds", &class.added),
            ("removes", &class.removed),
            ("sets", &class.attributes),
        ];
        let told: Vec<String> = lists
            .iter()
            .filter(|(_, list)| !list.is_empty())
            .map(|(verb, list)| format!("{verb} {}", list.join(", ")))
            .chain(class.notes.iter().cloned())
            .collect();
        let alike = class.parent.as_ref().map(|_| format!("{:.0} %", class.similarity * 100.0));
        table.add_row([
            Cell::new(&class.class),
            Cell::new(class.parent.as_deref().unwrap_or("none")),
            Cell::new(class.module.as_deref().unwrap_or_default()),
            Cell::new(alike.unwrap_or_default()),
            Cell::new(told.join("; ")),
        ]);
    }
    anstream::println!("{table}");
}
