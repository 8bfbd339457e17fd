//! State: however the tokens are fed, the logits are those of one plain forward of the reference.

use super::{
    Finding,
    itself::{Held, alone, held},
    logits::{judge, judge_along_of, judge_along_pairs},
    power::tried,
};
use crate::{
    answers::Answers, case::StateWay, figure::Figure, measure::logits::max_or_nan,
    outcome::Absence, tensors::Tensor,
};

pub(super) fn case(answers: &Answers, way: StateWay) -> Result<Finding, Absence> {
    let reference = answers.reference()?;
    let state = answers.state(way)?;
    let judged = |pairs: &[(&Tensor, &Tensor)]| judge(answers.regime, reference, pairs);
    let held = match way {
        // What a trimmed cache gives is a part of the plain forward.
        StateWay::Trim | StateWay::Embedded => Held::Plain(None),
        // What was done to the cache must change nothing of decoding.
        StateWay::Kept | StateWay::Joined => {
            let decode = answers.itself()?.ways.get(&StateWay::Decode);
            match held(answers, decode, StateWay::Decode.says(), judged)? {
                Held::Own(_, reason) if way == StateWay::Joined => {
                    return Err(Absence::NotApplicable { reason });
                }
                other => other,
            }
        }
        _ => held(answers, answers.itself()?.ways.get(&way), way.says(), judged)?,
    };
    let plain = || state.rows.iter().map(|(a, b)| (a, b)).collect::<Vec<_>>();
    let (pairs, notes, off) = match held {
        Held::Plain(note) => (plain(), note, None),
        Held::Own(own, note) => {
            let rows = own.rows.iter().zip(&state.rows);
            (rows.map(|((_, expected), (_, port))| (expected, port)).collect(), Some(note), None)
        }
        Held::Alone(reason) => (plain(), None, Some(reason)),
    };
    let finding = Finding::of(judged(&pairs)?)?.with_notes(notes.into_iter().collect());
    // A pass beside a reference that is off is put to trial as any other.
    let finding = match off {
        Some(reason) => alone(finding, reason)?,
        None => finding,
    };
    let Some((truth, _)) = pairs.first() else { return Ok(finding) };
    tried(finding, truth, |truth, answer| judge(answers.regime, reference, &[(truth, answer)]))
}

/// A long prompt is judged by medians of windows, as a long text is; of the ways of feeding the worst
/// counts.
pub(super) fn prompt(answers: &Answers) -> Result<Finding, Absence> {
    let (reference, prompt) = (answers.reference()?, answers.prompt()?);
    let mut worst: Vec<Figure> = Vec::new();
    let (mut notes, mut blamed_on_neither) = (Vec::new(), None);
    for (how, logits) in &prompt.fed {
        let along = |truth: &Tensor, logits: &Tensor| {
            judge_along_of(answers.regime, reference, &prompt.noise, truth, logits)
        };
        let judged = |pairs: &[(&Tensor, &Tensor)]| {
            judge_along_pairs(answers.regime, reference, &prompt.noise, pairs)
        };
        let own = answers.itself()?.prompts.get(how);
        let figures = match held(answers, own, &format!("fed {how}"), judged)? {
            Held::Own(own, note) => {
                notes.push(note);
                along(&own.rows[0].1, logits)?
            }
            Held::Plain(note) => {
                notes.extend(note);
                along(&prompt.noise.base, logits)?
            }
            Held::Alone(reason) => {
                match alone(Finding::of(along(&prompt.noise.base, logits)?)?, reason) {
                    Ok(finding) => {
                        notes.extend(finding.notes);
                        finding.figures
                    }
                    // It may be the definition's own way; the other ways are still asked.
                    Err(absence) => {
                        blamed_on_neither = Some(absence);
                        continue;
                    }
                }
            }
        };
        if figures.iter().any(|it| !it.holds()) {
            notes.push(format!("fed {how}, it is not the definition"));
        }
        if worst.is_empty() {
            worst = figures;
            continue;
        }
        for (kept, figure) in worst.iter_mut().zip(figures) {
            let larger = max_or_nan(kept.measured.0, figure.measured.0);
            if larger.to_bits() != kept.measured.0.to_bits() {
                *kept = figure;
            }
        }
    }
    let holds = worst.iter().all(Figure::holds);
    if let Some(absence) = blamed_on_neither.filter(|_| holds) {
        return Err(absence);
    }
    let finding = Finding::of(worst)?.with_notes(notes);
    tried(finding, &prompt.noise.base, |truth, answer| {
        judge_along_of(answers.regime, reference, &prompt.noise, truth, answer)
    })
}
