//! A long prompt: more tokens in one call than masks and kernels handle in one block.

use std::path::PathBuf;

use super::{plan::Plan, read::read_logits, side::Side};
use crate::{
    answers::{Asked, LongPrompt},
    case::{Inputs, LONG_PROMPT, PromptCase},
    engine::Forward,
    noise::Noise,
    outcome::Absence,
};

/// Fewer tokens than this show nothing that the plain forward does not.
const LEAST: usize = 257;

/// A long prompt that stays within the positions of the model.
pub(super) fn length(positions: Option<u64>) -> usize {
    let room = positions.map_or(usize::MAX, |it| usize::try_from(it).unwrap_or(usize::MAX));
    LONG_PROMPT.min(room)
}

impl Side<'_, '_> {
    /// The definition's logits, in one call without a cache.
    pub(super) fn long_prompt(&mut self, handle: &str) -> Asked<PathBuf> {
        has_room(self.plan)?;
        let forward = Forward::of(Inputs::text(vec![self.plan.long_prompt.clone()]));
        self.ask.forward(handle, &forward, &format!("prompt-{handle}")).map(|it| it.1)
    }

    /// The port's logits in each way of feeding. What it cannot do in one way, it is asked in the others.
    pub(super) fn long_prompts(&mut self, handle: &str) -> Asked<Vec<PathBuf>> {
        self.plan.prompts().map(|case| self.one_prompt(handle, case)).collect()
    }

    /// The logits of one way of feeding.
    pub(super) fn one_prompt(&mut self, handle: &str, case: &PromptCase) -> Asked<PathBuf> {
        has_room(self.plan)?;
        let tokens = &self.plan.long_prompt;
        let chunks = case.feed.map(|it| it.chunks(tokens.len()));
        let forward = Forward { chunks, ..Forward::of(Inputs::text(vec![tokens.clone()])) };
        self.ask.forward(handle, &forward, case.name).map(|it| it.1)
    }
}

fn has_room(plan: &Plan<'_>) -> Asked<()> {
    if plan.long_prompt.len() < LEAST {
        let reason = format!("the model has no room for {LEAST} tokens in one call");
        return Err(Absence::NotApplicable { reason });
    }
    Ok(())
}

/// Both sides of the long prompt.
pub(super) fn assemble(
    plan: &Plan<'_>,
    reference: Asked<Vec<PathBuf>>,
    port: Asked<Vec<PathBuf>>,
) -> Asked<LongPrompt> {
    let read =
        |paths: Vec<PathBuf>| paths.iter().map(|it| read_logits(it)).collect::<Asked<Vec<_>>>();
    let port = port?;
    let mut reference = read(reference?)?.into_iter();
    let (Some(base), Some(logits)) = (reference.next(), reference.next()) else {
        return Err(Absence::Blocked { reason: "the reference read no long prompt".into() });
    };
    let noise = Noise::new("along the prompt", base, logits);
    let names = plan.prompts().map(|it| it.says);
    Ok(LongPrompt { noise, fed: names.zip(read(port)?).collect() })
}
