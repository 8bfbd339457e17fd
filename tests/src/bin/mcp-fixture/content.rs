//! What is always the same: contents of tools, resources and prompts, as the suite expects them.

use rmcp::{ErrorData, model::CallToolResult};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// One red pixel.
const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==";
/// A wave file without a sample.
const WAV: &str = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA=";

/// A result, complete, as a type of the protocol.
pub(crate) fn complete<T: DeserializeOwned>(mut result: Value) -> Result<T, ErrorData> {
    result["resultType"] = "complete".into();
    wire(result)
}

/// What `value` is on the wire, as a type of the protocol.
pub(crate) fn wire<T: DeserializeOwned>(value: Value) -> Result<T, ErrorData> {
    serde_json::from_value(value).map_err(|err| ErrorData::internal_error(err.to_string(), None))
}

fn text(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

fn image() -> Value {
    json!({"type": "image", "data": PNG, "mimeType": "image/png"})
}

fn resource(uri: &str, mime_type: &str, text: &str) -> Value {
    json!({"type": "resource", "resource": {"uri": uri, "mimeType": mime_type, "text": text}})
}

/// What a tool returns that has nothing to do; `None` when it is none of these.
pub(crate) fn of_tool(name: &str) -> Option<Result<CallToolResult, ErrorData>> {
    let blocks = match name {
        "test_simple_text" => vec![text("This is a simple text response for testing.")],
        "test_image_content" => vec![image()],
        "test_audio_content" => {
            vec![json!({"type": "audio", "data": WAV, "mimeType": "audio/wav"})]
        }
        "test_embedded_resource" => vec![resource(
            "test://embedded-resource",
            "text/plain",
            "This is an embedded resource content.",
        )],
        "test_multiple_content_types" => vec![
            text("Multiple content types test:"),
            image(),
            resource(
                "test://mixed-content-resource",
                "application/json",
                r#"{"test":"data","value":123}"#,
            ),
        ],
        "json_schema_2020_12_tool" | "test_logging_tool" => vec![text("done")],
        "test_error_handling" => {
            let blocks = [text("This tool intentionally returns an error for testing")];
            return Some(complete(json!({"content": blocks, "isError": true})));
        }
        _ => return None,
    };
    Some(complete(json!({"content": blocks})))
}

/// The contents of a resource; `None` when there is none.
pub(crate) fn of_resource(uri: &str) -> Option<Value> {
    let contents = match uri {
        "test://static-text" => json!({
            "mimeType": "text/plain", "text": "This is the content of the static text resource.",
        }),
        "test://static-binary" => json!({"mimeType": "image/png", "blob": PNG}),
        "test://watched-resource" => json!({"mimeType": "text/plain", "text": "Watched."}),
        _ => {
            let id = uri.strip_prefix("test://template/")?.strip_suffix("/data")?;
            let data =
                json!({"id": id, "templateTest": true, "data": format!("Data for ID: {id}")});
            json!({"mimeType": "application/json", "text": data.to_string()})
        }
    };
    let mut contents = contents;
    contents["uri"] = uri.into();
    Some(json!({"contents": [contents]}))
}

/// The messages of a prompt; `None` when there is no such prompt.
pub(crate) fn of_prompt(name: &str, arguments: &Value) -> Option<Value> {
    let of = |name: &str| arguments[name].as_str().unwrap_or_default();
    let contents = match name {
        "test_simple_prompt" => vec![text("This is a simple prompt for testing.")],
        "test_prompt_with_arguments" => vec![text(&format!(
            "Prompt with arguments: arg1='{}', arg2='{}'",
            of("arg1"),
            of("arg2")
        ))],
        "test_prompt_with_embedded_resource" => vec![
            resource(of("resourceUri"), "text/plain", "Embedded resource content for testing."),
            text("Please process the embedded resource above."),
        ],
        "test_prompt_with_image" => vec![image(), text("Please analyze the image above.")],
        _ => return None,
    };
    let messages: Vec<Value> =
        contents.into_iter().map(|it| json!({"role": "user", "content": it})).collect();
    Some(json!({"messages": messages}))
}
