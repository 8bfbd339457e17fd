//! Each layer by itself: with the definition's own input in front of every layer, no error is carried on.

use super::Finding;
use crate::{
    answers::{Answers, Step},
    figure::{Bound, Figure, Real, significant},
    outcome::{Absence, Place},
};

pub(super) fn agree(answers: &Answers) -> Result<Finding, Absence> {
    let steps = &answers.alone()?.steps;
    let wrong: Vec<usize> = (0..steps.len()).filter(|&it| steps[it].figure.diverges()).collect();
    let mut figures = vec![Figure::judged(
        "wrong",
        "layers that err by themselves",
        wrong.len() as f64,
        Bound::at_most(0.0),
    )];
    let multiples = steps.iter().map(|it| it.figure.multiple());
    if let Some(worst) = multiples.max_by(f64::total_cmp) {
        let name = "largest median error of a layer, in multiples of its floor";
        figures.push(Figure::informs("worst-multiple", name, worst));
    }
    let widest = steps.iter().map(|it| it.figure.bound).fold(0.0, f64::max);
    figures.push(Figure::informs("widest-bound", "largest relative error that passes", widest));
    figures.push(Figure::informs("steps", "steps compared", steps.len() as f64));
    let mut finding = Finding::of(figures)?;
    // Errors are relative: an output of zeros errs by 1, a layer that does nothing by what it does.
    let powerless = |it: &&Step| it.idle.min(1.0) <= it.figure.bound || it.figure.bound.is_nan();
    if let Some(step) = steps.iter().find(powerless) {
        let limit = significant(step.figure.bound, 2);
        let idle = significant(step.idle.min(1.0), 2);
        finding.incomplete = Some(format!(
            "no power: {} would pass if nothing were computed there (relative error {idle}, at most {limit})",
            named(step),
        ));
    }
    if let Some(&first) = wrong.first() {
        let (step, figure) = (&steps[first], &steps[first].figure);
        finding.place = Some(Place {
            module: figure.reference.clone(),
            port_module: figure.port.clone(),
            stage: step.layer.clone().unwrap_or_else(|| figure.reference.clone()),
            last_agreeing: first.checked_sub(1).map(|it| steps[it].figure.reference.clone()),
            position: figure.position.map(|it| it as u64),
            error: Real(figure.error),
            smallest_passing: Real(steps.iter().map(|it| it.figure.error).fold(0.0, f64::max)),
            lines: Vec::new(),
        });
        finding
            .notes
            .push(format!("{} makes something else of the definition's input", named(step)));
    }
    Ok(finding)
}

/// Whether every step was judged, by a bound that has power.
pub(super) fn decides(answers: &Answers) -> bool {
    agree(answers).is_ok_and(|it| it.incomplete.is_none())
}

/// As a sentence names a step.
fn named(step: &Step) -> String {
    match &step.layer {
        Some(layer) if step.figure.reference.ends_with("logits") => {
            format!("`{layer}` with what follows it")
        }
        Some(layer) => format!("`{layer}`"),
        None => "what stands in front of the first layer".to_owned(),
    }
}
