//! Dtype: a stream that silently widens costs speed and memory, and shows in no logit.

use super::{Finding, weights::count};
use crate::{
    case::Precision,
    evidence::{Absence, Figure},
    material::Material,
};

pub(super) fn stream(material: &Material) -> Result<Finding, Absence> {
    let pairs = material.dtypes.as_ref().map_err(Clone::clone)?;
    let wider = |it: &&crate::material::DtypePair| {
        match (Precision::width_of(&it.reference_dtype), Precision::width_of(&it.port_dtype)) {
            (Some(reference), Some(port)) => reference < port,
            _ => false,
        }
    };
    let found: Vec<_> = pairs.iter().filter(wider).collect();
    let notes = found.iter().take(8).map(|it| {
        format!("`{}` is {}, the reference's `{}` is {}", it.port, it.port_dtype, it.reference, it.reference_dtype)
    });
    Ok(Finding {
        figures: vec![
            count("taps wider than the reference's", found.len()),
            Figure::informs("taps compared", pairs.len() as f64),
        ],
        notes: notes.collect(),
        place: None,
    })
}
