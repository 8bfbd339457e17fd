//! config.json as Python reads and writes it: JSON, with NaN and infinities.

use serde_json::{Map, Value};

/// The words that Python's JSON has and JSON has not, and the form in which transformers keeps them.
const FLOATS: [(&str, &str); 3] = [
    ("NaN", r#"{"__float__":"NaN"}"#),
    ("-Infinity", r#"{"__float__":"-Infinity"}"#),
    ("Infinity", r#"{"__float__":"Infinity"}"#),
];

/// Reads a config.json as Python does: with NaN and infinities.
///
/// # Errors
///
/// Says why it is no JSON object.
pub fn parse(text: &str) -> Result<Map<String, Value>, String> {
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
pub fn written(config: &Map<String, Value>) -> String {
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

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
    }
}
