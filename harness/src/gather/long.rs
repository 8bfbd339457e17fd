//! The long text: the reference writes it greedily, the port reads along with a cache and writes its
//! own.

use std::{path::PathBuf, sync::mpsc::Receiver};

use serde_json::{Value, json};

use super::{Plan, ask::Ask, read::read_logits};
use crate::{
    answers::{Asked, Long, Noise},
    case::{Feed, LONG_TEXT, NEW_TOKENS},
    engine::{Forward, Generated},
    need::Need,
    outcome::Absence,
    tensors::Tensor,
};

/// The reference's text, and its logits at the truth's precision.
pub(super) type Text = (Generated, PathBuf);

/// How many tokens a side generates on its own.
pub(super) fn new_tokens(plan: &Plan<'_>) -> usize {
    if plan.question.wants(Need::Long) { plan.long_text } else { NEW_TOKENS }
}

/// A long text that stays within the positions of the model, if that is one still.
pub(super) fn length(positions: Option<u64>, prompt: usize) -> usize {
    let room = positions.map_or(usize::MAX, |it| usize::try_from(it).unwrap_or(usize::MAX));
    LONG_TEXT.min(room.saturating_sub(prompt))
}

impl Ask<'_, '_> {
    /// Greedy tokens of the model open as `handle`; their logits go to a file.
    pub(super) fn generate(&mut self, handle: &str, count: usize, name: &str) -> Asked<Text> {
        let out = self.plan.work.join(format!("{}-{name}.safetensors", self.side));
        let request = json!({
            "handle": handle, "prompt": self.plan.prompt(), "max_new_tokens": count, "out": out,
        });
        self.call::<Generated>("generate", request).map(|it| (it, out))
    }

    /// The reference's text.
    pub(super) fn long_text(&mut self, handle: &str) -> Asked<Text> {
        if !self.plan.question.wants(Need::Long) {
            return Err(super::not_asked());
        }
        if self.plan.long_text <= NEW_TOKENS {
            let reason = format!("the model has no room for more than {NEW_TOKENS} new tokens");
            return Err(Absence::NotApplicable { reason });
        }
        self.generate(handle, self.plan.long_text, "long")
    }

    /// The port's logits along the reference's text, once that is there.
    pub(super) fn received(&mut self, handle: &str, text: &Receiver<Vec<u32>>) -> Asked<PathBuf> {
        if !self.plan.question.wants(Need::Long) {
            return Err(super::not_asked());
        }
        let Ok(text) = text.recv() else {
            let reason = "the reference wrote no text".to_owned();
            return Err(Absence::Blocked { reason });
        };
        self.along(handle, &text)
    }

    /// Logits along a text, its prompt in one call and then token by token.
    pub(super) fn along(&mut self, handle: &str, text: &[u32]) -> Asked<PathBuf> {
        let prompt = self.plan.prompt();
        // The last token is chosen, but not read.
        let tokens = [prompt, &text[..text.len().saturating_sub(1)]].concat();
        let chunks = Feed::Decode { prompt: prompt.len() }.chunks(tokens.len());
        let forward = Forward { tokens: vec![tokens], chunks: Some(chunks), ..Forward::default() };
        self.forward(handle, &forward, "along").map(|(_, path)| path)
    }
}

/// Both sides along the reference's text, and what the port wrote itself.
pub(super) fn assemble(
    text: Asked<Text>,
    itself: Asked<PathBuf>,
    port: Asked<PathBuf>,
    own: &Asked<Generated>,
) -> Asked<Long> {
    let (text, path) = text?;
    let base = read_logits(&path)?;
    let count = base.rows().len();
    let chosen = |path: &PathBuf| -> Asked<Tensor> {
        let all = read_logits(path)?;
        let total = all.rows().len();
        Ok(all.time_slice(total.saturating_sub(count), total))
    };
    let (logits, port) = (chosen(&itself?)?, chosen(&port?)?);
    Ok(Long {
        reference_text: text.ids,
        port_text: own.as_ref().map_err(Clone::clone)?.ids.clone(),
        noise: Noise { name: "along the text", base, logits },
        port,
    })
}

/// Whether a config says how many positions there are.
pub(super) fn positions(config: &Value) -> Option<u64> {
    let fields = ["n_positions", "max_position_embeddings"];
    fields.into_iter().find_map(|it| super::field(config, it))
}
