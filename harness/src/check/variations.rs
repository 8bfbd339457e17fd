//! Variations: a field that is right at one value must be right at others.

use serde_json::Value;

use super::{Finding, weights::count};
use crate::{
    answers::Answers,
    figure::{Figure, significant},
    outcome::{Absence, CheckRecord},
    varied::{Deviation, Setting, Varied},
};

/// How a sentence about the port begins.
const THE_PORT: &str = "the port ";
/// Parts of a value that are said.
const MOST_PARTS: usize = 3;

pub(super) fn fields(answers: &Answers) -> Result<Finding, Absence> {
    let varied = answers.variations()?;
    let kind =
        |is: fn(&Deviation) -> bool| varied.deviations.iter().filter(move |it| is(&it.deviation));
    let wrong = kind(|it| matches!(it, Deviation::Differs { .. })).count();
    let broken = kind(|it| matches!(it, Deviation::Breaks { .. })).count();
    let refused = kind(|it| matches!(it, Deviation::Refuses { .. })).count();
    if varied.compared == 0 {
        let reason = "no config but the one at hand could be asked".to_owned();
        return Err(Absence::Blocked { reason });
    }
    let share = varied.pairs.0 as f64 / varied.pairs.1.max(1) as f64;
    let figures = vec![
        count("values-wrong", "values for which it is another model", wrong),
        count("values-broken", "values for which it breaks", broken),
        Figure::informs("values-refused", "values that it refuses", refused as f64),
        Figure::informs("fields", "fields varied", varied.fields.len() as f64),
        Figure::informs("configs", "configs compared", varied.compared as f64),
        Figure::informs("pairs", "pairs of values asked together", share),
    ];
    let mut notes: Vec<String> = Vec::new();
    for group in varied.deviations.chunk_by(same_fields) {
        notes.push(sentence(group));
    }
    if let Some((settings, why)) = varied.refused_by_definition.first() {
        let others = match varied.refused_by_definition.len() - 1 {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        notes.push(format!(
            "not asked, as the definition does not take it: {} ({why}){others}",
            list(settings)
        ));
    }
    if !varied.not_reached.is_empty() {
        notes.push(format!(
            "not asked, as too much else was: {}",
            varied.not_reached.iter().map(one).collect::<Vec<_>>().join(", ")
        ));
    }
    Ok(Finding::of(figures)?.with_notes(notes))
}

/// What a record of the check says of the port: without what was not asked of it.
pub(crate) fn deviations(record: &CheckRecord) -> Vec<String> {
    record.findings.iter().filter(|it| it.starts_with(THE_PORT)).cloned().collect()
}

/// Other values of the same fields, with which the port does the same kind of thing.
fn same_fields(a: &Varied, b: &Varied) -> bool {
    let fields = |it: &Varied| it.settings.iter().map(|it| it.field.clone()).collect::<Vec<_>>();
    let kind = |it: &Varied| std::mem::discriminant(&it.deviation);
    fields(a) == fields(b) && kind(a) == kind(b)
}

fn sentence(group: &[Varied]) -> String {
    let values = match group {
        // One field: its values in a row.
        [first, ..] if first.settings.len() == 1 => {
            let all = group.iter().flat_map(|it| &it.settings).map(|it| brief(&it.value));
            format!("`{}` is {}", first.settings[0].field, either(&all.collect::<Vec<_>>()))
        }
        _ => either(&group.iter().map(|it| list(&it.settings)).collect::<Vec<_>>()),
    };
    // What came of the first stands for them. Each begins with [`THE_PORT`].
    match &group[0].deviation {
        Deviation::Differs { max_abs, bound } => {
            let [max_abs, bound] = [max_abs, bound].map(|it| significant(*it, 2));
            format!("the port is another model where {values}: max |Δ| {max_abs}, at most {bound}")
        }
        Deviation::Breaks { message } => format!("the port breaks where {values}: {message}"),
        Deviation::Refuses { message } => format!("the port refuses {values}: {message}"),
    }
}

fn list(settings: &[Setting]) -> String {
    settings.iter().map(one).collect::<Vec<_>>().join(" and ")
}

fn one(setting: &Setting) -> String {
    format!("`{}` is {}", setting.field, brief(&setting.value))
}

/// `a`, `a or b`, `a, b or c`.
fn either(all: &[String]) -> String {
    match all {
        [] => String::new(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} or {last}", rest.join(", ")),
    }
}

/// A value as one would say it: what has parts by its first ones.
fn brief(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let parts =
                fields.iter().take(MOST_PARTS).map(|(name, it)| format!("{name}: {}", brief(it)));
            let more = if MOST_PARTS < fields.len() { ", …" } else { "" };
            format!("{{{}{more}}}", parts.collect::<Vec<_>>().join(", "))
        }
        other => super::config::short(other),
    }
}
