//! Logits: the plain forward, judged figure by figure against the measured noise floor.

use super::{Finding, alone, power::tried};
use crate::{
    answers::{Answers, Asked, Reference},
    case::{Regime, TEXT_WINDOW},
    engine::Failure,
    figure::{Bound, Figure, Order},
    measure::{
        along::along,
        logits::{LogitFigures, ShapeMismatch, TOP_K, compare, max_or_nan},
        median::worst,
    },
    noise::Noise,
    outcome::Absence,
    tensors::Tensor,
    tolerance::bound,
};

/// `max |Δ|` of logits.
pub const MAX_ABS: &str = "max-abs";
/// The largest KL divergence of a position.
pub const KL_MAX: &str = "kl-max";
/// `|Δ|` of logits along a long text: the median of the worst window.
pub const WINDOW_ABS: &str = "window-abs";

/// The figures of logits where `truth` is right.
type Judge = fn(Regime, &Reference, truth: &Tensor, logits: &Tensor) -> Asked<Vec<Figure>>;

/// The plain forward's logits by these figures, and whether an empty answer would pass as well. Where one
/// would, each layer by itself decides, if it can.
fn plain(answers: &Answers, judge: Judge) -> Result<Finding, Absence> {
    let (regime, reference) = (answers.regime, answers.reference()?);
    let finding = Finding::of(judge(regime, reference, &reference.truth, answers.logits()?)?)?;
    let finding =
        tried(finding, &reference.truth, |truth, logits| judge(regime, reference, truth, logits))?;
    match &finding.incomplete {
        Some(why) if finding.holds() && alone::decides(answers) => {
            Err(Absence::NotApplicable { reason: format!("{why}; `layers-alone` decides") })
        }
        _ => Ok(finding),
    }
}

pub(super) fn differences(answers: &Answers) -> Result<Finding, Absence> {
    plain(answers, how_different)
}

fn how_different(
    regime: Regime,
    reference: &Reference,
    truth: &Tensor,
    logits: &Tensor,
) -> Asked<Vec<Figure>> {
    let figures = compare(truth, logits).map_err(|err| blocked(&err))?;
    let judged = |id, name, order, of: fn(&LogitFigures) -> f64, scale| -> Asked<Figure> {
        Ok(Figure::judged(
            id,
            name,
            of(&figures),
            floor_bound(regime, reference, order, of, scale)?,
        ))
    };
    let scale = scale_of(reference);
    Ok(vec![
        judged(MAX_ABS, "max |Δ|", Order::Linear, |it| it.max_abs, scale)?,
        judged("mean-abs", "mean |Δ|", Order::Linear, |it| it.mean_abs, scale)?,
        judged("nmse", "NMSE", Order::Quadratic, |it| it.nmse, 1.0)?,
        Figure::informs("max-abs-position", "position of max |Δ|", figures.worst_position as f64),
        Figure::informs("scale", "largest |logit| of the reference", scale),
    ])
}

/// Whether the plain forward's logits are the reference's: what [`differences`] judges, without a trial of
/// its bounds, which is asked of that check alone.
///
/// # Errors
///
/// Why there are no logits to compare.
pub(crate) fn agree(answers: &Answers) -> Asked<bool> {
    let reference = answers.reference()?;
    let figures = how_different(answers.regime, reference, &reference.truth, answers.logits()?)?;
    Ok(figures.iter().all(Figure::holds))
}

/// Whether they are known to be.
pub(crate) fn is_right(answers: &Answers) -> bool {
    agree(answers).unwrap_or(false)
}

pub(super) fn distribution(answers: &Answers) -> Result<Finding, Absence> {
    plain(answers, distributed)
}

fn distributed(
    regime: Regime,
    reference: &Reference,
    truth: &Tensor,
    logits: &Tensor,
) -> Asked<Vec<Figure>> {
    let figures = compare(truth, logits).map_err(|err| blocked(&err))?;
    let kl = kl_bound(regime, reference)?;
    let cosine = floor_bound(regime, reference, Order::Quadratic, |it| it.cosine_distance, 1.0)?;
    Ok(vec![
        Figure::judged(KL_MAX, "max KL of a position (nats)", figures.kl_max, kl),
        Figure::judged("cosine-max", "max 1 - cos of a position", figures.cosine_distance, cosine),
    ])
}

/// The share of shared top tokens proves nothing (a model that was off by 3.9 kept all of them), and
/// one lost token may be a tie; so the judged figure is the logit gap that the port's choice gives
/// away, held to twice the noise of one logit.
pub(super) fn top_k(answers: &Answers) -> Result<Finding, Absence> {
    plain(answers, lost)
}

fn lost(
    regime: Regime,
    reference: &Reference,
    truth: &Tensor,
    logits: &Tensor,
) -> Asked<Vec<Figure>> {
    let figures = compare(truth, logits).map_err(|err| blocked(&err))?;
    let bound = max_abs_bound(regime, reference)?;
    let tie = Bound::at_most(2.0 * bound.limit());
    let mut figures_of = Vec::new();
    for (index, k) in TOP_K.into_iter().enumerate() {
        let (gap, share) = (figures.top_gap[index], figures.top_agreement[index]);
        figures_of.push(Figure::judged(
            format!("top-{k}-gap"),
            format!("gap lost in the top {k}"),
            gap,
            tie,
        ));
        figures_of.push(Figure::informs(
            format!("top-{k}-share"),
            format!("top {k} in common"),
            share,
        ));
    }
    Ok(figures_of)
}

/// Figures that hold pairs of logits (reference, port) to the noise floor of the plain forward: the
/// worst pair counts.
pub(super) fn judge(
    regime: Regime,
    reference: &Reference,
    pairs: &[(&Tensor, &Tensor)],
) -> Result<Vec<Figure>, Absence> {
    if pairs.is_empty() {
        let reason = "there were no logits to compare".to_owned();
        return Err(Absence::Blocked { reason });
    }
    let (mut max_abs, mut nmse, mut kl): (f64, f64, f64) = (0.0, 0.0, 0.0);
    for (expected, actual) in pairs {
        let figures = compare(expected, actual).map_err(|err| blocked(&err))?;
        max_abs = max_or_nan(max_abs, figures.max_abs);
        nmse = max_or_nan(nmse, figures.nmse);
        kl = max_or_nan(kl, figures.kl_max);
    }
    Ok(vec![
        Figure::judged(MAX_ABS, "max |Δ|", max_abs, max_abs_bound(regime, reference)?),
        Figure::judged(
            "nmse",
            "NMSE",
            nmse,
            floor_bound(regime, reference, Order::Quadratic, |it| it.nmse, 1.0)?,
        ),
        Figure::judged(KL_MAX, "max KL of a position (nats)", kl, kl_bound(regime, reference)?),
    ])
}

/// Figures along a long text, where `more` is noise as well: in each window of tokens the median counts,
/// and of the windows the worst. In a text this long a router comes near a tie somewhere, and that one
/// position is far off; what is wrong with a cache or a position stays wrong.
pub(super) fn judge_along(
    regime: Regime,
    reference: &Reference,
    more: &Noise,
    port: &Tensor,
) -> Result<Vec<Figure>, Absence> {
    judge_along_of(regime, reference, more, &more.base, port)
}

/// As [`judge_along`], where `truth` may be a part of the text.
pub(super) fn judge_along_of(
    regime: Regime,
    reference: &Reference,
    more: &Noise,
    truth: &Tensor,
    port: &Tensor,
) -> Result<Vec<Figure>, Absence> {
    let along = along(truth, port).map_err(|err| blocked(&err))?;
    let noise = || reference.noise.iter().chain([more]);
    let scale = scale_of(reference);
    let (difference, at) = worst(&along.max_abs);
    let mut floor: f64 = 0.0;
    for noise in noise() {
        let drift = &noise.figures().map_err(|err| blocked(&err))?.drift_at;
        floor = drift.iter().copied().fold(floor, max_or_nan);
    }
    Ok(vec![
        Figure::judged(
            WINDOW_ABS,
            "median |Δ| of the worst window",
            difference,
            noise_bound(regime, noise(), Order::Linear, |it| it.max_abs, scale)?,
        ),
        Figure::judged(
            "window-kl",
            "median KL of the worst window (nats)",
            worst(&along.kl).0,
            noise_bound(regime, noise(), Order::Quadratic, |it| it.kl_max, kl_scale(reference))?,
        ),
        Figure::judged(
            "window-entropy",
            "median drift of entropy of the worst window (nats)",
            worst(&along.entropy_drift).0,
            bound(regime, Order::Linear, floor, scale),
        ),
        Figure::informs(
            "worst-window",
            "first token of the worst window",
            (at * TEXT_WINDOW) as f64,
        ),
        Figure::informs(MAX_ABS, "max |Δ|", along.largest),
    ])
}

/// The figures of each pair along a long text: [`judge_along_of`].
pub(super) fn judge_along_pairs(
    regime: Regime,
    reference: &Reference,
    more: &Noise,
    pairs: &[(&Tensor, &Tensor)],
) -> Asked<Vec<Figure>> {
    let one = |(truth, logits): &(&Tensor, &Tensor)| {
        judge_along_of(regime, reference, more, truth, logits)
    };
    Ok(pairs.iter().map(one).collect::<Asked<Vec<_>>>()?.concat())
}

/// The bound of the KL divergence of a position. Logits that are each rounded by up to `u * scale`
/// have a KL of half the variance of that, a third of its square.
fn kl_bound(regime: Regime, reference: &Reference) -> Result<Bound, Absence> {
    floor_bound(regime, reference, Order::Quadratic, |it| it.kl_max, kl_scale(reference))
}

fn kl_scale(reference: &Reference) -> f64 {
    scale_of(reference) / 6f64.sqrt()
}

/// The bound of `max |Δ|` of one logit.
pub(super) fn max_abs_bound(regime: Regime, reference: &Reference) -> Result<Bound, Absence> {
    floor_bound(regime, reference, Order::Linear, |it| it.max_abs, scale_of(reference))
}

fn floor_bound(
    regime: Regime,
    reference: &Reference,
    order: Order,
    of: fn(&LogitFigures) -> f64,
    scale: f64,
) -> Result<Bound, Absence> {
    noise_bound(regime, reference.noise.iter(), order, of, scale)
}

fn noise_bound<'a>(
    regime: Regime,
    noise: impl Iterator<Item = &'a Noise>,
    order: Order,
    of: fn(&LogitFigures) -> f64,
    scale: f64,
) -> Result<Bound, Absence> {
    let mut floor: f64 = 0.0;
    for noise in noise {
        let figures = noise.figures().map_err(|err| blocked(&err))?;
        floor = max_or_nan(floor, of(figures));
    }
    Ok(bound(regime, order, floor, scale))
}

pub(super) fn scale_of(reference: &Reference) -> f64 {
    reference.truth.values.iter().fold(0.0, |top, it| max_or_nan(top, it.abs()))
}

/// Logits of another shape are a fault of the port, stated as one.
pub(super) fn blocked(err: &ShapeMismatch) -> Absence {
    Absence::PortFailed {
        failure: Box::new(Failure {
            kind: "shape".into(),
            message: err.to_string(),
            ..Failure::default()
        }),
    }
}
