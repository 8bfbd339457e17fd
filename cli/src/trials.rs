//! `trials`: the harness itself on trial.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use comfy_table::Cell;
use portwright_tools::{
    constants,
    count::counted,
    trials::{self, TrialsInput},
};

use crate::{output::Output, show, surroundings::surroundings};

#[derive(Debug, ClapArgs)]
pub(crate) struct TrialsArgs {
    /// Only these model types (default: fifteen whose ports are right at their synthetic config)
    pub(crate) model_types: Vec<String>,
    /// With how many seeds each right port is asked (default: 5)
    #[arg(long, value_name = "NUMBER")]
    pub(crate) seeds: Option<u64>,
    /// Model types at a time (default: one for each core)
    #[arg(long, value_name = "NUMBER")]
    pub(crate) jobs: Option<usize>,
    /// Where finished model types are kept, so that a stopped run goes on
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Also write the table to this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) docs: Option<PathBuf>,
    /// Move constants of right ports by ever smaller shares, and say which both pairs of engines still see
    #[arg(long, conflicts_with_all = ["seeds", "jobs", "out", "deadline"])]
    pub(crate) constants: bool,
    /// Seconds that one question may take
    #[arg(long, value_name = "SECONDS")]
    pub(crate) deadline: Option<f64>,
    #[command(flatten)]
    pub(crate) output: Output,
}

pub(crate) fn trials(args: TrialsArgs) -> anyhow::Result<u8> {
    let (home, bars, cancel) = surroundings()?;
    if args.constants {
        let docs = args.docs.as_deref();
        let made = constants::constants(&args.model_types, docs, &home, &bars, &cancel)?;
        if args.output.json {
            show::json(&made)?;
        } else {
            anstream::print!("{}", made.render()?);
        }
        return Ok(0);
    }
    let input = TrialsInput {
        model_types: args.model_types,
        seeds: args.seeds,
        jobs: args.jobs,
        out: args.out,
        docs: args.docs,
        deadline: args.deadline,
    };
    let output = trials::trials(&input, &home, &bars, &cancel)?;
    if args.output.json {
        show::json(&output)?;
    } else {
        let mut table = show::new_table();
        table.set_header(["model type", "regime", "seed", "planted", "verdict", "worst", ""]);
        for it in &output.tried.trials {
            let worst = it.worst_multiple.map_or(String::new(), |it| format!("{:.2}", it.0));
            table.add_row([
                Cell::new(&it.model_type),
                Cell::new(it.regime.id()),
                Cell::new(it.seed),
                Cell::new(it.plant.as_deref().unwrap_or("")),
                Cell::new(it.verdict.word()).fg(show::verdict_colour(it.verdict)),
                Cell::new(worst),
                Cell::new(if it.is_as_it_should_be() { "" } else { "unexpected" }),
            ]);
        }
        let surprises = output.tried.surprises().count();
        anstream::println!(
            "{table}\n{} in {:.0} s; {} not as expected",
            counted(output.tried.trials.len(), "run", "runs"),
            output.seconds,
            counted(surprises, "run is", "runs are"),
        );
    }
    Ok(u8::from(output.tried.surprises().next().is_some()))
}
