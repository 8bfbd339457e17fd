//! Formats: what a narrower format costs the port, beside what the same costs the definition.
//!
//! The median over the positions counts: where a router near a tie sends one token elsewhere, its position is
//! far off on either side, and says nothing.

use super::{
    Finding,
    logits::{blocked, judge, scale_of},
    power::tried,
    weights::count,
};
use crate::{
    answers::{Answers, Asked, Narrow, Reference},
    case::Regime,
    figure::{Figure, Order},
    measure::{
        logits::{LogitFigures, compare},
        median::median,
    },
    outcome::Absence,
    tensors::Tensor,
    tolerance::bound,
};

/// The medians that `lost` is held to four times those of `floor` by; `what` follows their names.
pub(super) fn medians(
    regime: Regime,
    reference: &Reference,
    what: &str,
    id: &str,
    lost: &LogitFigures,
    floor: &LogitFigures,
) -> Vec<Figure> {
    let scale = scale_of(reference);
    let judged = |name: &str, says: &str, order, lost: &[f64], floor: &[f64]| {
        let bound = bound(regime, order, median(floor), scale);
        Figure::judged(format!("{name}{id}"), format!("{says}{what}"), median(lost), bound)
    };
    vec![
        judged(
            "median-abs",
            "median of max |Δ|",
            Order::Linear,
            &lost.max_abs_at,
            &floor.max_abs_at,
        ),
        judged(
            "median-kl",
            "median KL of a position (nats)",
            Order::Quadratic,
            &lost.kl_at,
            &floor.kl_at,
        ),
        Figure::informs(format!("max-abs{id}"), format!("max |Δ|{what}"), lost.max_abs),
    ]
}

/// A narrow format may be too coarse to tell a model from none; then it says nothing.
fn telling(finding: Finding) -> Result<Finding, Absence> {
    match finding.incomplete {
        Some(reason) if finding.holds() => Err(Absence::NotApplicable { reason }),
        _ => Ok(finding),
    }
}

/// In float16 nothing overflows that does not overflow in the definition.
pub(super) fn float16(answers: &Answers) -> Result<Finding, Absence> {
    let narrow = answers.float16()?;
    let lost = |it: &Tensor| it.rows().filter(|row| row.iter().any(|it| !it.is_finite())).count();
    if 0 < lost(&narrow.reference) {
        let reason = "in float16 the definition itself overflows".to_owned();
        return Err(Absence::NotApplicable { reason });
    }
    let overflown = lost(&narrow.port);
    let overflows = count("overflown", "positions with a logit that is no number", overflown);
    if 0 < overflown {
        return Finding::of(vec![overflows]);
    }
    let mut finding = beside(answers, narrow, " in float16")?;
    finding.figures.insert(0, overflows);
    Ok(finding)
}

/// Converted by its own library, the port is what the definition is in that dtype.
pub(super) fn cast(answers: &Answers) -> Result<Finding, Absence> {
    beside(answers, answers.cast()?, " converted to bfloat16")
}

fn beside(answers: &Answers, narrow: &Narrow, what: &str) -> Result<Finding, Absence> {
    let (regime, reference) = (answers.regime, answers.reference()?);
    let floor = compare(&reference.truth, &narrow.reference).map_err(|err| blocked(&err))?;
    let figures = |truth: &Tensor, port: &Tensor| -> Asked<Vec<Figure>> {
        let lost = compare(truth, port).map_err(|err| blocked(&err))?;
        Ok(medians(regime, reference, what, "", &lost, &floor))
    };
    let finding = Finding::of(figures(&reference.truth, &narrow.port)?)?;
    telling(tried(finding, &reference.truth, figures)?)
}

/// With keys and values packed in the cache, the port loses no more than the definition does.
pub(super) fn packed_cache(answers: &Answers) -> Result<Finding, Absence> {
    let (regime, reference) = (answers.regime, answers.reference()?);
    let packed = answers.packed_cache()?;
    let lost = |of: &[Tensor; 2]| compare(&of[0], &of[1]).map_err(|err| blocked(&err));
    let floor = lost(&packed.reference)?;
    let what = format!(" with caches in {} bits", packed.by.bits);
    let judged = |plain: &Tensor, port: &Tensor| -> Asked<Vec<Figure>> {
        let lost = compare(plain, port).map_err(|err| blocked(&err))?;
        Ok(medians(regime, reference, &what, "", &lost, &floor))
    };
    let [plain, port] = &packed.port;
    let finding = Finding::of(judged(plain, port)?)?;
    telling(tried(finding, plain, judged)?)
}

/// Shared by two ranks, the port is the same model.
pub(super) fn sharded(answers: &Answers) -> Result<Finding, Absence> {
    let (regime, reference) = (answers.regime, answers.reference()?);
    let sharded = answers.sharded()?;
    let judged = |truth: &Tensor, port: &Tensor| judge(regime, reference, &[(truth, port)]);
    let mut figures = judged(&reference.truth, &sharded.logits)?;
    let name = "share of the weights that one of two ranks holds";
    figures.push(Figure::informs("share", name, sharded.share));
    let mut finding = tried(Finding::of(figures)?, &reference.truth, judged)?;
    if 1.0 <= sharded.share && finding.incomplete.is_none() {
        finding.incomplete = Some("no weight was shared: each rank holds the whole".to_owned());
    }
    Ok(finding)
}
