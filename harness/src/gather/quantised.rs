//! The port with its weights packed by its own library, and the reference with weights rounded as much:
//! what the second loses is what the first may lose.

use std::path::PathBuf;

use serde::Deserialize;
use serde_json::json;

use super::{error::not_asked, plan::Plan, port::offers, read::read_logits, side::Side};
use crate::{
    answers::{Asked, Quantised},
    case::Quantisation,
    engine::{Open, Opened, Operation},
    need::Need,
};

/// The port's answer for one way of quantising.
#[derive(Clone, Debug)]
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
    if plan.question.wants(Need::Quantised) { Ok(()) } else { Err(not_asked()) }
}

impl Side<'_, '_> {
    /// The reference's logits with its weights rounded, for each way of quantising.
    pub(super) fn rounded(&mut self) -> Asked<Vec<PathBuf>> {
        wanted(self.plan)?;
        self.plan.quantisations().map(|it| self.rounded_by(it)).collect()
    }

    fn rounded_by(&mut self, by: Quantisation) -> Asked<PathBuf> {
        let precision = self.plan.question.regime.precision();
        let handle = format!("rounded-{}", by.bits);
        let open = Open::new(&handle, &self.plan.checkpoint, precision);
        self.ask.open::<Opened>(&Open { quantise: Some(by), ..open })?;
        self.closing(&handle).map(|it| it.1)
    }

    /// The port quantised, saved, opened again and run, for each way of quantising.
    pub(super) fn packed(&mut self) -> Asked<Vec<Packed>> {
        wanted(self.plan)?;
        self.plan.quantisations().map(|it| self.packed_by(it)).collect()
    }

    fn packed_by(&mut self, by: Quantisation) -> Asked<Packed> {
        let plan = self.plan;
        let name = format!("packed-{}", by.bits);
        let logits = self.ask.file(&name);
        let request = json!({
            "checkpoint": plan.checkpoint, "dtype": plan.question.regime.precision(),
            "bits": by.bits, "group": by.group, "tokens": plan.tokens,
            "folder": plan.work.join(&name), "out": logits,
        });
        let answer: Answer = self.ask.call("quantised", request)?;
        Ok(Packed { layers: answer.packed.len(), logits })
    }
}

/// Pairs what both sides lost, way by way.
pub(super) fn assemble(
    plan: &Plan<'_>,
    rounded: Asked<Vec<PathBuf>>,
    packed: Asked<Vec<Packed>>,
) -> Asked<Vec<Quantised>> {
    // What the port says comes first: where it packs nothing, the reference is not asked about.
    let packed = packed?;
    let pairs = plan.quantisations().zip(rounded?.into_iter().zip(packed));
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
