//! What runs model code for a capability: requests by name, answers as JSON.
//!
//! [`Session`] is all that `run` and `inspect` know of the engine, so that their logic can be tried
//! with answers that a test makes up.

use portwright_harness::engine::EngineError;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// One process that holds models open.
pub trait Session {
    /// One request and its answer.
    ///
    /// # Errors
    ///
    /// What the code raised, or how its process ended.
    fn call(&mut self, op: &str, request: Value) -> Result<Value, EngineError>;
}

/// One request, and its answer as the type that it is known to have.
pub(crate) fn ask<T: DeserializeOwned>(
    session: &mut dyn Session,
    op: &str,
    request: Value,
) -> Result<T, EngineError> {
    let answer = session.call(op, request)?;
    serde_json::from_value(answer).map_err(|err| EngineError::Nonsense {
        engine: portwright_harness::engine::EngineKind::Torch,
        op: op.to_owned(),
        detail: err.to_string(),
    })
}
