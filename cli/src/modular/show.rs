//! Results of the `modular` commands for people.

use anstyle::{AnsiColor, Style};
use comfy_table::{Cell, Color};
use portwright_tools::count::counted;
use portwright_tools::modular::{
    BenchOutput, CheckOutput, Compared, ConvertOutput, Difference, Failure, FormatterUsed,
    Measured, NewModelOutput,
};

use super::short;
use crate::show::new_table;

/// Files by kind, what failed, which formatter.
pub(super) fn converted(output: &ConvertOutput) {
    for file in &output.files {
        match (&file.diff, file.compared) {
            (Some(diff), _) => print_diff(diff),
            (None, Compared::New | Compared::Changed) if output.files.len() <= 20 => {
                anstream::println!("{}", short(&file.path));
            }
            _ => {}
        }
    }
    failures(&output.failures);
    for note in &output.notes {
        anstream::println!("note: {note}");
    }
    let mut table = new_table();
    let heads = if output.wrote {
        ["kind", "new", "changed", "unchanged"]
    } else {
        ["kind", "missing", "differs", "identical"]
    };
    table.set_header(heads);
    let all = ("all".to_owned(), output.counts());
    for (kind, counts) in output.kinds.iter().map(|(kind, it)| (kind.clone(), *it)).chain([all]) {
        let changed = Cell::new(counts.changed);
        let changed = if counts.changed == 0 { changed } else { changed.fg(Color::Yellow) };
        table.add_row([
            Cell::new(kind),
            Cell::new(counts.new),
            changed,
            Cell::new(counts.unchanged),
        ]);
    }
    anstream::println!("{table}");
    anstream::println!(
        "\n{} modular files, {} failed, {:.2} s",
        output.modular_files,
        output.failures.len(),
        output.seconds
    );
    formatter(&output.formatter);
}

/// What is out of date, and how.
pub(super) fn checked(output: &CheckOutput) {
    for difference in &output.differences {
        match difference {
            Difference::Differs { diff, .. } => print_diff(diff),
            Difference::Missing { path, modular } => {
                anstream::println!("missing: {} (from {})", short(path), short(modular));
            }
            Difference::Orphan { path, modular } => anstream::println!(
                "left over: {} says that it comes from {}, which gives no such file",
                short(path),
                short(modular)
            ),
        }
    }
    failures(&output.failures);
    let bad = output.differences.len() + output.failures.len();
    let (colour, word) =
        if bad == 0 { (AnsiColor::Green, "up to date") } else { (AnsiColor::Red, "out of date") };
    let style = Style::new().bold().fg_color(Some(colour.into()));
    anstream::println!(
        "{style}{word}{style:#}: {}, {}, {} failed ({} converted, {:.2} s)",
        counted(output.modular_files, "modular file", "modular files"),
        counted(output.differences.len(), "difference", "differences"),
        output.failures.len(),
        output.converted,
        output.seconds
    );
    formatter(&output.formatter);
    if !output.differences.is_empty() {
        anstream::println!("next: `portwright modular convert --all` in the checkout writes them");
    }
}

/// What was written, and what is left to do.
pub(super) fn begun(output: &NewModelOutput) {
    for path in &output.created {
        anstream::println!("new     {}", short(path));
    }
    for path in &output.changed {
        anstream::println!("changed {}", short(path));
    }
    formatter(&output.formatter);
    anstream::println!("\nWhat remains for you:");
    for (number, text) in output.remaining.iter().enumerate() {
        anstream::println!("  {}. {text}", number + 1);
    }
}

/// Ours, the Python converter, and the ratio.
pub(super) fn measured(output: &BenchOutput) {
    let mut table = new_table();
    table.set_header(["converter", "wall s", "CPU s", "peak MB"]);
    let row = |name: &str, it: &Measured| {
        let peak = it.peak_bytes as f64 / 1e6;
        [
            name.to_owned(),
            format!("{:.2}", it.wall_seconds),
            format!("{:.2}", it.cpu_seconds),
            format!("{peak:.0}"),
        ]
    };
    table.add_row(row("portwright", &output.ours));
    if let Some(python) = &output.python {
        table.add_row(row("Python", python));
    }
    anstream::println!("{table}");
    anstream::println!(
        "\n{} modular files, {} standalone files, {} failed",
        output.modular_files,
        output.standalone_files,
        output.failed
    );
    if let (Some(wall), Some(cpu)) = (output.wall_ratio, output.cpu_ratio) {
        anstream::println!(
            "{wall:.0} times as fast on the clock, {cpu:.0} times in processor time"
        );
    }
    formatter(&output.formatter);
}

fn failures(failures: &[Failure]) {
    let style = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
    for failure in failures {
        anstream::println!("{style}failed{style:#} {}\n", failure.message);
    }
}

fn formatter(used: &FormatterUsed) {
    anstream::println!("formatter: {} ({})", used.name, used.reason);
}

fn print_diff(diff: &str) {
    for line in diff.lines() {
        let colour = match line.as_bytes().first() {
            Some(b'+') => Some(AnsiColor::Green),
            Some(b'-') => Some(AnsiColor::Red),
            Some(b'@') => Some(AnsiColor::Cyan),
            _ => None,
        };
        let style = Style::new().fg_color(colour.map(Into::into));
        anstream::println!("{style}{line}{style:#}");
    }
}
