//! One side being asked: requests of its session, files named after it, failures as absences.

use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Plan;
use crate::{
    answers::Asked,
    engine::{EngineError, Forward, Forwarded, Rope, Session},
    outcome::Absence,
};

/// A side of a subject. Each side adds the questions that only it is asked.
pub(super) struct Ask<'a, 'w> {
    pub(super) session: &'a mut Session<'w>,
    pub(super) plan: &'a Plan<'a>,
    /// What its files begin with.
    pub(super) side: &'static str,
    /// What a failure of this side means.
    pub(super) absence: fn(&EngineError) -> Absence,
}

impl Ask<'_, '_> {
    pub(super) fn call<T: DeserializeOwned>(&mut self, op: &str, request: Value) -> Asked<T> {
        self.session.call(op, request).map_err(|err| (self.absence)(&err))
    }

    pub(super) fn forward(
        &mut self,
        handle: &str,
        forward: &Forward,
        name: &str,
    ) -> Asked<(Forwarded, PathBuf)> {
        let out = self.plan.work.join(format!("{}-{name}.safetensors", self.side));
        let said = self.session.forward(handle, forward, &out);
        said.map(|it| (it, out)).map_err(|err| (self.absence)(&err))
    }

    /// The rotations at near and at far positions.
    pub(super) fn rope(&mut self, handle: &str) -> Asked<[(Rope, PathBuf); 2]> {
        let mut one = |index: usize| {
            let out = self.plan.work.join(format!("{}-rope-{index}.safetensors", self.side));
            let positions = &self.plan.positions[index];
            let request = json!({"handle": handle, "positions": positions, "out": out});
            self.call::<Rope>("rope", request).map(|it| (it, out))
        };
        Ok([one(0)?, one(1)?])
    }

    /// Forget a model. A failure shows at the next request, so it needs no report here.
    pub(super) fn close(&mut self, handle: &str) {
        let _ = self.session.call::<Value>("close", json!({"handle": handle}));
    }
}
