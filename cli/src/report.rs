//! `portwright report`: the report of a run, its draft in a target's template, and the check of both.

use std::{io::Write, path::PathBuf};

use clap::Args as ClapArgs;
use portwright_tools::{
    report::{self, DraftInput, ReportCheck},
    runs,
};

use crate::{output::Output, show};

#[derive(Debug, ClapArgs)]
pub(crate) struct ReportArgs {
    /// A run's folder, as `verify` printed it
    run: PathBuf,
    /// Recompute the verdict from the stored facts, and find anything in the report's files that they do not back
    #[arg(long, conflicts_with_all = ["html", "target", "port"])]
    check: bool,
    /// Print the report as one HTML page, as in the run's report.html
    #[arg(long, conflicts_with = "target")]
    html: bool,
    /// Fill a target's pull request template with the run's facts, e.g. `mlx-lm`; what a person has to
    /// say stays blank
    #[arg(long, alias = "template", value_name = "ID")]
    target: Option<String>,
    /// The target's tree, a checkout, whose own template is filled (default: a neutral one)
    #[arg(long, value_name = "PATH", requires = "target")]
    port: Option<PathBuf>,
    #[command(flatten)]
    output: Output,
}

pub(crate) fn run(args: &ReportArgs) -> anyhow::Result<u8> {
    if args.check {
        return check(args);
    }
    if args.target.is_some() {
        return draft(args);
    }
    let evidence = runs::load(&args.run)?;
    if args.output.json {
        show::json(&evidence)?;
    } else {
        let render = if args.html { report::html } else { report::render };
        std::io::stdout().write_all(render(&evidence)?.as_bytes())?;
    }
    Ok(evidence.verdict.exit_code())
}

fn check(args: &ReportArgs) -> anyhow::Result<u8> {
    let check = report::check(&args.run)?;
    if args.output.json {
        show::json(&check)?;
    } else {
        show_check(&check);
    }
    // A report that does not match is a fail, whatever its verdict.
    Ok(if check.holds() { check.verdict.exit_code() } else { 1 })
}

fn draft(args: &ReportArgs) -> anyhow::Result<u8> {
    let input =
        DraftInput { run: args.run.clone(), target: args.target.clone(), port: args.port.clone() };
    let draft = report::draft(&input)?;
    if args.output.json {
        show::json(&draft)?;
        return Ok(0);
    }
    for file in &draft.files {
        show::line(file.display());
    }
    show::line(format!("\n{}:", draft.summary));
    for blank in &draft.blanks {
        show::line(format!("  {blank}"));
    }
    Ok(0)
}

/// Whether a report says what its evidence says.
fn show_check(check: &ReportCheck) {
    for fault in &check.evidence {
        show::line(format!("evidence.json: {fault}"));
    }
    for fault in &check.report {
        let place = if fault.line == 0 { String::new() } else { format!(":{}", fault.line) };
        show::line(format!("{}{place}:", fault.file));
        show::line(format!("  says     {}", fault.says.as_deref().unwrap_or("(nothing)")));
        show::line(format!("  evidence {}", fault.evidence.as_deref().unwrap_or("(nothing)")));
    }
    let style = show::verdict_style(check.verdict);
    show::line(format!(
        "{style}{}{style:#} recomputed from the stored facts; {} {}",
        check.verdict.word(),
        check.files.join(", "),
        if check.holds() { "state nothing else" } else { "do not match them" }
    ));
}
