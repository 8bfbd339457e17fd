//! Tools that ask the client in the middle of a call, as it was done up to 2025-11-25.

use rmcp::{
    ErrorData, RoleServer,
    model::{CallToolResult, ContentBlock, CreateMessageRequestParams, ElicitRequestParams},
    service::RequestContext,
};
use serde_json::{Value, json};

use crate::content::wire;

/// What each tool asks a person for, as a schema.
fn asked_by(name: &str) -> Option<Value> {
    let options = json!(["option1", "option2", "option3"]);
    let titled = |of: [(&str, &str); 3]| {
        json!(of.map(|(value, title)| json!({"const": value, "title": title})))
    };
    Some(match name {
        "test_elicitation" => json!({
            "type": "object",
            "properties": {
                "username": {"type": "string", "description": "User's response"},
                "email": {"type": "string", "description": "User's email address"},
            },
            "required": ["username", "email"],
        }),
        "test_elicitation_sep1034_defaults" => json!({
            "type": "object",
            "properties": {
                "name": {"type": "string", "default": "John Doe"},
                "age": {"type": "integer", "default": 30},
                "score": {"type": "number", "default": 95.5},
                "status": {
                    "type": "string", "enum": ["active", "inactive", "pending"],
                    "default": "active",
                },
                "verified": {"type": "boolean", "default": true},
            },
        }),
        "test_elicitation_sep1330_enums" => json!({
            "type": "object",
            "properties": {
                "untitledSingle": {"type": "string", "enum": options},
                "titledSingle": {"type": "string", "oneOf": titled([
                    ("value1", "First Option"), ("value2", "Second Option"),
                    ("value3", "Third Option"),
                ])},
                "legacyEnum": {
                    "type": "string", "enum": ["opt1", "opt2", "opt3"],
                    "enumNames": ["Option One", "Option Two", "Option Three"],
                },
                "untitledMulti": {
                    "type": "array", "items": {"type": "string", "enum": options},
                },
                "titledMulti": {"type": "array", "items": {"anyOf": titled([
                    ("value1", "First Choice"), ("value2", "Second Choice"),
                    ("value3", "Third Choice"),
                ])}},
            },
        }),
        _ => return None,
    })
}

/// Ask a person; `None` when the tool does not.
pub(crate) async fn elicit(
    name: &str,
    arguments: &Value,
    context: &RequestContext<RoleServer>,
) -> Option<Result<CallToolResult, ErrorData>> {
    let schema = asked_by(name)?;
    let message = arguments["message"].as_str().unwrap_or("Please fill this in");
    Some(ask_person(message, schema, context).await)
}

async fn ask_person(
    message: &str,
    schema: Value,
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResult, ErrorData> {
    let params: ElicitRequestParams =
        wire(json!({"mode": "form", "message": message, "requestedSchema": schema}))?;
    let answer = context.peer.create_elicitation(params).await.map_err(|err| failed(&err))?;
    let action = serde_json::to_value(&answer.action).unwrap_or_default();
    let content = answer.content.unwrap_or_default();
    let action = action.as_str().unwrap_or_default();
    let text = format!("User response: action={action}, content={content}");
    Ok(CallToolResult::success(vec![ContentBlock::text(text)]))
}

/// Ask the client's model.
pub(crate) async fn sample(
    arguments: &Value,
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResult, ErrorData> {
    let prompt = arguments["prompt"].as_str().unwrap_or_default();
    let params: CreateMessageRequestParams = wire(json!({
        "messages": [{"role": "user", "content": {"type": "text", "text": prompt}}],
        "maxTokens": 100,
    }))?;
    let answer = context.peer.create_message(params).await.map_err(|err| failed(&err))?;
    let answer = serde_json::to_value(&answer).unwrap_or_default();
    let text = answer["content"]["text"].as_str().unwrap_or_default();
    Ok(CallToolResult::success(vec![ContentBlock::text(format!("LLM response: {text}"))]))
}

fn failed(err: &dyn std::error::Error) -> ErrorData {
    ErrorData::internal_error(err.to_string(), None)
}
