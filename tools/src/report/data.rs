//! What the templates of a report are filled with: the evidence, and what follows from it alone.

use std::collections::BTreeMap;

use portwright_harness::{
    case::Regime,
    check::{
        CHECKS, Group,
        logits::{KL_MAX, MAX_ABS, WINDOW_ABS},
    },
    evidence::Evidence,
    figure::{Bound, Real},
    layer::is_decoder_layer,
    outcome::{CheckRecord, Outcome, Place, Verdict},
};
use serde_json::{Value, json};

use crate::count::counted;

use super::{
    plots::{Drawn, Plot, Point, draw},
    untested,
    wrong::in_short,
};

/// Steps of a generation shown before and after the first difference.
const STEPS_AROUND: usize = 6;

/// Everything that a template may name.
pub(super) fn of(evidence: &Evidence) -> Value {
    let place = evidence.checks.iter().find_map(|it| it.place.as_ref());
    let findings: Vec<Value> = evidence
        .checks
        .iter()
        .flat_map(|check| check.findings.iter().map(|it| json!({"check": check.id, "text": it})))
        .collect();
    json!({
        "e": with_limits(evidence),
        "verdict_word": evidence.verdict.word(),
        "verdict_sentence": sentence(evidence),
        "regime_sentence": match evidence.regime {
            Regime::Exact => "both sides in float64 throughout, under the dtypes that they name",
            Regime::Logic => "both sides in float32, held to the reference in float64",
            Regime::Native => "both sides in bfloat16, held to the reference in float32",
        },
        "judged_runs": evidence.roles.judged().runs().noun(),
        "in_short": in_short(evidence),
        "place": place,
        "place_says": place.map(Place::says),
        "findings": findings,
        "summaries": summaries(),
        "architecture": architecture(evidence),
        "layers": evidence.taps.iter().filter(|it| is_decoder_layer(&it.reference)).collect::<Vec<_>>(),
        "rotations": rotations(evidence),
        "generation": generation(evidence),
        "long_text": evidence.long_text,
        "cost": cost(evidence),
        "untested": untested::of(evidence),
    })
}

/// The verdict in one sentence, from facts alone.
pub fn sentence(evidence: &Evidence) -> String {
    let gates = || evidence.checks.iter().filter(|it| it.gate);
    let of = |outcome| gates().filter(move |it| it.outcome == outcome).count();
    let mut parts =
        vec![format!("{} of {} deciding checks passed", of(Outcome::Pass), gates().count())];
    for (outcome, one, many) in [
        (Outcome::Fail, "failed", "failed"),
        (Outcome::NotRun, "could not run", "could not run"),
        (Outcome::NotApplicable, "does not apply", "do not apply"),
    ] {
        let count = of(outcome);
        if 0 < count {
            parts.push(counted(count, one, many));
        }
    }
    let left_out = match evidence.left_out.len() {
        0 => String::new(),
        count => format!(
            " {}.",
            counted(count, "deciding check was not asked", "deciding checks were not asked")
        ),
    };
    format!("{}.{left_out}{}", parts.join(", "), scope(evidence))
}

/// What a pass speaks of, where it is less than the model.
fn scope(evidence: &Evidence) -> &'static str {
    let varied = evidence.checks.iter().find(|it| it.group == Group::Variations.id());
    match (evidence.verdict, evidence.regime) {
        (Verdict::Pass, Regime::Native) => {
            " It behaves as the definition in bfloat16; whether it is the same model, float32 tells."
        }
        // A run that names its config asks of that one.
        (Verdict::Pass, Regime::Exact | Regime::Logic) if varied.is_some_and(|it| !it.gate) => {
            " At this config: what the port does at others was told and did not count."
        }
        _ => "",
    }
}

/// What each check holds, by its id.
fn summaries() -> BTreeMap<&'static str, &'static str> {
    CHECKS.iter().map(|it| (it.id, it.summary)).collect()
}

/// The evidence as data, each bound with the number it comes to.
fn with_limits(evidence: &Evidence) -> Value {
    let mut value = serde_json::to_value(evidence).unwrap_or_default();
    for (index, check) in evidence.checks.iter().enumerate() {
        value["checks"][index]["word"] = check.word().into();
        for (position, figure) in check.figures.iter().enumerate() {
            let shown = &mut value["checks"][index]["figures"][position];
            shown["holds"] = figure.holds().into();
            if let Some(bound) = figure.bound {
                shown["limit"] = serde_json::to_value(Real(bound.limit())).unwrap_or_default();
            }
        }
    }
    value
}

/// What the config says of the model's build.
fn architecture(evidence: &Evidence) -> Value {
    let subject = &evidence.subject;
    let config = &subject.config;
    let synthetic = subject.synthetic.as_ref();
    let kinds: Vec<String> = synthetic
        .and_then(|it| it.layer_types.clone())
        .or_else(|| serde_json::from_value(config["layer_types"].clone()).ok())
        .unwrap_or_default();
    let mut counted: Vec<(String, u64)> = Vec::new();
    for kind in kinds {
        match counted.iter_mut().find(|it| it.0 == kind) {
            Some(it) => it.1 += 1,
            None => counted.push((kind, 1)),
        }
    }
    let named = |name: &str| config[name].as_str().map(str::to_owned);
    json!({
        "architecture": synthetic.map(|it| it.architecture.clone())
            .or_else(|| config["architectures"][0].as_str().map(str::to_owned)),
        "config_class": synthetic.map(|it| it.config_class.clone()),
        "layers": synthetic.map(|it| u64::from(it.num_layers))
            .or_else(|| config["num_hidden_layers"].as_u64()),
        "kinds": counted,
        "window": synthetic.and_then(|it| it.sliding_window.map(u64::from))
            .or_else(|| config["sliding_window"].as_u64()),
        "parameters": synthetic.map(|it| it.parameters),
        "dtype": named("dtype").or_else(|| named("torch_dtype")),
        "dtype_field": if config["dtype"].is_string() { "dtype" } else { "torch_dtype" },
    })
}

/// The rotation records with the layers of each in words.
fn rotations(evidence: &Evidence) -> Vec<Value> {
    let record = |it: &portwright_harness::records::RotationRecord| {
        let rows = it.positions.iter().map(|at| {
            json!({
                "position": at.position, "error": at.error, "bound": at.bound,
                "holds": at.error.0 <= at.bound.0,
            })
        });
        json!({
            "layers": spans(&it.layers), "kind": it.kind, "frequencies": it.frequencies,
            "rows": rows.collect::<Vec<_>>(),
        })
    };
    evidence.rotations.iter().map(record).collect()
}

/// `0-2, 4` for the layers 0, 1, 2 and 4.
fn spans(layers: &[u32]) -> String {
    let mut spans: Vec<(u32, u32)> = Vec::new();
    for &layer in layers {
        match spans.last_mut() {
            Some((_, last)) if *last + 1 == layer => *last = layer,
            _ => spans.push((layer, layer)),
        }
    }
    let text = |&(first, last): &(u32, u32)| match last - first {
        0 => first.to_string(),
        _ => format!("{first}-{last}"),
    };
    spans.iter().map(text).collect::<Vec<_>>().join(", ")
}

/// Both sides' tokens, step by step around the first difference.
fn generation(evidence: &Evidence) -> Value {
    let Some(record) = &evidence.generation else { return Value::Null };
    let first = record.first_difference();
    let total = record.reference.len().max(record.port.len());
    let from = first.map_or(0, |it| it.saturating_sub(STEPS_AROUND));
    let to = first.map_or(total, |it| (it + STEPS_AROUND).min(total));
    let steps = (from..to).map(|step| {
        let (reference, port) = (record.reference.get(step), record.port.get(step));
        json!({
            "step": step, "reference": reference, "port": port, "same": reference == port,
            "first": Some(step) == first,
        })
    });
    json!({
        "prompt": record.prompt, "first": first, "total": total, "text": record.text,
        "steps": steps.collect::<Vec<_>>(),
        "same": first.unwrap_or(total),
    })
}

/// What each side took, reference first.
fn cost(evidence: &Evidence) -> Vec<Value> {
    let roles = evidence.roles;
    let sides = [("definition", roles.reference()), ("judged", roles.judged())];
    sides
        .into_iter()
        .filter_map(|(side, engine)| {
            let cost = evidence.clock.cost.get(&engine)?;
            Some(json!({
                "side": side, "engine": engine,
                "tokens_per_second": cost.tokens_per_second().map(Real),
                "load_seconds": cost.load_seconds,
                "peak_megabytes": cost.peak_bytes.map(|it| it / 1_000_000),
                "generated": cost.generated,
            }))
        })
        .collect()
}

/// Every plot that the evidence has points for.
pub(super) fn plots(evidence: &Evidence) -> Vec<Drawn> {
    let differences = evidence.check("logits-differences");
    let distribution = evidence.check("logits-distribution");
    let positions = |values: &[Real], judged: (Option<f64>, Option<f64>)| {
        let point =
            |it: &Real| Point { value: it.0, floor: judged.0, bound: judged.1, large: false };
        values.iter().map(point).collect::<Vec<_>>()
    };
    let taps = evidence.taps.iter().map(|it| Point {
        value: it.error.0,
        floor: Some(it.floor.0),
        bound: Some(it.bound.0),
        large: is_decoder_layer(&it.reference),
    });
    [
        Plot {
            id: "plot-logits",
            title: "Largest difference of a logit, by position",
            x: "position",
            points: positions(&evidence.per_position.max_abs, held_to(differences, MAX_ABS)),
            joined: true,
        },
        Plot {
            id: "plot-kl",
            title: "KL divergence in nats, by position",
            x: "position",
            points: positions(&evidence.per_position.kl, held_to(distribution, KL_MAX)),
            joined: true,
        },
        Plot {
            id: "plot-long-text",
            title: "Largest difference of a logit along the long text, the median of each window",
            x: "window",
            points: positions(
                evidence.long_text.as_ref().map_or(&[], |it| &it.max_abs),
                held_to(evidence.check("generation-long"), WINDOW_ABS),
            ),
            joined: true,
        },
        Plot {
            id: "plot-taps",
            title: "Relative error of each module, in the order they run",
            x: "module",
            points: taps.collect(),
            joined: false,
        },
    ]
    .iter()
    .filter_map(draw)
    .collect()
}

/// The noise floor and the bound of one figure of a check.
fn held_to(check: Option<&CheckRecord>, id: &str) -> (Option<f64>, Option<f64>) {
    let bound = check.and_then(|it| it.figure(id)?.bound);
    (bound.and_then(Bound::floor), bound.map(Bound::limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_read_as_spans() {
        assert_eq!(spans(&[0, 1, 2, 4, 6, 7]), "0-2, 4, 6-7");
        assert_eq!(spans(&[]), "");
    }
}
