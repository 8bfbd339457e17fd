//! Weights: what the checkpoint holds must arrive, survive a save, and honour tying.

use super::{
    Finding,
    logits::{self, judge},
};
use crate::{
    answers::Answers,
    engine::Load,
    figure::{Bound, Figure},
    outcome::Absence,
};

pub(super) fn loaded(answers: &Answers) -> Result<Finding, Absence> {
    let port = answers.judged()?;
    let (mut figures, mut notes) = load_figures(&port.load);
    // What the definition has no parameter for (a vision tower, a layer for drafts, a head that is
    // tied) a port may drop; and what it drops while its logits are right, the definition does not
    // use either.
    let reference = answers.reference()?;
    let known = |name: &&String| reference.opened.parameters.iter().any(|it| it.name == **name);
    let dropped: Vec<&String> = port.sanitize.dropped.iter().filter(known).collect();
    let right = logits::is_right(answers);
    let harmful = if right { 0 } else { dropped.len() };
    let name = "tensors that arrive nowhere, with wrong logits";
    figures.push(count("harmful-tensors", name, harmful));
    let (theirs, own) = (&reference.opened.weight_files, &port.weight_files);
    if !theirs.is_empty() && !own.is_empty() && theirs != own {
        let other = own.iter().filter(|it| !theirs.contains(it)).count()
            + theirs.iter().filter(|it| !own.contains(it)).count();
        let name = "weight files that only one side reads, with wrong logits";
        figures.push(count("other-files", name, if right { 0 } else { other }));
        notes.push(format!(
            "the folder holds two sets of weights: the definition reads {}, the port {}",
            theirs.join(", "),
            own.join(", ")
        ));
    }
    notes.extend(dropped.iter().take(8).map(|it| format!("the port drops `{it}`")));
    Ok(Finding::of(figures)?.with_notes(notes))
}

pub(super) fn roundtrip(answers: &Answers) -> Result<Finding, Absence> {
    let roundtrip = answers.roundtrip()?;
    let differing = roundtrip.differing.len().max(usize::from(!roundtrip.equal));
    let notes = roundtrip
        .differing
        .iter()
        .take(8)
        .map(|it| format!("`{it}` changes when the converted checkpoint is loaded again"));
    let figure = count("differing", "parameters that differ", differing);
    Ok(Finding::of(vec![figure])?.with_notes(notes.collect()))
}

pub(super) fn tied(answers: &Answers) -> Result<Finding, Absence> {
    let retied = answers.retied()?;
    let reference = answers.reference()?;
    let figures = judge(answers.regime, reference, &[(&retied.reference, &retied.port)])?;
    let note = format!("asked with tie_word_embeddings = {}", retied.tied);
    Ok(Finding::of(figures)?.with_notes(vec![note]))
}

fn load_figures(load: &Load) -> (Vec<Figure>, Vec<String>) {
    let mut notes = Vec::new();
    notes.extend(load.missing.iter().take(8).map(|it| format!("the port lacks `{it}`")));
    notes.extend(
        load.unexpected.iter().take(8).map(|it| format!("the port has no place for `{it}`")),
    );
    notes.extend(load.mismatched.iter().take(8).map(|it| {
        format!("`{}` has shape {:?}, but the port expects {:?}", it.name, it.found, it.expected)
    }));
    let figures = vec![
        count("missing", "missing tensors", load.missing.len()),
        count("unexpected", "unexpected tensors", load.unexpected.len()),
        count("mismatched", "tensors of another shape", load.mismatched.len()),
    ];
    (figures, notes)
}

/// A count that must be zero.
pub(super) fn count(id: &str, name: &str, number: usize) -> Figure {
    Figure::judged(id, name, number as f64, Bound::at_most(0.0))
}
