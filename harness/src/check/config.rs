//! Config: what the definition reads must reach the port, in either spelling.

use serde_json::Value;

use super::{Finding, logits, weights::count};
use crate::{
    answers::{Answers, OtherSpelling},
    engine::Operation,
    figure::{Bound, Figure, significant},
    outcome::{Absence, CheckRecord},
};

pub(super) fn loads(answers: &Answers) -> Result<Finding, Absence> {
    let port = answers.judged()?;
    answers.pair.judged().offers(Operation::DroppedFields)?;
    let (taken, dropped) = (port.args_used.len() as f64, port.args_ignored.len() as f64);
    Finding::of(vec![
        Figure::judged("fields-taken", "fields taken", taken, Bound::at_least(1.0)),
        Figure::informs("fields-dropped", "fields dropped", dropped),
    ])
}

/// A dropped field is a fault when it changes the reference, its value is not the definition's
/// default (which a port may assume), *and* the port's logits are wrong; when they are right, the port
/// has the field's value from elsewhere or assumes the value that this checkpoint has, which is a
/// limit worth knowing. A wrong port's fields were put to trial: see [`crate::variations::bystanders`].
pub(super) fn fields(answers: &Answers) -> Result<Finding, Absence> {
    let fields = answers.fields()?;
    let right = logits::is_right(answers);
    let mut notes = Vec::new();
    let (mut harmful, mut unknown) = (0, Vec::new());
    for (name, experiment) in &fields.ignored {
        let (before, after) = (&experiment.value_before, &experiment.value_after);
        match (experiment.max_diff, &experiment.error) {
            (Some(diff), _) if diff != 0.0 => {
                let is_bystander = fields.bystanders.contains(name);
                let counts = !right && !experiment.is_default && !is_bystander;
                harmful += usize::from(counts);
                let aside = match (right, is_bystander) {
                    _ if counts => "",
                    (true, _) => "; at this value the port agrees all the same",
                    (false, true) => "; with it at its default the port is wrong all the same",
                    (false, false) => "; it has the default, which a port may assume",
                };
                let drops = if counts { DROPS } else { LEAVES };
                notes.push(format!(
                    "{drops}`{name}`: {} instead of {} moves the reference's logits by {}{aside}",
                    short(after),
                    short(before),
                    significant(diff, 4),
                ));
            }
            (None, Some(error)) => {
                // What it does is not known, and something is wrong: it may be this.
                unknown.extend((!right && !experiment.is_default).then_some(name.as_str()));
                notes.push(format!("{LEAVES}`{name}`; what it does is not known: {error}"));
            }
            _ => {}
        }
    }
    let (read, ignored) = (fields.read.len() as f64, fields.ignored.len() as f64);
    let figures = vec![
        count("harmful-fields", "dropped fields that matter, with wrong logits", harmful),
        Figure::informs("fields-read", "fields the definition reads", read),
        Figure::informs("fields-ignored", "of them dropped by the port", ignored),
    ];
    // What counts comes first: it is the reason that a table shows.
    notes.sort_by_key(|it| !it.starts_with(DROPS));
    let taken = &answers.judged()?.args_used;
    notes.extend(fields.foreign.iter().filter(|it| taken.contains(it)).map(|it| {
        format!(
            "the port reads `{it}`, which the definition does not know: it may be older than the checkpoint"
        )
    }));
    let mut finding = Finding::of(figures)?.with_notes(notes);
    finding.incomplete = (!unknown.is_empty()).then(|| {
        format!("the port drops {}, and it is not known what that does", unknown.join(", "))
    });
    Ok(finding)
}

/// How a note begins that names a dropped field which may be why the port is wrong, and one that is not, or of
/// which that is not known.
const DROPS: &str = "the port drops ";
const LEAVES: &str = "the port leaves out ";

/// The notes of a record of [`fields`] that name fields which count.
pub fn dropped(record: &CheckRecord) -> impl Iterator<Item = &String> {
    record.findings.iter().filter(|it| it.starts_with(DROPS))
}

pub(super) fn spellings(answers: &Answers) -> Result<Finding, Absence> {
    let other = answers.other_spelling()?;
    let reference = answers.reference()?;
    match other {
        OtherSpelling::Loaded { max_abs } => {
            let bound = logits::max_abs_bound(answers.regime, reference)?;
            let mut notes = Vec::new();
            if !bound.admits(*max_abs) {
                notes.push(
                    "the other spelling loads without an error, but computes a different model"
                        .to_owned(),
                );
            }
            let name = "max |Δ| with the other spelling";
            let figure = Figure::judged(logits::MAX_ABS, name, *max_abs, bound);
            Ok(Finding::of(vec![figure])?.with_notes(notes))
        }
        OtherSpelling::Refused { message } => {
            let refused = count("spellings-refused", "spellings that do not load", 1);
            let note = format!("the other spelling does not load: {message}");
            Ok(Finding::of(vec![refused])?.with_notes(vec![note]))
        }
    }
}

/// A config value, cut to what fits a sentence.
pub(super) fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
