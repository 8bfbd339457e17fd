//! The long text: the reference writes it greedily, the port reads along with a cache and writes its
//! own.

use std::{path::PathBuf, sync::mpsc::Receiver};

use serde_json::Value;

use super::{
    ask::{Ran, Text},
    plan::{Plan, field},
    read::read_logits,
    said::LongText,
    side::Side,
};
use crate::{
    answers::{Asked, Long},
    case::{Feed, Inputs, LONG_TEXT, LONG_TEXT_OF_LARGE, NEW_TOKENS, Regime},
    engine::{Forward, Generated},
    need::Need,
    noise::Noise,
    outcome::Absence,
    tensors::Tensor,
};

/// How many tokens a side generates on its own.
pub(super) fn new_tokens(plan: &Plan<'_>) -> usize {
    // Where nothing is rounded it would write what it reads along.
    let writes = plan.question.wants(Need::Long) && plan.question.regime != Regime::Exact;
    if writes { plan.long_text } else { NEW_TOKENS }
}

/// A long text that stays within the positions of the model, if that is one still. Of a large model it is
/// shorter: it is read token by token, in float64 as well.
pub(super) fn length(positions: Option<u64>, prompt: usize, is_large: bool) -> usize {
    let room = positions.map_or(usize::MAX, |it| usize::try_from(it).unwrap_or(usize::MAX));
    let wished = if is_large { LONG_TEXT_OF_LARGE } else { LONG_TEXT };
    wished.min(room.saturating_sub(prompt))
}

impl Side<'_, '_> {
    /// The reference's text.
    pub(super) fn long_text(&mut self, handle: &str) -> Asked<Text> {
        if self.plan.long_text <= NEW_TOKENS {
            let reason = format!("the model has no room for more than {NEW_TOKENS} new tokens");
            return Err(Absence::NotApplicable { reason });
        }
        self.generate(handle, self.plan.long_text, "long")
    }

    /// The port's logits along the reference's text, once that is there.
    pub(super) fn received(&mut self, handle: &str, text: &Receiver<Vec<u32>>) -> Asked<Ran> {
        let Ok(text) = text.recv() else {
            let reason = "the reference wrote no text".to_owned();
            return Err(Absence::Blocked { reason });
        };
        self.along(handle, &text)
    }

    /// Logits along a text, its prompt in one call and then token by token.
    pub(super) fn along(&mut self, handle: &str, text: &[u32]) -> Asked<Ran> {
        let tokens = self.read_along(text);
        let chunks = Some(Feed::Decode { prompt: self.plan.prompt.len() }.chunks(tokens.len()));
        let forward = Forward { chunks, ..Forward::of(Inputs::text(vec![tokens])) };
        self.ask.forward(handle, &forward, "along")
    }

    /// The prompt and the text after it, without the last token: that one is chosen, but not read.
    pub(super) fn read_along(&self, text: &[u32]) -> Vec<u32> {
        [&self.plan.prompt[..], &text[..text.len().saturating_sub(1)]].concat()
    }
}

/// Both sides along the reference's text, and what the port wrote itself.
pub(super) fn assemble(
    reference: Asked<LongText>,
    port: Asked<Ran>,
    own: Asked<Generated>,
) -> Asked<Long> {
    let LongText { text: (text, path), along } = reference?;
    let base = read_logits(&path)?;
    let count = base.rows().len();
    let chosen = |path: &PathBuf| -> Asked<Tensor> {
        let all = read_logits(path)?;
        let total = all.rows().len();
        Ok(all.time_slice(total.saturating_sub(count), total))
    };
    let (logits, port) = (chosen(&along)?, chosen(&port?.1)?);
    Ok(Long {
        reference_text: text.ids,
        port_text: own?.ids,
        noise: Noise::new("along the text", base, logits),
        port,
    })
}

/// Whether a config says how many positions there are.
pub(super) fn positions(config: &Value) -> Option<u64> {
    let fields = ["n_positions", "max_position_embeddings"];
    fields.into_iter().find_map(|it| field(config, it))
}
