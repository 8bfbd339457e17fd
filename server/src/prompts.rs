//! The prompts, as clients list and get them. The texts and what they take are `portwright_prompts`'.

use std::collections::BTreeMap;

use portwright_prompts::mcp::{PROMPTS, PromptError, prompt, render_prompt};
use rmcp::{
    ErrorData,
    model::{
        GetPromptRequestParams, GetPromptResult, ListPromptsResult, MetaObject, Prompt,
        PromptArgument, PromptMessage, Role,
    },
};
use serde_json::{Map, Value};

/// `prompts/list`.
pub(crate) fn list() -> ListPromptsResult {
    let prompts = PROMPTS.iter().map(|it| {
        let arguments = it.arguments.iter().map(|it| {
            PromptArgument::new(it.name).with_description(it.description).with_required(it.required)
        });
        let mut listed = Prompt::new(it.name, Some(it.description), Some(arguments.collect()))
            .with_title(it.title);
        let version = Map::from_iter([("portwright/version".to_owned(), Value::from(it.version))]);
        listed.meta = Some(MetaObject(version));
        listed
    });
    ListPromptsResult::with_all_items(prompts.collect())
}

/// `prompts/get`.
pub(crate) fn get(request: GetPromptRequestParams) -> Result<GetPromptResult, ErrorData> {
    let arguments = texts(request.arguments.unwrap_or_default())?;
    let filled = render_prompt(&request.name, &arguments)
        .and_then(|text| Ok((text, prompt(&request.name)?.description)));
    let (text, description) = filled.map_err(|err| match err {
        PromptError::Render(_) => ErrorData::internal_error(err.to_string(), None),
        _ => ErrorData::invalid_params(err.to_string(), None),
    })?;
    let messages = vec![PromptMessage::new_text(Role::User, text)];
    Ok(GetPromptResult::new(messages).with_description(description))
}

/// Arguments are texts, by the protocol.
fn texts(arguments: Map<String, Value>) -> Result<BTreeMap<String, String>, ErrorData> {
    let text = |(name, value)| match value {
        Value::String(text) => Ok((name, text)),
        other => {
            let message = format!("argument `{name}` is text, not {other}");
            Err(ErrorData::invalid_params(message, None))
        }
    };
    arguments.into_iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_prompt_says_what_it_takes_and_which_version_it_is() {
        let listed = serde_json::to_value(list()).unwrap();
        let prompts = listed["prompts"].as_array().unwrap();
        assert_eq!(prompts.len(), PROMPTS.len());
        let port = prompts.iter().find(|it| it["name"] == "port-model").unwrap();
        assert_eq!(port["arguments"][0]["name"], "model_type");
        assert_eq!(port["arguments"][0]["required"], true);
        assert!(port["_meta"]["portwright/version"].is_u64());
    }

    #[test]
    fn a_prompt_is_filled_or_refused_with_what_it_needs() {
        let arguments = json!({"model_type": "olmo3", "port": "/home/me/mlx-lm"});
        let asked = |name: &str, arguments: Value| {
            let mut request = GetPromptRequestParams::new(name);
            request.arguments = arguments.as_object().cloned();
            get(request)
        };
        let filled = serde_json::to_value(asked("port-model", arguments).unwrap()).unwrap();
        assert!(filled["messages"][0]["content"]["text"].as_str().unwrap().contains("olmo3"));
        let refused = |name, arguments| asked(name, arguments).unwrap_err().message;
        assert!(refused("port-model", json!({})).contains("needs the argument"));
        assert!(refused("port-model", json!({"model_type": 1})).contains("is text"));
        let unknown = asked("no-such-prompt", json!({})).unwrap_err();
        assert!(unknown.message.contains("port-model"), "{}", unknown.message);
    }
}
