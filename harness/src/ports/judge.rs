//! The rule: the dialect may lie as far from MLX as a multiple of what MLX errs beside exact mode.

use super::{
    ask::{Answers, PACKED, cases},
    row::{Cell, Way},
};
use crate::{
    answers::Asked,
    definitions::figures::{rounded, spread, text},
    figure::Order,
    outcome::{Absence, Verdict},
    tensors::Tensor,
    tolerance::factor,
};

/// Where MLX's own noise is above this part of the logits' spread, agreement with it says nothing.
const LOUDEST: f64 = 0.5;
/// Noise is never taken for smaller than this: a reduction of a hundred numbers in the dtype.
fn quietest(way: Way) -> f64 {
    way.precision().roundoff() * 4.0
}

/// The cell of one way.
pub(super) fn cell(way: Way, mlx: &Answers, ours: &Asked<Answers>, exact: &Asked<Answers>) -> Cell {
    let ours = match ours {
        Ok(it) => it,
        Err(why) => return Cell::not_run(Some(false), format!("does not run: {why}")),
    };
    let mut cell = Cell {
        runs: Some(true),
        verdict: Verdict::NotRun,
        figures: [].into(),
        noise: [].into(),
        reason: None,
    };
    let (mut failures, mut notes) = (Vec::new(), Vec::new());
    for (name, kept) in places() {
        let expected = match mlx.get(name) {
            Some(Ok(it)) if it.values.iter().any(|it| it.is_nan()) => {
                notes.push(format!("{name}: MLX's own answer holds NaN"));
                continue;
            }
            Some(Ok(it)) => it,
            Some(Err(why)) => {
                notes.push(format!("{name}: MLX: {why}"));
                continue;
            }
            None => continue,
        };
        let found = match ours.get(name) {
            Some(Ok(it)) => it,
            Some(Err(why)) => {
                cell.runs = Some(false);
                failures.push(format!("{name} does not run: {why}"));
                continue;
            }
            None => continue,
        };
        let noise = match exact.as_ref().map(|it| it.get(name)) {
            Ok(Some(Ok(exact))) => apart(way, expected, exact, kept.as_deref()),
            Ok(Some(Err(why))) | Err(why) => Err(why.clone()),
            Ok(None) => continue,
        };
        let figures = apart(way, expected, found, kept.as_deref()).and_then(|it| Ok((it, noise?)));
        let (figure, noise) = match figures {
            Ok(it) => it,
            Err(why) => {
                failures.push(format!("{name}: {why}"));
                continue;
            }
        };
        if LOUDEST < noise {
            let noise = text(noise);
            notes.push(format!("{name}: MLX's own noise is {noise}, which proves nothing"));
            continue;
        }
        let bound = factor(Order::Linear) * noise.max(quietest(way));
        if bound < figure || !figure.is_finite() {
            let (figure, noise) = (text(figure), text(noise));
            failures.push(format!("{name} differs by {figure}, MLX's own noise is {noise}"));
        }
        cell.figures.insert(name.to_owned(), rounded(figure));
        cell.noise.insert(name.to_owned(), rounded(noise));
    }
    cell.figures.retain(|_, it| it.is_finite());
    cell.verdict = match (failures.is_empty(), cell.figures.is_empty()) {
        (false, _) => Verdict::Fail,
        (true, true) => Verdict::NotRun,
        (true, false) => Verdict::Pass,
    };
    failures.extend(notes);
    cell.reason = (!failures.is_empty()).then(|| failures.join("; "));
    cell
}

/// Every case that there can be, with the places that count.
fn places() -> Vec<(&'static str, Option<Vec<Vec<usize>>>)> {
    let mut places: Vec<_> = cases().into_iter().map(|it| (it.name, it.kept)).collect();
    places.push((PACKED, None));
    places
}

/// How far two answers lie apart, over the spread of the first: the largest difference of the place
/// that differs most, and in bfloat16 of the place in the middle. There one expert that is chosen
/// otherwise, which noise does, moves every later place.
fn apart(way: Way, expected: &Tensor, found: &Tensor, kept: Option<&[Vec<usize>]>) -> Asked<f64> {
    if expected.shape != found.shape {
        let (a, b) = (&expected.shape, &found.shape);
        return Err(Absence::Blocked {
            reason: format!("an answer of shape {b:?}, MLX's has {a:?}"),
        });
    }
    let length = expected.shape.get(1).copied().unwrap_or(1).max(1);
    let mut places: Vec<f64> = expected
        .rows()
        .zip(found.rows())
        .enumerate()
        .filter(|(at, _)| {
            kept.is_none_or(|it| it.get(at / length).is_some_and(|it| it.contains(&(at % length))))
        })
        .map(|(_, (a, b))| a.iter().zip(b).map(|(a, b)| difference(*a, *b)).fold(0.0, f64::max))
        .collect();
    places.sort_by(f64::total_cmp);
    let last = places.len().saturating_sub(1);
    let at = if way == Way::Bfloat16 { last / 2 } else { last };
    let worst = places.get(at).copied().unwrap_or(f64::INFINITY);
    Ok(if worst == 0.0 { 0.0 } else { worst / spread(expected.values.iter().copied()) })
}

/// Infinite logits rule tokens out: they must be the same.
fn difference(a: f64, b: f64) -> f64 {
    let difference = if a.total_cmp(&b).is_eq() { 0.0 } else { (a - b).abs() };
    if difference.is_nan() { f64::INFINITY } else { difference }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(values: &[f64]) -> Answers {
        let tensor = Tensor { shape: vec![1, values.len() / 2, 2], values: values.to_vec() };
        [("full".to_owned(), Ok(tensor))].into()
    }

    fn judged(way: Way, ours: &[f64], exact: &[f64]) -> Cell {
        cell(way, &answers(&[1.0, -1.0, 1.0, -1.0]), &Ok(answers(ours)), &Ok(answers(exact)))
    }

    #[test]
    fn a_difference_within_mlx_own_noise_passes_and_one_far_beyond_fails() {
        let exact = [1.0, -1.0, 1.0 + 1e-6, -1.0];
        let near = judged(Way::Float32, &[1.0, -1.0, 1.0 - 2e-6, -1.0], &exact);
        assert_eq!((near.verdict, near.runs), (Verdict::Pass, Some(true)), "{:?}", near.reason);
        let far = judged(Way::Float32, &[1.0, -1.0, 1.0 - 1e-4, -1.0], &exact);
        assert_eq!((far.verdict, far.runs), (Verdict::Fail, Some(true)));
        let nan = judged(Way::Float32, &[1.0, -1.0, f64::NAN, -1.0], &exact);
        assert_eq!(nan.verdict, Verdict::Fail);
    }

    #[test]
    fn noise_that_drowns_the_answer_proves_nothing() {
        let loud = judged(Way::Float32, &[1.0, -1.0, 1.0, -1.0], &[1.0, -1.0, 3.0, -1.0]);
        assert_eq!(loud.verdict, Verdict::NotRun);
        assert!(loud.reason.unwrap().contains("proves nothing"));
    }

    #[test]
    fn what_the_dialect_does_not_run_fails_and_what_mlx_does_not_run_is_not_run() {
        let why = || Absence::Blocked { reason: "no such name".into() };
        let mlx = answers(&[1.0, -1.0]);
        let failed = cell(Way::Float32, &mlx, &Err(why()), &Err(why()));
        assert_eq!((failed.verdict, failed.runs), (Verdict::Fail, Some(false)));
        let absent: Answers = [("full".to_owned(), Err(why()))].into();
        let absent = cell(Way::Float32, &absent, &Ok(mlx.clone()), &Ok(mlx));
        assert_eq!(absent.verdict, Verdict::NotRun);
    }

    #[test]
    fn in_bfloat16_the_place_in_the_middle_counts() {
        let expected = Tensor { shape: vec![1, 3, 1], values: vec![1.0, -1.0, 1.0] };
        let found = Tensor { shape: vec![1, 3, 1], values: vec![1.0, -1.1, 9.0] };
        let middle = apart(Way::Bfloat16, &expected, &found, None).unwrap();
        assert!(middle < 0.2, "{middle}");
        assert!(apart(Way::Float32, &expected, &found, None).unwrap() > 5.0);
    }
}
