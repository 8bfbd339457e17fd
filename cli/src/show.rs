//! Results for people: tables, verdicts, errors with their hints.

use std::{collections::BTreeMap, fmt::Display};

use anstyle::{AnsiColor, Style};
use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table, presets};
use portwright_harness::{
    check::{self, Group},
    environment::{Doctor, Status},
    evidence::Evidence,
    figure::{Direction, Figure, Real},
    hint::Hint,
    outcome::{Absence, CheckRecord, Outcome, Verdict},
};
use portwright_prompts::number_text;
use portwright_server::ServeError;
use portwright_tools::{
    catches::Catches, count::counted, error::ToolError, explain::Explanation, report,
    sweep::SweepOutput, verify::VerifyOutput,
};

/// One JSON document on stdout.
pub(crate) fn json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    anstream::println!("{}", serde_json::to_string_pretty(value)?);
    Ok(())
}

const DIM: Style = Style::new().dimmed();

/// What is wrong, in a few lines.
fn wrong(lines: &[report::Line]) {
    for line in lines {
        anstream::println!("  {DIM}{:<9}{DIM:#} {}", line.about, line.text);
    }
}

/// An error, its causes, and the next step apart from them.
pub(crate) fn error(err: &anyhow::Error) {
    let bold = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
    anstream::eprintln!("{bold}error{bold:#}: {err}");
    for cause in err.chain().skip(1) {
        // A transparent error repeats its source's text.
        if cause.to_string() != err.to_string() {
            anstream::eprintln!("  caused by: {cause}");
        }
    }
    let of_tool = err.downcast_ref::<ToolError>().and_then(Hint::hint);
    let hint = of_tool.or_else(|| err.downcast_ref::<ServeError>().and_then(Hint::hint));
    if let Some(hint) = hint {
        anstream::eprintln!("\nhint: {hint}");
    }
}

/// The table of a run, the verdict and the next step.
pub(crate) fn verification(output: &VerifyOutput, evidence: &Evidence) {
    let mut table = new_table();
    table.set_header(["group", "check", "outcome", "worst figure", "measured", "at most"]);
    let mut group = "";
    for check in &evidence.checks {
        let first = group != check.group;
        group = &check.group;
        let [figure, measured, limit] = worst(check);
        table.add_row([
            Cell::new(if first { group } else { "" }).add_attribute(Attribute::Dim),
            Cell::new(&check.id),
            outcome(check),
            Cell::new(figure),
            Cell::new(measured),
            Cell::new(limit),
        ]);
    }
    anstream::println!("{table}");
    notes(evidence);
    let (style, word) = (verdict_style(output.verdict), output.verdict.word());
    anstream::println!(
        "\n{style}{word}{style:#} {}: {}",
        evidence.subject.model_type,
        output.summary
    );
    wrong(&report::in_short(evidence));
    if output.verdict == Verdict::Pass {
        anstream::println!("not asked: {}", report::shortly(&output.untested));
    }
    anstream::println!("report: {}", output.report.display());
    anstream::println!("next:   {}", output.next_step);
}

fn notes(evidence: &Evidence) {
    let worth = |it: &&CheckRecord| match it.outcome {
        Outcome::Fail => true,
        Outcome::NotRun => it.gate,
        // What the port drops, refuses or insists on is worth knowing where it is right as well.
        Outcome::Pass => it.group == Group::Config.id() || it.group == Group::Variations.id(),
        Outcome::NotApplicable => false,
    };
    let mut lines = Vec::new();
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for check in evidence.checks.iter().filter(|it| it.gate && it.outcome == Outcome::NotRun) {
        if let Some(Absence::Blocked { reason }) = &check.absence {
            *reasons.entry(reason).or_default() += 1;
        }
    }
    for check in evidence.checks.iter().filter(worth) {
        match &check.absence {
            Some(Absence::PortFailed { failure }) => lines.push(format!("{}: {failure}", check.id)),
            // One reason blocks many checks: it is said once.
            Some(Absence::Blocked { reason }) => match reasons.remove(reason.as_str()) {
                Some(1) => lines.push(format!("{} did not run: {reason}", check.id)),
                Some(count) => lines.push(format!("{count} checks did not run: {reason}")),
                None => {}
            },
            _ => {}
        }
        if let Some(place) = &check.place {
            let far = place.how_far().map(|it| format!(" (relative error {})", number_text(it)));
            lines.push(format!(
                "{}: first at {} in {}{}",
                check.id,
                place.says(),
                place.stage,
                far.unwrap_or_default()
            ));
            for line in &place.lines {
                lines.push(format!("  {} {}:{}: {}", line.side, line.file, line.line, line.text));
            }
        }
        lines.extend(check.findings.iter().map(|it| format!("{}: {it}", check.id)));
    }
    lines.dedup();
    if !lines.is_empty() {
        anstream::println!();
    }
    for line in lines {
        anstream::println!("{line}");
    }
}

/// The figure that is nearest to its bound, or beyond it by most.
fn worst(check: &CheckRecord) -> [String; 3] {
    let text = |it: &str| [it.to_owned(), String::new(), String::new()];
    match &check.absence {
        Some(Absence::PortFailed { failure }) => {
            return text(failure.message.lines().next().unwrap_or_default());
        }
        Some(Absence::Blocked { reason } | Absence::NotApplicable { reason }) => {
            return text(reason.lines().next().unwrap_or_default());
        }
        None => {}
    }
    let share = |figure: &Figure| match figure.bound {
        Some(bound) if bound.direction() == Direction::AtLeast => {
            bound.limit() / figure.measured.0.max(f64::MIN_POSITIVE)
        }
        Some(bound) if figure.measured.0 == 0.0 && bound.limit() == 0.0 => 0.0,
        Some(bound) => figure.measured.0 / bound.limit(),
        None => f64::NEG_INFINITY,
    };
    let key = |figure: &Figure| (!figure.holds(), share(figure));
    let worst = check.figures.iter().filter(|it| it.bound.is_some()).max_by(|a, b| {
        let ((fails_a, a), (fails_b, b)) = (key(a), key(b));
        fails_a.cmp(&fails_b).then(a.total_cmp(&b))
    });
    match worst {
        Some(figure) => {
            let limit = figure.bound.map_or(String::new(), |bound| {
                let limit = number_text(bound.limit());
                // The column's head says `at most`.
                match bound.direction() {
                    Direction::AtMost => limit,
                    Direction::AtLeast => format!("{} {limit}", Direction::AtLeast.words()),
                }
            });
            [figure.name.clone(), number_text(figure.measured.0), limit]
        }
        None => text(""),
    }
}

fn outcome(check: &CheckRecord) -> Cell {
    Cell::new(check.word()).fg(match (check.outcome, check.gate) {
        (Outcome::Pass, _) => Color::Green,
        (Outcome::Fail, true) => Color::Red,
        (Outcome::Fail, false) | (Outcome::NotRun, _) => Color::Yellow,
        (Outcome::NotApplicable, _) => Color::DarkGrey,
    })
}

pub(crate) fn verdict_colour(verdict: Verdict) -> Color {
    match verdict {
        Verdict::Pass => Color::Green,
        Verdict::Fail => Color::Red,
        Verdict::Partial | Verdict::NotRun => Color::Yellow,
    }
}

pub(crate) fn verdict_style(verdict: Verdict) -> Style {
    let colour = match verdict {
        Verdict::Pass => AnsiColor::Green,
        Verdict::Fail => AnsiColor::Red,
        Verdict::Partial | Verdict::NotRun => AnsiColor::Yellow,
    };
    Style::new().bold().fg_color(Some(colour.into()))
}

pub(crate) fn new_table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    if std::env::var_os("NO_COLOR").is_some() {
        table.force_no_tty();
    }
    table
}

/// The table of a sweep, and its counts.
pub(crate) fn coverage(output: &SweepOutput) {
    let mut table = new_table();
    table.set_header([
        "model type",
        "spelling",
        "verdict",
        "max |Δ|",
        "at most",
        "reason or cause",
    ]);
    for row in &output.coverage.rows {
        let number = |it: Option<Real>| it.map_or(String::new(), |it| number_text(it.0));
        let proved = row.proofs.iter().find(|it| it.proved).map(|it| it.cause.as_str());
        let why = proved.or(row.reason.as_deref()).filter(|_| row.verdict != Verdict::Pass);
        table.add_row([
            Cell::new(&row.model_type),
            Cell::new(row.spelling.id()),
            Cell::new(row.verdict.word()).fg(verdict_colour(row.verdict)),
            Cell::new(number(row.max_abs)),
            Cell::new(number(row.bound)),
            Cell::new(why.unwrap_or_default()),
        ]);
    }
    anstream::println!("{table}");
    let coverage = &output.coverage;
    anstream::println!(
        "\n{} pass, {} fail ({} only at other configs), {} not run in {:.0} s; {} not wholly explained",
        coverage.count(Verdict::Pass),
        coverage.count(Verdict::Fail),
        coverage.right_here() - coverage.count(Verdict::Pass),
        coverage.count(Verdict::NotRun),
        output.seconds,
        counted(coverage.unexplained().count(), "row is", "rows are"),
    );
}

/// The table of planted bugs.
pub(crate) fn catches(catches: &Catches) {
    let mut table = new_table();
    table.set_header(["mutant", "port", "caught", "first divergence", "checks that failed"]);
    for it in &catches.catches {
        let (word, colour) = if it.caught { ("yes", Color::Green) } else { ("no", Color::Red) };
        table.add_row([
            Cell::new(&it.id),
            Cell::new(&it.model_type),
            Cell::new(word).fg(colour),
            Cell::new(it.module.as_deref().unwrap_or("")),
            Cell::new(it.failed.join(", ")),
        ]);
    }
    anstream::println!("{table}");
    anstream::println!(
        "\n{} of {} caught, {} false alarms",
        catches.caught(),
        catches.catches.len(),
        catches.false_alarms()
    );
}

/// Where two models diverge.
pub(crate) fn explanation(explanation: &Explanation) {
    anstream::println!("{}", explanation.summary);
    wrong(&explanation.in_short);
    for line in &explanation.lines {
        anstream::println!("  {:10} {}:{}  {}", line.side, line.file, line.line, line.text);
    }
    if !explanation.around.is_empty() {
        let mut table = new_table();
        table.set_header(["definition", "port", "relative error", "noise floor", ""]);
        for tap in &explanation.around {
            let diverges = tap.error.0.is_nan() || tap.bound.0 < tap.error.0;
            table.add_row([
                Cell::new(&tap.reference),
                Cell::new(&tap.port),
                Cell::new(number_text(tap.error.0)),
                Cell::new(number_text(tap.floor.0)),
                Cell::new(if diverges { "differs" } else { "" }).fg(Color::Red),
            ]);
        }
        anstream::println!("\n{table}");
    }
    for check in &explanation.failed {
        for finding in check.error.iter().chain(&check.findings) {
            anstream::println!("{}: {finding}", check.id);
        }
    }
}

/// The table of checks.
pub(crate) fn checks() {
    let mut table = new_table();
    table.set_header(["group", "check", "holds when it passes"]);
    for check in check::CHECKS {
        table.add_row([check.group.id(), check.id, check.summary]);
    }
    anstream::println!("{table}");
}

/// What is installed and what is missing.
pub(crate) fn doctor(doctor: &Doctor) {
    let mut table = new_table();
    table.set_header(["", "what", "found", "how to mend it"]);
    for item in &doctor.items {
        let (word, colour) = match item.status {
            Status::Ok => ("ok", Color::Green),
            Status::Missing => ("missing", Color::Yellow),
            Status::Warning => ("warning", Color::Yellow),
            Status::Broken => ("broken", Color::Red),
        };
        table.add_row([
            Cell::new(word).fg(colour),
            Cell::new(&item.name),
            Cell::new(&item.fact),
            Cell::new(item.fix.as_deref().unwrap_or("")),
        ]);
    }
    anstream::println!("{table}");
}

/// A plain line.
pub(crate) fn line(text: impl Display) {
    anstream::println!("{text}");
}

/// A count as people read it: `596.0 M`.
pub(crate) fn count(number: u64) -> String {
    scaled(number, ["", " k", " M", " G", " T"])
}

/// Bytes as people read them: `1.2 GB`.
pub(crate) fn bytes(number: u64) -> String {
    scaled(number, [" B", " kB", " MB", " GB", " TB"])
}

fn scaled(number: u64, units: [&str; 5]) -> String {
    let (mut value, mut unit) = (number as f64, 0);
    while 999.95 <= value && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{number}{}", units[0]) } else { format!("{value:.1}{}", units[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_scaled_by_thousands() {
        assert_eq!(count(999), "999");
        assert_eq!(count(1000), "1.0 k");
        assert_eq!(count(999_960), "1.0 M");
        assert_eq!(bytes(26_953_662_464), "27.0 GB");
    }
}
