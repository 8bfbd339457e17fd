//! Generation: greedy tokens, ties judged by their logit gap, and a long text read along.

use std::collections::BTreeSet;

use super::{
    Finding,
    itself::held,
    logits::{judge, judge_along, judge_along_of, judge_along_pairs, max_abs_bound},
    power::tried,
};
use crate::{
    answers::Answers,
    case::StateWay,
    figure::{Bound, Figure},
    measure::text::repeated,
    outcome::Absence,
    tensors::Tensor,
};

pub(super) fn greedy(answers: &Answers) -> Result<Finding, Absence> {
    let generation = answers.generation()?;
    let reference = answers.reference()?;
    let judged = |pairs: &[(&Tensor, &Tensor)]| judge(answers.regime, reference, pairs);
    let own = answers.itself()?.ways.get(&StateWay::Decode);
    let held = held(answers, own, StateWay::Decode.says(), judged)?;
    let (expected, actual) = (&generation.reference, &generation.port);
    let first = expected.iter().zip(actual).position(|(a, b)| a != b);
    let same = first.unwrap_or(expected.len().min(actual.len()));
    // What the port's first other choice costs in the reference's own logits.
    let gap = first.map_or(0.0, |step| {
        let row = generation.reference_logits.rows().nth(step);
        let at = |id: u32| row.and_then(|it| it.get(id as usize)).copied().unwrap_or(f64::NAN);
        at(expected[step]) - at(actual[step])
    });
    let different = expected.iter().collect::<BTreeSet<_>>().len();
    let tie = Bound::at_most(2.0 * max_abs_bound(answers.regime, reference)?.limit());
    let mut figures = vec![
        Figure::judged("gap", "logit gap of the first other token", gap, tie),
        Figure::informs("common", "tokens in common", same as f64),
        Figure::informs("generated", "tokens generated", expected.len() as f64),
        Figure::informs("distinct", "different tokens", different as f64),
    ];
    let mut notes: Vec<String> = held.note()?;
    notes.extend(generation.no_words.iter().map(|it| format!("{it}; random ids were fed")));
    if actual.len() != expected.len() {
        let count = actual.len() as f64;
        figures.push(Figure::judged(
            "tokens",
            "tokens of the port",
            count,
            Bound::at_least(expected.len() as f64),
        ));
    }
    if let Some(step) = first {
        notes.push(format!(
            "at token {step} the port chose {} where the reference chose {}",
            actual[step], expected[step]
        ));
    }
    let mut finding = Finding::of(figures)?.with_notes(notes);
    let all = expected.len();
    finding.incomplete = (different < LEAST_DISTINCT.min(all.div_ceil(2))).then(|| {
        format!("no power: the text has {different} different tokens of {all}, and says nothing of others")
    });
    Ok(finding)
}

/// A text with fewer different tokens is degenerate; a short one, with fewer than half.
const LEAST_DISTINCT: usize = 8;

pub(super) fn long(answers: &Answers) -> Result<Finding, Absence> {
    let long = answers.long()?;
    let reference = answers.reference()?;
    let judged = |pairs: &[(&Tensor, &Tensor)]| {
        judge_along_pairs(answers.regime, reference, &long.noise, pairs)
    };
    let held =
        held(answers, Some(&answers.itself()?.text), "token by token along the text", judged)?;
    let mut figures = judge_along(answers.regime, reference, &long.noise, &long.port)?;
    let (theirs, own) = (&long.reference_text, &long.port_text);
    let same = theirs.iter().zip(own).take_while(|(a, b)| a == b).count();
    figures.push(Figure::informs("common", "tokens in common", same as f64));
    figures.push(Figure::informs(
        "generated",
        "tokens that both generated",
        own.len().min(theirs.len()) as f64,
    ));
    figures.push(Figure::informs(
        "repeated-reference",
        "repeated 4-grams of the reference",
        repeated(theirs, 4),
    ));
    figures.push(Figure::informs(
        "repeated-port",
        "repeated 4-grams of the port",
        repeated(own, 4),
    ));
    let finding = Finding::of(figures)?.with_notes(held.note()?);
    tried(finding, &long.noise.base, |truth, answer| {
        judge_along_of(answers.regime, reference, &long.noise, truth, answer)
    })
}
