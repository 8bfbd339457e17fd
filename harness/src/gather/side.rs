//! What either side of a subject is asked in the same way.

use super::{
    ask::{Ask, Ran},
    error::not_asked,
    plan::Plan,
    said::Half,
};
use crate::{
    answers::Asked,
    case::{self, APART, DECODED, Feed, Inputs, Precision, padded},
    engine::{Forward, Generate, Open, Opened},
    need::Need,
    outcome::Absence,
};

/// A side and the plan that it is asked by. Each side adds the questions that only it is asked.
pub(super) struct Side<'a, 'w> {
    pub(super) ask: Ask<'a, 'w>,
    pub(super) plan: &'a Plan<'a>,
}

impl Side<'_, '_> {
    /// The plain forward with its taps.
    pub(super) fn plain(&self) -> Forward {
        Forward { taps: true, ..self.untapped() }
    }

    /// The plain forward's logits alone.
    pub(super) fn untapped(&self) -> Forward {
        Forward::of(Inputs::text(self.plan.tokens.clone()))
    }

    /// The plan's tokens fed in one way. A batch padded on the right is prompts alone where `resumes`: its
    /// rows then go on token by token.
    pub(super) fn fed(&self, feed: Feed, resumes: bool) -> Forward {
        let (tokens, batch) = (&self.plan.tokens, &self.plan.batch);
        let text = |tokens: Vec<Vec<u32>>| Forward::of(Inputs::text(tokens));
        let lengths = |rows: &[Vec<u32>]| Some(rows.iter().map(Vec::len).collect());
        match feed {
            Feed::Batch { side: case::Side::Left } => Forward {
                lengths: lengths(batch),
                padding: Some(case::Side::Left),
                chunks: Some(feed.chunks(batch[0].len())),
                ..text(padded(batch, case::Side::Left))
            },
            Feed::Batch { side } => {
                let split = |row: &Vec<u32>| row.len() - if resumes { DECODED } else { 0 };
                let prompts: Vec<Vec<u32>> =
                    batch.iter().map(|it| it[..split(it)].to_vec()).collect();
                let rest = || batch.iter().map(|it| it[split(it)..].to_vec()).collect();
                Forward {
                    lengths: lengths(&prompts),
                    padding: Some(side),
                    then: resumes.then(rest),
                    ..text(padded(&prompts, side))
                }
            }
            Feed::Decode { .. } | Feed::Chunks { .. } | Feed::Kept { .. } => {
                let chunks = Some(feed.chunks(tokens[0].len()));
                let keep = matches!(feed, Feed::Kept { .. });
                Forward { chunks, keep, ..text(tokens.clone()) }
            }
            Feed::Short { of } => text(vec![tokens[0][..of.min(tokens[0].len())].to_vec()]),
            Feed::Embeddings => Forward { embed: true, ..text(tokens.clone()) },
            Feed::Joined => Forward { join: Some(DECODED), ..text(batch.clone()) },
            Feed::Trim { of, by } => Forward {
                chunks: Some(feed.chunks(of)),
                trim: Some(by),
                ..text(vec![tokens[0][..of].to_vec()])
            },
        }
    }

    /// Whatever `ask` gives, where a check needs it.
    pub(super) fn wanted<T>(
        &mut self,
        need: Need,
        ask: impl FnOnce(&mut Self) -> Asked<T>,
    ) -> Asked<T> {
        if self.plan.question.wants(need) { ask(self) } else { Err(not_asked()) }
    }

    /// Greedy tokens after the plan's prompt.
    pub(super) fn generate(
        &mut self,
        handle: &str,
        count: usize,
        name: &str,
    ) -> Asked<super::ask::Text> {
        let prompt = self.plan.prompt.clone();
        // A trained model goes its own way; a random one would repeat a token for ever.
        let apart = if self.plan.question.checkpoint.is_some() { 0 } else { APART };
        self.ask.generate(handle, &Generate { prompt, max_new_tokens: count, apart }, name)
    }

    /// The rotations at the plan's positions.
    pub(super) fn rope(&mut self, handle: &str) -> Asked<Half> {
        self.ask.rope(handle, &self.plan.positions).map(Half::Rotations)
    }

    /// The dtypes in bfloat16: the plain forward's taps there.
    pub(super) fn narrow(&mut self) -> Asked<Half> {
        let open = Open::new("narrow", &self.plan.checkpoint, Precision::Bfloat16);
        self.ask.open::<Opened>(&open)?;
        let said = self.ask.forward("narrow", &self.plain(), "narrow");
        self.ask.close("narrow");
        said.map(Half::Forward)
    }

    /// The port's opening, or the error that it ends in.
    pub(super) fn opened(&mut self, open: &Open<'_>) -> Asked<Result<Opened, String>> {
        match self.ask.open(open) {
            Err(Absence::PortFailed { failure }) => Ok(Err(failure.to_string())),
            other => other.map(Ok),
        }
    }

    /// The plain logits of the model that is open as `handle`, which is then closed.
    pub(super) fn closing(&mut self, handle: &str) -> Asked<Ran> {
        let said = self.ask.forward(handle, &self.untapped(), handle);
        self.ask.close(handle);
        said
    }
}
