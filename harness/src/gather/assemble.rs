//! Bringing both sides' halves together under the needs of the checks.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::{
    alone,
    ask::Ran,
    beside, formats, fp8, itself, long,
    pairs::{dtypes, rotations},
    plan::{Plan, state_cases},
    prompt, quantised,
    read::{read_batch, read_logits, read_rows},
    said::{Baseline, Said},
    taps::taps,
};
use crate::{
    answers::{Answers, Asked, Generation, OtherSpelling, Reference, Retied, Sharded, State},
    case::{DECODED, Feed, NEW_TOKENS, Side, StateWay},
    engine::{EngineKind, Generated, Opened, Pair, Synthesised},
    figure::Real,
    measure::logits,
    need::Need,
    noise::Noise,
    outcome::Absence,
    records::{Cost, GenerationText},
    tensors::Tensor,
};

/// Read what the two sides left in files and pair it.
pub(super) fn assemble(
    plan: &Plan<'_>,
    synthetic: Option<Synthesised>,
    config: Value,
    reference: &Said,
    port: &Said,
    text: Option<GenerationText>,
) -> Answers {
    let baseline = reference.baseline(Need::Reference);
    let truth = baseline.clone().and_then(|it| logits_of(it.truth));
    let other = |truth: &Asked<Tensor>| other_spelling(port, truth.as_ref());
    let taps = taps(plan, baseline.as_deref(), port);

    let mut answers = Answers::new(plan.question.regime, plan.pair, config, synthetic);
    for (case, _) in state_cases(plan) {
        let state = state(case.way, case.feed, reference, port, &truth);
        answers.put_state(case.way, state);
    }
    answers.put_itself(itself::assemble(plan, reference, &truth));
    answers.put_rotations(rotations(
        plan,
        reference.rotations(Need::Rotations),
        port.rotations(Need::Rotations),
    ));
    answers.put_dtypes(dtypes(
        reference.forward(Need::Dtypes),
        port.forward(Need::Dtypes),
        taps.as_ref(),
    ));
    answers.put_taps(taps);
    answers.put_alone(alone::assemble(plan, baseline.as_deref(), reference, port));
    answers.put_roundtrip(port.roundtrip(Need::Roundtrip));
    answers.put_retied(retied(plan, reference, port));
    answers.put_fields(reference.fields(Need::Fields));
    answers.put_generation(generation(plan, reference, port, text));
    answers.put_long(long::assemble(
        reference.long_text(Need::Long),
        port.forward(Need::Long),
        port.text(Need::Generation).map(|it| it.0),
    ));
    answers.put_prompt(prompt::assemble(
        plan,
        reference.logits(Need::Prompt),
        port.logits(Need::Prompt),
    ));
    let (rounded, packed) = (reference.logits(Need::Quantised), port.packed(Need::Quantised));
    answers.put_quantised(quantised::assemble(plan, rounded, packed));
    answers.put_other_spelling(other(&truth));
    for (need, of) in [(Need::Stray, &plan.stray), (Need::AsBuilt, &plan.as_built)] {
        answers.put_rewritten(need, beside::assemble(need, of, reference, port));
    }
    answers.put_fp8(fp8::assemble(plan, reference, port));
    let logits = |said: &Said, need| said.forward(need).map(|it| it.1);
    let float16 = formats::narrow(logits(reference, Need::Float16), logits(port, Need::Float16));
    answers.put_float16(float16);
    answers.put_cast(formats::narrow(logits(reference, Need::Dtypes), logits(port, Need::Cast)));
    answers.put_packed_cache(formats::packed_cache(plan, reference, port));
    answers.put_sharded(sharded(port));
    answers.put_logits(logits_of(port.forward(Need::Logits)));
    answers.put_judged(judged(&baseline, port));
    answers.cost = cost(plan.pair, &baseline, reference, port);
    answers.put_reference(measured(baseline, truth));
    answers
}

fn logits_of(said: Asked<Ran>) -> Asked<Tensor> {
    read_logits(&said?.1)
}

/// What each side took, as far as it was measured.
fn cost(
    pair: Pair,
    baseline: &Asked<Box<Baseline>>,
    reference: &Said,
    port: &Said,
) -> BTreeMap<EngineKind, Cost> {
    let of = |load: Option<f64>, generated: Asked<(Generated, PathBuf)>| {
        let generated = generated.ok().map(|it| it.0);
        Cost {
            load_seconds: load.map(Real),
            generate_seconds: generated.as_ref().and_then(|it| it.seconds).map(Real),
            generated: generated.as_ref().map_or(0, |it| it.ids.len() as u64),
            peak_bytes: generated.and_then(|it| it.peak_bytes),
        }
    };
    let load = baseline.as_ref().ok().and_then(|it| it.load_seconds);
    let reference = of(load, reference.text(Need::Generation));
    let load = port.opened(Need::Judged).ok().and_then(|it| it.seconds);
    let port = of(load, port.text(Need::Generation));
    [(pair.reference(), reference), (pair.judged(), port)]
        .into_iter()
        .filter(|(_, it)| *it != Cost::default())
        .collect()
}

/// A checkpoint that the definition itself cannot load says nothing about the port.
fn judged(baseline: &Asked<Box<Baseline>>, port: &Said) -> Asked<Opened> {
    if let Err(Absence::Blocked { reason }) = baseline {
        return Err(Absence::Blocked { reason: reason.clone() });
    }
    port.opened(Need::Judged)
}

/// The reference with what it errs against itself.
pub(super) fn measured(baseline: Asked<Box<Baseline>>, truth: Asked<Tensor>) -> Asked<Reference> {
    let Baseline { opened, run, nudged, .. } = *baseline?;
    let truth = truth?;
    let run = logits_of(run)?;
    let mut noise = vec![Noise::new("precision", truth.clone(), run.clone())];
    for (_, path) in nudged? {
        noise.push(Noise::new("nudged", run.clone(), read_logits(&path)?));
    }
    Ok(Reference { opened, truth, noise })
}

fn retied(plan: &Plan<'_>, reference: &Said, port: &Said) -> Asked<Retied> {
    let (_, port) = port.forward(Need::Retied)?;
    let (tied, _) = plan.retied.clone()?;
    let reference = logits_of(reference.forward(Need::Retied))?;
    Ok(Retied { tied, reference, port: read_logits(&port)? })
}

fn other_spelling(port: &Said, truth: Result<&Tensor, &Absence>) -> Asked<OtherSpelling> {
    match port.forward(Need::OtherSpelling) {
        Ok((_, path)) => {
            let truth = truth.map_err(Clone::clone)?;
            let logits = read_logits(&path)?;
            let max_abs = logits::compare(truth, &logits).map_or(f64::NAN, |it| it.max_abs);
            Ok(OtherSpelling::Loaded { max_abs })
        }
        Err(Absence::PortFailed { failure }) => {
            Ok(OtherSpelling::Refused { message: failure.to_string() })
        }
        Err(absence) => Err(absence),
    }
}

fn generation(
    plan: &Plan<'_>,
    reference: &Said,
    port: &Said,
    text: Option<GenerationText>,
) -> Asked<Generation> {
    let (reference, path) = reference.text(Need::Generation)?;
    let (mut port, _) = port.text(Need::Generation)?;
    port.ids.truncate(NEW_TOKENS);
    let reference_logits = read_logits(&path)?;
    let (prompt, no_words) = (plan.prompt.clone(), plan.no_words.clone());
    Ok(Generation {
        prompt,
        no_words,
        reference: reference.ids,
        port: port.ids,
        reference_logits,
        text,
    })
}

fn sharded(port: &Said) -> Asked<Sharded> {
    let (said, path) = port.sharded(Need::Sharded)?;
    let share = said.own as f64 / said.whole as f64;
    Ok(Sharded { logits: read_logits(&path)?, share })
}

/// What a way of feeding must give the port, row by row.
fn state(
    way: StateWay,
    feed: Feed,
    reference: &Said,
    port: &Said,
    truth: &Asked<Tensor>,
) -> Asked<State> {
    let need = Need::State(way);
    let path: &Path = &port.forward(need)?.1;
    let alone = || reference.logits(need);
    fed_rows(feed, path, truth, alone, DECODED)
}

/// Logits of one way of feeding with what they must equal. Of a batch padded on the right the last
/// `resumed` places are what was decoded after it.
pub(super) fn fed_rows(
    feed: Feed,
    path: &Path,
    truth: &Asked<Tensor>,
    alone: impl FnOnce() -> Asked<Vec<PathBuf>>,
    resumed: usize,
) -> Asked<State> {
    let rows = match feed {
        Feed::Decode { .. } | Feed::Chunks { .. } | Feed::Kept { .. } | Feed::Embeddings => {
            vec![(truth.clone()?, read_logits(path)?)]
        }
        Feed::Short { of } => vec![(truth.clone()?.time_slice(0, of), read_logits(path)?)],
        // A row that left early has fewer places than it has alone.
        Feed::Joined => {
            let alone = alone()?;
            let rows = read_rows(path, alone.len())?.into_iter().zip(&alone);
            let pair = |(row, alone): (Tensor, &PathBuf)| {
                let length = row.rows().len();
                Ok((read_logits(alone)?.time_slice(0, length), row))
            };
            rows.map(pair).collect::<Asked<Vec<_>>>()?
        }
        Feed::Trim { of, by } => {
            vec![(truth.clone()?.time_slice(of - by, of), read_logits(path)?)]
        }
        Feed::Batch { side } => {
            let logits = read_batch(path)?;
            let mut rows = Vec::new();
            for (index, alone) in alone()?.iter().enumerate() {
                let alone = read_logits(alone)?;
                let row = logits.batch_row(index);
                let (total, length) = (row.rows().len(), alone.rows().len());
                let row = match side {
                    Side::Left => row.time_slice(total - length, total),
                    Side::Right if resumed == 0 => row.time_slice(0, length),
                    Side::Right => {
                        let prompt = row.time_slice(0, length - resumed);
                        prompt.followed_by(&row.time_slice(total - resumed, total))
                    }
                };
                rows.push((alone, row));
            }
            rows
        }
    };
    Ok(State { rows })
}
