//! One side being asked: typed requests of its session, files named after it, failures as absences.
//!
//! A question that ends the session costs its own answer: the next one is asked of a new session, in which
//! the same models are open.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

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
/// Rotations, and the file of their tables.
pub(crate) type Turned = (Rope, PathBuf);

/// A side that ends so many sessions is not asked on.
const MOST_RENEWALS: usize = 3;

/// The session of one side.
pub(crate) struct Ask<'a, 'w> {
    pub(crate) session: &'a mut Session<'w>,
    /// Where its files go.
    folder: &'a Path,
    /// What they begin with.
    side: &'static str,
    /// What a failure of this side means.
    absence: fn(&EngineError) -> Absence,
    /// How the models that are open were opened, by handle.
    open: BTreeMap<String, Value>,
    renewals: usize,
    ended: Option<Absence>,
}

impl<'a, 'w> Ask<'a, 'w> {
    pub(crate) fn new(
        session: &'a mut Session<'w>,
        folder: &'a Path,
        side: &'static str,
        absence: fn(&EngineError) -> Absence,
    ) -> Self {
        let open = BTreeMap::new();
        Self { session, folder, side, absence, open, renewals: 0, ended: None }
    }

    /// Why it answers no more, where its sessions ended before their time.
    pub(crate) fn ended(&self) -> Asked<()> {
        self.ended.clone().map_or(Ok(()), Err)
    }

    pub(crate) fn call<T: DeserializeOwned>(&mut self, op: &str, request: Value) -> Asked<T> {
        let said = self.session.call(op, request);
        self.asked(said)
    }

    pub(crate) fn open<T: DeserializeOwned>(&mut self, open: &Open<'_>) -> Asked<T> {
        let request = open.request();
        let opened = self.call("open", request.clone())?;
        self.open.insert(open.handle.to_owned(), request);
        Ok(opened)
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

    /// The rotations at these positions.
    pub(crate) fn rope(&mut self, handle: &str, positions: &[u32]) -> Asked<Turned> {
        let out = self.file("rope");
        let request = json!({"handle": handle, "positions": positions, "out": out});
        self.call::<Rope>("rope", request).map(|it| (it, out))
    }

    /// Forget a model. A failure shows at the next request, so it needs no report here.
    pub(crate) fn close(&mut self, handle: &str) {
        self.open.remove(handle);
        let _ = self.session.call::<Value>("close", json!({"handle": handle}));
    }

    /// Where this side's tensors of that name go.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{}-{name}.safetensors", self.side))
    }

    fn asked<T>(&mut self, said: Result<T, EngineError>) -> Asked<T> {
        said.map_err(|err| {
            let absence = (self.absence)(&err);
            match err {
                EngineError::Refused { .. } => {}
                EngineError::Cancelled => self.ended = Some(absence.clone()),
                _ if self.ended.is_some() || self.renew() => {}
                _ => self.ended = Some(absence.clone()),
            }
            absence
        })
    }

    /// Another session with the same models open. One that does not open any more is left closed: what is
    /// asked of it says so.
    fn renew(&mut self) -> bool {
        self.renewals += 1;
        let reopened = |answer| matches!(answer, Ok(_) | Err(EngineError::Refused { .. }));
        self.renewals <= MOST_RENEWALS
            && self.session.renew().is_ok()
            && self.open.values().all(|it| reopened(self.session.call::<Value>("open", it.clone())))
    }
}

#[cfg(test)]
mod tests {
    use super::{super::error::reference_absence, *};
    use crate::{case::Precision, engine::Worker};

    #[test]
    fn a_refusal_is_an_answer_and_the_end_of_the_worker_ends_the_asking() {
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

    /// A question that kills the session costs its own answer; the models are open again for the next.
    #[test]
    fn the_end_of_a_session_costs_one_question() {
        let opened = r#"{"id":ID,"ok":true,"result":{"opened":true}}"#;
        let forwarded = r#"{"id":5,"ok":true,"result":{"shape":[1],"dtype":"float32"}}"#;
        let mut worker = Worker::scripted(&[
            r#"{"id":1,"ok":true,"result":{"pid":1073741824}}"#,
            &opened.replace("ID", "2"),
            r#"{"event":"ended","exit":null,"signal":9}"#,
            r#"{"id":4,"ok":true,"result":{"pid":1073741825}}"#,
            &opened.replace("ID", "5"),
            &forwarded.replace("\"id\":5", "\"id\":6"),
        ]);
        let mut session = worker.session().unwrap();
        let mut ask = Ask::new(&mut session, Path::new("work"), "reference", reference_absence);
        let open = Open::new("a", Path::new("checkpoint"), Precision::Float32);
        let _: Value = ask.open(&open).unwrap();
        let killed = ask.forward("a", &Forward::default(), "x").unwrap_err();
        assert!(killed.to_string().contains("signal 9"), "{killed}");
        ask.forward("a", &Forward::default(), "x").unwrap();
        assert_eq!(ask.ended(), Ok(()));
    }
}
