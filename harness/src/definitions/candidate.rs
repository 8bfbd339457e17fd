//! The embedded runtime's side: the same checkpoint and the same cases in one mode.

use std::{fs, path::Path};

use serde_json::{Value, json};

use super::{
    Mode,
    loaded::Loaded,
    reference::{ANSWER, CHECKPOINT, Case, GreedyRun, Reference, answer, taken},
    row::told,
};
use crate::{
    answers::Asked,
    by_design,
    engine::{Forward, Open, Session},
    gather::ask::Ask,
    tensors::Tensor,
};

/// A definition opened in one mode, beside what PyTorch said of it.
pub(super) struct Candidate<'a, 'b> {
    ask: Ask<'a, 'b>,
    folder: &'a Path,
    pub(super) reference: &'a Reference,
    pub(super) mode: Mode,
}

/// What a forward is asked on top of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extra {
    None,
    /// Every sum runs the other way round.
    OtherOrder,
    /// Places where a top-k chose among equals are counted.
    Ties,
}

impl<'a, 'b> Candidate<'a, 'b> {
    pub(super) fn new(
        session: &'a mut Session<'b>,
        reference: &'a Reference,
        folder: &'a Path,
        mode: Mode,
    ) -> Self {
        Self { ask: Ask::new(session, folder, "judged", told), folder, reference, mode }
    }

    /// Loads the checkpoint; gives the name of the class and what was loaded.
    pub(super) fn open(&mut self) -> Asked<(String, Loaded)> {
        let checkpoint = self.folder.join(CHECKPOINT);
        let open = Open {
            architecture: self.reference.architecture.as_deref(),
            ..Open::new(self.mode.name(), &checkpoint, self.mode.precision())
        };
        let opened: Value = self.ask.call("open_model", open.request())?;
        let class = opened["class"].as_str().unwrap_or_default().to_owned();
        Ok((class, Loaded::in_answer(&opened)?))
    }

    /// The logits of a case, and how many choices among equals were made when those are counted.
    pub(super) fn answer(&mut self, case: &Case, extra: Extra) -> Asked<(Tensor, u64)> {
        let forward = Forward {
            other_order: extra == Extra::OtherOrder,
            ties: extra == Extra::Ties,
            ..case.forward.clone()
        };
        let (said, logits) = answer(&mut self.ask, self.mode, &forward)?;
        Ok((logits, said.ties.unwrap_or(0)))
    }

    /// The greedy ids after PyTorch's prompt.
    pub(super) fn greedy(&mut self, run: &GreedyRun) -> Asked<Vec<u32>> {
        let (said, path) = self.ask.generate(self.mode.name(), &run.generate, ANSWER)?;
        taken(&path)?;
        Ok(said.ids)
    }

    /// Why this definition may decode with other numbers than it reads a text with.
    pub(super) fn by_design(&self) -> Option<&'static str> {
        let text = fs::read(self.folder.join(CHECKPOINT).join("config.json")).ok()?;
        by_design::reason(&serde_json::from_slice(&text).ok()?)
    }

    pub(super) fn close(&mut self) -> Asked<()> {
        let request = json!({"handle": self.mode.name()});
        self.ask.call::<Value>("close_model", request).map(|_| ())
    }
}
