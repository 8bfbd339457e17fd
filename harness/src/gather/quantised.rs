//! The port with its weights packed by its own library, and the reference with weights rounded as much:
//! what the second loses is what the first may lose.

use std::path::PathBuf;

use serde::Deserialize;
use serde_json::json;

use super::{Plan, ask::Ask, open_request, port::offers, read::read_logits};
use crate::{
    answers::{Asked, Quantised},
    case::{QUANTISATIONS, Quantisation},
    engine::{Forward, Opened, Operation},
    need::Need,
};

/// The port's answer for one way of quantising.
pub(super) struct Packed {
    layers: usize,
    logits: PathBuf,
}

#[derive(Deserialize)]
struct Answer {
    packed: Vec<String>,
}

fn wanted(plan: &Plan<'_>) -> Asked<()> {
    offers(plan, Operation::Pack)?;
    if plan.question.wants(Need::Quantised) { Ok(()) } else { Err(super::not_asked()) }
}

impl Ask<'_, '_> {
    /// The reference's logits with its weights rounded, for each way of quantising.
    pub(super) fn rounded(&mut self) -> Asked<Vec<PathBuf>> {
        wanted(self.plan)?;
        QUANTISATIONS.into_iter().map(|it| self.rounded_by(it)).collect()
    }

    fn rounded_by(&mut self, by: Quantisation) -> Asked<PathBuf> {
        let precision = self.plan.question.regime.precision();
        let handle = format!("rounded-{}", by.bits);
        let mut request = open_request(&handle, &self.plan.checkpoint, precision);
        request["quantise"] = json!(by);
        self.call::<Opened>("open", request)?;
        let forward = Forward { tokens: self.plan.tokens.clone(), ..Forward::default() };
        let said = self.forward(&handle, &forward, &handle).map(|(_, path)| path);
        self.close(&handle);
        said
    }

    /// The port quantised, saved, opened again and run, for each way of quantising.
    pub(super) fn packed(&mut self) -> Asked<Vec<Packed>> {
        wanted(self.plan)?;
        QUANTISATIONS.into_iter().map(|it| self.packed_by(it)).collect()
    }

    fn packed_by(&mut self, by: Quantisation) -> Asked<Packed> {
        let plan = self.plan;
        let name = format!("packed-{}", by.bits);
        let logits = plan.work.join(format!("port-{name}.safetensors"));
        let request = json!({
            "checkpoint": plan.checkpoint, "dtype": plan.question.regime.precision(),
            "bits": by.bits, "group": by.group, "tokens": plan.tokens,
            "folder": plan.work.join(&name), "out": logits,
        });
        let answer: Answer = self.call("quantised", request)?;
        Ok(Packed { layers: answer.packed.len(), logits })
    }
}

/// Pairs what both sides lost, way by way.
pub(super) fn assemble(
    rounded: Asked<Vec<PathBuf>>,
    packed: Asked<Vec<Packed>>,
) -> Asked<Vec<Quantised>> {
    // What the port says comes first: where it packs nothing, the reference is not asked about.
    let packed = packed?;
    let pairs = QUANTISATIONS.into_iter().zip(rounded?.into_iter().zip(packed));
    pairs
        .map(|(by, (rounded, packed))| {
            Ok(Quantised {
                by,
                layers: packed.layers,
                reference: read_logits(&rounded)?,
                port: read_logits(&packed.logits)?,
            })
        })
        .collect()
}
