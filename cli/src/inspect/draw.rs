//! An architecture for people: the tree with aligned columns, then what was found, each with its lines.

use anstyle::{AnsiColor, Style};
use comfy_table::{Cell, Color};
use portwright_tools::count::counted;
use portwright_tools::inspect::{
    Architecture, Fit, Model, Place,
    attention::AttentionVerdict,
    kernels::KernelStatus,
    plans::{Plan, PlanVerdict},
    tree::{Row, Weight, WeightKind},
};

use crate::show::{self, bytes, count, new_table};

const DIM: Style = Style::new().dimmed();
const BOLD: Style = Style::new().bold();
/// Names that one line lists before it says how many more there are.
const MOST_NAMES: usize = 12;

/// Everything.
pub(super) fn architecture(found: &Architecture) {
    if let Some(lineage) = found.lineage.as_ref().filter(|it| !it.parents.is_empty()) {
        heading("ancestors");
        lineage.to_lines().iter().for_each(show::line);
    }
    let Some(model) = &found.model else {
        if let Some(reason) = &found.no_model {
            heading("no module tree");
            show::line(reason);
        }
        return;
    };
    heading("modules");
    tree(model);
    if let Some(fit) = &model.fit {
        heading("checkpoint");
        checkpoint(fit);
    }
    heading("parallel plans");
    model.plans.iter().for_each(plan);
    heading("attention backends");
    attention(model);
    heading("kernels from the Hub");
    kernels(model);
    heading("config fields");
    show::line(format!("read while it is built: {}", names(&model.config.read, usize::MAX)));
    if !model.config.others.is_empty() {
        show::line(format!("not read by then: {}", names(&model.config.others, usize::MAX)));
    }
}

fn heading(text: &str) {
    show::line(format!("\n{BOLD}{text}{BOLD:#}"));
}

fn names(all: &[String], most: usize) -> String {
    let shown = all.iter().take(most).cloned().collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(most) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn at(place: Option<&Place>) -> String {
    place.map_or(String::new(), |it| format!("{}:{}", it.file, it.line))
}

/// The cells of a row: the branch and name, the class, shapes, parameters, the line.
fn cells(row: &Row, branch: &str) -> [String; 4] {
    let name = row.path.rsplit('.').next().unwrap_or(&row.path);
    let times = if row.first.is_empty() || !name.starts_with('{') {
        String::new()
    } else {
        format!(" × {}", name_count(name))
    };
    let class = if row.depth == 0 { String::new() } else { format!(": {}", row.class) };
    let differs: Vec<String> = row.differs.iter().map(|(key, it)| format!("{key}={it}")).collect();
    let mut shapes: Vec<String> = row.tensors.iter().filter_map(shape).collect();
    shapes.extend(row.same_as.iter().map(|it| format!("same as {it}")));
    shapes.extend(differs);
    let parameters = if row.parameters == 0 { String::new() } else { count(row.parameters) };
    let made = row.made.as_ref().map_or(String::new(), |it| {
        format!("{}:{}", it.file.rsplit('/').next().unwrap_or(&it.file), it.line)
    });
    [format!("{branch}{name}{times}{class}"), shapes.join(" "), parameters, made]
}

/// How many numbers `{0-4,6}` stands for.
fn name_count(name: &str) -> usize {
    let parts = name.trim_matches(['{', '}']).split(',');
    let size = |part: &str| match part.split_once('-') {
        Some((first, last)) => {
            let number = |it: &str| it.parse::<usize>().unwrap_or_default();
            number(last) + 1 - number(first).min(number(last))
        }
        None => 1,
    };
    parts.map(size).sum()
}

fn shape(weight: &Weight) -> Option<String> {
    if weight.kind == WeightKind::Computed {
        return None;
    }
    let sizes: Vec<String> = weight.tensor.shape.iter().map(u64::to_string).collect();
    let name = if weight.name == "weight" { String::new() } else { format!("{} ", weight.name) };
    let tied = weight.tied_to.as_ref().map_or(String::new(), |it| format!(" = {it}"));
    Some(format!("{name}[{}]{tied}", sizes.join(", ")))
}

fn tree(model: &Model) {
    let dtype = model.dtype.as_deref().map_or(String::new(), |it| format!(" in {it}"));
    show::line(format!(
        "{} parameters, {}{dtype}; {}",
        count(model.parameters),
        bytes(model.bytes),
        model.file.as_deref().unwrap_or_default()
    ));
    let branches = branches(&model.modules);
    let rows: Vec<[String; 4]> =
        model.modules.iter().zip(&branches).map(|(row, branch)| cells(row, branch)).collect();
    let width =
        |idx: usize| rows.iter().map(|it| it[idx].chars().count()).max().unwrap_or_default();
    let [name, shapes, parameters, made] = [width(0), width(1).min(60), width(2), width(3)];
    let terminal = new_table().width().map_or(usize::MAX, usize::from);
    // What does not fit is left out from the right.
    let with_made = name + shapes + parameters + made + 6 <= terminal;
    let with_shapes = name + shapes + parameters + 4 <= terminal;
    for [it, shape, number, line] in &rows {
        let shape: String = shape.chars().take(if with_shapes { 60 } else { 0 }).collect();
        let shapes = if with_shapes { shapes } else { 0 };
        let line = if with_made { line.as_str() } else { "" };
        let text =
            format!("{it:name$}  {shape:shapes$}  {number:>parameters$}  {DIM}{line}{DIM:#}");
        show::line(text.trim_end());
    }
}

/// What stands before each row's name.
fn branches(rows: &[Row]) -> Vec<String> {
    let last = |idx: usize| {
        let depth = rows[idx].depth;
        let next = rows[idx + 1..].iter().find(|it| it.depth <= depth);
        next.is_none_or(|it| it.depth < depth)
    };
    let mut open: Vec<bool> = Vec::new();
    let mut found = Vec::new();
    for (idx, row) in rows.iter().enumerate() {
        open.truncate(row.depth.saturating_sub(1));
        let mut text: String = open.iter().map(|it| if *it { "│   " } else { "    " }).collect();
        if 0 < row.depth {
            let last = last(idx);
            text.push_str(if last { "└── " } else { "├── " });
            open.push(!last);
        }
        found.push(text);
    }
    found
}

fn checkpoint(fit: &Fit) {
    show::line(format!(
        "{}, {} of them renamed on the way in",
        counted(fit.tensors, "tensor", "tensors"),
        fit.renamed
    ));
    let list = |what: &str, all: &[String]| {
        if !all.is_empty() {
            show::line(format!("{what}: {}", names(all, MOST_NAMES)));
        }
    };
    list("tied", &fit.tied);
    list("missing", &fit.missing);
    list("left over", &fit.unexpected);
    fit.index.iter().take(MOST_NAMES).for_each(show::line);
    for (name, found, expected) in fit.mismatched.iter().take(MOST_NAMES) {
        show::line(format!("{name} has shape {found:?}, but the definition expects {expected:?}"));
    }
}

fn plan(plan: &Plan) {
    let colour = match plan.verdict {
        PlanVerdict::Absent => AnsiColor::BrightBlack,
        PlanVerdict::Resolves => AnsiColor::Green,
        PlanVerdict::Depends => AnsiColor::Yellow,
        PlanVerdict::Disagrees => AnsiColor::Red,
    };
    let style = Style::new().fg_color(Some(colour.into()));
    let entries = if plan.entries.is_empty() {
        String::new()
    } else {
        format!(", {}", counted(plan.entries.len(), "entry", "entries"))
    };
    show::line(format!("{}: {style}{}{style:#}{entries}", plan.kind.id(), plan.verdict.word()));
    for entry in &plan.entries {
        if let Some(fault) = &entry.fault {
            show::line(format!("  {} ({}): {fault}", entry.pattern, entry.origin));
        } else if entry.elsewhere.is_some() {
            let place = at(entry.elsewhere.as_ref());
            show::line(format!("  {}: made under other settings only, {place}", entry.pattern));
        }
    }
    if !plan.uncovered.is_empty() {
        let whole: Vec<String> = plan.uncovered.iter().map(|it| it.pattern.clone()).collect();
        show::line(format!("  stay whole: {}", names(&whole, MOST_NAMES)));
    }
}

fn attention(model: &Model) {
    let found = &model.attention;
    let colour = match found.verdict {
        AttentionVerdict::Ready => AnsiColor::Green,
        AttentionVerdict::PromiseBroken => AnsiColor::Red,
        AttentionVerdict::NotPromised | AttentionVerdict::NotReady => AnsiColor::Yellow,
        AttentionVerdict::NoAttention => AnsiColor::BrightBlack,
    };
    let style = Style::new().fg_color(Some(colour.into()));
    show::line(format!("{style}{}{style:#}", found.verdict.words()));
    for class in &found.classes {
        let looks_up = class.looks_up.as_ref().map(|it| at(Some(it)));
        let looks_up =
            looks_up.map_or(String::new(), |it| format!(", looks its function up at {it}"));
        show::line(format!("  {} × {}{looks_up}", class.class, class.times));
    }
    for reason in &found.reasons {
        show::line(format!("  {} {DIM}{}{DIM:#}", reason.text, at(reason.place.as_ref())));
    }
    let flags: Vec<String> =
        found.flags.iter().map(|it| format!("{}={}", it.name, it.value)).collect();
    show::line(format!("  {}", flags.join(" ")));
}

fn kernels(model: &Model) {
    if model.kernels.is_empty() {
        return show::line("none");
    }
    let mut table = new_table();
    for layer in &model.kernels {
        let colour = match layer.status {
            KernelStatus::Replaceable => Color::Green,
            KernelStatus::CouldBe => Color::Yellow,
            KernelStatus::Unknown | KernelStatus::Differs => Color::DarkGrey,
        };
        let devices = layer.devices.join(", ");
        let reason = if devices.is_empty() {
            layer.reason.clone()
        } else {
            format!("{} ({devices})", layer.reason)
        };
        table.add_row([
            Cell::new(&layer.name),
            Cell::new(format!("× {}", layer.times)),
            Cell::new(layer.status.words()).fg(colour),
            Cell::new(reason),
            Cell::new(at(layer.place.as_ref())),
        ]);
    }
    show::line(table);
}

/// The table of the sweep.
#[cfg(feature = "candle")]
pub(super) fn table(found: &portwright_tools::inspect::sweep::Inspections) {
    let mut table = new_table();
    table.set_header([
        "model type",
        "parameters",
        "tp",
        "ep",
        "pp",
        "attention backend",
        "kernels",
    ]);
    for row in &found.rows {
        let cells = row.cells();
        table.add_row(cells);
    }
    show::line(table);
    found.summary().iter().for_each(show::line);
}
