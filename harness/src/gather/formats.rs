//! The same model in other formats: float16, converted by its own library, keys and values packed in their
//! caches, shared by two ranks.

use std::path::PathBuf;

use serde_json::json;

use super::{
    error::not_asked,
    plan::Plan,
    port::offers,
    read::read_logits,
    said::{Half, Said},
    side::Side,
};
use crate::{
    answers::{Asked, Narrow, PackedCache},
    case::{CACHE_QUANTISATION, Feed, HEAD_START, Precision, TOKENS},
    engine::{Forward, Forwarded, Open, Opened, Operation, Sharded},
    need::Need,
    outcome::Absence,
};

/// What a model that is converted is converted to: mlx-lm's default is the checkpoint's, most of which have
/// this one.
pub(super) const CONVERTED: Precision = Precision::Bfloat16;

impl Side<'_, '_> {
    /// The plain logits in float16.
    pub(super) fn float16(&mut self) -> Asked<Half> {
        self.plan.is_small("in float16")?;
        let open = Open::new("float16", &self.plan.checkpoint, Precision::Float16);
        self.ask.open::<Opened>(&open)?;
        self.closing("float16").map(Half::Forward)
    }

    /// The port's logits after its own library converted and saved it.
    pub(super) fn cast(&mut self) -> Asked<Half> {
        offers(self.plan, Operation::Convert)?;
        self.plan.is_small("in another format")?;
        let plan = self.plan;
        let out = self.ask.file("cast");
        let request = json!({
            "checkpoint": plan.checkpoint, "dtype": CONVERTED, "tokens": plan.tokens,
            "folder": plan.work.join("cast"), "out": out,
        });
        self.ask.call::<Forwarded>("cast", request).map(|it| Half::Forward((it, out)))
    }

    /// The logits of a model whose heads can be packed: as its caches are, and with them packed.
    pub(super) fn packed_cache(&mut self) -> Asked<Half> {
        for engine in self.plan.pair.engines() {
            engine.offers(Operation::PackCaches)?;
        }
        let checkpoint = self.plan.packable.clone()?;
        let precision = self.plan.question.regime.precision();
        let opened: Opened = self.ask.open(&Open::new("packable", &checkpoint, precision))?;
        if !opened.opened {
            let reason = "it does not load with heads whose caches can be packed".to_owned();
            return Err(Absence::NotApplicable { reason });
        }
        let decode = self.fed(Feed::Decode { prompt: HEAD_START }, false);
        let packed = Forward { pack_cache: Some(CACHE_QUANTISATION), ..decode.clone() };
        let plain = self.ask.forward("packable", &decode, "packable");
        let packed = plain.and_then(|plain| {
            let packed = self.ask.forward("packable", &packed, "packed-cache")?;
            Ok(Half::Logits(vec![plain.1, packed.1]))
        });
        self.ask.close("packable");
        packed
    }

    /// The port's logits from two ranks, and what share of the weights one of them holds.
    pub(super) fn sharded(&mut self) -> Asked<Half> {
        offers(self.plan, Operation::Shard)?;
        let plan = self.plan;
        let out = self.ask.file("sharded");
        let request = json!({
            "handle": "run", "checkpoint": plan.checkpoint,
            "dtype": plan.question.regime.precision(), "tokens": plan.tokens, "out": out,
        });
        self.ask.call::<Sharded>("sharded", request).map(|it| Half::Sharded((it, out)))
    }
}

/// The port in a narrower format, beside the definition in the same.
pub(super) fn narrow(reference: Asked<PathBuf>, port: Asked<PathBuf>) -> Asked<Narrow> {
    let port = port?;
    let reference = of_definition(reference)?;
    Ok(Narrow { reference: read_logits(&reference)?, port: read_logits(&port)? })
}

/// A kernel that PyTorch lacks in a format is no fault of the port, and says nothing about it.
fn of_definition<T>(said: Asked<T>) -> Asked<T> {
    said.map_err(|absence| match absence {
        Absence::Blocked { reason } => Absence::NotApplicable {
            reason: format!("the definition does not run in this format here: {reason}"),
        },
        other => other,
    })
}

/// Both sides with their caches packed: what was read before is left out.
pub(super) fn packed_cache(plan: &Plan<'_>, reference: &Said, port: &Said) -> Asked<PackedCache> {
    let need = Need::PackedCache;
    let port = port.logits(need)?;
    let decoded = |paths: Vec<PathBuf>| {
        let read = |path: &PathBuf| {
            let logits = read_logits(path)?;
            Ok(logits.time_slice(HEAD_START.min(TOKENS), plan.tokens[0].len()))
        };
        paths.iter().map(read).collect::<Asked<Vec<_>>>()?.try_into().map_err(|_| not_asked())
    };
    let by = CACHE_QUANTISATION;
    Ok(PackedCache {
        by,
        reference: decoded(of_definition(reference.logits(need))?)?,
        port: decoded(port)?,
    })
}
