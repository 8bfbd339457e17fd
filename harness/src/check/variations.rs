//! Variations: a field that is right at one value must be right at others, and right when it is left out.

use serde_json::Value;

use super::{Finding, weights::count};
use crate::{
    answers::Answers,
    figure::{Figure, significant},
    outcome::{Absence, CheckRecord},
    varied::{Deviation, Setting, Variations, Varied},
};

/// How a sentence about the port begins.
const THE_PORT: &str = "the port ";
/// Parts of a value that are said.
const MOST_PARTS: usize = 3;

pub(super) fn fields(answers: &Answers) -> Result<Finding, Absence> {
    let varied = answers.variations()?;
    if varied.compared == 0 {
        let reason = "no config but the one at hand could be asked".to_owned();
        return Err(Absence::Blocked { reason });
    }
    if varied.shown.is_empty() {
        let reason =
            "no power: a port that knows only the base's values gives the same logits".into();
        return Err(Absence::Blocked { reason });
    }
    let share = varied.pairs.0 as f64 / varied.pairs.1.max(1) as f64;
    let (wrong, broken, refused) = counts(&varied.deviations);
    let figures = vec![
        count("values-wrong", "values for which it is another model", wrong),
        count("values-broken", "values for which it breaks", broken),
        Figure::informs("values-refused", "values that it refuses", refused as f64),
        Figure::informs("fields", "fields varied", varied.fields.len() as f64),
        Figure::informs(SHOWN, "fields that show when written in", varied.shown.len() as f64),
        Figure::informs("configs", "configs compared", varied.compared as f64),
        Figure::informs("pairs", "pairs of values asked together", share),
    ];
    let groups = varied.deviations.chunk_by(same_fields);
    let mut notes: Vec<String> = groups.map(sentence).collect();
    notes.extend(not_asked(varied));
    Ok(Finding::of(figures)?.with_notes(notes))
}

/// The figure of how many fields a port could not have written in unseen.
pub(crate) const SHOWN: &str = "fields-shown";

pub(super) fn defaults(answers: &Answers) -> Result<Finding, Absence> {
    let Some(defaults) = &answers.variations()?.defaults else {
        let reason = "neither with the class's values nor with these was there a config to leave \
                      fields out of";
        return Err(Absence::Blocked { reason: reason.to_owned() });
    };
    if defaults.fields.is_empty() {
        let reason = "no field has a value that could be left out".to_owned();
        return Err(Absence::NotApplicable { reason });
    }
    let (wrong, broken, refused) = counts(&defaults.deviations);
    let figures = vec![
        count("defaults-wrong", "defaults for which it is another model", wrong),
        count("defaults-broken", "fields without which it breaks", broken),
        Figure::informs("defaults-required", "fields that it insists on", refused as f64),
        Figure::informs("left-out", "fields left out", defaults.fields.len() as f64),
    ];
    let notes = defaults.deviations.iter().map(without).collect();
    Ok(Finding::of(figures)?.with_notes(notes))
}

/// How many are wrong, break and are refused.
fn counts(deviations: &[Varied]) -> (usize, usize, usize) {
    let kind =
        |is: fn(&Deviation) -> bool| deviations.iter().filter(|it| is(&it.deviation)).count();
    (
        kind(|it| matches!(it, Deviation::Differs { .. })),
        kind(|it| matches!(it, Deviation::Breaks { .. })),
        kind(|it| matches!(it, Deviation::Refuses { .. })),
    )
}

/// What was not asked, and what was asked in vain.
fn not_asked(varied: &Variations) -> Vec<String> {
    let mut notes = Vec::new();
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
    let all = |settings: &[Setting]| settings.iter().map(one).collect::<Vec<_>>().join(", ");
    if !varied.hidden.is_empty() {
        let values = all(&varied.hidden);
        notes.push(format!("{HIDDEN}{values}"));
    }
    if !varied.unvaried.is_empty() {
        let names = varied.unvaried.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>();
        notes.push(format!("not varied, as no other value is known: {}", names.join(", ")));
    }
    notes
}

/// How a note begins that names the values which show nothing.
const HIDDEN: &str = "shows nothing, as the base's value gives the same logits: ";

/// What a record of these checks says of the port: without what was not asked of it.
pub fn deviations(record: &CheckRecord) -> Vec<String> {
    record.findings.iter().filter(|it| it.starts_with(THE_PORT)).cloned().collect()
}

/// The values that show nothing, as a record says them.
pub(crate) fn hidden(record: &CheckRecord) -> Option<&str> {
    record.findings.iter().find_map(|it| it.strip_prefix(HIDDEN))
}

/// Whether a sentence of [`deviations`] is about what the port says by itself.
pub fn is_refusal(sentence: &str) -> bool {
    [REFUSES, INSISTS].iter().any(|it| sentence.starts_with(it))
}

const REFUSES: &str = "the port refuses ";
const INSISTS: &str = "the port insists on ";

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
        Deviation::Refuses { message } => format!("{REFUSES}{values}: {message}"),
    }
}

/// What the port does without a field.
fn without(varied: &Varied) -> String {
    let fields = list(&varied.settings);
    match &varied.deviation {
        Deviation::Differs { max_abs, bound } => {
            let [max_abs, bound] = [max_abs, bound].map(|it| significant(*it, 2));
            format!(
                "the port is another model where config.json leaves out that {fields}: max |Δ| \
                 {max_abs}, at most {bound}"
            )
        }
        Deviation::Breaks { message } => {
            format!("the port breaks where config.json leaves out that {fields}: {message}")
        }
        Deviation::Refuses { message } => {
            format!("{INSISTS}{fields}, which config.json may leave out: {message}")
        }
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
