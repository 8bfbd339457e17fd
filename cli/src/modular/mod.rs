//! The `modular` commands: their arguments, what they open, how the result is shown.

mod args;
mod scaffold;
mod show;

use std::path::Path;

use portwright_harness::{cancel::Cancel, environment::Home};
use portwright_tools::{
    error::ToolError,
    modular::{self, BenchInput, CheckInput, ConvertInput, NewModelInput},
};

pub(crate) use args::ModularCommand;

use crate::{progress::Bars, show::json};

/// Do what was asked, and give the exit code.
pub(crate) fn run(command: ModularCommand) -> anyhow::Result<u8> {
    let home = Home::locate().map_err(ToolError::from)?;
    let (bars, cancel) = (Bars::new(), Cancel::default());
    let flag = cancel.clone();
    ctrlc::set_handler(move || flag.cancel())?;
    match command {
        ModularCommand::Convert(it) => {
            let input = ConvertInput {
                files: it.chosen.files,
                all: it.chosen.all,
                transformers: it.transformers.path,
                out: it.out,
                in_place: it.in_place,
                diff: it.diff,
                docs: it.docs,
                formatter: it.formatter.choice(),
            };
            let output = modular::convert(&input, &home, &bars, &cancel)?;
            if it.output.json {
                json(&output)?;
            } else {
                show::converted(&output);
            }
            Ok(output.exit_code())
        }
        ModularCommand::Check(it) => {
            let input = CheckInput {
                files: it.chosen.files,
                all: it.chosen.all,
                transformers: it.transformers.path,
                formatter: it.formatter.choice(),
                fresh: it.fresh,
            };
            let output = modular::check(&input, &home, &bars, &cancel)?;
            if it.output.json {
                json(&output)?;
            } else {
                show::checked(&output);
            }
            Ok(output.exit_code())
        }
        ModularCommand::Scaffold(it) => scaffold::run(*it, &home, &bars, &cancel),
        ModularCommand::New(it) => {
            let input = NewModelInput {
                name: it.name,
                from: it.from,
                transformers: it.transformers.path,
                display_name: it.display_name,
                class_prefix: it.class_prefix,
                with: it.with,
                formatter: it.formatter.choice(),
            };
            let output = modular::new_model(&input, &home, &bars, &cancel)?;
            if it.output.json {
                json(&output)?;
            } else {
                show::begun(&output);
            }
            Ok(0)
        }
        ModularCommand::Bench(it) => {
            let input = BenchInput {
                files: it.files,
                transformers: it.transformers.path,
                python_converter: it.python_converter,
                python: it.python,
                formatter: it.formatter.choice(),
            };
            let output = modular::bench(&input, &home, &bars, &cancel)?;
            if it.output.json {
                json(&output)?;
            } else {
                show::measured(&output);
            }
            Ok(u8::from(output.failed != 0))
        }
    }
}

/// A path as short as it can be said from here.
fn short(path: &Path) -> String {
    let here = std::env::current_dir().ok();
    let below = here.and_then(|it| path.strip_prefix(it).ok());
    below.unwrap_or(path).display().to_string()
}
