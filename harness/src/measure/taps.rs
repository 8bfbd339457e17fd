//! Figures of paired taps, and where two models first diverge.

use super::{logits::exceeds, median::median};
use crate::{
    layer::is_decoder_layer,
    tap::{self, INPUT},
    tensors::Tensor,
};

/// One paired tap.
#[derive(Clone, Debug, PartialEq)]
pub struct TapFigure {
    /// Path in the definition.
    pub reference: String,
    /// Path in the port.
    pub port: String,
    /// `‖port - reference‖ / ‖reference‖`, NaN for incomparable shapes.
    pub error: f64,
    /// The same between the reference and itself at the run's precision.
    pub floor: f64,
    /// The largest error that counts as noise.
    pub bound: f64,
    /// The time position where the port differs most.
    pub position: Option<usize>,
    pub shape: Vec<usize>,
    pub reference_dtype: String,
    pub port_dtype: String,
    /// Where the port has the definition's values times one number: that number.
    pub factor: Option<f64>,
}

impl TapFigure {
    /// NaN diverges.
    pub fn diverges(&self) -> bool {
        self.error.is_nan() || self.bound < self.error
    }

    /// The error as a multiple of the floor that its bound was made from.
    pub fn multiple(&self) -> f64 {
        if self.error == 0.0 { 0.0 } else { self.error / self.floor }
    }
}

/// Relative error in the 2-norm, and the position (second to last axis) with the largest share of it.
pub fn relative_error(reference: &Tensor, other: &Tensor) -> (f64, Option<usize>) {
    if reference.values.len() != other.values.len() {
        return (f64::NAN, None);
    }
    let (mut error, mut scale, mut worst) = (0.0, 0.0, (-1.0, 0));
    for (index, (want, got)) in
        reference.rows().zip(other.values.chunks_exact(reference.width())).enumerate()
    {
        let row: f64 = want.iter().zip(got).map(|(w, g)| (g - w).powi(2)).sum();
        if exceeds(row, worst.0) {
            worst = (row, index);
        }
        error += row;
        scale += want.iter().map(|it| it * it).sum::<f64>();
    }
    let positions = reference.shape.iter().rev().nth(1).copied();
    let position = positions.filter(|it| 1 < *it).map(|it| worst.1 % it);
    let relative = if error == 0.0 { 0.0 } else { (error / scale).sqrt() };
    (relative, position)
}

/// The median over the rows of `‖other - reference‖ / ‖reference‖`, and the position with the largest: where
/// a router near a tie sends one position elsewhere, the others still tell.
pub fn row_error(reference: &Tensor, other: &Tensor) -> (f64, Option<usize>) {
    let width = reference.width();
    if reference.values.len() != other.values.len() {
        return (f64::NAN, None);
    }
    let rows = reference.rows().zip(other.values.chunks_exact(width));
    let errors: Vec<f64> = rows
        .map(|(want, got)| {
            let error: f64 = want.iter().zip(got).map(|(w, g)| (g - w).powi(2)).sum();
            let scale: f64 = want.iter().map(|it| it * it).sum();
            if error == 0.0 { 0.0 } else { (error / scale).sqrt() }
        })
        .collect();
    let worst = (0..errors.len()).reduce(|a, b| if exceeds(errors[b], errors[a]) { b } else { a });
    let positions = reference.shape.iter().rev().nth(1).copied();
    let position = positions.filter(|it| 1 < *it).and_then(|it| Some(worst? % it));
    (median(&errors), position)
}

/// The one number that takes the reference to the other, where that leaves no more than `noise`.
pub fn factor(reference: &Tensor, other: &Tensor, noise: f64) -> Option<f64> {
    let pairs = || reference.values.iter().zip(&other.values);
    let own: f64 = reference.values.iter().map(|it| it * it).sum();
    let factor = pairs().map(|(a, b)| a * b).sum::<f64>() / own;
    let left: f64 = pairs().map(|(a, b)| (b - factor * a).powi(2)).sum();
    let is_one = factor.is_finite() && (left / own).sqrt() <= noise * factor.abs().max(1.0);
    (is_one && reference.values.len() == other.values.len()).then_some(factor)
}

/// Where the port first leaves the definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Divergence {
    /// Index of the first tap that is wrong.
    pub first: usize,
    /// The decoder layer it lies in, or itself.
    pub stage: usize,
    /// The last tap before it that agreed.
    pub last_agreeing: Option<usize>,
}

/// Find the first divergence that the model does not recover from.
///
/// A tap may differ although the model is the same: two libraries split the work differently (a
/// scale folded into a norm, a residual added outside). Such a difference is gone at the next layer.
/// So a *stage* (embedding or decoder layer) counts as diverged when it and every later stage
/// diverge, and within it the first inner tap counts whose enclosing modules diverge as well. Where the part
/// of the layer that it lies in has no partner, that part is sound if a later part of the layer agrees. What
/// enters the stage comes before all that is in it.
///
/// `taps` are in the reference's completion order; `logits_diverge` is the last word: when the logits
/// agree, nothing diverged.
pub fn locate(taps: &[TapFigure], logits_diverge: bool) -> Option<Divergence> {
    if !logits_diverge {
        return None;
    }
    let stages: Vec<usize> = (0..taps.len()).filter(|&it| is_stage(&taps[it].reference)).collect();
    let sound = stages.iter().rposition(|&it| !taps[it].diverges());
    let stage = stages.get(sound.map_or(0, |it| it + 1)).copied();
    let after = stages.last().map_or(0, |it| it + 1);
    let stage = match stage {
        Some(stage) => stage,
        // The last stage agrees: the fault lies behind it (final norm, head), or it is so small that
        // it is within the noise of some stages.
        None => match (after..taps.len()).find(|&it| taps[it].diverges()) {
            Some(first) => {
                let last_agreeing = agreeing_before(taps, first);
                return Some(Divergence { first, stage: first, last_agreeing });
            }
            None => stages.iter().copied().find(|&it| taps[it].diverges())?,
        },
    };
    if let Some(first) = entering(taps, &stages, stage) {
        return Some(Divergence { first, stage, last_agreeing: agreeing_before(taps, first) });
    }
    let prefix = format!("{}.", taps[stage].reference);
    let inside = |it: &str| it.starts_with(&prefix);
    let enclosing_diverge = |path: &str| {
        taps.iter()
            .filter(|it| inside(&it.reference))
            .all(|it| !tap::lies_within(path, &it.reference) || it.diverges())
    };
    let candidates: Vec<usize> = (0..stage)
        .filter(|&it| {
            inside(&taps[it].reference)
                && taps[it].diverges()
                && enclosing_diverge(&taps[it].reference)
        })
        .collect();
    let part_of = |it: usize| taps[it].reference[prefix.len()..].split(['.', ':']).next();
    let is_part = |it: usize| {
        inside(&taps[it].reference) && !taps[it].reference[prefix.len()..].contains(['.', ':'])
    };
    let is_recovered = |&it: &usize| {
        let is_compared = (it..stage).any(|at| is_part(at) && part_of(at) == part_of(it));
        let recovers = |at: usize| is_part(at) && !taps[at].diverges();
        !is_compared && (it + 1..stage).any(recovers)
    };
    let first = candidates.iter().find(|it| !is_recovered(it)).or(candidates.first());
    let first = first.copied().unwrap_or(stage);
    Some(Divergence { first, stage, last_agreeing: agreeing_before(taps, first) })
}

/// What is wrong in front of a stage, where its input is and the stage before it agrees: a module between
/// them, or the input itself. Where a layer that agrees has another input as well, layers are split
/// differently there, and their inputs say nothing.
fn entering(taps: &[TapFigure], stages: &[usize], stage: usize) -> Option<usize> {
    let input = |stage: usize| {
        let path = format!("{}:{INPUT}", taps[stage].reference);
        taps.iter().position(|it| it.reference == path)
    };
    let differs = |it: usize| input(it).filter(|&it| taps[it].diverges());
    let wrong = differs(stage)?;
    let mut sound = stages.iter().filter(|&&it| !taps[it].diverges());
    if sound.any(|&it| differs(it).is_some()) {
        return None;
    }
    let before = stages.iter().rfind(|&&it| it < wrong).map_or(0, |it| it + 1);
    (before..=wrong).find(|&it| taps[it].diverges())
}

fn agreeing_before(taps: &[TapFigure], index: usize) -> Option<usize> {
    (0..index).rev().find(|&it| !taps[it].diverges())
}

/// The residual stream's stations: each decoder layer. (An embedding may be scaled outside, and a tower
/// has a stream of its own.)
fn is_stage(path: &str) -> bool {
    is_decoder_layer(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taps(items: &[(&str, f64)]) -> Vec<TapFigure> {
        let figure = |&(path, error): &(&str, f64)| TapFigure {
            reference: path.to_owned(),
            port: path.to_owned(),
            error,
            floor: 1e-7,
            bound: 1e-5,
            position: None,
            shape: vec![],
            reference_dtype: "float32".into(),
            port_dtype: "float32".into(),
            factor: None,
        };
        items.iter().map(figure).collect()
    }

    #[test]
    fn the_first_wrong_module_is_found_inside_its_layer() {
        let taps = taps(&[
            ("embed", 0.0),
            ("layers.0.attn.q", 1e-7),
            ("layers.0.attn", 1e-7),
            ("layers.0", 1e-7),
            ("layers.1.attn.q", 1e-7),
            ("layers.1.attn.o", 0.3),
            ("layers.1.attn", 0.3),
            ("layers.1.mlp", 0.2),
            ("layers.1", 0.2),
        ]);
        let found = locate(&taps, true).unwrap();
        assert_eq!(taps[found.first].reference, "layers.1.attn.o");
        assert_eq!(taps[found.stage].reference, "layers.1");
        assert_eq!(taps[found.last_agreeing.unwrap()].reference, "layers.1.attn.q");
    }

    #[test]
    fn a_layer_that_is_split_differently_is_no_divergence() {
        let taps = taps(&[
            ("layers.0", 0.5),
            ("layers.1.mlp.act", 0.4),
            ("layers.1.mlp", 1e-7),
            ("layers.1", 1e-7),
            ("norm", 0.2),
        ]);
        assert_eq!(locate(&taps, false), None);
        assert_eq!(taps[locate(&taps, true).unwrap().first].reference, "norm");
    }

    #[test]
    fn an_inner_tap_whose_module_agrees_is_not_blamed() {
        let taps = taps(&[
            ("layers.0.router.gate", 0.9),
            ("layers.0.router", 1e-7),
            ("layers.0.mlp.up", 0.1),
            ("layers.0.mlp", 0.1),
            ("layers.0", 0.1),
        ]);
        assert_eq!(taps[locate(&taps, true).unwrap().first].reference, "layers.0.mlp.up");
    }

    #[test]
    fn an_inner_tap_of_a_part_without_a_partner_is_not_blamed_where_the_next_part_agrees() {
        let taps = taps(&[
            ("layers.0.attn.gate", 0.4),
            ("layers.0.norm", 1e-7),
            ("layers.0.mlp.up", 0.1),
            ("layers.0.mlp", 0.1),
            ("layers.0", 0.1),
        ]);
        assert_eq!(taps[locate(&taps, true).unwrap().first].reference, "layers.0.mlp.up");
        // Nothing else differs: then it is all there is to say.
        let taps =
            self::taps(&[("layers.0.attn.gate", 0.4), ("layers.0.norm", 1e-7), ("layers.0", 0.1)]);
        assert_eq!(taps[locate(&taps, true).unwrap().first].reference, "layers.0.attn.gate");
    }

    #[test]
    fn layers_of_a_vision_tower_are_no_stages_of_the_decoder() {
        let taps = taps(&[
            ("vision_tower.layers.0", 0.5),
            ("vision_tower.layers.1", 1e-7),
            ("language_model.layers.0", 1e-7),
            ("language_model.layers.1.mlp", 0.3),
            ("language_model.layers.1", 0.3),
        ]);
        let found = locate(&taps, true).unwrap();
        assert_eq!(taps[found.first].reference, "language_model.layers.1.mlp");
        assert_eq!(taps[found.stage].reference, "language_model.layers.1");
    }

    #[test]
    fn the_first_operand_of_an_attention_that_differs_is_named() {
        let taps = taps(&[
            ("layers.0:input", 0.0),
            ("layers.0.attn.q", 1e-7),
            ("layers.0.attn:value", 1e-7),
            ("layers.0.attn:key", 0.4),
            ("layers.0.attn:attended", 0.3),
            ("layers.0.attn.o", 0.3),
            ("layers.0.attn", 0.3),
            ("layers.0", 0.2),
        ]);
        assert_eq!(taps[locate(&taps, true).unwrap().first].reference, "layers.0.attn:key");
    }

    #[test]
    fn what_is_wrong_between_two_layers_is_told_from_what_is_wrong_in_one() {
        let between = |embedding: f64, input: f64| {
            taps(&[
                ("embed", embedding),
                ("layers.0:input", input),
                ("layers.0.mlp", 0.3),
                ("layers.0", 0.3),
            ])
        };
        let first =
            |taps: Vec<TapFigure>| taps[locate(&taps, true).unwrap().first].reference.clone();
        assert_eq!(first(between(0.2, 0.2)), "embed");
        assert_eq!(first(between(0.0, 0.2)), "layers.0:input");
        assert_eq!(first(between(0.0, 0.0)), "layers.0.mlp");
        // Layers that agree have other inputs too: the work is split differently.
        let mut split =
            taps(&[("layers.0:input", 0.5), ("layers.0", 0.0), ("layers.1:input", 0.5)]);
        split.extend(taps(&[("layers.1.mlp", 0.3), ("layers.1", 0.3)]));
        assert_eq!(first(split), "layers.1.mlp");
    }

    #[test]
    fn values_that_are_off_by_one_factor_are_told_from_others() {
        let of = |values: [f64; 3]| Tensor { shape: vec![3], values: values.to_vec() };
        assert_eq!(factor(&of([1.0, 2.0, -3.0]), &of([0.5, 1.0, -1.5]), 1e-6), Some(0.5));
        assert_eq!(factor(&of([1.0, 2.0, -3.0]), &of([0.5, 1.0, 1.5]), 1e-6), None);
    }

    #[test]
    fn nan_diverges() {
        let taps = taps(&[("layers.0", f64::NAN)]);
        assert!(locate(&taps, true).is_some());
    }

    #[test]
    fn the_error_is_relative_and_knows_its_position() {
        let reference = Tensor { shape: vec![1, 2, 2], values: vec![3.0, 4.0, 0.0, 0.0] };
        let other = Tensor { shape: vec![1, 2, 2], values: vec![3.0, 4.0, 0.0, 5.0] };
        assert_eq!(relative_error(&reference, &other), (1.0, Some(1)));
        assert_eq!(relative_error(&reference, &reference).0, 0.0);
    }
}
