//! One side being asked: typed requests of its session, files named after it, failures as absences.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{
    answers::Asked,
    engine::{EngineError, Forward, Forwarded, Generate, Generated, Open, Rope, Session},
    outcome::Absence,
};

/// A forward that ran: what the worker tells of it, and the file that its tensors are in.
pub(crate) type Ran = (Forwarded, PathBuf);
/// What was generated, and the file with the logits that decided it.
pub(crate) type Text = (Generated, PathBuf);
/// Rotations at near and at far positions, and the files of their tables.
pub(crate) type Turned = [(Rope, PathBuf); 2];

/// The session of one side.
pub(crate) struct Ask<'a, 'w> {
    pub(crate) session: &'a mut Session<'w>,
    /// Where its files go.
    folder: &'a Path,
    /// What they begin with.
    side: &'static str,
    /// What a failure of this side means.
    absence: fn(&EngineError) -> Absence,
    ended: Option<Absence>,
}

impl<'a, 'w> Ask<'a, 'w> {
    pub(crate) fn new(
        session: &'a mut Session<'w>,
        folder: &'a Path,
        side: &'static str,
        absence: fn(&EngineError) -> Absence,
    ) -> Self {
        Self { session, folder, side, absence, ended: None }
    }

    /// Why it answers no more, where the session ended before its time.
    pub(crate) fn ended(&self) -> Asked<()> {
        self.ended.clone().map_or(Ok(()), Err)
    }

    pub(crate) fn call<T: DeserializeOwned>(&mut self, op: &str, request: Value) -> Asked<T> {
        let said = self.session.call(op, request);
        self.asked(said)
    }

    pub(crate) fn open<T: DeserializeOwned>(&mut self, open: &Open<'_>) -> Asked<T> {
        self.call("open", open.request())
    }

    /// A forward of the model open as `handle`; its tensors go to the file `name`.
    pub(crate) fn forward(&mut self, handle: &str, forward: &Forward, name: &str) -> Asked<Ran> {
        let out = self.file(name);
        let said = self.session.forward(handle, forward, &out);
        self.asked(said).map(|it| (it, out))
    }

    /// Greedy tokens of the model open as `handle`; their logits go to the file `name`.
    pub(crate) fn generate(
        &mut self,
        handle: &str,
        generate: &Generate,
        name: &str,
    ) -> Asked<Text> {
        let out = self.file(name);
        let said = self.session.generate(handle, generate, &out);
        self.asked(said).map(|it| (it, out))
    }

    /// The rotations at near and at far positions.
    pub(crate) fn rope(&mut self, handle: &str, positions: &[Vec<u32>; 2]) -> Asked<Turned> {
        let mut one = |index: usize| {
            let out = self.file(&format!("rope-{index}"));
            let positions = &positions[index];
            let request = json!({"handle": handle, "positions": positions, "out": out});
            self.call::<Rope>("rope", request).map(|it| (it, out))
        };
        Ok([one(0)?, one(1)?])
    }

    /// Forget a model. A failure shows at the next request, so it needs no report here.
    pub(crate) fn close(&mut self, handle: &str) {
        let _ = self.session.call::<Value>("close", json!({"handle": handle}));
    }

    /// Where this side's tensors of that name go.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{}-{name}.safetensors", self.side))
    }

    fn asked<T>(&mut self, said: Result<T, EngineError>) -> Asked<T> {
        said.map_err(|err| {
            let absence = (self.absence)(&err);
            if !matches!(err, EngineError::Refused { .. }) {
                self.ended.get_or_insert_with(|| absence.clone());
            }
            absence
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{super::error::reference_absence, *};
    use crate::engine::Worker;

    #[test]
    fn a_refusal_is_an_answer_and_the_end_of_a_session_ends_the_asking() {
        let mut worker = Worker::scripted(&[
            r#"{"id":1,"ok":true,"result":{"pid":1073741824}}"#,
            r#"{"id":2,"ok":false,"error":{"kind":"config","message":"no such field"}}"#,
            r#"{"id":3,"ok":true,"result":{"shape":[1],"dtype":"float32"}}"#,
            r#"{"event":"ended","exit":1,"signal":null}"#,
        ]);
        let mut session = worker.session().unwrap();
        let mut ask = Ask::new(&mut session, Path::new("work"), "reference", reference_absence);
        let refused = ask.forward("a", &Forward::default(), "x").unwrap_err();
        assert_eq!(refused.to_string(), "the reference: no such field");
        assert_eq!(ask.ended(), Ok(()));
        let (_, path) = ask.forward("a", &Forward::default(), "x").unwrap();
        assert_eq!(path, Path::new("work/reference-x.safetensors"));
        let gone = ask.forward("a", &Forward::default(), "x").unwrap_err();
        assert_eq!(ask.ended(), Err(gone));
    }
}
