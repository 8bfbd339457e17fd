//! The embedded runtime's side: the same checkpoint and the same cases in one mode.

use std::path::Path;

use serde_json::{Value, json};

use super::{
    Mode,
    loaded::Loaded,
    reference::{CHECKPOINT, Case, GreedyRun, Reference, asked, refusal},
};
use crate::{
    engine::{EngineError, Generated, Session},
    tensors::Tensor,
};

/// A definition opened in one mode, beside what PyTorch said of it.
pub(super) struct Candidate<'a, 'b> {
    session: &'a mut Session<'b>,
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
        Self { session, folder, reference, mode }
    }

    /// Loads the checkpoint; gives the name of the class and what was loaded.
    pub(super) fn open(&mut self) -> Result<(String, Loaded), String> {
        let request = json!({
            "handle": self.mode.name(), "checkpoint": self.folder.join(CHECKPOINT),
            "dtype": self.mode.dtype(), "attention": "eager",
            "architecture": self.reference.architecture,
        });
        let opened = flat(refusal(self.session.call::<Value>("open_model", request)))?;
        let class = opened["class"].as_str().unwrap_or_default().to_owned();
        Ok((class, Loaded::in_answer(&opened)?))
    }

    /// The logits of a case, and how many choices among equals were made when those are counted.
    pub(super) fn answer(&mut self, case: &Case, extra: Extra) -> Result<(Tensor, u64), String> {
        let mut request = case.request.clone();
        request["handle"] = self.mode.name().into();
        match extra {
            Extra::None => {}
            Extra::OtherOrder => request["other_order"] = true.into(),
            Extra::Ties => request["ties"] = true.into(),
        }
        let (answer, logits) = flat(asked::<Value>(self.session, case.op, request, self.folder))?;
        Ok((logits, answer["ties"].as_u64().unwrap_or(0)))
    }

    /// The greedy ids after PyTorch's prompt.
    pub(super) fn greedy(&mut self, run: &GreedyRun) -> Result<Vec<u32>, String> {
        let mut request = run.request.clone();
        request["handle"] = self.mode.name().into();
        let (answer, _) = flat(asked::<Generated>(self.session, "generate", request, self.folder))?;
        Ok(answer.ids)
    }

    pub(super) fn close(&mut self) -> Result<(), String> {
        let request = json!({"handle": self.mode.name()});
        flat(refusal(self.session.call::<Value>("close_model", request))).map(|_| ())
    }
}

/// Refused or gone: here a definition failed either way.
fn flat<T>(answer: Result<Result<T, String>, EngineError>) -> Result<T, String> {
    answer.map_err(|it| super::row::one_line(&it)).and_then(|it| it)
}
