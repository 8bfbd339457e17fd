//! From what the engines said to the records of evidence.

use crate::{
    answers::{Answers, DtypePair, Generation, Long, Rotations},
    case::{Precision, Regime, TEXT_WINDOW},
    figure::Real,
    measure::{along::along, logits::compare, positions},
    records::{
        DtypeRecord, GenerationRecord, LongTextRecord, PerPosition, RotationAt, RotationRecord,
    },
    tolerance::rotation_bound,
};

/// How far the plain forward's logits are from the reference; empty where there are none.
pub fn per_position(answers: &Answers) -> PerPosition {
    let (Ok(reference), Ok(logits)) = (answers.reference(), answers.logits()) else {
        return PerPosition::default();
    };
    compare(&reference.truth, logits).map_or_else(
        |_| PerPosition::default(),
        |it| PerPosition { max_abs: reals(it.max_abs_at), kl: reals(it.kl_at) },
    )
}

/// How far the port was from the reference along the long text.
pub fn long_text(found: &Long) -> Option<LongTextRecord> {
    let along = along(&found.noise.base, &found.port).ok()?;
    Some(LongTextRecord {
        tokens: found.reference_text.len() as u64,
        window: TEXT_WINDOW as u64,
        max_abs: reals(along.max_abs),
        kl: reals(along.kl),
        entropy_drift: reals(along.entropy_drift),
    })
}

fn reals(values: Vec<f64>) -> Vec<Real> {
    values.into_iter().map(Real).collect()
}

/// A record for the layers of one kind that the reference turns alike.
pub fn rotations(found: &Rotations, kinds: &[String], regime: Regime) -> Vec<RotationRecord> {
    let mut records: Vec<(RotationRecord, usize)> = Vec::new();
    for (index, (layer, reference, port)) in found.layers.iter().enumerate() {
        let kind = kinds.get(*layer as usize).cloned();
        let errors = positions::compare(reference, port)
            .map_or_else(|| vec![f64::NAN; found.positions.len()], |it| it.max_abs_at);
        let alike = records
            .iter_mut()
            .find(|(it, like)| it.kind == kind && found.layers[*like].1 == *reference);
        if let Some((record, _)) = alike {
            record.layers.push(*layer);
            for (at, error) in record.positions.iter_mut().zip(errors) {
                at.error = Real(crate::measure::logits::max_or_nan(at.error.0, error));
            }
            continue;
        }
        let at = |(&position, error)| RotationAt {
            position,
            error: Real(error),
            bound: Real(rotation_bound(regime, position).limit()),
        };
        let record = RotationRecord {
            layers: vec![*layer],
            kind,
            frequencies: reference.shape.get(1).map_or(0, |&it| it as u64),
            positions: found.positions.iter().zip(errors).map(at).collect(),
        };
        records.push((record, index));
    }
    records.into_iter().map(|it| it.0).collect()
}

/// Pairs of dtypes with how many taps have them, in the order they first occur.
pub fn dtypes(pairs: &[DtypePair]) -> Vec<DtypeRecord> {
    let mut records: Vec<DtypeRecord> = Vec::new();
    for pair in pairs {
        let (reference, port) = (&pair.reference_dtype, &pair.port_dtype);
        let alike =
            |it: &&mut DtypeRecord| (&it.reference_dtype, &it.port_dtype) == (reference, port);
        if let Some(record) = records.iter_mut().find(alike) {
            record.taps += 1;
            continue;
        }
        records.push(DtypeRecord {
            reference_dtype: reference.clone(),
            port_dtype: port.clone(),
            wider: match (Precision::width_of(reference), Precision::width_of(port)) {
                (Some(reference), Some(port)) => reference < port,
                _ => false,
            },
            taps: 1,
            first: pair.reference.clone(),
        });
    }
    records
}

/// The tokens of both sides.
pub fn generation(found: &Generation) -> GenerationRecord {
    GenerationRecord {
        prompt: found.prompt.clone(),
        reference: found.reference.clone(),
        port: found.port.clone(),
        text: found.text.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensors::Tensor;

    fn table(angle: f64) -> Tensor {
        Tensor { shape: vec![2, 1, 2], values: vec![1.0, 0.0, angle.cos(), angle.sin()] }
    }

    #[test]
    fn layers_that_turn_alike_share_a_record_with_the_worst_of_them() {
        let found = Rotations {
            positions: vec![0, 1],
            layers: vec![
                (0, table(1.0), table(1.0)),
                (1, table(0.5), table(0.5)),
                (2, table(1.0), table(1.5)),
            ],
            unpaired: vec![],
        };
        let kinds = ["sliding", "full", "sliding"].map(str::to_owned);
        let records = rotations(&found, &kinds, Regime::Logic);
        assert_eq!(records.len(), 2);
        assert_eq!(records[0].layers, [0, 2]);
        assert_eq!(records[0].positions[0].error, Real(0.0));
        assert!(0.4 < records[0].positions[1].error.0);
        assert_eq!(records[1].positions[1].error, Real(0.0));
    }
}
