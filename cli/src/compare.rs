//! `portwright compare`: what a new revision of a port changed.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use comfy_table::{Cell, Color};
use portwright_harness::{figure::Real, outcome::Outcome};
use portwright_prompts::number_text;
use portwright_tools::compare::{self, Change, CheckChange, Comparison};

use crate::{output::Output, show};

#[derive(Debug, ClapArgs)]
pub(crate) struct CompareArgs {
    /// The folder of the run before the change
    before: PathBuf,
    /// The folder of the run after it
    after: PathBuf,
    /// Print Markdown instead of a table
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
    #[command(flatten)]
    output: Output,
}

pub(crate) fn run(args: &CompareArgs) -> anyhow::Result<u8> {
    let comparison = compare::compare(&args.before, &args.after)?;
    if args.output.json {
        show::json(&comparison)?;
    } else if args.markdown {
        show::line(compare::render(&comparison)?.trim_end());
    } else {
        show_comparison(&comparison);
    }
    Ok(u8::from(comparison.worse))
}

fn show_comparison(comparison: &Comparison) {
    for warning in &comparison.warnings {
        show::line(format!("mind: {warning}"));
    }
    let short = |it: &Option<String>| {
        it.as_ref().map_or_else(|| "none".to_owned(), |it| it.chars().take(12).collect())
    };
    for it in &comparison.sources {
        show::line(format!("{}: {} to {}", it.what, short(&it.before), short(&it.after)));
    }
    let mut table = show::new_table();
    table.set_header([
        "check", "change", "outcome", "figure", "before", "after", "ratio", "at most",
    ]);
    for check in &comparison.checks {
        for (index, row) in rows(check).into_iter().enumerate() {
            let first = |text: &str| if index == 0 { text.to_owned() } else { String::new() };
            let (word, colour) = word(check);
            let mut cells = vec![
                Cell::new(first(&check.id)),
                Cell::new(first(word)).fg(colour),
                Cell::new(first(&outcomes(check))),
            ];
            cells.extend(row.into_iter().map(Cell::new));
            table.add_row(cells);
        }
    }
    show::line(format!("\n{table}\n"));
    for it in &comparison.cost {
        let (before, after) = (number_text(it.before.0), number_text(it.after.0));
        let ratio = number_text(it.ratio.0);
        show::line(format!("{} {}: {before} to {after}, times {ratio}", it.engine, it.what));
    }
    show::line(format!("first divergence: {}", comparison.divergence.moved));
    let word = if comparison.worse { "worse" } else { "no worse" };
    show::line(format!("{} is {word}: {}", comparison.model_type, comparison.summary));
}

/// The figures that changed, or why there are none.
fn rows(check: &CheckChange) -> Vec<[String; 5]> {
    let number = |it: Option<Real>| it.map_or_else(String::new, |it| number_text(it.0));
    let changed = check.figures.iter().filter(|it| it.before != it.after || !it.holds);
    let mut rows: Vec<[String; 5]> = changed
        .map(|it| {
            let limit = number(it.limit) + if it.holds { "" } else { " (beyond)" };
            [it.name.clone(), number(it.before), number(it.after), number(it.ratio), limit]
        })
        .collect();
    if rows.is_empty() {
        let reason = check.reason.as_deref().and_then(|it| it.lines().next()).unwrap_or_default();
        rows.push([reason.to_owned(), String::new(), String::new(), String::new(), String::new()]);
    }
    rows
}

fn word(check: &CheckChange) -> (&'static str, Color) {
    match check.change {
        Change::Same => ("same", Color::DarkGrey),
        Change::Better => ("better", Color::Green),
        Change::Worse if check.gate => ("worse", Color::Red),
        Change::Worse => ("worse (note)", Color::Yellow),
        Change::Other => ("other", Color::Yellow),
        Change::New => ("new", Color::Yellow),
        Change::Gone => ("gone", Color::Yellow),
    }
}

fn outcomes(check: &CheckChange) -> String {
    let text = |it: Option<Outcome>| it.map_or_else(|| "not asked".to_owned(), |it| it.to_string());
    if check.before == check.after {
        return text(check.after);
    }
    format!("{} to {}", text(check.before), text(check.after))
}
