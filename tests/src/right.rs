//! Ports of mlx-lm that are right in every config that is asked, once what they have written in is set.

use serde_json::{Value, json};

/// The fields whose value a port has written in, or whose default is another: a field that is set is as it is
/// set.
pub fn settings(model_type: &str) -> Value {
    match model_type {
        "llama" => json!({"hidden_act": "silu", "tie_word_embeddings": false}),
        "olmo3" => json!({"hidden_act": "silu"}),
        other => panic!("nothing is known of {other}"),
    }
}

/// The same as flags of `verify`.
pub fn flags(model_type: &str) -> Vec<String> {
    let settings = settings(model_type);
    let one = |(name, value): (&String, &Value)| ["--set".to_owned(), format!("{name}={value}")];
    settings.as_object().into_iter().flatten().flat_map(one).collect()
}
