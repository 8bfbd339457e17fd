//! What a difference between two configs means: the tables of fields that change no graph, of constants,
//! and of relations between sizes. Everything that decides is a row here.

use serde_json::{Map, Value};

/// Fields that are kept apart, and why.
pub(super) struct Apart {
    /// Names of fields; a `*` at one end stands for anything.
    pub(super) names: &'static [&'static str],
    pub(super) why: &'static str,
}

/// Fields that do not change what is computed. A field counts where any part of its path matches.
pub(super) const APART: &[Apart] = &[
    Apart {
        names: &[
            "_name_or_path",
            "name_or_path",
            "_commit_hash",
            "transformers_version",
            "*_version",
        ],
        why: "says where the file comes from",
    },
    Apart {
        names: &["architectures", "auto_map", "model_file"],
        why: "names classes; which ones run follows from the model type",
    },
    Apart {
        names: &["*_token_id", "*_token_ids", "*_token_index", "tokenizer_class", "prefix"],
        why: "what single ids mean to a tokenizer",
    },
    Apart {
        names: &[
            "use_cache",
            "output_attentions",
            "output_hidden_states",
            "output_router_logits",
            "return_dict",
            "return_dict_in_generate",
            "torchscript",
            "use_bfloat16",
            "chunk_size_feed_forward",
            "*attn_implementation*",
            "*experts_implementation*",
            "use_flash_attn",
            "gradient_checkpointing",
            "use_mamba_kernels",
            "use_kernel*",
            "pretraining_tp",
        ],
        why: "how the library works, not what it computes",
    },
    Apart {
        names: &[
            "*dropout*",
            "*_pdrop",
            "*_drop",
            "initializer_range",
            "initializer_factor",
            "init_std",
            "*_init_std",
            "rescale_prenorm_residual",
            "*aux_loss*",
            "*z_loss*",
            "router_jitter_noise",
            "input_jitter_noise",
            "seq_aux",
            "layerdrop",
            "label_smoothing",
        ],
        why: "used in training alone",
    },
    Apart {
        names: &[
            "do_sample",
            "temperature",
            "top_p",
            "typical_p",
            "num_beams",
            "max_length",
            "min_length",
            "repetition_penalty",
            "length_penalty",
            "no_repeat_ngram_size",
            "bad_words_ids",
            "suppress_tokens",
            "begin_suppress_tokens",
            "early_stopping",
            "num_return_sequences",
            "max_new_tokens",
        ],
        why: "how text is drawn",
    },
    Apart {
        names: &[
            "id2label",
            "label2id",
            "num_labels",
            "problem_type",
            "finetuning_task",
            "task_specific_params",
        ],
        why: "belongs to a classifier's head",
    },
    Apart {
        names: &["quantization_config", "quantization", "compression_config"],
        why: "how a derivative stores its weights",
    },
];

/// What is said of fields that the definition's own files never name.
pub(super) const NOT_NAMED: &str = "the definition's files do not name it";

/// Numbers that enter the computation as they are, where a port that writes its own is wrong for others.
const CONSTANTS: &[&str] = &[
    "*eps",
    "*epsilon",
    "*theta",
    "*base_freq",
    "*multiplier",
    "*_scale",
    "*scaling",
    "*scaling_factor",
    "*softcap*",
    "*_scalar",
    "*_limit",
    "*rotary_factor",
    "clip_qkv",
    "mscale*",
];

/// A relation between sizes of one config that decides which code runs.
pub(super) struct Relation {
    pub(super) id: &'static str,
    /// Fields that say nothing more once the relation is told.
    pub(super) instead_of: &'static [&'static str],
    /// What holds of an object's fields; nothing where it has none of the kind.
    pub(super) holds: fn(&Map<String, Value>) -> Option<&'static str>,
}

/// Every relation.
pub(super) const RELATIONS: &[Relation] = &[
    Relation {
        id: "(key and value heads)",
        instead_of: &["num_key_value_heads"],
        holds: |it| {
            let heads = size(it, "num_attention_heads")?;
            Some(match optional(it, "num_key_value_heads").ok()? {
                None => "one for each head",
                Some(shared) if shared.total_cmp(&heads).is_eq() => "one for each head",
                Some(1.0) => "one for all heads",
                Some(_) => "one for several heads",
            })
        },
    },
    Relation {
        id: "(heads × head_dim)",
        instead_of: &["head_dim"],
        holds: |it| {
            let (heads, hidden) = (size(it, "num_attention_heads")?, size(it, "hidden_size")?);
            let Some(each) = optional(it, "head_dim").ok()? else { return Some("hidden_size") };
            Some(match (heads * each).total_cmp(&hidden) {
                std::cmp::Ordering::Equal => "hidden_size",
                std::cmp::Ordering::Less => "less than hidden_size",
                std::cmp::Ordering::Greater => "more than hidden_size",
            })
        },
    },
    Relation {
        id: "(window)",
        instead_of: &["sliding_window"],
        holds: |it| {
            it.get("sliding_window")?;
            let window = optional(it, "sliding_window").ok()?.filter(|it| 0.0 < *it);
            let off = it.get("use_sliding_window") == Some(&false.into());
            let Some(window) = window.filter(|_| !off) else { return Some("none") };
            let longest = size(it, "max_position_embeddings");
            Some(if longest.is_some_and(|it| it <= window) {
                "as long as the context"
            } else {
                "shorter than the context"
            })
        },
    },
    Relation {
        id: "(experts of a token)",
        instead_of: &["num_experts_per_tok", "num_experts_per_token"],
        holds: |it| {
            let each =
                size(it, "num_experts_per_tok").or_else(|| size(it, "num_experts_per_token"))?;
            Some(if each <= 1.0 { "one" } else { "several" })
        },
    },
    Relation {
        id: "(linear heads)",
        instead_of: &[],
        holds: |it| {
            let keys = size(it, "linear_num_key_heads")?;
            let values = size(it, "linear_num_value_heads")?;
            Some(if keys.total_cmp(&values).is_eq() {
                "as many keys as values"
            } else {
                "keys are shared"
            })
        },
    },
];

fn size(fields: &Map<String, Value>, name: &str) -> Option<f64> {
    fields.get(name)?.as_f64()
}

/// What stands in the place of a size and is none.
struct NotASize;

/// A size that may be left out.
fn optional(fields: &Map<String, Value>, name: &str) -> Result<Option<f64>, NotASize> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_f64().map(Some).ok_or(NotASize),
    }
}

/// Why a field is kept apart, if it is.
pub(super) fn apart(path: &str) -> Option<&'static str> {
    let row = APART.iter().find(|row| {
        path.split('.').any(|name| row.names.iter().any(|pattern| matches(pattern, name)))
    });
    row.map(|it| it.why)
}

/// Whether a number enters the computation as it is.
pub(super) fn is_constant(path: &str) -> bool {
    let name = path.rsplit('.').next().unwrap_or(path);
    CONSTANTS.iter().any(|it| matches(it, name))
}

fn matches(pattern: &str, name: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(_), Some(_)) => name.contains(pattern.trim_matches('*')),
        (Some(end), None) => name.ends_with(end),
        (None, Some(start)) => name.starts_with(start),
        (None, None) => name == pattern,
    }
}

/// How a value decides, in the words of the matrix.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// A boolean: its value.
    Flag,
    /// A string: its value.
    Word,
    /// Present or not, an object or not.
    Presence,
    /// A list: what it holds, and how that repeats.
    Pattern,
    /// A constant: the one that the config class has, or another.
    Constant,
    /// A number: negative, 0, 1, or more, which is scale.
    Count,
    /// Sizes that decide by how they stand to each other.
    Relation,
    /// What the weight files hold, beside what the config says.
    Weights,
}

/// A value's class under its rule: two values of one class run the same code.
pub(super) fn class_of(path: &str, value: &Value, default: Option<f64>) -> (Rule, String) {
    match value {
        Value::Null => (Rule::Presence, "null".into()),
        Value::Bool(flag) => (Rule::Flag, flag.to_string()),
        Value::String(text) => (Rule::Word, clipped(text)),
        Value::Object(fields) if fields.is_empty() => (Rule::Presence, "empty".into()),
        Value::Object(_) => (Rule::Presence, "set".into()),
        Value::Array(items) => (Rule::Pattern, pattern(items)),
        Value::Number(number) => {
            let number = number.as_f64().unwrap_or(f64::NAN);
            let constant = is_constant(path);
            match default {
                Some(default) if constant => {
                    let same = number.total_cmp(&default).is_eq();
                    let class = if same {
                        format!("{default}, the default")
                    } else {
                        "another number".into()
                    };
                    (Rule::Constant, class)
                }
                _ => (Rule::Count, count(number).into()),
            }
        }
    }
}

fn count(number: f64) -> &'static str {
    match number {
        it if it < 0.0 => "negative",
        0.0 => "0",
        1.0 => "1",
        it if it < 1.0 => "a fraction",
        _ => "a number",
    }
}

/// A word of a config is short; what is long is no word, and is told by its start.
fn clipped(text: &str) -> String {
    const LONGEST: usize = 80;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Kinds that a pattern tells apart; more are numbers of layers or of frequencies.
const MOST_KINDS: usize = 4;
/// Runs of one kind that a pattern without a period lists.
const MOST_RUNS: usize = 6;

/// `3 × sliding_attention, 1 × full_attention, repeated`
fn pattern(items: &[Value]) -> String {
    if items.is_empty() {
        return "empty".into();
    }
    if items.iter().any(|it| it.is_array() || it.is_object()) {
        return "nested".into();
    }
    let word = |it: &Value| it.as_str().map_or_else(|| it.to_string(), clipped);
    let mut kinds: Vec<&Value> = Vec::new();
    for item in items {
        if !kinds.contains(&item) {
            kinds.push(item);
            if MOST_KINDS < kinds.len() {
                return if items.iter().all(Value::is_number) { "numbers" } else { "words" }.into();
            }
        }
    }
    if let [kind] = kinds.as_slice() {
        return format!("all {}", word(kind));
    }
    let repeats = |period: &usize| items.iter().zip(&items[*period..]).all(|(a, b)| a == b);
    if let Some(period) = (2..=items.len() / 2).find(repeats) {
        let parts: Vec<String> = runs(&items[..period])
            .iter()
            .map(|(kind, times)| format!("{times} × {}", word(kind)))
            .collect();
        return format!("{}, repeated", parts.join(", "));
    }
    let runs = runs(items);
    if runs.len() <= MOST_RUNS {
        let parts: Vec<String> = runs.iter().map(|(kind, _)| word(kind)).collect();
        return parts.join(", then ");
    }
    let mut parts: Vec<String> = kinds.iter().map(|it| word(it)).collect();
    parts.sort();
    format!("{} in no order", parts.join(" and "))
}

fn runs(items: &[Value]) -> Vec<(&Value, usize)> {
    let mut runs: Vec<(&Value, usize)> = Vec::new();
    for item in items {
        match runs.last_mut() {
            Some((kind, times)) if *kind == item => *times += 1,
            _ => runs.push((item, 1)),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn class(value: &Value) -> String {
        class_of("field", value, None).1
    }

    #[test]
    fn scale_is_no_difference_and_structure_is() {
        assert_eq!(class(&json!(4096)), class(&json!(896)));
        assert_eq!(class(&json!(10000)), class(&json!(10000.0)));
        for (a, b) in [
            (json!(true), json!(false)),
            (json!("silu"), json!("gelu")),
            (json!(null), json!(4)),
            (json!(0), json!(4)),
            (json!(1), json!(4)),
            (json!(-1), json!(4)),
            (json!({}), json!({"a": 1})),
            (json!([]), json!([1])),
        ] {
            assert_ne!(class(&a), class(&b), "{a} and {b}");
        }
    }

    #[test]
    fn a_constant_is_the_default_or_another() {
        let of = |value: Value| class_of("text_config.rms_norm_eps", &value, Some(1e-6));
        assert_eq!(of(json!(1e-6)), (Rule::Constant, "0.000001, the default".into()));
        assert_eq!(of(json!(1e-5)), of(json!(1e-4)));
        assert_ne!(of(json!(1e-5)), of(json!(1e-6)));
        assert_eq!(class_of("rms_norm_eps", &json!(1e-5), None).1, "a fraction");
    }

    #[test]
    fn lists_are_told_by_how_they_repeat() {
        let layers = |pattern: &str, times: usize| -> Value {
            let word = |it| if it == 's' { "sliding" } else { "full" };
            Value::Array(pattern.repeat(times).chars().map(|it| word(it).into()).collect())
        };
        assert_eq!(class(&layers("sssf", 8)), "3 × sliding, 1 × full, repeated");
        assert_eq!(class(&layers("sssf", 8)), class(&layers("sssf", 12)));
        assert_eq!(class(&layers("f", 28)), "all full");
        assert_eq!(class(&layers("fsssssss", 1)), "full, then sliding");
        assert_eq!(class(&layers("sffsfffsfsfs", 1)), "full and sliding in no order");
        assert_eq!(class(&json!([1, 1, 1, 0, 1, 1, 1, 0])), "3 × 1, 1 × 0, repeated");
        assert_eq!(class(&json!([1.0, 1.1, 1.2, 1.3, 1.4])), "numbers");
        assert_eq!(class(&json!([[1, 2], [3]])), "nested");
    }

    #[test]
    fn sizes_decide_by_how_they_stand_to_each_other() {
        let holds = |id: &str, fields: Value| {
            let row = RELATIONS.iter().find(|it| it.id == id).unwrap();
            (row.holds)(fields.as_object().unwrap())
        };
        let heads = |shared: Value| {
            holds(
                "(key and value heads)",
                json!({"num_attention_heads": 8, "num_key_value_heads": shared}),
            )
        };
        assert_eq!(heads(json!(null)), heads(json!(8)));
        assert_eq!(heads(json!(1)), Some("one for all heads"));
        assert_eq!(heads(json!(2)), Some("one for several heads"));
        let wide = |head_dim: Value| {
            holds(
                "(heads × head_dim)",
                json!({"num_attention_heads": 8, "hidden_size": 64, "head_dim": head_dim}),
            )
        };
        assert_eq!(wide(json!(8)), wide(json!(null)));
        assert_eq!(wide(json!(16)), Some("more than hidden_size"));
        let window = |fields: Value| holds("(window)", fields);
        assert_eq!(
            window(json!({"sliding_window": 4096, "use_sliding_window": false})),
            Some("none")
        );
        assert_eq!(window(json!({"sliding_window": null})), Some("none"));
        assert_eq!(
            window(json!({"sliding_window": 512, "max_position_embeddings": 2048})),
            Some("shorter than the context")
        );
        assert_eq!(window(json!({})), None);
        assert_eq!(heads(json!("eight")), None);
    }

    #[test]
    fn what_changes_no_graph_is_apart_wherever_it_stands() {
        for path in [
            "eos_token_id",
            "text_config.attention_dropout",
            "quantization_config.bits",
            "_name_or_path",
        ] {
            assert!(apart(path).is_some(), "{path}");
        }
        for path in ["tie_word_embeddings", "rope_parameters.rope_type", "dtype", "norm_topk_prob"]
        {
            assert_eq!(apart(path), None, "{path}");
        }
    }
}
