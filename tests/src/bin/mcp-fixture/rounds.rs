//! Calls that take several rounds, as 2026-07-28 has them: the server says what it needs, the client
//! calls again with it.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use rmcp::{
    ErrorData,
    model::{
        CallToolResult, ClientCapabilities, ContentBlock, InputRequests, InputRequiredResult,
        InputResponses,
    },
};
use serde_json::{Value, json};

use crate::content::wire;

/// What a call has come to.
pub(crate) enum Round {
    Done(CallToolResult),
    Needs(InputRequiredResult),
}

/// What a client brought with its call.
pub(crate) struct Brought {
    pub(crate) answers: Option<InputResponses>,
    pub(crate) state: Option<String>,
    pub(crate) capabilities: ClientCapabilities,
}

/// States that were handed out. A client can bring back one of these, and cannot make one up.
#[derive(Debug, Default)]
pub(crate) struct States(Mutex<BTreeSet<String>>);

impl States {
    fn hand_out(&self, step: &str) -> String {
        let mut states = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let state = format!("{step}-{}", states.len());
        states.insert(state.clone());
        state
    }

    /// Which step it belongs to.
    fn step<'a>(&self, state: &'a str) -> Result<&'a str, ErrorData> {
        let states = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let step = state.split_once('-').filter(|_| states.contains(state)).map(|it| it.0);
        step.ok_or_else(|| ErrorData::invalid_params("requestState is none of this server's", None))
    }
}

/// What a person fills in: one field.
fn form(message: &str, field: &str, kind: &str) -> Value {
    json!({"method": "elicitation/create", "params": {
        "mode": "form",
        "message": message,
        "requestedSchema": {
            "type": "object", "properties": {field: {"type": kind}}, "required": [field],
        },
    }})
}

fn sampling(prompt: &str, max_tokens: u32) -> Value {
    json!({"method": "sampling/createMessage", "params": {
        "messages": [{"role": "user", "content": {"type": "text", "text": prompt}}],
        "maxTokens": max_tokens,
    }})
}

fn roots() -> Value {
    json!({"method": "roots/list"})
}

fn needs(requests: Value, state: Option<String>) -> Result<Round, ErrorData> {
    let requests: InputRequests = wire(requests)?;
    Ok(Round::Needs(InputRequiredResult::new(Some(requests), state)))
}

fn done(text: impl Into<String>) -> Round {
    Round::Done(CallToolResult::success(vec![ContentBlock::text(text)]))
}

impl Brought {
    fn answer(&self, key: &str) -> Option<&Value> {
        self.answers.as_ref()?.get(key)
    }

    /// What a person filled into `field`.
    pub(crate) fn filled(&self, key: &str, field: &str) -> Option<&Value> {
        let answer = self.answer(key)?;
        (answer["action"] == "accept")
            .then_some(&answer["content"][field])
            .filter(|it| !it.is_null())
    }
}

/// The call of a tool that takes several rounds; `None` when it is none of these.
pub(crate) fn of_tool(
    name: &str,
    brought: &Brought,
    states: &States,
) -> Option<Result<Round, ErrorData>> {
    let name = name.strip_prefix("test_input_required_result_")?;
    Some(match name {
        "elicitation" => match brought.filled("user_name", "name").and_then(Value::as_str) {
            Some(name) => Ok(done(format!("Hello, {name}!"))),
            None => needs(json!({"user_name": form("What is your name?", "name", "string")}), None),
        },
        "sampling" => match brought.answer("capital_question") {
            Some(answer) => Ok(done(answer["content"]["text"].as_str().unwrap_or_default())),
            None => needs(
                json!({"capital_question": sampling("What is the capital of France?", 100)}),
                None,
            ),
        },
        "list_roots" => match brought.answer("client_roots") {
            Some(answer) => Ok(done(format!("Roots: {}", answer["roots"]))),
            None => needs(json!({"client_roots": roots()}), None),
        },
        "request_state" | "tampered_state" => with_state(brought, states),
        "multiple_inputs" => multiple(brought, states),
        "multi_round" => multi_round(brought, states),
        "capabilities" => by_capability(brought),
        _ => return None,
    })
}

fn with_state(brought: &Brought, states: &States) -> Result<Round, ErrorData> {
    match &brought.state {
        Some(state) => {
            states.step(state)?;
            Ok(done("state-ok"))
        }
        None => needs(
            json!({"confirm": form("Please confirm", "ok", "boolean")}),
            Some(states.hand_out("confirm")),
        ),
    }
}

fn multiple(brought: &Brought, states: &States) -> Result<Round, ErrorData> {
    let keys = ["user_name", "greeting", "client_roots"];
    if keys.iter().all(|it| brought.answer(it).is_some()) {
        states.step(brought.state.as_deref().unwrap_or_default())?;
        return Ok(done("all three are here"));
    }
    let requests = json!({
        "user_name": form("What is your name?", "name", "string"),
        "greeting": sampling("Generate a greeting", 50),
        "client_roots": roots(),
    });
    needs(requests, Some(states.hand_out("multiple")))
}

fn multi_round(brought: &Brought, states: &States) -> Result<Round, ErrorData> {
    let step = brought.state.as_deref().map(|it| states.step(it)).transpose()?;
    match step {
        Some("step1") if brought.filled("step1", "name").is_some() => needs(
            json!({"step2": form("Step 2: What is your favorite color?", "color", "string")}),
            Some(states.hand_out("step2")),
        ),
        Some("step2") if brought.filled("step2", "color").is_some() => {
            Ok(done("both steps are done"))
        }
        _ => needs(
            json!({"step1": form("Step 1: What is your name?", "name", "string")}),
            Some(states.hand_out("step1")),
        ),
    }
}

/// Asks only in the ways that the client has.
fn by_capability(brought: &Brought) -> Result<Round, ErrorData> {
    let capabilities = serde_json::to_value(&brought.capabilities).unwrap_or_default();
    let mut requests = json!({});
    if capabilities["sampling"].is_object() {
        requests["greeting"] = sampling("Generate a greeting", 50);
    }
    if capabilities["elicitation"].is_object() {
        requests["user_name"] = form("What is your name?", "name", "string");
    }
    if requests.as_object().is_some_and(serde_json::Map::is_empty) {
        return Ok(done("this client cannot be asked"));
    }
    needs(requests, None)
}
