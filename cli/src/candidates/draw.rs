//! Candidates for people: who they are, in what they differ as a matrix of letters, and which are chosen.

use std::collections::BTreeMap;

use anstyle::{AnsiColor, Style};
use comfy_table::{Attribute, Cell, Color};
use portwright_harness::outcome::Verdict;
use portwright_tools::{
    candidates::{Candidate, Candidates, Difference, Existing, FORMULA, Kind, Matrix},
    count::counted,
    verify_cover::CoverOutput,
};

use crate::show::{self, bytes, count, new_table};

const DIM: Style = Style::new().dimmed();
const BOLD: Style = Style::new().bold();
const CHOSEN: Style = Style::new().bold().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Green)));
/// Names that one line lists before it says how many more there are.
const MOST_NAMES: usize = 8;
/// What stands for the values of a field, in the order in which they occur.
const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz";

/// Everything.
pub(super) fn candidates(found: &Candidates) {
    let chosen = |id: &str| found.choice.chosen.iter().any(|it| it.id == id);
    heading(&format!(
        "{} of {} in {}",
        counted(found.candidates.len(), "checkpoint", "checkpoints"),
        found.model_type,
        found.shelf
    ));
    let mut table = new_table();
    table.set_header([
        "",
        "#",
        "checkpoint",
        "kind",
        "parameters",
        "download",
        "4 bit",
        "16 bit",
        "dtypes",
        "output matrix",
        "downloads",
        "licence",
    ]);
    for (idx, it) in found.candidates.iter().enumerate() {
        table.add_row(row(idx + 1, it, chosen(&it.id)));
    }
    show::line(&table);
    show::line(format!("{DIM}memory: {FORMULA}{DIM:#}"));
    left_out(found);
    heading("differences");
    matrix(found, &chosen);
    others(&found.matrix);
    heading("the set");
    set(found);
    heading("work that is there");
    existing(&found.existing, &found.model_type);
    if !found.notes.is_empty() {
        heading("to know");
        found.notes.iter().for_each(show::line);
    }
    if let Some(path) = &found.written {
        show::line(format!(
            "\nnext: portwright verify {} --cover {}",
            found.model_type,
            path.display()
        ));
    } else if found.set().is_some() {
        show::line("\nnext: `--out cover.json` writes the set for `portwright verify --cover`");
    }
}

fn heading(text: &str) {
    show::line(format!("\n{BOLD}{text}{BOLD:#}"));
}

fn names<'a>(all: impl IntoIterator<Item = &'a str>) -> String {
    let all: Vec<&str> = all.into_iter().collect();
    let shown = all.iter().take(MOST_NAMES).copied().collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(MOST_NAMES) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn row(number: usize, it: &Candidate, chosen: bool) -> Vec<Cell> {
    let size = |it: Option<u64>| it.map_or_else(|| "?".to_owned(), bytes);
    let dtypes: Vec<&str> = it.dtypes.keys().map(String::as_str).collect();
    let head = match (it.tied, it.head_in_files) {
        (Some(true), Some(true)) => "tied, stored too",
        (Some(true), _) => "tied",
        (Some(false), Some(false)) => "not stored",
        (Some(false), _) => "own",
        (None, _) => "?",
    };
    let gated = it.gated.as_ref().map(|it| format!(" (gated: {it})")).unwrap_or_default();
    let kind = Cell::new(it.kind.word()).fg(match it.kind {
        Kind::Base => Color::Green,
        Kind::Instruct => Color::Cyan,
        Kind::Quantised | Kind::Derivative => Color::DarkGrey,
    });
    let name = Cell::new(&it.id);
    vec![
        Cell::new(if chosen { "*" } else { "" }).fg(Color::Green),
        Cell::new(number).add_attribute(Attribute::Dim),
        if chosen { name.fg(Color::Green).add_attribute(Attribute::Bold) } else { name },
        kind,
        Cell::new(it.parameters.map_or_else(|| "?".to_owned(), count)),
        Cell::new(size(it.bytes)),
        Cell::new(size(it.memory.map(|it| it.four_bit))),
        Cell::new(size(it.memory.map(|it| it.half))),
        Cell::new(dtypes.join(" ")),
        Cell::new(head),
        Cell::new(it.downloads.map_or_else(String::new, count)),
        Cell::new(format!("{}{gated}", it.license.as_deref().unwrap_or("?"))),
    ]
}

/// One reason bars many: it is said once.
fn left_out(found: &Candidates) {
    let mut by_reason: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for it in &found.left_out {
        by_reason.entry(&it.why).or_default().push(&it.id);
    }
    for (why, ids) in by_reason {
        show::line(format!("{DIM}left out: {} ({why}){DIM:#}", names(ids)));
    }
    for it in found.candidates.iter().filter(|it| !it.not_read.is_empty()) {
        show::line(format!("{DIM}{}: {}{DIM:#}", it.id, it.not_read.join("; ")));
    }
}

/// A letter for each candidate and field.
fn matrix(found: &Candidates, chosen: &dyn Fn(&str) -> bool) {
    let differences = &found.matrix.differences;
    if differences.is_empty() {
        show::line("none: all configs run the same code");
        return;
    }
    let width = differences.iter().map(|it| it.field.chars().count()).max().unwrap_or_default();
    let styled = |idx: usize, text: char| {
        if chosen(&found.candidates[idx].id) {
            format!("{CHOSEN}{text}{CHOSEN:#}")
        } else {
            text.to_string()
        }
    };
    for tens in [true, false] {
        let digit = |idx: usize| {
            let number = idx + 1;
            let shown = if tens { number / 10 % 10 } else { number % 10 };
            if tens && number < 10 {
                ' '
            } else {
                char::from(b'0' + u8::try_from(shown).unwrap_or_default())
            }
        };
        if tens && found.candidates.len() < 10 {
            continue;
        }
        let digits: String = (0..found.candidates.len()).map(|it| styled(it, digit(it))).collect();
        show::line(format!("{:width$}  {digits}", ""));
    }
    for it in differences {
        let letters: String = (0..found.candidates.len())
            .map(|idx| styled(idx, letter(it, &found.candidates[idx].id)))
            .collect();
        let values: Vec<String> = it
            .values
            .iter()
            .enumerate()
            .map(|(idx, shown)| format!("{}: {}", letter_at(idx), shown.value))
            .collect();
        let with = match it.with.as_slice() {
            [] => String::new(),
            with => format!("{DIM}; so do {}{DIM:#}", names(with.iter().map(String::as_str))),
        };
        show::line(format!("{:width$}  {letters}  {}{with}", it.field, values.join(", ")));
    }
}

fn letter(difference: &Difference, id: &str) -> char {
    let shows = difference.values.iter().position(|it| it.candidates.iter().any(|it| it == id));
    shows.map_or('·', letter_at)
}

fn letter_at(idx: usize) -> char {
    LETTERS.get(idx).map_or('?', |it| char::from(*it))
}

fn others(matrix: &Matrix) {
    if !matrix.scale.is_empty() {
        let rows: Vec<String> = matrix
            .scale
            .iter()
            .map(|it| format!("{} {}–{}", it.field, it.least, it.most))
            .collect();
        show::line(format!("{DIM}of scale alone: {}{DIM:#}", rows.join(", ")));
    }
    let mut by_reason: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for it in &matrix.apart {
        by_reason.entry(&it.why).or_default().push(&it.field);
    }
    for (why, fields) in by_reason {
        show::line(format!("{DIM}kept apart ({why}): {}{DIM:#}", names(fields)));
    }
}

fn set(found: &Candidates) {
    let choice = &found.choice;
    for it in &choice.chosen {
        let size = it.bytes.map_or_else(|| "size unknown".to_owned(), bytes);
        let why = match (it.added, it.only.len()) {
            (true, 0) => "added".to_owned(),
            (false, 0) => "the cheapest".to_owned(),
            _ => {
                let values: Vec<String> =
                    it.only.iter().map(|it| format!("{} = {}", it.field, it.value)).collect();
                format!("alone has {}", names(values.iter().map(String::as_str)))
            }
        };
        show::line(format!("{CHOSEN}{}{CHOSEN:#}  {size}  {why}", it.id));
    }
    if choice.chosen.is_empty() {
        show::line("no checkpoint can be in it");
    }
    let known: u64 = choice.chosen.iter().filter_map(|it| it.bytes).fold(0, u64::saturating_add);
    let proof = if choice.proved_minimal {
        "no smaller set shows as much, and none as small is cheaper"
    } else {
        "heuristic: not proved to be the smallest"
    };
    show::line(format!(
        "{} of {}, {}; {proof}",
        choice.chosen.len(),
        counted(found.candidates.len(), "checkpoint", "checkpoints"),
        bytes(known)
    ));
    for it in &choice.out_of_reach {
        let who: Vec<String> =
            it.candidates.iter().map(|(id, why)| format!("{id} ({why})")).collect();
        show::line(format!(
            "not in it: {} = {}, only in {}",
            it.field,
            it.value,
            names(who.iter().map(String::as_str))
        ));
    }
    show::line(format!("{DIM}fields that a config leaves out: {}{DIM:#}", found.defaults));
    if let Some(digest) = &found.digest {
        show::line(format!("{DIM}digest {digest}{DIM:#}"));
    }
}

fn existing(existing: &Existing, model_type: &str) {
    match &existing.port {
        Some(port) => {
            let by = port
                .remapped
                .as_ref()
                .map(|it| format!(", as `{it}` (MODEL_REMAPPING)"))
                .unwrap_or_default();
            show::line(format!("the target loads `{model_type}`: {}{by}", port.file));
        }
        None => show::line(format!("the target has no port of `{model_type}`")),
    }
    for it in &existing.branches {
        let commit = it.commit.get(..10).unwrap_or(&it.commit);
        show::line(format!("branch {} has it at {commit}", it.name));
    }
    for it in &existing.pull_requests {
        let draft = if it.draft { " (draft)" } else { "" };
        show::line(format!(
            "open pull request #{}{draft} by {}: {} {}",
            it.number, it.author, it.title, it.url
        ));
    }
    for it in &existing.not_looked {
        show::line(format!("{DIM}{it}{DIM:#}"));
    }
}

/// A row for each config of a cover.
pub(super) fn cover(output: &CoverOutput) {
    let mut table = new_table();
    table.set_header(["checkpoint", "verdict", "", "report"]);
    for it in &output.members {
        let (text, report) = match &it.run {
            Some(run) => (run.summary.clone(), run.report.display().to_string()),
            None => (it.error.clone().unwrap_or_default(), String::new()),
        };
        let colour = match it.verdict {
            Verdict::Pass => Color::Green,
            Verdict::Fail => Color::Red,
            Verdict::Partial | Verdict::NotRun => Color::Yellow,
        };
        table.add_row([
            Cell::new(&it.candidate),
            Cell::new(it.verdict.word()).fg(colour),
            Cell::new(text),
            Cell::new(report),
        ]);
    }
    show::line(&table);
    show::line(format!("\n{}: {}", output.verdict.word(), output.summary));
}
