//! Positions: the angles that each layer rotates by.

use super::Finding;
use crate::{
    answers::Answers,
    figure::Figure,
    measure::{logits::exceeds, positions},
    outcome::Absence,
    tolerance::rotation_bound,
};

pub(super) fn tables(answers: &Answers) -> Result<Finding, Absence> {
    let rotations = answers.rotations()?;
    if rotations.layers.is_empty() {
        let reasons: Vec<&str> = rotations.unpaired.iter().map(|(_, it)| it.as_str()).collect();
        let reason =
            reasons.first().map_or_else(|| "no layer rotates".to_owned(), |&it| it.to_owned());
        // A rotation that nobody could read may be wrong.
        return Err(if rotations.unpaired.is_empty() {
            Absence::NotApplicable { reason }
        } else {
            Absence::Blocked { reason }
        });
    }
    // The worst layer at each position, so that the record stays short however deep the model is.
    let mut worst: Vec<(f64, u32)> = vec![(0.0, 0); rotations.positions.len()];
    let mut notes = Vec::new();
    for (layer, reference, port) in &rotations.layers {
        let Some(figures) = positions::compare(reference, port) else {
            worst.fill((f64::NAN, *layer));
            notes.push(format!(
                "layer {layer} rotates {} frequencies, the port {}",
                reference.shape.get(1).copied().unwrap_or(0),
                port.shape.get(1).copied().unwrap_or(0),
            ));
            continue;
        };
        for (entry, &error) in worst.iter_mut().zip(&figures.max_abs_at) {
            if exceeds(error, entry.0) {
                *entry = (error, *layer);
            }
        }
    }
    let mut figures = Vec::new();
    for (&position, &(error, layer)) in rotations.positions.iter().zip(&worst) {
        let bound = rotation_bound(answers.regime, position);
        if !bound.admits(error) {
            notes.push(format!("layer {layer} is the worst at position {position}"));
        }
        let name = format!("max |Δ cos, sin| at {position}");
        figures.push(Figure::judged(format!("rotation-{position}"), name, error, bound));
    }
    figures.push(Figure::informs("compared", "layers compared", rotations.layers.len() as f64));
    notes.extend(rotations.unpaired.iter().map(|(layer, why)| format!("layer {layer}: {why}")));
    let mut finding = Finding::of(figures)?.with_notes(notes);
    if let Some((layer, why)) = rotations.unpaired.first() {
        let (more, all) = (rotations.unpaired.len(), rotations.layers.len());
        finding.incomplete = Some(format!(
            "the rotation of {more} of {} layers could not be read, e.g. of layer {layer}: {why}",
            more + all
        ));
    }
    Ok(finding)
}
