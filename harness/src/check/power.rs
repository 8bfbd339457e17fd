//! Power: a bound that an answer without any model in it would meet proves nothing.
//!
//! A check that holds is put to such answers with the same bounds; where one of them would pass as well,
//! the pass is held back. Wide bounds come from a noisy reference: in bfloat16 a router near a tie may make
//! its floor as large as its logits.

use super::Finding;
use crate::{
    answers::Asked,
    figure::{Bound, Figure, significant},
    tensors::Tensor,
};

/// As many values suffice to see that an answer is wrong.
const ENOUGH: usize = 1 << 20;

/// Holds a pass back that an empty answer would get too. `judge` gives the figures of an answer where
/// `truth` is right.
pub(super) fn tried(
    mut finding: Finding,
    truth: &Tensor,
    judge: impl Fn(&Tensor, &Tensor) -> Asked<Vec<Figure>>,
) -> Asked<Finding> {
    if !finding.holds() || finding.incomplete.is_some() {
        return Ok(finding);
    }
    let rows = truth.rows().len();
    let kept = rows.min((ENOUGH / truth.width()).max(8));
    let truth = truth.time_slice(0, kept);
    for (name, answer) in empty(&truth) {
        let figures = judge(&truth, &answer)?;
        let judged: Vec<&Figure> = figures.iter().filter(|it| it.is_judged()).collect();
        if let Some(figure) = judged.first().filter(|_| judged.iter().all(|it| it.holds())) {
            let limit = figure.bound.map_or(f64::NAN, Bound::limit);
            finding.incomplete = Some(format!(
                "no power: {name} would pass as well ({} {}, at most {})",
                figure.name,
                significant(figure.measured.0, 2),
                significant(limit, 2)
            ));
            return Ok(finding);
        }
    }
    Ok(finding)
}

/// Answers `[T, V]` with no model in them.
fn empty(truth: &Tensor) -> [(&'static str, Tensor); 3] {
    let (width, count) = (truth.width(), truth.rows().len());
    let mut mean = vec![0.0; width];
    for row in truth.rows() {
        mean.iter_mut().zip(row).for_each(|(sum, it)| *sum += it / count as f64);
    }
    let of = |values: Vec<f64>| Tensor { shape: vec![count, width], values };
    let mut turned = truth.values.clone();
    turned.rotate_left(count / 2 * width);
    [
        ("an answer of zeros", of(vec![0.0; truth.values.len()])),
        ("the same logits at every position", of(mean.repeat(count))),
        ("the answer to other tokens", of(turned)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(limit: f64) -> Finding {
        let figure = Figure::judged("max-abs", "max |Δ|", 0.0, Bound::at_most(limit));
        let largest = |a: &Tensor, b: &Tensor| {
            a.values.iter().zip(&b.values).fold(0.0, |top: f64, (a, b)| top.max((a - b).abs()))
        };
        let truth = Tensor { shape: vec![4, 2], values: vec![1., -1., 2., 0., -1., 3., 0., 1.] };
        tried(Finding::of(vec![figure]).unwrap(), &truth, |truth, answer| {
            let figure = |it| Figure::judged("max-abs", "max |Δ|", it, Bound::at_most(limit));
            Ok(vec![figure(largest(truth, answer))])
        })
        .unwrap()
    }

    #[test]
    fn a_bound_that_an_empty_answer_meets_holds_a_pass_back_and_says_by_what() {
        assert_eq!(judged(1.5).incomplete, None);
        let zeros = judged(3.5).incomplete.unwrap();
        assert!(zeros.contains("no power: an answer of zeros would pass") && zeros.contains("3.5"));
        let constant = judged(2.6).incomplete.unwrap();
        assert!(constant.contains("the same logits at every position"), "{constant}");
    }
}
