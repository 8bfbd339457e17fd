//! The protocol's side of the fixture.

use std::{sync::Arc, time::Duration};

use portwright_server::confirm::{Brought as Confirmation, Question, confirm};
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    handler::server::tool::{InputResponses, IntoCallToolResult, RequestState},
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities, ContentBlock,
        GetPromptRequestParams, GetPromptResponse, Implementation, InputRequiredResult,
        ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListToolsResult,
        LoggingLevel, LoggingMessageNotificationParam, PaginatedRequestParams,
        ProgressNotificationParam, ReadResourceRequestParams, ReadResourceResponse,
        ServerCapabilities, ServerConfig, SetLevelRequestParams, SubscribeRequestParams,
        UnsubscribeRequestParams,
    },
    service::RequestContext,
};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    asking,
    content::{self, complete, wire},
    rounds::{self, Brought, Round, States},
};

/// Between the messages of a tool that takes its time.
const PAUSE: Duration = Duration::from_millis(50);

/// Every tool, and what it must be given.
const TOOLS: &[(&str, Option<&str>)] = &[
    ("confirm_something", None),
    ("json_schema_2020_12_tool", None),
    ("test_audio_content", None),
    ("test_elicitation", Some("message")),
    ("test_elicitation_sep1034_defaults", None),
    ("test_elicitation_sep1330_enums", None),
    ("test_embedded_resource", None),
    ("test_error_handling", None),
    ("test_image_content", None),
    ("test_input_required_result_capabilities", None),
    ("test_input_required_result_elicitation", None),
    ("test_input_required_result_list_roots", None),
    ("test_input_required_result_multi_round", None),
    ("test_input_required_result_multiple_inputs", None),
    ("test_input_required_result_request_state", None),
    ("test_input_required_result_sampling", None),
    ("test_input_required_result_tampered_state", None),
    ("test_logging_tool", None),
    ("test_missing_capability", None),
    ("test_multiple_content_types", None),
    ("test_sampling", Some("prompt")),
    ("test_simple_text", None),
    ("test_streaming_elicitation", None),
    ("test_tool_with_logging", None),
    ("test_tool_with_progress", None),
];

const PROMPTS: &[(&str, &[&str])] = &[
    ("test_input_required_result_prompt", &[]),
    ("test_prompt_with_arguments", &["arg1", "arg2"]),
    ("test_prompt_with_embedded_resource", &["resourceUri"]),
    ("test_prompt_with_image", &[]),
    ("test_simple_prompt", &[]),
];

const RESOURCES: &[(&str, &str)] = &[
    ("test://static-text", "text/plain"),
    ("test://static-binary", "image/png"),
    ("test://watched-resource", "text/plain"),
];

/// The fixture as clients see it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fixture {
    states: Arc<States>,
}

impl ServerHandler for Fixture {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_resources()
            .enable_prompts()
            .enable_completions()
            .enable_logging()
            .build();
        ServerConfig::new(capabilities).with_server_info(Implementation::new("mcp-fixture", "1"))
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let tools: Vec<Value> = TOOLS
            .iter()
            .map(|(name, argument)| {
                json!({"name": name, "description": format!("Fixture {name}"), "inputSchema":
                    if *name == "json_schema_2020_12_tool" { schema_2020_12() } else { schema(*argument) }})
            })
            .collect();
        complete(json!({"tools": tools}))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let name = request.name.as_ref();
        let arguments = Value::Object(request.arguments.clone().unwrap_or_default());
        if let Some(result) = content::of_tool(name) {
            return result.map(Into::into);
        }
        if let Some(result) = asking::elicit(name, &arguments, &context).await {
            return result.map(Into::into);
        }
        match name {
            "test_tool_with_logging" => return logging(&context).await.map(Into::into),
            "test_tool_with_progress" => return progress(&context).await.map(Into::into),
            "test_sampling" => return asking::sample(&arguments, &context).await.map(Into::into),
            "test_missing_capability" => return needs_sampling(&context),
            "confirm_something" => return confirmed(request, &context).await,
            _ => {}
        }
        let brought = Brought {
            answers: request.input_responses,
            state: request.request_state,
            capabilities: context.client_capabilities().unwrap_or_default(),
        };
        let name = match name {
            "test_streaming_elicitation" => "test_input_required_result_elicitation",
            other => other,
        };
        match rounds::of_tool(name, &brought, &self.states) {
            Some(Ok(Round::Done(result))) => Ok(result.into()),
            Some(Ok(Round::Needs(required))) => Ok(required.into()),
            Some(Err(err)) => Err(err),
            None => Err(ErrorData::invalid_params(format!("no tool `{name}`"), None)),
        }
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let resources: Vec<Value> = RESOURCES
            .iter()
            .map(|(uri, mime_type)| {
                json!({"uri": uri, "name": uri, "description": "Fixture", "mimeType": mime_type})
            })
            .collect();
        complete(json!({"resources": resources}))
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        complete(json!({"resourceTemplates": [{
            "uriTemplate": "test://template/{id}/data", "name": "template",
            "description": "Fixture", "mimeType": "application/json",
        }]}))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let found = content::of_resource(&request.uri).ok_or_else(|| {
            let data = json!({"uri": request.uri});
            ErrorData::resource_not_found("Resource not found", Some(data))
        })?;
        complete::<rmcp::model::ReadResourceResult>(found).map(Into::into)
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        let prompts: Vec<Value> = PROMPTS
            .iter()
            .map(|(name, arguments)| {
                let argument = |it: &&str| json!({"name": it, "description": it, "required": true});
                let arguments: Vec<Value> = arguments.iter().map(argument).collect();
                json!({"name": name, "description": "Fixture", "arguments": arguments})
            })
            .collect();
        complete(json!({"prompts": prompts}))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        if request.name == "test_input_required_result_prompt" {
            return prompt_in_rounds(request, &context);
        }
        let arguments = Value::Object(request.arguments.unwrap_or_default());
        let found = content::of_prompt(&request.name, &arguments).ok_or_else(|| {
            ErrorData::invalid_params(format!("no prompt `{}`", request.name), None)
        })?;
        complete::<rmcp::model::GetPromptResult>(found).map(Into::into)
    }

    async fn set_level(
        &self,
        _: SetLevelRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        Ok(())
    }

    async fn subscribe(
        &self,
        _: SubscribeRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        Ok(())
    }

    async fn unsubscribe(
        &self,
        _: UnsubscribeRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        Ok(())
    }
}

fn schema(argument: Option<&str>) -> Value {
    match argument {
        Some(name) => json!({
            "type": "object", "properties": {name: {"type": "string"}}, "required": [name],
        }),
        None => json!({"type": "object", "properties": {}}),
    }
}

/// Every keyword that must reach a client as it is.
fn schema_2020_12() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {"address": {
            "$anchor": "addressDef", "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }},
        "properties": {
            "name": {"type": "string"},
            "address": {"$ref": "#/$defs/address"},
            "contactMethod": {"type": "string", "enum": ["phone", "email"]},
            "phone": {"type": "string"},
            "email": {"type": "string"},
        },
        "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
        "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
        "then": {"required": ["phone"]},
        "else": {"required": ["email"]},
        "additionalProperties": false,
    })
}

fn said(text: &str) -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text(text)])
}

async fn logging(context: &RequestContext<RoleServer>) -> Result<CallToolResult, ErrorData> {
    for text in ["Tool execution started", "Tool processing data", "Tool execution completed"] {
        let message = LoggingMessageNotificationParam::new(LoggingLevel::Info, json!(text));
        // Fails only when the client is gone, which ends the call by itself.
        let _ = context.peer.notify_logging_message(message).await;
        sleep(PAUSE).await;
    }
    Ok(said("three messages were logged"))
}

async fn progress(context: &RequestContext<RoleServer>) -> Result<CallToolResult, ErrorData> {
    for done in [0.0, 50.0, 100.0] {
        if let Some(token) = context.meta.get_progress_token() {
            let progress = ProgressNotificationParam::new(token, done).with_total(100.0);
            // As above.
            let _ = context.peer.notify_progress(progress).await;
        }
        sleep(PAUSE).await;
    }
    Ok(said("progress was reported"))
}

/// A tool that cannot do without the client's model.
fn needs_sampling(context: &RequestContext<RoleServer>) -> Result<CallToolResponse, ErrorData> {
    let capabilities = context.client_capabilities().unwrap_or_default();
    let capabilities = serde_json::to_value(&capabilities).unwrap_or_default();
    if capabilities["sampling"].is_object() {
        return Ok(said("the client can be asked").into());
    }
    let required: ClientCapabilities = wire(json!({"sampling": {}}))?;
    Err(ErrorData::missing_required_client_capability(required))
}

/// Asks a person as the product does.
async fn confirmed(
    request: CallToolRequestParams,
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResponse, ErrorData> {
    let question = Question {
        message: "Write 3 files to the branch `port-olmo3`?".into(),
        command: "portwright example --apply".into(),
    };
    let brought = (InputResponses(request.input_responses), RequestState(request.request_state));
    match confirm(&question, Confirmation::from(brought), context).await {
        Ok(()) => Ok(said("it was done").into()),
        Err(unconfirmed) => unconfirmed.into_call_tool_result(),
    }
}

fn prompt_in_rounds(
    request: GetPromptRequestParams,
    context: &RequestContext<RoleServer>,
) -> Result<GetPromptResponse, ErrorData> {
    let brought = Brought {
        answers: request.input_responses,
        state: request.request_state,
        capabilities: context.client_capabilities().unwrap_or_default(),
    };
    if let Some(text) = brought.filled("user_context", "context").and_then(Value::as_str) {
        let content = json!({"type": "text", "text": format!("In the context of {text}")});
        let found = json!({"messages": [{"role": "user", "content": content}]});
        return complete::<rmcp::model::GetPromptResult>(found).map(Into::into);
    }
    let asked = json!({"user_context": {"method": "elicitation/create", "params": {
        "mode": "form",
        "message": "What context should the prompt use?",
        "requestedSchema": {
            "type": "object", "properties": {"context": {"type": "string"}},
            "required": ["context"],
        },
    }}});
    Ok(InputRequiredResult::new(Some(wire(asked)?), None).into())
}
