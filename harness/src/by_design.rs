//! Definitions that read a text in pieces with other numbers than at once, and mean to.

use serde_json::Value;

/// One kind of them.
struct Kind {
    /// Whether a config.json asks for it.
    is: fn(&Value) -> bool,
    why: &'static str,
}

/// Every kind; each was looked at in the definition's source.
const KINDS: [Kind; 3] = [
    // transformers' `dynamic_rope_update` (`modeling_rope_utils.py`).
    Kind {
        is: turns_by_length,
        why: "its rotations depend on how long the text is when they are computed, and keys of earlier \
              calls keep theirs",
    },
    // `MoshiModel.forward` makes its mask by `create_causal_mask`.
    Kind {
        is: |it| is_type(it, "moshi"),
        why: "its cache keeps the last `sliding_window` tokens, and its mask does not cut to them",
    },
    // `MiniMaxLightningAttention` saves `query_decay`, `key_decay` and `diagonal_decay`.
    Kind {
        is: |it| is_type(it, "minimax"),
        why: "it reads a text by tables of decays that the checkpoint holds rounded to 32 bits, and decodes \
              by the rate itself",
    },
];

/// Why a definition with this config.json may decode with other numbers than it reads a text with.
pub(crate) fn reason(config: &Value) -> Option<&'static str> {
    KINDS.iter().find(|it| (it.is)(config)).map(|it| it.why)
}

fn is_type(config: &Value, name: &str) -> bool {
    config["model_type"].as_str() == Some(name)
}

/// Whether some rotation is of a type whose frequencies are those of the call's length.
fn turns_by_length(config: &Value) -> bool {
    match config {
        Value::Object(fields) => fields.iter().any(|(name, value)| {
            let named = matches!(name.as_str(), "rope_type" | "type");
            named && matches!(value.as_str(), Some("dynamic" | "longrope"))
                || turns_by_length(value)
        }),
        Value::Array(items) => items.iter().any(turns_by_length),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rotations_that_follow_the_length_are_found_in_either_spelling_and_for_a_kind_of_layer() {
        let dynamic = json!({"rope_scaling": {"type": "dynamic", "factor": 2.0}});
        let nested = json!({"text_config": {"rope_parameters": {
            "full_attention": {"rope_type": "longrope"}, "sliding_attention": {"rope_type": "default"}}}});
        assert!(reason(&dynamic).is_some() && reason(&nested).is_some());
        let fixed =
            json!({"rope_parameters": {"rope_type": "yarn"}, "type": 3, "layers": ["dynamic"]});
        assert_eq!(reason(&fixed), None);
    }
}
