//! What one side said, under the needs of the checks: one half of each answer.
//!
//! A side puts in what it was asked, [`assemble`](super::assemble) brings the two halves together.

use std::{collections::BTreeMap, path::PathBuf};

use super::{
    ask::{Ran, Text, Turned},
    beside::Otherwise,
    error::not_asked,
    fp8::Taken,
    itself::Fed,
    quantised::Packed,
};
use crate::{
    answers::{Asked, Fields},
    engine::{Opened, Roundtrip, Sharded},
    kept::Files,
    need::Need,
    outcome::Absence,
};

/// The reference at the truth's precision, and what it errs against itself.
#[derive(Clone, Debug)]
pub(super) struct Baseline {
    pub(super) opened: Opened,
    /// The plain forward at the truth's precision, with taps.
    pub(super) truth: Asked<Ran>,
    /// The same at the run's precision.
    pub(super) run: Asked<Ran>,
    /// The same with weights moved by up to one unit in the last place, as often as the regime needs.
    pub(super) nudged: Asked<Vec<Ran>>,
    /// Seconds to load it at the run's precision.
    pub(super) load_seconds: Option<f64>,
}

/// The reference's long text at the truth's precision, and logits along it at the run's.
#[derive(Clone, Debug)]
pub(super) struct LongText {
    pub(super) text: Text,
    pub(super) along: PathBuf,
}

/// What one side said. Tensors are still in their files.
#[derive(Debug)]
pub(super) struct Said {
    given: BTreeMap<Need, Asked<Half>>,
    /// Why there is nothing under the other needs.
    otherwise: Absence,
    /// The sources that all this rests on, where somebody wants to know.
    pub(super) files: Files,
}

/// The kinds of things that a side says, and the way to each by its type.
macro_rules! halves {
    ($($(#[$doc:meta])* $get:ident: $half:ident($kind:ty);)*) => {
        /// What a side says under a need.
        #[derive(Debug)]
        pub(super) enum Half {
            $($(#[$doc])* $half($kind),)*
        }

        impl Said {
            $(
                pub(super) fn $get(&self, need: Need) -> Asked<$kind> {
                    match self.half(need)? {
                        Half::$half(it) => Ok(it.clone()),
                        other => unreachable!("{other:?} was said under {need:?}"),
                    }
                }
            )*
        }
    };
}

halves! {
    /// What the reference is measured by.
    baseline: Baseline(Box<Baseline>);
    /// A model as it was opened.
    opened: Opened(Opened);
    /// One forward.
    forward: Forward(Ran);
    /// Logits, file by file.
    logits: Logits(Vec<PathBuf>);
    rotations: Rotations(Turned);
    fields: Fields(Fields);
    text: Text(Text);
    long_text: LongText(LongText);
    packed: Packed(Vec<Packed>);
    roundtrip: Roundtrip(Roundtrip);
    fed: Fed(Fed);
    /// What the checkpoint that was read has otherwise, and its logits; or why it does not fit.
    rewritten: Rewritten(Result<Otherwise, String>);
    /// On each of several checkpoints.
    baselines: Baselines(Vec<Asked<Box<Baseline>>>);
    taken: Taken(Vec<Taken>);
    /// From two ranks.
    sharded: Sharded((Sharded, PathBuf));
}

impl Said {
    /// Nothing was asked yet.
    pub(super) fn new() -> Self {
        Self::nothing(not_asked())
    }

    /// Nothing can be asked, for one reason.
    pub(super) fn nothing(otherwise: Absence) -> Self {
        Self { given: BTreeMap::new(), otherwise, files: Files::default() }
    }

    pub(super) fn put(&mut self, need: Need, half: Asked<Half>) {
        self.given.insert(need, half);
    }

    fn half(&self, need: Need) -> Result<&Half, Absence> {
        match self.given.get(&need) {
            Some(half) => half.as_ref().map_err(Clone::clone),
            None => Err(self.otherwise.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_said_is_absent_for_the_reason_that_holds_for_all_of_it() {
        let blocked = || Absence::Blocked { reason: "the weights did not load".into() };
        let mut said = Said::nothing(blocked());
        said.put(Need::Quantised, Ok(Half::Logits(vec!["a".into()])));
        said.put(Need::Retied, Err(not_asked()));
        assert_eq!(said.logits(Need::Quantised).unwrap(), [PathBuf::from("a")]);
        assert_eq!(said.forward(Need::Retied).unwrap_err(), not_asked());
        assert_eq!(said.roundtrip(Need::Roundtrip).unwrap_err(), blocked());
        assert_eq!(Said::new().text(Need::Generation).unwrap_err(), not_asked());
    }
}
