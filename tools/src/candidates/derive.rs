//! Configs as their class makes them: it is run from its source on the embedded runtime, where the build
//! has one. What a class derives (layer types from a pattern, a window that is off) is known by nothing
//! else.

use portwright_harness::{cancel::Cancel, engine::EngineError, environment::Home};
use portwright_source::Library;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    error::ToolError,
    session::{Session, ask},
};

/// What the session answers.
#[derive(Deserialize)]
struct Answer {
    fields: Map<String, Value>,
}

/// A config as its class makes it, or why the class does not take it.
pub(super) type Made = Result<Map<String, Value>, String>;

/// Each config as its class makes it, or why the class does not take it; nothing in a build without the
/// runtime.
///
/// # Errors
///
/// Where the runtime cannot be started, or the user stopped it.
#[cfg_attr(
    not(feature = "candle"),
    expect(clippy::unnecessary_wraps, reason = "with the runtime it may fail")
)]
pub(super) fn derived(
    configs: &[&Map<String, Value>],
    library: &Library,
    home: &Home,
    cancel: &Cancel,
) -> Result<Option<Vec<Made>>, ToolError> {
    #[cfg(feature = "candle")]
    {
        let door = crate::session::Door::new(home, library).threads(Some(1));
        crate::session::open(&door, cancel, |session| each(configs, session)).map(Some)
    }
    #[cfg(not(feature = "candle"))]
    {
        let _ = (configs, library, home, cancel);
        Ok(None)
    }
}

/// Asks for one after the other. A class that raises says so; an engine that dies is an error.
#[cfg_attr(
    not(any(test, feature = "candle")),
    expect(dead_code, reason = "asked by the runtime's session")
)]
fn each(
    configs: &[&Map<String, Value>],
    session: &mut dyn Session,
) -> Result<Vec<Made>, ToolError> {
    let one = |config: &&Map<String, Value>| {
        let answer: Result<Answer, EngineError> = ask(session, "config", json!({"config": config}));
        match answer {
            Ok(answer) => Ok(Ok(answer.fields)),
            Err(err) if err.failure().is_some() => {
                let text = err.to_string();
                Ok(Err(text.lines().next().unwrap_or_default().to_owned()))
            }
            Err(err) => Err(err.into()),
        }
    };
    configs.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use portwright_harness::engine::{EngineKind, Failure};

    use super::*;

    /// A class that knows one field, and takes no text for it.
    struct Class;

    impl Session for Class {
        fn call(&mut self, op: &str, request: Value) -> Result<Value, EngineError> {
            assert_eq!(op, "config");
            let layers = request["config"]["layers"].clone();
            if layers.is_string() {
                let failure =
                    Failure { message: "layers is a number".into(), ..Failure::default() };
                return Err(EngineError::Refused {
                    engine: EngineKind::Embedded,
                    op: op.into(),
                    failure: Box::new(failure),
                });
            }
            Ok(json!({"fields": {"layers": layers, "kinds": ["full"]}}))
        }
    }

    #[test]
    fn a_class_that_refuses_a_config_does_not_stop_the_others() {
        let configs = [json!({"layers": "many"}), json!({"layers": 2})];
        let configs: Vec<&Map<String, Value>> =
            configs.iter().map(|it| it.as_object().unwrap()).collect();
        let found = each(&configs, &mut Class).unwrap();
        assert!(found[0].as_ref().unwrap_err().contains("layers is a number"));
        assert_eq!(found[1].as_ref().unwrap()["kinds"], json!(["full"]));
    }
}
