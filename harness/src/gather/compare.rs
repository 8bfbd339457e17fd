//! Bringing both sides' answers together into the material of the checks.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::{Plan, long, not_asked, port, quantised, reference, state_cases};
use crate::{
    case::{DECODED, Feed, NEW_TOKENS, Side},
    engine::{EngineKind, Forwarded, Generated, Pair, Rope, Synthesised, TapInfo},
    figure::{Order, Real},
    material::{
        Asked, DtypePair, Fields, Generation, Material, Noise, OtherSpelling, Reference, Retied,
        Rotations, State, Taps,
    },
    measure::{
        logits,
        pairing::pair_modules,
        taps::{TapFigure, relative_error},
    },
    outcome::Absence,
    records::{Cost, GenerationText},
    tensors::{Tensor, TensorError, TensorFile},
    tolerance::bound,
};

const LOGITS: &str = "logits";

/// Read what the two sides left in files and pair it.
pub(super) fn assemble(
    plan: &Plan<'_>,
    synthetic: Option<Synthesised>,
    config: Value,
    reference: reference::Said,
    port: port::Said,
    text: Option<GenerationText>,
) -> Material {
    let cost = cost(plan.pair, &reference, &port);
    let truth =
        reference.truth.as_ref().map_err(Clone::clone).and_then(|(_, path)| read_logits(path));
    let port = without_reference(port, &reference);
    let taps = taps(plan, &reference, &port);
    let states = state_cases(plan)
        .map(|(case, _)| {
            let said = port.states.get(case.id).cloned().unwrap_or_else(|| Err(not_asked()));
            (case.id, said.and_then(|path| state(case.feed, &path, &truth, &reference.batch)))
        })
        .collect();
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
    Material {
        regime: plan.question.regime,
        pair: plan.pair,
        config,
        synthetic,
        reference,
        logits: port.plain.as_ref().map_err(Clone::clone).and_then(|(_, path)| read_logits(path)),
        port: port.opened,
        taps,
        states,
        rotations,
        dtypes,
        roundtrip: port.roundtrip,
        retied,
        fields,
        generation,
        long,
        quantised,
        other_spelling,
        cost,
    }
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

/// The harness itself could not read what a worker wrote.
fn unreadable(err: &TensorError) -> Absence {
    Absence::Blocked { reason: err.to_string() }
}

/// Logits `[1, T, V]` or `[B, T, V]`; a batch of one loses its first axis.
pub(super) fn read_logits(path: &Path) -> Asked<Tensor> {
    let mut tensor =
        TensorFile::open(path).and_then(|it| it.tensor(LOGITS)).map_err(|err| unreadable(&err))?;
    if tensor.shape.len() == 3 && tensor.shape[0] == 1 {
        tensor.shape.remove(0);
    }
    Ok(tensor)
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

/// Pair the taps of the plain forward and measure each pair, two tensors in memory at a time.
fn taps(plan: &Plan<'_>, reference: &reference::Said, port: &port::Said) -> Asked<Taps> {
    let side = |said: &Asked<(Forwarded, PathBuf)>| -> Asked<(Vec<TapInfo>, TensorFile)> {
        let (forwarded, path) = said.as_ref().map_err(Clone::clone)?;
        let file = TensorFile::open(path).map_err(|err| unreadable(&err))?;
        Ok((forwarded.taps.clone(), file))
    };
    let (truth_taps, truth) = side(&reference.truth)?;
    let (_, run) = side(&reference.run)?;
    let nudged: Vec<TensorFile> = reference
        .nudged
        .as_ref()
        .map_err(Clone::clone)?
        .iter()
        .map(|(_, path)| TensorFile::open(path).map_err(|err| unreadable(&err)))
        .collect::<Asked<_>>()?;
    let (port_taps, port_file) = side(&port.plain)?;
    let opened = (&reference.opened, &port.opened);
    let (Ok(definition), Ok(port)) = opened else { return Err(not_asked()) };

    let paths = |taps: &[TapInfo]| taps.iter().map(|it| it.path.clone()).collect::<Vec<_>>();
    let fingerprints = |opened: &crate::engine::Opened| {
        let pair =
            |it: &crate::engine::ParameterInfo| Some((it.name.clone(), it.fingerprint.clone()?));
        opened.parameters.iter().filter_map(pair).collect::<Vec<_>>()
    };
    let pairs = pair_modules(
        &paths(&truth_taps),
        &paths(&port_taps),
        &fingerprints(definition),
        &fingerprints(port),
    );
    let by_path: BTreeMap<&str, &TapInfo> =
        port_taps.iter().map(|it| (it.path.as_str(), it)).collect();
    let mut result = Taps { pairs: Vec::new(), unpaired: Vec::new() };
    for tap in &truth_taps {
        let Some(other) = pairs.get(&tap.path).and_then(|it| by_path.get(it.as_str())) else {
            let why = "no module of the port has its name or its weights".to_owned();
            result.unpaired.push((tap.path.clone(), why));
            continue;
        };
        let (Some(key), Some(other_key)) = (&tap.key, &other.key) else {
            result.unpaired.push((tap.path.clone(), "its value could not be computed".to_owned()));
            continue;
        };
        let read = |file: &TensorFile, key: &str| file.tensor(key).map_err(|err| unreadable(&err));
        let elements = |shape: &[usize]| shape.iter().product::<usize>();
        if elements(&tap.shape) != elements(&other.shape) {
            let why = format!("its shape is {:?}, the port's {:?}", tap.shape, other.shape);
            result.unpaired.push((tap.path.clone(), why));
            continue;
        }
        let expected = read(&truth, key)?;
        let base = read(&run, key)?;
        let mut floor = relative_error(&expected, &base).0;
        for nudged in &nudged {
            floor = logits::max_or_nan(floor, relative_error(&base, &read(nudged, key)?).0);
        }
        let limit = bound(plan.question.regime, Order::Linear, floor, 1.0);
        let (error, position) = relative_error(&expected, &read(&port_file, other_key)?);
        result.pairs.push(TapFigure {
            reference: tap.path.clone(),
            port: other.path.clone(),
            error,
            floor: floor.max(plan.question.regime.precision().roundoff()),
            bound: limit.limit(),
            position,
            shape: tap.shape.clone(),
            reference_dtype: tap.dtype.clone(),
            port_dtype: other.dtype.clone(),
        });
    }
    Ok(result)
}

fn rotations(
    plan: &Plan<'_>,
    reference: Asked<[(Rope, PathBuf); 2]>,
    port: Asked<[(Rope, PathBuf); 2]>,
) -> Asked<Rotations> {
    let reference = reference?;
    if let Some(reason) = &reference[0].0.absent {
        return Err(Absence::NotApplicable { reason: reason.clone() });
    }
    let port = port?;
    if let Some(reason) = &port[0].0.absent {
        // The angles cannot be read off: what nobody read may be wrong.
        return Err(Absence::Blocked { reason: format!("the port: {reason}") });
    }
    let mut result =
        Rotations { positions: plan.positions.concat(), layers: Vec::new(), unpaired: Vec::new() };
    let files = |side: &[(Rope, PathBuf); 2]| -> Asked<Vec<TensorFile>> {
        side.iter()
            .map(|(_, path)| TensorFile::open(path).map_err(|err| unreadable(&err)))
            .collect()
    };
    let (reference_files, port_files) = (files(&reference)?, files(&port)?);
    for layer in &reference[0].0.layers {
        let other = port[0].0.layers.iter().find(|it| it.layer == layer.layer);
        match (&layer.key, other.and_then(|it| it.key.as_ref())) {
            (Some(key), Some(other_key)) => {
                let expected = both(&reference_files, key)?;
                let actual = both(&port_files, other_key)?;
                result.layers.push((layer.layer, expected, actual));
            }
            (None, None) => {}
            // The port has a rotation module that turns nothing.
            (Some(key), None) if other.is_some_and(|it| it.module.is_some()) => {
                let expected = both(&reference_files, key)?;
                let still = unturned(&expected);
                result.layers.push((layer.layer, expected, still));
            }
            (Some(_), None) => {
                let why = other.and_then(|it| it.reason.clone());
                let why = why.unwrap_or_else(|| "the port's rotation could not be read off".into());
                result.unpaired.push((layer.layer, why));
            }
            (None, Some(key)) => {
                let actual = both(&port_files, key)?;
                result.layers.push((layer.layer, unturned(&actual), actual));
            }
        }
    }
    Ok(result)
}

/// A table of the same shape that rotates nothing.
fn unturned(table: &Tensor) -> Tensor {
    let values = (0..table.values.len()).map(|it| if it % 2 == 0 { 1.0 } else { 0.0 }).collect();
    Tensor { shape: table.shape.clone(), values }
}

/// Near and far positions of one layer, one after the other.
fn both(files: &[TensorFile], key: &str) -> Asked<Tensor> {
    let read = |index: usize| files[index].tensor(key).map_err(|err| unreadable(&err));
    let (mut near, far) = (read(0)?, read(1)?);
    if near.shape[1..] != far.shape[1..] {
        return Err(Absence::Blocked {
            reason: format!("`{key}` changes its shape with the position"),
        });
    }
    near.shape[0] += far.shape[0];
    near.values.extend(far.values);
    Ok(near)
}

/// Taps at bfloat16, paired as the taps of the run were.
fn dtypes(
    reference: &Asked<Forwarded>,
    port: Asked<Forwarded>,
    taps: &Asked<Taps>,
) -> Asked<Vec<DtypePair>> {
    let reference = reference.as_ref().map_err(Clone::clone)?;
    let port = port?;
    let taps = taps.as_ref().map_err(Clone::clone)?;
    let (expected, actual) = (by_path(reference), by_path(&port));
    // A tap that differs in value is another quantity: a different split of the work.
    let mut pairs: Vec<DtypePair> = taps
        .pairs
        .iter()
        .filter(|it| !it.diverges())
        .filter_map(|pair| {
            Some(DtypePair {
                reference: pair.reference.clone(),
                port: pair.port.clone(),
                reference_dtype: (*expected.get(pair.reference.as_str())?).to_owned(),
                port_dtype: (*actual.get(pair.port.as_str())?).to_owned(),
            })
        })
        .collect();
    pairs.push(DtypePair {
        reference: LOGITS.into(),
        port: LOGITS.into(),
        reference_dtype: reference.dtype.clone(),
        port_dtype: port.dtype,
    });
    Ok(pairs)
}

/// The dtype of each tap.
fn by_path(said: &Forwarded) -> BTreeMap<&str, &str> {
    said.taps.iter().map(|it| (it.path.as_str(), it.dtype.as_str())).collect()
}
