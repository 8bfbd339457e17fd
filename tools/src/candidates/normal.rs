//! One spelling for every config: `rope_theta`, `rope_scaling` and `rope_parameters` are one thing,
//! `torch_dtype` is `dtype`, other names of a field are the field, and what is left out is what the
//! config class makes of it.
//!
//! # Invariants
//!
//! - A config that is in normal form already comes out as it was.
//! - Nothing is judged here: every field of the config is in the result.

use serde_json::{Map, Value};

use super::definition::{Declared, Definition};

/// Leaves that one config may have; the largest real one has some hundred.
const MOST_FIELDS: usize = 4000;

/// The words that Python's JSON has and JSON has not, and the form in which transformers keeps them.
const FLOATS: [(&str, &str); 3] = [
    ("NaN", r#"{"__float__":"NaN"}"#),
    ("-Infinity", r#"{"__float__":"-Infinity"}"#),
    ("Infinity", r#"{"__float__":"Infinity"}"#),
];

/// Settings of the rotation beside `rope_parameters`, and where they go.
const ROPE_FIELDS: [(&str, &str); 5] = [
    ("rope_theta", "rope_theta"),
    ("rotary_emb_base", "rope_theta"),
    ("partial_rotary_factor", "partial_rotary_factor"),
    ("rotary_pct", "partial_rotary_factor"),
    ("rope_pct", "partial_rotary_factor"),
];
/// The base of the rotation in layers with a window, as configs before transformers 5 write it.
const LOCAL_THETA: &str = "rope_local_base_freq";
/// Kinds of rotation that know the context that a model was trained with.
const EXTENDED: [&str; 3] = ["llama3", "yarn", "longrope"];

/// Reads a config.json as Python does: with NaN and infinities.
///
/// # Errors
///
/// Says why it is no JSON object.
pub(super) fn parse(text: &str) -> Result<Map<String, Value>, String> {
    let value: Value = match serde_json::from_str(text) {
        Ok(value) => value,
        Err(err) => serde_json::from_str(&with_floats(text))
            .map_err(|_| format!("config.json is not JSON: {err}"))?,
    };
    match value {
        Value::Object(fields) => Ok(fields),
        _ => Err("config.json is not a JSON object".into()),
    }
}

/// The text of a config.json that [`parse`] reads as `config`.
pub(super) fn written(config: &Map<String, Value>) -> String {
    let text = Value::Object(config.clone()).to_string();
    // Quotes inside of strings are escaped, so nothing else looks like this.
    FLOATS.iter().fold(text, |text, (word, written)| text.replace(written, word))
}

/// The text with NaN and infinities, outside of strings, as JSON can hold them.
fn with_floats(text: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    let (mut in_string, mut escaped) = (false, false);
    while let Some(c) = rest.chars().next() {
        let float = FLOATS.iter().find(|(word, _)| !in_string && rest.starts_with(word));
        if let Some((word, written)) = float {
            out.push_str(written);
            rest = &rest[word.len()..];
            continue;
        }
        in_string ^= c == '"' && !escaped;
        escaped = in_string && c == '\\' && !escaped;
        out.push(c);
        rest = &rest[c.len_utf8()..];
    }
    out
}

/// The normal form of a config.
///
/// # Errors
///
/// Where it has more fields than a config has.
pub(super) fn normal(
    config: &Map<String, Value>,
    definition: Option<&Definition>,
) -> Result<Map<String, Value>, String> {
    let normal = object(config, definition.map(|it| &it.root));
    let count: usize = normal.values().map(leaves).sum();
    if MOST_FIELDS < count {
        return Err(format!(
            "config.json has {count} fields, and no config has over {MOST_FIELDS}"
        ));
    }
    Ok(normal)
}

fn leaves(value: &Value) -> usize {
    match value {
        Value::Object(fields) => fields.values().map(leaves).sum::<usize>() + 1,
        _ => 1,
    }
}

fn object(config: &Map<String, Value>, declared: Option<&Declared>) -> Map<String, Value> {
    let mut fields = Map::new();
    for (name, value) in config {
        let alias = declared.and_then(|it| it.class.aliases.get(name));
        // Where both spellings stand, the field's own name wins.
        let name = alias.filter(|it| !config.contains_key(*it)).unwrap_or(name);
        fields.insert(name.clone(), value.clone());
    }
    if let Some(declared) = declared {
        let rotates = declared.class.fields.contains_key("rope_parameters");
        for (name, value) in declared.defaults() {
            let settings = rotates && is_rope(name);
            if !settings && !fields.contains_key(name) {
                fields.insert(name.to_owned(), value);
            }
        }
    }
    one_dtype(&mut fields);
    one_rope(&mut fields, declared);
    for (name, value) in &mut fields {
        if let Value::Object(inner) = value
            && name != "rope_parameters"
        {
            let part = declared.and_then(|it| it.parts.iter().find(|part| part.0 == *name));
            *inner = object(inner, part.map(|it| &it.1));
        }
    }
    fields
}

fn is_rope(name: &str) -> bool {
    ["rope_parameters", "rope_scaling", LOCAL_THETA].contains(&name)
        || ROPE_FIELDS.iter().any(|it| it.0 == name)
}

/// `torch_dtype` is the older name of `dtype`.
fn one_dtype(fields: &mut Map<String, Value>) {
    let older = fields.remove("torch_dtype").unwrap_or_default();
    let named = fields.get("dtype").is_some_and(|it| !it.is_null());
    if !named && !older.is_null() {
        fields.insert("dtype".into(), older);
    }
}

/// All settings of the rotation in `rope_parameters`.
fn one_rope(fields: &mut Map<String, Value>, declared: Option<&Declared>) {
    let rotates = declared.is_some_and(|it| it.class.fields.contains_key("rope_parameters"));
    let scaling = fields.get("rope_scaling").and_then(Value::as_object).cloned();
    let written = fields.get("rope_parameters").and_then(Value::as_object).cloned();
    let is_setting = |it: &str| fields.contains_key(it);
    let told = scaling.is_some()
        || written.is_some()
        || is_setting("rope_theta")
        || is_setting("rotary_emb_base");
    let odd = |it: &str| fields.get(it).is_some_and(|it| !it.is_object() && !it.is_null());
    if !told && !rotates || odd("rope_parameters") || odd("rope_scaling") {
        return;
    }
    let mut settings = written.or(scaling).unwrap_or_default();
    fields.shift_remove("rope_scaling");
    fields.shift_remove("rope_parameters");
    let mut beside = Map::new();
    for (name, meaning) in ROPE_FIELDS {
        if let Some(value) = fields.shift_remove(name).filter(|it| !it.is_null()) {
            beside.entry(meaning).or_insert(value);
        }
    }
    if let Some(theta) = declared.filter(|_| rotates).map(Declared::theta) {
        beside.entry("rope_theta").or_insert_with(|| theta.into());
    }
    let local = fields.shift_remove(LOCAL_THETA).filter(|it| !it.is_null());
    let longest = fields.get("max_position_embeddings").cloned();
    let trained = fields.shift_remove("original_max_position_embeddings").or(longest);
    if is_nested(&settings) {
        for settings in settings.values_mut().filter_map(Value::as_object_mut) {
            complete(settings, &beside, trained.as_ref());
        }
    } else {
        complete(&mut settings, &beside, trained.as_ref());
        if let Some(theta) = local {
            let window = Map::from_iter([
                ("rope_type".to_owned(), "default".into()),
                ("rope_theta".to_owned(), theta),
            ]);
            settings = Map::from_iter([
                ("full_attention".to_owned(), Value::Object(settings)),
                ("sliding_attention".to_owned(), Value::Object(window)),
            ]);
        }
    }
    fields.insert("rope_parameters".into(), Value::Object(settings));
}

/// One set of settings for each kind of layer.
fn is_nested(settings: &Map<String, Value>) -> bool {
    !settings.is_empty() && settings.values().all(|it| it.is_object() || it.is_null())
}

fn complete(
    settings: &mut Map<String, Value>,
    beside: &Map<String, Value>,
    trained: Option<&Value>,
) {
    let kind = settings.shift_remove("type").unwrap_or_else(|| "default".into());
    settings.entry("rope_type").or_insert(kind);
    for (name, value) in beside {
        settings.entry(name.clone()).or_insert_with(|| value.clone());
    }
    let extended = settings["rope_type"].as_str().is_some_and(|it| EXTENDED.contains(&it));
    if let Some(trained) = trained.filter(|_| extended) {
        settings.entry("original_max_position_embeddings").or_insert_with(|| trained.clone());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const LLAMA: &str = r#"
class LlamaConfig(PreTrainedConfig):
    attribute_map = {"n_layer": "num_hidden_layers"}
    num_hidden_layers: int = 32
    max_position_embeddings: int = 2048
    rms_norm_eps: float = 1e-6
    rope_parameters: dict | None = None
    attention_bias: bool = False
"#;

    #[expect(clippy::needless_pass_by_value, reason = "cases are written in place")]
    fn of(config: Value, definition: Option<&Definition>) -> Value {
        Value::Object(normal(config.as_object().unwrap(), definition).unwrap())
    }

    #[test]
    fn every_spelling_of_the_rotation_is_one() {
        let definition = Definition::of(LLAMA);
        let spellings = [
            json!({"rope_theta": 500_000.0, "rope_scaling": {"type": "llama3", "factor": 8.0}}),
            json!({"rope_theta": 500_000.0, "rope_scaling": {"rope_type": "llama3", "factor": 8.0}}),
            json!({"rope_parameters": {"rope_type": "llama3", "factor": 8.0, "rope_theta": 500_000.0}}),
            json!({"rope_theta": 500_000.0, "rope_parameters": {"rope_type": "llama3", "factor": 8.0}}),
        ];
        let first = of(spellings[0].clone(), Some(&definition));
        assert_eq!(first["rope_parameters"]["original_max_position_embeddings"], 2048);
        for it in &spellings[1..] {
            assert_eq!(of(it.clone(), Some(&definition)), first);
        }
        assert_eq!(of(first.clone(), Some(&definition)), first, "a normal form is its own");
    }

    #[test]
    fn a_config_without_rotation_settings_has_those_of_its_class() {
        let definition = Definition::of(LLAMA);
        for it in [json!({}), json!({"rope_scaling": null}), json!({"rope_theta": 10000.0})] {
            let rope = of(it, Some(&definition))["rope_parameters"].clone();
            assert_eq!(rope, json!({"rope_type": "default", "rope_theta": 10000.0}));
        }
        assert_eq!(of(json!({"a": 1}), None), json!({"a": 1}));
    }

    #[test]
    fn layers_with_a_window_have_their_own_rotation() {
        let old = json!({
            "rope_theta": 1e6, "rope_local_base_freq": 1e4,
            "rope_scaling": {"rope_type": "linear", "factor": 8.0},
        });
        let new = json!({"rope_parameters": {
            "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e6},
            "sliding_attention": {"rope_type": "default", "rope_theta": 1e4},
        }});
        assert_eq!(of(old, None), of(new, None));
    }

    #[test]
    fn what_is_left_out_is_what_the_class_has() {
        let definition = Definition::of(LLAMA);
        let left_out = of(json!({}), Some(&definition));
        assert_eq!(left_out["attention_bias"], false);
        let named = of(
            json!({"attention_bias": false, "rms_norm_eps": 1e-6, "n_layer": 32}),
            Some(&definition),
        );
        assert_eq!(left_out, named);
        let both = of(json!({"torch_dtype": "float16", "dtype": "bfloat16"}), None);
        assert_eq!(both, json!({"dtype": "bfloat16"}));
        assert_eq!(of(json!({"torch_dtype": "float16"}), None), json!({"dtype": "float16"}));
    }

    #[test]
    fn pythons_numbers_are_read() {
        let read = parse(
            r#"{"limit": [0.0, Infinity], "low": -Infinity, "no": NaN, "text": "a \"NaN\\"}"#,
        );
        let read = read.unwrap();
        assert_eq!(read["limit"][1], json!({"__float__": "Infinity"}));
        assert_eq!(read["low"], json!({"__float__": "-Infinity"}));
        assert_eq!(read["no"], json!({"__float__": "NaN"}));
        assert_eq!(read["text"], "a \"NaN\\");
    }

    #[test]
    fn what_is_no_config_says_so() {
        let nested = "[".repeat(5000) + &"]".repeat(5000);
        for (text, expected) in [
            ("[]", "not a JSON object"),
            ("{\"a\": ", "not JSON"),
            (nested.as_str(), "not JSON"),
            (r#"{"a": 1e999}"#, "not JSON"),
        ] {
            let err = parse(text).unwrap_err();
            assert!(err.contains(expected), "{err}");
        }
        let many: Map<String, Value> = (0..5000).map(|it| (it.to_string(), it.into())).collect();
        assert!(normal(&many, None).unwrap_err().contains("5000"));
    }

    #[test]
    fn wrong_types_are_kept_as_they_are() {
        let definition = Definition::of(LLAMA);
        let odd = json!({"rope_theta": "fast", "num_hidden_layers": {"a": null}});
        let read = of(odd, Some(&definition));
        assert_eq!(read["rope_parameters"]["rope_theta"], "fast");
        assert_eq!(of(json!({"rope_scaling": [1]}), Some(&definition))["rope_scaling"], json!([1]));
        assert_eq!(read["num_hidden_layers"], json!({"a": null}));
    }
}
