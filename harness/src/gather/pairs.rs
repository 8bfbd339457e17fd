//! Both sides' rotations and dtypes, paired.

use std::collections::BTreeMap;

use super::{
    ask::{Ran, Turned},
    plan::Plan,
    read::{LOGITS, unreadable},
};
use crate::{
    answers::{Asked, DtypePair, Rotations, Taps},
    engine::Forwarded,
    outcome::Absence,
    tensors::{Tensor, TensorFile},
};

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
