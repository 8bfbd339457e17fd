//! The rule: how far a definition may lie from PyTorch, and from itself in another order.

use std::collections::BTreeMap;

use super::{
    Cell, Greedy, Mode, Row,
    candidate::{Candidate, Extra},
    figures::{difference, rounded, spread, text},
    reference::{Case, GreedyRun, Reference},
};
use crate::{
    answers::Asked,
    figure::Order,
    outcome::{Absence, Verdict},
    tensors::Tensor,
    tolerance::factor,
};

/// In the wide dtypes a difference is never noise beyond this, whatever PyTorch errs itself.
const WIDEST: f64 = 1e-4;
/// In exact mode another order of the same operations may change so much.
const REORDERED: f64 = 1e-9;
/// Ids part in a tie when PyTorch's own two logits are no further apart than two such errors.
const TIE: f64 = 2.0;

/// The cell of one mode; the row learns the class that was run.
pub(super) fn cell(candidate: &mut Candidate<'_, '_>, row: &mut Row) -> Cell {
    match judged(candidate, row) {
        Ok(cell) => cell,
        Err(why) => Cell::failed(&why),
    }
}

fn judged(candidate: &mut Candidate<'_, '_>, row: &mut Row) -> Asked<Cell> {
    let (class, loaded) = candidate.open()?;
    row.class = Some(class);
    let (reference, mode) = (candidate.reference, candidate.mode);
    let (bound, floor) = bound(reference, mode);
    let (mut figures, mut found) = (BTreeMap::new(), BTreeMap::new());
    let (mut reasons, mut notes) = (Vec::new(), Vec::new());
    reasons.extend(reference.loaded.as_ref().and_then(|it| loaded.beside(it)));
    for case in &reference.cases {
        let expected = match expected(reference, case, mode) {
            Ok(it) => it,
            Err(why) => {
                notes.push(format!("{}: PyTorch: {why}", case.name));
                continue;
            }
        };
        let named = |why: Absence| Absence::Blocked { reason: format!("{}: {why}", case.name) };
        let (logits, _) = candidate.answer(case, Extra::None).map_err(named)?;
        let figure = difference(expected, &logits, case.kept.as_deref())?;
        figures.insert(case.name.clone(), rounded(figure.unwrap_or(f64::INFINITY)));
        found.insert(case.name.clone(), logits);
    }
    let worst = figures.values().copied().fold(0.0, f64::max);
    if bound < worst {
        let ties = ties(candidate)?;
        let own = floor
            .filter(|it| bound < *it)
            .map_or(String::new(), |it| format!("; PyTorch itself errs by {}", text(it)));
        let (worst, bound) = (text(worst), text(bound));
        reasons.push(format!("differs by {worst}, the bound is {bound}{own}{ties}"));
    }
    let mut reordered = None;
    if mode == Mode::Exact && !figures.is_empty() {
        let figure = rounded(in_other_orders(candidate, &found, &mut reasons, &mut notes)?);
        if REORDERED < figure {
            let figure = text(figure);
            reasons.push(format!("another order of operations changes it by {figure}"));
        }
        reordered = Some(figure);
    }
    let mut greedy = None;
    if let (Mode::Float32, Some(run)) = (mode, &reference.greedy) {
        let (kind, note) = beside(run, &candidate.greedy(run)?, bound);
        greedy = Some(kind);
        if kind == Greedy::Different { reasons.extend(note) } else { notes.extend(note) }
    }
    candidate.close()?;
    let verdict = match (figures.is_empty(), reasons.is_empty()) {
        (true, _) => Verdict::NotRun,
        (_, true) => Verdict::Pass,
        _ => Verdict::Fail,
    };
    reasons.extend(notes);
    Ok(Cell {
        verdict,
        // JSON has no infinity; the reason says it.
        worst: (!figures.is_empty() && worst.is_finite()).then_some(worst),
        bound: Some(rounded(bound)),
        figures: figures.into_iter().filter(|it| it.1.is_finite()).collect(),
        reordered,
        greedy,
        reason: (!reasons.is_empty()).then(|| reasons.join("; ")),
    })
}

/// The largest difference that is noise: a multiple of what PyTorch errs against itself at the next
/// precision in any case, and in the wide dtypes never more than [`WIDEST`]. Also PyTorch's own error.
fn bound(reference: &Reference, mode: Mode) -> (f64, Option<f64>) {
    let (low, high) = match mode {
        Mode::Bfloat16 => (Mode::Bfloat16, Mode::Float32),
        _ => (Mode::Float32, Mode::Float64),
    };
    let errs = |case: &Case| {
        let (high, low) =
            (reference.answer(&case.name, high).ok()?, reference.answer(&case.name, low).ok()?);
        difference(high, low, case.kept.as_deref()).ok().flatten()
    };
    let floors: Vec<f64> =
        reference.cases.iter().filter_map(errs).filter(|it| it.is_finite()).collect();
    let floor = floors.iter().copied().reduce(f64::max);
    let bound = floor.map_or(WIDEST, |it| it * factor(Order::Linear));
    (if mode == Mode::Bfloat16 { bound } else { bound.min(WIDEST) }, floor)
}

/// What PyTorch computed for a case. Exact mode is held against its 64 bits, and where those overflow
/// a mask that the definition makes in 32, against its 32.
fn expected<'a>(reference: &'a Reference, case: &Case, mode: Mode) -> Asked<&'a Tensor> {
    let in_dtype = |dtype| {
        let answer = reference.answer(&case.name, dtype)?;
        match difference(answer, answer, case.kept.as_deref())? {
            Some(_) => Ok(answer),
            None => Err(Absence::Blocked { reason: "its answer holds NaN".into() }),
        }
    };
    match mode {
        Mode::Exact => in_dtype(Mode::Float64).or_else(|_| in_dtype(Mode::Float32)),
        dtype => in_dtype(dtype),
    }
}

/// What is known of choices among equals, where a definition differs.
fn ties(candidate: &mut Candidate<'_, '_>) -> Asked<String> {
    let mut count = 0;
    for case in &candidate.reference.cases {
        // A case that PyTorch refuses may be refused here as well.
        if expected(candidate.reference, case, candidate.mode).is_ok() {
            count += candidate.answer(case, Extra::Ties)?.1;
        }
    }
    Ok(match count {
        0 => String::new(),
        _ => format!(" (in {count} places a top-k chose among equals)"),
    })
}

/// The full forward beside the same with every sum in another order; decoding token by token is one
/// order more, unless the definition decodes with other numbers by design.
fn in_other_orders(
    candidate: &mut Candidate<'_, '_>,
    found: &BTreeMap<String, Tensor>,
    reasons: &mut Vec<String>,
    notes: &mut Vec<String>,
) -> Asked<f64> {
    let full = candidate.reference.cases.iter().find(|it| it.name == "full");
    let Some((case, logits)) = full.and_then(|it| Some((it, found.get(&it.name)?))) else {
        return Ok(0.0);
    };
    let sums = candidate.answer(case, Extra::OtherOrder)?.0;
    let mut worst = difference(logits, &sums, None)?.unwrap_or(f64::INFINITY);
    // A definition may decode a batch into another shape, in PyTorch as well.
    if let Some(decode) = found.get("decode").filter(|it| it.shape == logits.shape) {
        let figure = difference(logits, decode, None)?.unwrap_or(f64::INFINITY);
        if figure <= REORDERED {
            worst = worst.max(figure);
        } else {
            let differs = format!("decoding differs from the full forward by {}", text(figure));
            match candidate.by_design() {
                Some(why) => notes.push(format!("{differs}, by design: {why}")),
                None => reasons.push(differs),
            }
        }
    }
    Ok(worst)
}

/// Greedy ids beside PyTorch's: where they part, PyTorch's own logits say whether it was a tie.
fn beside(run: &GreedyRun, ids: &[u32], bound: f64) -> (Greedy, Option<String>) {
    if ids == run.ids {
        return (Greedy::Equal, None);
    }
    let step = ids.iter().zip(&run.ids).take_while(|(a, b)| a == b).count();
    let (Some(&ours), Some(&theirs)) = (ids.get(step), run.ids.get(step)) else {
        let why = format!("{} greedy ids, PyTorch has {}", ids.len(), run.ids.len());
        return (Greedy::Different, Some(why));
    };
    let logits = run.logits.rows().nth(step).unwrap_or_default();
    let logit = |id: u32| logits.get(id as usize).copied().unwrap_or(f64::NAN);
    let gap = (logit(theirs) - logit(ours)) / spread(logits.iter().copied());
    let kind = if gap <= TIE * bound { Greedy::Tie } else { Greedy::Different };
    let note = format!(
        "greedy ids diverge at step {}, where PyTorch's logits are {} apart",
        step + 1,
        text(gap)
    );
    (kind, Some(note))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Generate;

    fn run(ids: &[u32], logits: &[f64]) -> GreedyRun {
        let shape = vec![1, logits.len() / 3, 3];
        let logits = Tensor { shape, values: logits.to_vec() };
        let generate = Generate { prompt: Vec::new(), max_new_tokens: ids.len(), apart: 0 };
        GreedyRun { generate, ids: ids.to_vec(), logits }
    }

    #[test]
    fn ids_that_part_are_a_tie_only_where_pytorch_nearly_chose_otherwise() {
        let near = run(&[0, 1], &[1.0, 0.0, 0.0, 1.0 - 1e-6, 1.0, 0.0]);
        assert_eq!(beside(&near, &[0, 1], 1e-5), (Greedy::Equal, None));
        assert_eq!(beside(&near, &[0, 0], 1e-5).0, Greedy::Tie);
        assert_eq!(beside(&near, &[0, 2], 1e-5).0, Greedy::Different);
        assert_eq!(beside(&near, &[0], 1e-5).0, Greedy::Different);
        assert_eq!(beside(&near, &[0, 7], 1e-5).0, Greedy::Different);
    }
}
