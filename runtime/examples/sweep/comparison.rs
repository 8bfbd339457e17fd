//! How far logits lie from others, and how far they may.

use std::{collections::BTreeMap, path::Path};

use portwright_runtime::{Tensor, open_safetensors};
use serde_json::Value;

use crate::{Failure, Mode};

/// The largest difference that is noise: four times the reference's own, and in the wide dtypes never
/// more than 1e-4 of the logits' standard deviation.
pub(crate) fn bound(reference: &BTreeMap<String, Tensor>, mode: Mode) -> Result<f64, Failure> {
    let (low, high) = match mode {
        Mode::Bfloat16 => ("full.bfloat16", "full.float32"),
        _ => ("full.float32", "full.float64"),
    };
    let floor = match (reference.get(high), reference.get(low)) {
        (Some(high), Some(low)) => difference(high, low, None)?.map(|it| 4.0 * it),
        _ => None,
    };
    let floor = floor.unwrap_or(1e-4);
    Ok(if mode == Mode::Bfloat16 { floor } else { floor.min(1e-4) })
}

/// For a padded batch, the places of each row that hold tokens.
pub(crate) fn kept(request: &Value) -> Option<Vec<Vec<usize>>> {
    let lengths = request["lengths"].as_array()?;
    let total = request["tokens"][0].as_array()?.len();
    let left = request["padding"] == "left";
    let row = |it: &Value| {
        let length = usize::try_from(it.as_u64().unwrap_or(0)).unwrap_or(0).min(total);
        if left { (total - length..total).collect() } else { (0..length).collect() }
    };
    Some(lengths.iter().map(row).collect())
}

/// The largest difference over the standard deviation of the expected logits, `[B, T, V]` both; none
/// where not all of the expected ones are numbers.
pub(crate) fn difference(
    expected: &Tensor,
    found: &Tensor,
    rows: Option<&[Vec<usize>]>,
) -> Result<Option<f64>, Failure> {
    let (&[_, length, vocab], true) = (expected.shape(), expected.shape() == found.shape()) else {
        let (a, b) = (expected.shape(), found.shape());
        return Err(format!("logits of shape {b:?}, the reference has {a:?}").into());
    };
    let (a, b) = (expected.to_f64_vec()?, found.to_f64_vec()?);
    let mut pairs = Vec::new();
    for (place, (x, y)) in a.into_iter().zip(b).enumerate() {
        let (row, column) = (place / vocab / length, place / vocab % length);
        if rows.is_none_or(|it| it[row].contains(&column)) {
            pairs.push((x, y));
        }
    }
    // Infinite logits are a definition's way to rule a token out: they must be the same.
    if pairs.iter().any(|it| it.0.is_nan()) {
        return Ok(None);
    }
    let numbers: Vec<f64> = pairs.iter().map(|it| it.0).filter(|it| it.is_finite()).collect();
    let count = numbers.len().max(1) as f64;
    let mean = numbers.iter().sum::<f64>() / count;
    let std = (numbers.iter().map(|it| (it - mean).powi(2)).sum::<f64>() / count).sqrt();
    let mut worst: f64 = 0.0;
    for (x, y) in pairs {
        let difference = if x.total_cmp(&y).is_eq() { 0.0 } else { (x - y).abs() };
        if difference.is_nan() {
            return Ok(Some(f64::INFINITY));
        }
        worst = worst.max(difference);
    }
    Ok(Some(if worst == 0.0 { 0.0 } else { worst / std }))
}

pub(crate) fn tensors(path: &Path) -> Result<BTreeMap<String, Tensor>, Failure> {
    let file = open_safetensors(path)?;
    let names: Vec<String> = file.names().map(str::to_owned).collect();
    names.into_iter().map(|it| Ok((it.clone(), file.tensor(&it, None)?))).collect()
}
