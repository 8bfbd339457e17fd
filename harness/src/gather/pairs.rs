//! Both sides' rotations and dtypes, paired.

use std::{collections::BTreeMap, path::Path};

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
    let (reference, path) = reference?;
    if let Some(reason) = &reference.absent {
        return Err(Absence::NotApplicable { reason: reason.clone() });
    }
    let (port, port_path) = port?;
    if let Some(reason) = &port.absent {
        // The angles cannot be read off: what nobody read may be wrong.
        return Err(Absence::Blocked { reason: format!("the port: {reason}") });
    }
    let mut result =
        Rotations { positions: plan.positions.clone(), layers: Vec::new(), unpaired: Vec::new() };
    let open = |path: &Path| TensorFile::open(path).map_err(|err| unreadable(&err));
    let (file, port_file) = (open(&path)?, open(&port_path)?);
    let read = |file: &TensorFile, key: &str| file.tensor(key).map_err(|err| unreadable(&err));
    for layer in &reference.layers {
        let other = port.layers.iter().find(|it| it.layer == layer.layer);
        match (&layer.key, other.and_then(|it| it.key.as_ref())) {
            (Some(key), Some(other_key)) => {
                let (expected, actual) = (read(&file, key)?, read(&port_file, other_key)?);
                result.layers.push((layer.layer, expected, actual));
            }
            (None, None) => {}
            // The port has a rotation module that turns nothing.
            (Some(key), None) if other.is_some_and(|it| it.module.is_some()) => {
                let expected = read(&file, key)?;
                let still = unturned(&expected);
                result.layers.push((layer.layer, expected, still));
            }
            (Some(_), None) => {
                let why = other.and_then(|it| it.reason.clone());
                let why = why.unwrap_or_else(|| "the port's rotation could not be read off".into());
                result.unpaired.push((layer.layer, why));
            }
            (None, Some(key)) => {
                let actual = read(&port_file, key)?;
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
