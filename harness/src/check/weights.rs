//! Weights: what the checkpoint holds must arrive, survive a save, and honour tying.

use super::{
    Finding,
    logits::{self, judge},
};
use crate::{
    engine::Load,
    evidence::{Absence, Bound, Figure},
    material::Material,
};

pub(super) fn loaded(material: &Material) -> Result<Finding, Absence> {
    let port = material.port.as_ref().map_err(Clone::clone)?;
    let mut finding = load_figures(&port.load);
    // What the definition has no parameter for (a vision tower, a layer for drafts, a head that is
    // tied) a port may drop; and what it drops while its logits are right, the definition does not
    // use either.
    let reference = material.reference.as_ref().map_err(Clone::clone)?;
    let known = |name: &&String| reference.opened.parameters.iter().any(|it| it.name == **name);
    let dropped: Vec<&String> = port.sanitize.dropped.iter().filter(known).collect();
    let right = logits::differences(material).is_ok_and(|it| it.figures.iter().all(Figure::holds));
    let harmful = if right { 0 } else { dropped.len() };
    finding.figures.push(count("tensors that arrive nowhere, with wrong logits", harmful));
    finding.notes.extend(dropped.iter().take(8).map(|it| format!("the port drops `{it}`")));
    Ok(finding)
}

pub(super) fn roundtrip(material: &Material) -> Result<Finding, Absence> {
    let roundtrip = material.roundtrip.as_ref().map_err(Clone::clone)?;
    let differing = roundtrip.differing.len().max(usize::from(!roundtrip.equal));
    let notes = roundtrip
        .differing
        .iter()
        .take(8)
        .map(|it| format!("`{it}` changes when the converted checkpoint is loaded again"));
    Ok(Finding {
        figures: vec![count("parameters that differ", differing)],
        notes: notes.collect(),
        place: None,
    })
}

pub(super) fn tied(material: &Material) -> Result<Finding, Absence> {
    let retied = material.retied.as_ref().map_err(Clone::clone)?;
    let reference = material.reference.as_ref().map_err(Clone::clone)?;
    Ok(Finding {
        figures: judge(material.regime, reference, &[(&retied.reference, &retied.port)])?,
        notes: vec![format!("asked with tie_word_embeddings = {}", retied.tied)],
        place: None,
    })
}

fn load_figures(load: &Load) -> Finding {
    let mut notes = Vec::new();
    notes.extend(load.missing.iter().take(8).map(|it| format!("the port lacks `{it}`")));
    notes.extend(
        load.unexpected.iter().take(8).map(|it| format!("the port has no place for `{it}`")),
    );
    notes.extend(load.mismatched.iter().take(8).map(|it| {
        format!("`{}` has shape {:?}, but the port expects {:?}", it.name, it.found, it.expected)
    }));
    Finding {
        figures: vec![
            count("missing tensors", load.missing.len()),
            count("unexpected tensors", load.unexpected.len()),
            count("tensors of another shape", load.mismatched.len()),
        ],
        notes,
        place: None,
    }
}

/// A count that must be zero.
pub(super) fn count(name: &str, number: usize) -> Figure {
    Figure::judged(name, number as f64, Bound::at_most(0.0))
}
