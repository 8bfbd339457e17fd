//! Both sides' modules and rotations, paired and measured.

use std::collections::BTreeMap;

use super::{
    ask::{Ran, Turned},
    plan::Plan,
    read::{LOGITS, unreadable},
    said::{Baseline, Said},
};
use crate::{
    answers::{Asked, DtypePair, Rotations, Taps},
    engine::{Forwarded, TapInfo},
    figure::Order,
    measure::{
        logits,
        pairing::pair_modules,
        taps::{TapFigure, relative_error},
    },
    need::Need,
    outcome::Absence,
    tensors::{Tensor, TensorFile},
    tolerance::bound,
};

/// Pair the taps of the plain forward and measure each pair, two tensors in memory at a time.
pub(super) fn taps(
    plan: &Plan<'_>,
    baseline: Result<&Baseline, &Absence>,
    port: &Said,
) -> Asked<Taps> {
    let side = |said: Asked<Ran>| -> Asked<(Vec<TapInfo>, TensorFile)> {
        let (forwarded, path) = said?;
        let file = TensorFile::open(&path).map_err(|err| unreadable(&err))?;
        Ok((forwarded.taps, file))
    };
    let baseline = baseline.map_err(Clone::clone)?;
    let (truth_taps, truth) = side(baseline.truth.clone())?;
    let (_, run) = side(baseline.run.clone())?;
    let nudged: Vec<TensorFile> = baseline
        .nudged
        .as_ref()
        .map_err(Clone::clone)?
        .iter()
        .map(|(_, path)| TensorFile::open(path).map_err(|err| unreadable(&err)))
        .collect::<Asked<_>>()?;
    let (port_taps, port_file) = side(port.forward(Need::Logits))?;
    let (definition, port) = (&baseline.opened, &port.opened(Need::Judged)?);

    let paths = |taps: &[TapInfo]| taps.iter().map(|it| it.path.clone()).collect::<Vec<_>>();
    let fingerprints = |opened: &crate::engine::Opened| {
        let pair = |it: &crate::engine::ParameterInfo| {
            Some((it.built_as.clone().unwrap_or(it.name.clone()), it.fingerprint.clone()?))
        };
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

pub(super) fn rotations(
    plan: &Plan<'_>,
    reference: Asked<Turned>,
    port: Asked<Turned>,
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
    let files = |side: &Turned| -> Asked<Vec<TensorFile>> {
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
pub(super) fn dtypes(
    reference: Asked<Ran>,
    port: Asked<Ran>,
    taps: Result<&Taps, &Absence>,
) -> Asked<Vec<DtypePair>> {
    let ((reference, _), (port, _)) = (reference?, port?);
    let taps = taps.map_err(Clone::clone)?;
    let (expected, actual) = (by_path(&reference), by_path(&port));
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
        reference_dtype: reference.dtype,
        port_dtype: port.dtype,
    });
    Ok(pairs)
}

/// The dtype of each tap.
fn by_path(said: &Forwarded) -> BTreeMap<&str, &str> {
    said.taps.iter().map(|it| (it.path.as_str(), it.dtype.as_str())).collect()
}
