//! Schemas as short as they can be without saying less: what an agent reads costs it context.
//!
//! What is left out is what a reader takes for granted: which dialect of JSON Schema it is, that an
//! optional property may be absent, that a count is no less than nothing, that a text ends. What is
//! refused stays the same; it is the server that decides, not the schema.

use rmcp::model::JsonObject;
use serde_json::{Map, Value};

/// The schema of a tool's input, shortened.
pub(crate) fn terse(schema: &JsonObject) -> JsonObject {
    let mut schema = schema.clone();
    schema.remove("$schema");
    let definitions = match schema.remove("$defs") {
        Some(Value::Object(definitions)) => definitions,
        _ => Map::new(),
    };
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.values_mut().for_each(|it| shorten(it, &definitions));
    }
    schema
}

fn shorten(schema: &mut Value, definitions: &JsonObject) {
    let Value::Object(fields) = schema else { return };
    inline(fields, definitions);
    for taken_for_granted in ["format", "minLength", "maxLength"] {
        fields.remove(taken_for_granted);
    }
    let is_empty = |it: &Value| {
        it.is_null()
            || *it == Value::Bool(false)
            || it.as_array().is_some_and(Vec::is_empty)
            || it.as_object().is_some_and(Map::is_empty)
    };
    if fields.get("default").is_some_and(is_empty) {
        fields.remove("default");
    }
    if fields.get("minimum").and_then(Value::as_u64) == Some(0) {
        fields.remove("minimum");
    }
    if fields.get("additionalProperties") == Some(&Value::Bool(true)) {
        fields.remove("additionalProperties");
    }
    // `["string", "null"]`: absent is how an agent says null.
    if let Some(Value::Array(types)) = fields.get("type")
        && let [one, Value::String(null)] = types.as_slice()
        && null == "null"
    {
        let one = one.clone();
        fields.insert("type".to_owned(), one);
    }
    if let Some(items) = fields.get_mut("items") {
        shorten(items, definitions);
    }
}

/// A reference to a list of constants becomes the list; what they mean stands in the property's own
/// description.
fn inline(fields: &mut JsonObject, definitions: &JsonObject) {
    let target = fields.get("$ref").and_then(Value::as_str);
    let name = target.and_then(|it| it.strip_prefix("#/$defs/"));
    let Some(definition) = name.and_then(|it| definitions.get(it)) else { return };
    let listed = definition["enum"].as_array().cloned();
    let constants = listed.or_else(|| {
        let choices = definition["oneOf"].as_array()?;
        choices.iter().map(|it| it.get("const").cloned()).collect()
    });
    fields.remove("$ref");
    match constants {
        Some(constants) => {
            fields.insert("enum".to_owned(), Value::Array(constants));
        }
        None => {
            for (name, value) in definition.as_object().into_iter().flatten() {
                fields.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_goes_without_saying_is_not_said() {
        let schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$defs": {"Regime": {"oneOf": [{"const": "logic"}, {"const": "native"}]}},
            "type": "object",
            "required": ["model"],
            "properties": {
                "model": {"type": "string", "minLength": 1},
                "seed": {"type": "integer", "format": "uint64", "minimum": 0, "default": 3},
                "out": {"type": ["string", "null"], "default": null, "description": "Where."},
                "precision": {"$ref": "#/$defs/Regime", "default": "logic"},
            },
            "additionalProperties": false,
        });
        let expected = json!({
            "type": "object",
            "required": ["model"],
            "properties": {
                "model": {"type": "string"},
                "seed": {"type": "integer", "default": 3},
                "out": {"type": "string", "description": "Where."},
                "precision": {"default": "logic", "enum": ["logic", "native"]},
            },
            "additionalProperties": false,
        });
        assert_eq!(Value::Object(terse(schema.as_object().unwrap())), expected);
    }
}
