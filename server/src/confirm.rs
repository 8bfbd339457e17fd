//! Asks a person before something is done that only a person may decide.
//!
//! How they are asked depends on the client: up to 2025-11-25 by an elicitation in the middle of the
//! call, on 2026-07-28 by ending the call with what is needed, after which the client calls again
//! with the answer. A client that can ask nobody gets the command by which the person does it.
//!
//! The client carries the answer, and a client that lies about it cannot be helped. What is made sure
//! of is that an answer is to this question: the call that brings it also brings the question's digest.

use portwright_harness::digest;
use rmcp::{
    ErrorData, RoleServer,
    handler::server::tool::{InputResponses, IntoCallToolResult, RequestState},
    model::{
        CallToolResponse, ElicitRequest, ElicitRequestParams, ElicitResult, ElicitationAction,
        ElicitationSchema, InputRequest, InputRequests, InputRequiredResult, ProtocolVersion,
    },
    service::RequestContext,
};
use tokio::select;

use crate::refusal::Refusal;

/// The name of the one field, and of the one request, that a person answers.
const CONFIRM: &str = "confirm";

/// What a person is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// What would be done, in whole sentences, with everything that bears on the decision.
    pub message: String,
    /// By which the person does it without an agent, e.g. `portwright stage RUN --apply`.
    pub command: String,
}

/// What the client brought with its call.
#[derive(Debug, Default)]
pub struct Brought {
    answers: Option<rmcp::model::InputResponses>,
    state: Option<String>,
}

impl From<(InputResponses, RequestState)> for Brought {
    fn from((answers, state): (InputResponses, RequestState)) -> Self {
        Self { answers: answers.0, state: state.0 }
    }
}

/// Nobody has agreed: what the tool returns instead of what it would have done.
#[derive(Debug)]
pub struct Unconfirmed(Because);

#[derive(Debug)]
enum Because {
    /// The client has to ask first.
    NotAsked(Box<InputRequiredResult>),
    Refused(Refusal),
}

impl From<Refusal> for Unconfirmed {
    fn from(it: Refusal) -> Self {
        Self(Because::Refused(it))
    }
}

impl IntoCallToolResult for Unconfirmed {
    fn into_call_tool_result(self) -> Result<CallToolResponse, ErrorData> {
        match self.0 {
            Because::NotAsked(required) => Ok((*required).into()),
            Because::Refused(refusal) => refusal.into_call_tool_result(),
        }
    }
}

/// What a tool that asks a person returns. It is no `Result`: that the client must ask first is neither
/// an answer nor an error, and rmcp takes it from the branch of errors for none of both.
pub(crate) struct Confirmed<T>(pub(crate) Result<T, Unconfirmed>);

impl<T: IntoCallToolResult> IntoCallToolResult for Confirmed<T> {
    fn into_call_tool_result(self) -> Result<CallToolResponse, ErrorData> {
        match self.0 {
            Ok(answer) => answer.into_call_tool_result(),
            Err(unconfirmed) => unconfirmed.into_call_tool_result(),
        }
    }
}

/// Return when a person has agreed to what `question` says.
///
/// # Errors
///
/// What the tool has to return: that the client must ask first, that the person declined, or that
/// this client can ask nobody.
pub async fn confirm(
    question: &Question,
    brought: Brought,
    context: &RequestContext<RoleServer>,
) -> Result<(), Unconfirmed> {
    let elicitation = context.client_capabilities().and_then(|it| it.elicitation);
    // A client that names neither kind means the older one, forms.
    let shows_forms = elicitation.is_some_and(|it| it.form.is_some() || it.url.is_none());
    if !shows_forms {
        return Err(question.nobody_to_ask("this client cannot ask a person").into());
    }
    let params = question.params().map_err(|err| question.nobody_to_ask(err))?;
    let stateless = context
        .protocol_version()
        .is_some_and(|it| it.as_str() >= ProtocolVersion::V_2026_07_28.as_str());
    if stateless {
        return match question.answer_in(&brought) {
            Some(result) => judge(result),
            None => Err(Unconfirmed(Because::NotAsked(Box::new(question.required(params))))),
        };
    }
    let asked = select! {
        () = context.ct.cancelled() => return Err(declined().into()),
        asked = context.peer.create_elicitation(params) => asked,
    };
    match asked {
        Ok(result) => judge(result),
        Err(err) => {
            Err(question.nobody_to_ask(&format!("the client did not ask a person: {err}")).into())
        }
    }
}

impl Question {
    fn params(&self) -> Result<ElicitRequestParams, &'static str> {
        let requested_schema = ElicitationSchema::builder()
            .required_bool_with(CONFIRM, |it| it.title("Yes, do it").with_default(false))
            .build()?;
        let message = self.message.clone();
        Ok(ElicitRequestParams::FormElicitationParams { meta: None, message, requested_schema })
    }

    fn required(&self, params: ElicitRequestParams) -> InputRequiredResult {
        let request = InputRequest::Elicitation(ElicitRequest::new(params));
        let requests = InputRequests::from([(CONFIRM.to_owned(), request)]);
        InputRequiredResult::new(Some(requests), Some(self.digest()))
    }

    /// Which question an answer belongs to.
    fn digest(&self) -> String {
        digest::of_bytes(self.message.as_bytes())
    }

    /// The answer to this question, if that is what was brought: an answer to another is none.
    fn answer_in(&self, brought: &Brought) -> Option<ElicitResult> {
        if brought.state.as_deref() != Some(&self.digest()) {
            return None;
        }
        let answer = brought.answers.as_ref()?.get(CONFIRM)?;
        serde_json::from_value(answer.clone()).ok()
    }

    fn nobody_to_ask(&self, why: &str) -> Refusal {
        Refusal::new(
            format!("a person has to agree first, and {why}; nothing was done"),
            format!("show the person this, for them to run: {}", self.command),
        )
    }
}

/// An answer to the question counts as a yes only where its one box is ticked.
fn judge(result: ElicitResult) -> Result<(), Unconfirmed> {
    let ticked = result.content.is_some_and(|it| it[CONFIRM] == true);
    match result.action {
        ElicitationAction::Accept if ticked => Ok(()),
        _ => Err(declined().into()),
    }
}

fn declined() -> Refusal {
    Refusal::new(
        "the person did not agree, so nothing was done",
        "do not ask again unasked; find out what they want changed",
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn question() -> Question {
        Question { message: "Stage 3 files?".into(), command: "portwright stage x".into() }
    }

    fn brought(state: Option<String>, answer: serde_json::Value) -> Brought {
        Brought { answers: Some([(CONFIRM.to_owned(), answer)].into()), state }
    }

    #[test]
    fn only_a_ticked_accept_to_this_question_counts() {
        let question = question();
        let agreed = json!({"action": "accept", "content": {"confirm": true}});
        let mine = brought(Some(question.digest()), agreed.clone());
        assert!(judge(question.answer_in(&mine).unwrap()).is_ok());
        for other in [None, Some("0".repeat(64))] {
            assert!(question.answer_in(&brought(other, agreed.clone())).is_none());
        }
        for no in [
            json!({"action": "accept", "content": {"confirm": false}}),
            json!({"action": "accept"}),
            json!({"action": "decline"}),
            json!({"action": "cancel", "content": {"confirm": true}}),
        ] {
            let result = question.answer_in(&brought(Some(question.digest()), no)).unwrap();
            assert!(judge(result).is_err());
        }
    }

    #[test]
    fn what_is_required_is_one_yes_or_no() {
        let question = question();
        let required = question.required(question.params().unwrap());
        let wire = serde_json::to_value(required).unwrap();
        assert_eq!(wire["resultType"], "input_required");
        let asked = &wire["inputRequests"]["confirm"];
        assert_eq!(asked["method"], "elicitation/create");
        assert_eq!(asked["params"]["message"], "Stage 3 files?");
        let schema = &asked["params"]["requestedSchema"];
        assert_eq!(schema["properties"]["confirm"]["type"], "boolean");
        assert_eq!(schema["required"], json!(["confirm"]));
    }
}
