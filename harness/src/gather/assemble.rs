//! Bringing both sides' answers together under the needs of the checks.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::{
    Plan, long, not_asked,
    pairs::{dtypes, rotations, taps},
    port, quantised,
    read::{LOGITS, read_logits, unreadable},
    reference, state_cases,
};
use crate::{
    answers::{Answers, Asked, Fields, Generation, Noise, OtherSpelling, Reference, Retied, State},
    case::{DECODED, Feed, NEW_TOKENS, Side},
    engine::{EngineKind, Forwarded, Generated, Pair, Synthesised},
    figure::Real,
    measure::logits,
    outcome::Absence,
    records::{Cost, GenerationText},
    tensors::{Tensor, TensorFile},
};

/// Read what the two sides left in files and pair it.
pub(super) fn assemble(
    plan: &Plan<'_>,
    synthetic: Option<Synthesised>,
    config: Value,
    reference: reference::Said,
    port: port::Said,
    text: Option<GenerationText>,
) -> Answers {
    let cost = cost(plan.pair, &reference, &port);
    let truth =
        reference.truth.as_ref().map_err(Clone::clone).and_then(|(_, path)| read_logits(path));
    let port = without_reference(port, &reference);
    let mut answers = Answers::new(plan.question.regime, plan.pair, config, synthetic);
    for (case, _) in state_cases(plan) {
        let said = port.states.get(&case.way).cloned().unwrap_or_else(|| Err(not_asked()));
        let state = said.and_then(|path| state(case.feed, &path, &truth, &reference.batch));
        answers.put_state(case.way, state);
    }
    let taps = taps(plan, &reference, &port);
    let rotations = rotations(plan, reference.rope, port.rope);
    let dtypes = dtypes(&reference.narrow, port.narrow, &taps);
    let retied = port.retied.and_then(|path| {
        let (tied, _) = plan.retied.clone()?;
        let expected = read_logits(&reference.retied?)?;
        Ok(Retied { tied, reference: expected, port: read_logits(&path)? })
    });
    let other_spelling = match port.other_spelling {
        Ok(path) => truth.as_ref().map_err(Clone::clone).and_then(|truth| {
            let logits = read_logits(&path)?;
            let max_abs = logits::compare(truth, &logits).map_or(f64::NAN, |it| it.max_abs);
            Ok(OtherSpelling::Loaded { max_abs })
        }),
        Err(Absence::PortFailed { failure }) => {
            Ok(OtherSpelling::Refused { message: failure.to_string() })
        }
        Err(absence) => Err(absence),
    };
    let fields = match (reference.read, reference.experiments) {
        (Ok(read), Ok(ignored)) => Ok(Fields { read, ignored }),
        (Err(absence), _) | (_, Err(absence)) => Err(absence),
    };
    let long = long::assemble(reference.long, reference.along, port.along, &port.generated);
    let quantised = quantised::assemble(reference.rounded, port.packed);
    let generation = match (reference.generated, port.generated) {
        (Ok((reference, path)), Ok(mut port)) => {
            port.ids.truncate(NEW_TOKENS);
            read_logits(&path).map(|reference_logits| Generation {
                prompt: plan.prompt().to_vec(),
                reference: reference.ids,
                port: port.ids,
                reference_logits,
                text,
            })
        }
        (Err(absence), _) | (_, Err(absence)) => Err(absence),
    };
    let noise = noise(&reference.truth, &reference.run, &reference.nudged);
    let batch = reference.batch.and_then(|paths| paths.iter().map(|it| read_logits(it)).collect());
    let reference = match (reference.opened, truth, noise) {
        (Ok(opened), Ok(truth), Ok(noise)) => {
            Ok(Reference { opened, truth, noise, batch: batch.unwrap_or_default() })
        }
        (Err(absence), _, _) | (_, Err(absence), _) | (_, _, Err(absence)) => Err(absence),
    };
    answers.put_reference(reference);
    answers.put_logits(
        port.plain.as_ref().map_err(Clone::clone).and_then(|(_, path)| read_logits(path)),
    );
    answers.put_judged(port.opened);
    answers.put_taps(taps);
    answers.put_rotations(rotations);
    answers.put_dtypes(dtypes);
    answers.put_roundtrip(port.roundtrip);
    answers.put_retied(retied);
    answers.put_fields(fields);
    answers.put_generation(generation);
    answers.put_long(long);
    answers.put_quantised(quantised);
    answers.put_other_spelling(other_spelling);
    answers.cost = cost;
    answers
}

/// What each side took, as far as it was measured.
fn cost(pair: Pair, reference: &reference::Said, port: &port::Said) -> BTreeMap<EngineKind, Cost> {
    let of = |load: Option<f64>, generated: Option<&Generated>| Cost {
        load_seconds: load.map(Real),
        generate_seconds: generated.and_then(|it| it.seconds).map(Real),
        generated: generated.map_or(0, |it| it.ids.len() as u64),
        peak_bytes: generated.and_then(|it| it.peak_bytes),
    };
    let load = port.opened.as_ref().ok().and_then(|it| it.seconds);
    let reference = of(reference.load_seconds, reference.generated.as_ref().ok().map(|(it, _)| it));
    let port = of(load, port.generated.as_ref().ok());
    [(pair.reference(), reference), (pair.judged(), port)]
        .into_iter()
        .filter(|(_, it)| *it != Cost::default())
        .collect()
}

/// A checkpoint that the definition itself cannot load says nothing about the port.
fn without_reference(mut port: port::Said, reference: &reference::Said) -> port::Said {
    if let Err(Absence::Blocked { reason }) = &reference.opened {
        port.opened = Err(Absence::Blocked { reason: reason.clone() });
    }
    port
}

fn noise(
    truth: &Asked<(Forwarded, PathBuf)>,
    run: &Asked<(Forwarded, PathBuf)>,
    nudged: &Asked<Vec<(Forwarded, PathBuf)>>,
) -> Asked<Vec<Noise>> {
    let logits = |said: &Asked<(Forwarded, PathBuf)>| {
        said.as_ref().map_err(Clone::clone).and_then(|(_, path)| read_logits(path))
    };
    let run = logits(run)?;
    let mut noise = vec![Noise { name: "precision", base: logits(truth)?, logits: run.clone() }];
    for (_, path) in nudged.as_ref().map_err(Clone::clone)? {
        noise.push(Noise { name: "nudged", base: run.clone(), logits: read_logits(path)? });
    }
    Ok(noise)
}

/// What a way of feeding must give, row by row.
fn state(
    feed: Feed,
    path: &Path,
    truth: &Asked<Tensor>,
    batch: &Asked<Vec<PathBuf>>,
) -> Asked<State> {
    let rows = match feed {
        Feed::Decode { .. } | Feed::Chunks { .. } => {
            vec![(truth.clone()?, read_logits(path)?)]
        }
        Feed::Trim { of, by } => {
            vec![(truth.clone()?.time_slice(of - by, of), read_logits(path)?)]
        }
        Feed::Batch { side } => {
            let logits = TensorFile::open(path)
                .and_then(|it| it.tensor(LOGITS))
                .map_err(|err| unreadable(&err))?;
            let mut rows = Vec::new();
            for (index, alone) in batch.clone()?.iter().enumerate() {
                let alone = read_logits(alone)?;
                let row = logits.batch_row(index);
                let (total, length) = (row.rows().len(), alone.rows().len());
                let row = match side {
                    Side::Left => row.time_slice(total - length, total),
                    Side::Right => {
                        let prompt = row.time_slice(0, length - DECODED);
                        prompt.followed_by(&row.time_slice(total - DECODED, total))
                    }
                };
                rows.push((alone, row));
            }
            rows
        }
    };
    Ok(State { rows })
}
