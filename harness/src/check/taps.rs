//! Taps: where the two models first diverge.

use super::{Finding, logits};
use crate::{
    answers::Answers,
    engine::{Opened, package_path},
    figure::{Bound, Figure, Real, significant},
    layer::{Layer, Stack, is_decoder_layer},
    measure::{
        positions,
        taps::{Divergence, TapFigure, locate},
    },
    outcome::{Absence, Place, SourceLine},
    tap,
    tolerance::rotation_bound,
};

pub(super) fn agree(answers: &Answers) -> Result<Finding, Absence> {
    let taps = answers.taps()?;
    let logits_agree = logits::agree(answers)?;
    let stages: Vec<&TapFigure> =
        taps.pairs.iter().filter(|it| is_decoder_layer(&it.reference)).collect();
    if stages.is_empty() {
        let reason = match taps.unpaired.first() {
            Some((path, why)) => format!("no decoder layer could be paired (`{path}`: {why})"),
            None => "no decoder layer was tapped".to_owned(),
        };
        return Err(Absence::Blocked { reason });
    }
    let divergence = locate(&taps.pairs, !logits_agree);
    // A layer that differs but whose successors agree is split differently, not wrong.
    let diverged = divergence.as_ref().map_or(0, |found| {
        taps.pairs[found.stage..]
            .iter()
            .filter(|it| is_decoder_layer(&it.reference) && it.diverges())
            .count()
            .max(1)
    });
    let mut figures = vec![Figure::judged(
        "diverging",
        "layers that diverge for good",
        diverged as f64,
        Bound::at_most(0.0),
    )];
    if let Some(worst) = stages.iter().max_by(|a, b| a.multiple().total_cmp(&b.multiple())) {
        figures.push(Figure::informs(
            "worst-multiple",
            "largest error of a layer, in multiples of its floor",
            worst.multiple(),
        ));
    }
    let (paired, unpaired) = (taps.pairs.len() as f64, taps.unpaired.len() as f64);
    figures.push(Figure::informs("paired", "taps paired", paired));
    figures.push(Figure::informs("unpaired", "taps without a partner", unpaired));
    let mut finding = Finding::of(figures)?;
    // A layer that was not compared may be the wrong one.
    let mut lost = taps.unpaired.iter().filter(|(path, _)| is_decoder_layer(path));
    if let Some((path, why)) = lost.next() {
        let count = 1 + lost.count();
        finding.incomplete = Some(format!(
            "{count} of {} decoder layers could not be compared, e.g. `{path}`: {why}",
            count + stages.len()
        ));
    }
    // Errors are relative: an output of zeros errs by 1.
    let powerless: Vec<&str> =
        stages.iter().filter(|it| 1.0 <= it.bound).map(|it| it.reference.as_str()).collect();
    if let (Some(path), None) = (powerless.first(), &finding.incomplete) {
        finding.incomplete = Some(format!(
            "no power: an output of zeros would pass in {} of {} layers, e.g. `{path}`",
            powerless.len(),
            stages.len()
        ));
    }
    if let Some(found) = &divergence {
        let (first, stage) = (&taps.pairs[found.first], &taps.pairs[found.stage]);
        let turned = turned(answers, &taps.pairs, found);
        let named = |path: &str| match &turned {
            Some(_) => tap::rotation(path),
            None => path.to_owned(),
        };
        finding.place = Some(Place {
            module: named(&first.reference),
            port_module: named(&first.port),
            stage: stage.reference.clone(),
            last_agreeing: found.last_agreeing.map(|it| taps.pairs[it].reference.clone()),
            position: first.position.map(|it| it as u64),
            error: Real(first.error),
            smallest_passing: Real(taps.pairs.iter().map(|it| it.error).fold(0.0, f64::max)),
            lines: lines(answers, first),
        });
        finding.notes.extend(turned.as_ref().map(|(position, error)| {
            let error = significant(*error, 2);
            format!("the layer is turned by other angles: at position {position} cos and sin differ by {error}")
        }));
        finding
            .notes
            .extend(first.factor.map(|it| format!("they are {it:.3} times the definition's")));
        let of_stage = taps.reordered.iter().filter(|it| it.layer == stage.reference);
        finding.notes.extend(of_stage.map(|it| {
            let (first, second) = (&it.first, &it.second);
            format!(
                "in `{}` the port calls `{first}` after `{second}`, the definition before it",
                it.layer
            )
        }));
    } else if !logits_agree {
        // Behind the last tap that has a partner: a head that the port does without.
        let outside =
            |it: &&String| Layer::around(it).is_none() && Stack::around(it) == Stack::Text;
        let behind = taps.unpaired.iter().map(|(path, _)| path).rfind(outside);
        finding.place = Some(Place {
            module: behind.cloned().unwrap_or_else(|| "logits".to_owned()),
            port_module: "logits".to_owned(),
            stage: "logits".to_owned(),
            last_agreeing: taps.pairs.last().map(|it| it.reference.clone()),
            position: None,
            error: Real(f64::NAN),
            smallest_passing: Real(f64::NAN),
            lines: Vec::new(),
        });
    } else {
        let is_output = |it: &&TapFigure| tap::part(&it.reference).is_none();
        let benign: Vec<&TapFigure> =
            taps.pairs.iter().filter(|it| it.diverges()).filter(is_output).collect();
        finding.notes.extend(benign.iter().take(4).map(|it| {
            format!(
                "`{}` and `{}` split the work differently; what follows agrees",
                it.reference, it.port
            )
        }));
    }
    Ok(finding)
}

/// The first position at which the layer of a divergence is turned otherwise, and how far, where that comes before
/// the tap that was found: behind the keys or the queries, or at the end of the attention where none were tapped.
fn turned(answers: &Answers, taps: &[TapFigure], found: &Divergence) -> Option<(u32, f64)> {
    let rotations = answers.rotations().ok()?;
    let (first, stage) = (&taps[found.first].reference, &taps[found.stage].reference);
    let index = Layer::at(stage)?.index;
    let tables = rotations.layers.iter().find(|it| it.0 == index)?;
    let errors = positions::compare(&tables.1, &tables.2)?.max_abs_at;
    let beyond = |(position, error): &(&u32, &f64)| {
        !rotation_bound(answers.regime, **position).admits(**error)
    };
    let (position, error) = rotations.positions.iter().zip(&errors).find(beyond)?;
    let inside: Vec<usize> =
        (0..found.stage).filter(|&it| tap::lies_within(&taps[it].reference, stage)).collect();
    let is_turned = |it: &&usize| {
        tap::part(&taps[**it].reference)
            .is_some_and(|it| it.starts_with("key") || it.starts_with("query"))
    };
    let behind = match inside.iter().find(is_turned) {
        Some(&at) => at <= found.first,
        None => {
            let parent = first.rsplit_once('.').map_or("", |it| it.0);
            let more =
                |&it: &usize| found.first < it && tap::lies_within(&taps[it].reference, parent);
            parent != stage && !inside.iter().copied().any(|it| more(&it)) || is_attention(first)
        }
    };
    behind.then_some((*position, *error))
}

/// Whether a module is called as attentions are.
fn is_attention(path: &str) -> bool {
    let name = path.rsplit('.').next().unwrap_or(path);
    name.contains("attn") || name.contains("attention")
}

/// Where each side calls the module of the first wrong tap.
fn lines(answers: &Answers, first: &TapFigure) -> Vec<SourceLine> {
    let definition = answers.reference().ok().map(|it| &it.opened);
    let port = answers.judged().ok();
    let line = |side: &str, opened: Option<&Opened>, path: &str| {
        let module = opened?.modules.iter().find(|it| it.path == path)?;
        let call = module.call.as_ref()?;
        Some(SourceLine {
            side: side.to_owned(),
            file: package_path(&call.file),
            line: call.line,
            text: call.text.trim().to_owned(),
            class: module.class.clone(),
        })
    };
    let [reference, own] = [&first.reference, &first.port].map(|it| tap::module(it));
    let sides = [line("definition", definition, reference), line("port", port, own)];
    sides.into_iter().flatten().collect()
}
