//! The reference beside itself: fed as a port is, it must say what its own plain forward says.
//!
//! Before a port is blamed for its decoding, the definition's own decoding is looked at, in the same
//! precision as the plain forward.

use std::{collections::BTreeMap, path::PathBuf};

use super::{assemble::fed_rows, plan::Plan, read::read_logits, said::Said, side::Side};
use crate::{
    answers::{Asked, Itself, State},
    case::{Feed, Inputs, STATE_CASES, StateCase, StateWay},
    engine::Forward,
    need::Need,
    outcome::Absence,
    tensors::Tensor,
};

/// The files of what the reference said, fed in every way.
#[derive(Clone, Debug)]
pub(super) struct Fed {
    ways: BTreeMap<StateWay, Asked<PathBuf>>,
    /// By how a sentence says it.
    prompts: BTreeMap<&'static str, Asked<PathBuf>>,
    /// The long text in one call.
    text: Asked<PathBuf>,
}

/// The ways of feeding that some answer rests on. transformers trims no cache of every kind, and what is
/// done to a cache between two calls is the target's own: what is decoded after it is held to as decoding is.
fn ways<'a>(plan: &'a Plan<'_>) -> impl Iterator<Item = &'static StateCase> + 'a {
    let question = plan.question;
    let decodes = [Need::Generation, StateWay::Kept.into(), StateWay::Joined.into()];
    let decodes = decodes.iter().any(|it| question.wants(*it));
    let own = |case: &&StateCase| {
        matches!(
            case.feed,
            Feed::Decode { .. } | Feed::Chunks { .. } | Feed::Batch { .. } | Feed::Short { .. }
        )
    };
    STATE_CASES.iter().filter(own).filter(move |case| {
        case.way == StateWay::Decode && decodes || question.wants(Need::State(case.way))
    })
}

impl Side<'_, '_> {
    /// The reference that is open as `handle`, in every way but in a batch; `text` is what it wrote at length.
    pub(super) fn itself(&mut self, handle: &str, text: Asked<Vec<u32>>) -> Fed {
        let plan = self.plan;
        let asked = self.own_ways(handle, false);
        let mut prompts = BTreeMap::new();
        if plan.question.wants(Need::Prompt) {
            // Without a cache it is the plain forward itself.
            let cases = plan.prompts().filter(|it| it.feed.is_some());
            prompts.extend(cases.map(|case| (case.says, self.one_prompt(handle, case))));
        }
        Fed { ways: asked, prompts, text: self.at_once(handle, text) }
    }

    /// The reference that is open as `handle` in a padded batch. Asked at the run's precision: in float64 the
    /// definitions give a row without anything to look at NaN, which its softmax in float32 makes of their
    /// lowest number, and no user computes in that.
    pub(super) fn itself_padded(&mut self, handle: &str, fed: &mut Fed) {
        fed.ways.extend(self.own_ways(handle, true));
    }

    fn own_ways(&mut self, handle: &str, batched: bool) -> BTreeMap<StateWay, Asked<PathBuf>> {
        let plan = self.plan;
        let mut asked = BTreeMap::new();
        for case in ways(plan).filter(|it| matches!(it.feed, Feed::Batch { .. }) == batched) {
            let allowed = if case.needs_window { plan.window.clone() } else { Ok(()) };
            let forward = self.fed(case.feed, false);
            let name = format!("itself-{}", case.name);
            let said = allowed.and_then(|()| self.ask.forward(handle, &forward, &name));
            asked.insert(case.way, said.map(|it| it.1));
        }
        asked
    }

    /// The prompt and the text after it, in one call.
    fn at_once(&mut self, handle: &str, text: Asked<Vec<u32>>) -> Asked<PathBuf> {
        let forward = Forward::of(Inputs::text(vec![self.read_along(&text?)]));
        self.ask.forward(handle, &forward, "itself-text").map(|it| it.1)
    }
}

/// Each way beside the plain forward.
pub(super) fn assemble(plan: &Plan<'_>, reference: &Said, truth: &Asked<Tensor>) -> Asked<Itself> {
    let fed = reference.fed(Need::Itself)?;
    let of_way = |case: &StateCase, path: &Asked<PathBuf>| {
        let alone = || reference.logits(Need::State(case.way));
        fed_rows(case.feed, &path.clone()?, truth, alone, 0)
    };
    let ways =
        ways(plan).filter_map(|case| Some((case.way, of_way(case, fed.ways.get(&case.way)?))));
    let ways = ways.collect();
    let plain = || -> Asked<Tensor> {
        let path = reference.logits(Need::Prompt)?.into_iter().next();
        read_logits(&path.ok_or_else(|| Absence::Blocked { reason: "it was not read".into() })?)
    };
    let one = |plain: Tensor, fed: Tensor| State { rows: vec![(plain, fed)] };
    let of_prompt = |path: Asked<PathBuf>| Ok(one(plain()?, read_logits(&path?)?));
    let prompts = fed.prompts.into_iter().map(|(says, path)| (says, of_prompt(path))).collect();
    let text = fed.text.and_then(|path| {
        let decoded = read_logits(&reference.long_text(Need::Long)?.text.1)?;
        let plain = read_logits(&path)?;
        let (total, count) = (plain.rows().len(), decoded.rows().len());
        Ok(one(plain.time_slice(total.saturating_sub(count), total), decoded))
    });
    Ok(Itself { ways, prompts, text })
}
