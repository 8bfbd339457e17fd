//! What is wrong, on one screen: the first thing that a reader of a failed run needs.

use portwright_harness::{
    check::{Group, deviations, dropped, is_refusal, logits::MAX_ABS},
    evidence::Evidence,
    figure::significant,
    outcome::{CheckRecord, Outcome, Verdict},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One line: what it is about, and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Line {
    pub about: String,
    pub text: String,
}

/// Fields that one line has room for.
const MOST_FIELDS: usize = 6;

/// The lines of a failed run; none where it did not fail.
pub fn in_short(evidence: &Evidence) -> Vec<Line> {
    if evidence.verdict != Verdict::Fail {
        return Vec::new();
    }
    let mut lines = Vec::new();
    let mut add = |about: &'static str, text: Option<String>| {
        lines.extend(
            text.filter(|it| !it.is_empty()).map(|text| Line { about: about.to_owned(), text }),
        );
    };
    add("fails", Some(groups(evidence, Outcome::Fail)));
    add("holds", Some(groups(evidence, Outcome::Pass)));
    add("first at", place(evidence));
    add("from", from(evidence));
    add("fields", fields(evidence));
    add("known", evidence.known_causes.first().cloned());
    lines
}

fn gates(evidence: &Evidence) -> impl Iterator<Item = &CheckRecord> {
    evidence.checks.iter().filter(|it| it.gate)
}

/// The groups with an outcome; those that hold are groups in which nothing else came out.
fn groups(evidence: &Evidence, outcome: Outcome) -> String {
    let mut names: Vec<&str> = gates(evidence).map(|it| it.group.as_str()).collect();
    names.dedup();
    let of = |name: &str, outcome| {
        gates(evidence).filter(|it| it.group == name && it.outcome == outcome).count()
    };
    let is = |name: &&str| match outcome {
        Outcome::Fail => 0 < of(name, Outcome::Fail),
        _ => {
            0 < of(name, outcome) && of(name, Outcome::Fail) == 0 && of(name, Outcome::NotRun) == 0
        }
    };
    names.into_iter().filter(is).collect::<Vec<_>>().join(", ")
}

fn place(evidence: &Evidence) -> Option<String> {
    let place = evidence.checks.iter().find_map(|it| it.place.as_ref())?;
    let far = place.how_far().map(|it| format!(" (relative error {})", significant(it, 2)));
    let line = place.lines.iter().find(|it| it.side == "port");
    let line = line.map(|it| format!(", {}:{}", it.file, it.line));
    Some(format!("{}{}{}", place.says(), far.unwrap_or_default(), line.unwrap_or_default()))
}

/// The first position whose logits are wrong, where those before it are right.
fn from(evidence: &Evidence) -> Option<String> {
    let bound = evidence.check("logits-differences")?.figure(MAX_ABS)?.bound?.limit();
    let first = evidence.per_position.max_abs.iter().position(|it| bound < it.0 || it.0.is_nan());
    let first = first.filter(|it| 0 < *it)?;
    let config = &evidence.subject.config;
    let number = |name: &str| {
        let within = config.get("text_config").and_then(|it| it.get(name));
        config.get(name).or(within)?.as_u64()
    };
    let made = evidence.subject.synthetic.as_ref().and_then(|it| it.sliding_window);
    let window = made.map(u64::from).or_else(|| number("sliding_window"));
    let is_window = window == Some(first as u64);
    let why = if is_window { ", which is the size of the window" } else { "" };
    Some(format!("position {first}{why}"))
}

/// Fields of config.json that the port drops or does not honour.
fn fields(evidence: &Evidence) -> Option<String> {
    let failing = || gates(evidence).filter(|it| it.outcome == Outcome::Fail);
    let dropped = failing().filter(|it| it.id == "config-fields").flat_map(dropped).cloned();
    let varied = failing().filter(|it| it.group == Group::Variations.id()).flat_map(deviations);
    let varied = varied.filter(|it| !is_refusal(it));
    let mut names: Vec<String> = dropped
        .chain(varied)
        .filter_map(|it| Some(format!("`{}`", it.split('`').nth(1)?)))
        .collect();
    names.sort_unstable();
    names.dedup();
    let more = names.len().saturating_sub(MOST_FIELDS);
    names.truncate(MOST_FIELDS);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    Some(names.join(", ") + &more)
}
