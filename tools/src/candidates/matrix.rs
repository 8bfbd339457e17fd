//! The differences between configs as a matrix: which value of which field each candidate shows.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    definition::Definition,
    rules::{NOT_NAMED, RELATIONS, Rule, apart, class_of},
};

/// What the files of weights say; it stands beside the fields of the config.
const OUTPUT_MATRIX: &str = "(output matrix)";
/// What is said of a field that one config has and another has not.
const ABSENT: &str = "absent";
/// Fields that one difference stands for, as far as they are named.
const MOST_WITH: usize = 12;

/// What the configs of all candidates have of one field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// The field's path, e.g. `rope_parameters.rope_type`; in parentheses what sizes decide together.
    pub field: String,
    pub rule: Rule,
    pub values: Vec<Shown>,
    /// Other fields that part the candidates in the same way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub with: Vec<String>,
}

/// A value, and who shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Shown {
    pub value: String,
    /// Ids of candidates.
    pub candidates: Vec<String>,
}

/// A number that differs and changes no structure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Scale {
    pub field: String,
    pub least: f64,
    pub most: f64,
}

/// A field that differs and does not change what is computed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct KeptApart {
    pub field: String,
    pub why: String,
}

/// Everything in which configs differ.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Matrix {
    pub differences: Vec<Difference>,
    pub scale: Vec<Scale>,
    pub apart: Vec<KeptApart>,
}

/// One candidate as the matrix sees it.
pub(super) struct Column<'a> {
    pub(super) id: &'a str,
    /// Its config in normal form.
    pub(super) config: &'a Map<String, Value>,
    /// What its files say of the output matrix; nothing where they are not known.
    pub(super) weights: Option<&'static str>,
}

/// One config, sorted by what its fields decide.
#[derive(Default)]
struct Sorted<'a> {
    /// Class by path.
    structure: BTreeMap<String, (Rule, String)>,
    numbers: BTreeMap<String, f64>,
    apart: BTreeMap<String, (&'static str, &'a Value)>,
    /// Paths of objects, the whole among them.
    objects: BTreeSet<String>,
}

impl<'a> Sorted<'a> {
    fn of(column: &Column<'a>, definition: Option<&Definition>) -> Self {
        let mut sorted = Self::default();
        sorted.object("", column.config, definition);
        if let Some(weights) = column.weights {
            let class = (Rule::Weights, weights.to_owned());
            sorted.structure.insert(OUTPUT_MATRIX.into(), class);
        }
        sorted
    }

    fn object(
        &mut self,
        prefix: &str,
        fields: &'a Map<String, Value>,
        definition: Option<&Definition>,
    ) {
        self.objects.insert(prefix.to_owned());
        let below = |name: &str| match prefix {
            "" => name.to_owned(),
            _ => format!("{prefix}.{name}"),
        };
        let mut told: BTreeSet<&str> = BTreeSet::new();
        for relation in RELATIONS {
            if let Some(holds) = (relation.holds)(fields) {
                let class = (Rule::Relation, holds.to_owned());
                self.structure.insert(below(relation.id), class);
                told.extend(relation.instead_of);
            }
        }
        for (name, value) in fields {
            let path = below(name);
            let unknown = definition.is_some_and(|it| !it.names(&path)).then_some(NOT_NAMED);
            if let Some(why) = apart(&path).or(unknown) {
                self.apart.insert(path, (why, value));
                continue;
            }
            if let Some(number) = value.as_f64() {
                self.numbers.insert(path.clone(), number);
            }
            if !told.contains(name.as_str()) {
                let default = definition.and_then(|it| it.number(&path));
                self.structure.insert(path.clone(), class_of(&path, value, default));
            }
            if let Value::Object(inner) = value {
                self.object(&path, inner, definition);
            }
        }
    }

    /// The class of a field; nothing where the config has no object that it could stand in.
    fn class(&self, path: &str) -> Option<(Rule, &str)> {
        if let Some((rule, class)) = self.structure.get(path) {
            return Some((*rule, class));
        }
        if path == OUTPUT_MATRIX {
            return None;
        }
        let parent = path.rsplit_once('.').map_or("", |it| it.0);
        self.objects.contains(parent).then_some((Rule::Presence, ABSENT))
    }
}

/// The matrix of all columns. Fields in which they agree are left out.
pub(super) fn matrix(columns: &[Column<'_>], definition: Option<&Definition>) -> Matrix {
    let sorted: Vec<Sorted> = columns.iter().map(|it| Sorted::of(it, definition)).collect();
    Matrix {
        differences: differences(columns, &sorted),
        scale: scale(&sorted),
        apart: kept_apart(&sorted),
    }
}

fn union<'s, T>(
    sorted: &'s [Sorted],
    of: impl Fn(&'s Sorted<'_>) -> &'s BTreeMap<String, T>,
) -> BTreeSet<&'s str>
where
    T: 's,
{
    sorted.iter().flat_map(|it| of(it).keys().map(String::as_str)).collect()
}

fn differences(columns: &[Column<'_>], sorted: &[Sorted]) -> Vec<Difference> {
    // Fields that part the candidates in the same way are one difference.
    let mut found: BTreeMap<Vec<Option<usize>>, Vec<Difference>> = BTreeMap::new();
    for path in union(sorted, |it| &it.structure) {
        let classes: Vec<Option<(Rule, &str)>> = sorted.iter().map(|it| it.class(path)).collect();
        let mut values: Vec<Shown> = Vec::new();
        let mut parts = Vec::new();
        for (column, class) in columns.iter().zip(&classes) {
            parts.push(class.map(|(_, class)| {
                let known = values.iter().position(|it| it.value == class);
                let at = known.unwrap_or_else(|| {
                    values.push(Shown { value: class.to_owned(), candidates: Vec::new() });
                    values.len() - 1
                });
                values[at].candidates.push(column.id.to_owned());
                at
            }));
        }
        // A field of an object that some configs do not have is told by that object.
        if values.len() < 2 {
            continue;
        }
        let rules = classes.iter().flatten().map(|it| it.0);
        let rule = rules.min_by_key(|it| *it == Rule::Presence).unwrap_or(Rule::Presence);
        let field = path.to_owned();
        found.entry(parts).or_default().push(Difference { field, rule, values, with: Vec::new() });
    }
    let mut differences: Vec<Difference> = found.into_values().filter_map(one).collect();
    differences.sort_by(|a, b| a.field.cmp(&b.field));
    differences
}

/// The one of several fields that says most, with the others named.
fn one(mut fields: Vec<Difference>) -> Option<Difference> {
    let says = |it: &Difference| match it.rule {
        Rule::Word => 0,
        Rule::Flag | Rule::Pattern => 1,
        Rule::Relation | Rule::Weights => 2,
        Rule::Constant => 3,
        Rule::Presence | Rule::Count => 4,
    };
    fields.sort_by(|a, b| says(a).cmp(&says(b)).then_with(|| a.field.cmp(&b.field)));
    let mut fields = fields.into_iter();
    let mut first = fields.next()?;
    let mut with: Vec<String> = fields.map(|it| it.field).collect();
    with.sort();
    if MOST_WITH < with.len() {
        let more = format!("and {} more", with.len() - MOST_WITH);
        with.truncate(MOST_WITH);
        with.push(more);
    }
    first.with = with;
    Some(first)
}

fn scale(sorted: &[Sorted]) -> Vec<Scale> {
    let row = |path: &str| {
        let numbers: Vec<f64> =
            sorted.iter().filter_map(|it| it.numbers.get(path).copied()).collect();
        let least = numbers.iter().copied().min_by(f64::total_cmp)?;
        let most = numbers.iter().copied().max_by(f64::total_cmp)?;
        (least < most).then(|| Scale { field: path.to_owned(), least, most })
    };
    union(sorted, |it| &it.numbers).into_iter().filter_map(row).collect()
}

fn kept_apart(sorted: &[Sorted]) -> Vec<KeptApart> {
    let row = |path: &str| {
        let values: Vec<Option<&(&str, &Value)>> =
            sorted.iter().map(|it| it.apart.get(path)).collect();
        let (why, _) = values.iter().flatten().next()?;
        let differs = values.windows(2).any(|it| it[0].map(|it| it.1) != it[1].map(|it| it.1));
        differs.then(|| KeptApart { field: path.to_owned(), why: (*why).to_owned() })
    };
    union(sorted, |it| &it.apart).into_iter().filter_map(row).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::candidates::normal::normal;

    fn of(configs: &[(&str, Value)], definition: Option<&Definition>) -> Matrix {
        let normals: Vec<Map<String, Value>> = configs
            .iter()
            .map(|(_, it)| normal(it.as_object().unwrap(), definition).unwrap())
            .collect();
        let columns: Vec<Column> = configs
            .iter()
            .zip(&normals)
            .map(|((id, _), config)| Column { id, config, weights: None })
            .collect();
        matrix(&columns, definition)
    }

    fn fields(matrix: &Matrix) -> Vec<&str> {
        matrix.differences.iter().map(|it| it.field.as_str()).collect()
    }

    const LLAMA: &str = "
class LlamaConfig(PreTrainedConfig):
    hidden_size: int = 4096
    num_hidden_layers: int = 32
    num_attention_heads: int = 32
    num_key_value_heads: int | None = None
    head_dim: int | None = None
    rms_norm_eps: float = 1e-6
    rope_parameters: dict | None = None
    max_position_embeddings: int = 2048
    tie_word_embeddings: bool = False
    attention_bias: bool = False
";

    #[test]
    fn a_larger_model_of_the_same_structure_makes_no_difference() {
        let definition = Definition::of(LLAMA);
        let matrix = of(
            &[
                (
                    "a",
                    json!({"hidden_size": 2048, "num_attention_heads": 16, "num_key_value_heads": 4}),
                ),
                (
                    "b",
                    json!({
                        "hidden_size": 8192, "num_attention_heads": 64, "num_key_value_heads": 8,
                        "head_dim": 128, "rope_theta": 10000, "attention_bias": false,
                    }),
                ),
            ],
            Some(&definition),
        );
        assert_eq!(fields(&matrix), [] as [&str; 0]);
        let scaled: Vec<&str> = matrix.scale.iter().map(|it| it.field.as_str()).collect();
        assert_eq!(scaled, ["hidden_size", "num_attention_heads", "num_key_value_heads"]);
        assert_eq!((matrix.scale[0].least, matrix.scale[0].most), (2048.0, 8192.0));
    }

    #[test]
    fn the_rotations_of_a_family_are_one_difference_with_its_settings() {
        let definition = Definition::of(LLAMA);
        let llama3 = json!({
            "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 8192,
        });
        let matrix = of(
            &[
                ("old", json!({"rms_norm_eps": 1e-5})),
                ("three", json!({"rms_norm_eps": 1e-5, "rope_theta": 5e5})),
                ("new", json!({"rms_norm_eps": 1e-5, "rope_theta": 5e5, "rope_scaling": llama3})),
                (
                    "small",
                    json!({"rope_theta": 5e5, "rope_scaling": llama3, "tie_word_embeddings": true}),
                ),
            ],
            Some(&definition),
        );
        assert_eq!(
            fields(&matrix),
            ["rope_parameters.rope_theta", "rope_parameters.rope_type", "tie_word_embeddings"]
        );
        let kind = &matrix.differences[1];
        assert!(kind.with.contains(&"rope_parameters.factor".to_owned()), "{kind:?}");
        assert_eq!(kind.values[1].value, "llama3");
        assert_eq!(kind.values[1].candidates, ["new", "small"]);
        // The constant parts them as the flag does.
        assert_eq!(matrix.differences[2].with, ["rms_norm_eps"]);
    }

    #[test]
    fn files_that_were_not_read_show_no_value() {
        let config = Map::new();
        let column = |id, weights| Column { id, config: &config, weights };
        let columns = [column("a", Some("tied")), column("b", Some("its own")), column("c", None)];
        let matrix = matrix(&columns, None);
        let shown: Vec<usize> =
            matrix.differences[0].values.iter().map(|it| it.candidates.len()).collect();
        assert_eq!((fields(&matrix), shown), (vec![OUTPUT_MATRIX], vec![1, 1]));
    }

    #[test]
    fn windows_that_are_off_are_none() {
        let config = |on: bool, window: Value| {
            json!({
                "use_sliding_window": on, "sliding_window": window,
                "max_position_embeddings": 32768, "layer_types": ["full_attention", "full_attention"],
            })
        };
        let alike = of(&[("a", config(true, json!(null))), ("b", config(true, json!(null)))], None);
        assert_eq!(alike, Matrix::default());
        let off =
            of(&[("a", config(false, json!(4096))), ("b", config(false, json!(131_072)))], None);
        assert_eq!(fields(&off), [] as [&str; 0]);
        let on = of(&[("a", config(true, json!(4096))), ("b", config(true, json!(131_072)))], None);
        assert_eq!(fields(&on), ["(window)"]);
    }

    #[test]
    fn experts_that_only_one_has_are_told_once() {
        let matrix = of(
            &[
                ("dense", json!({"moe": null, "hidden_act": "silu"})),
                (
                    "sparse",
                    json!({"moe": {"experts": 8, "router": {"bias": true}}, "hidden_act": "silu"}),
                ),
                (
                    "biased",
                    json!({"moe": {"experts": 64, "router": {"bias": false}}, "hidden_act": "silu"}),
                ),
            ],
            None,
        );
        assert_eq!(fields(&matrix), ["moe", "moe.router.bias"]);
        assert_eq!(
            matrix.differences[1].values.iter().map(|it| it.candidates.len()).sum::<usize>(),
            2
        );
    }

    #[test]
    fn what_changes_nothing_is_kept_apart_with_its_reason() {
        let definition = Definition::of(LLAMA);
        let matrix = of(
            &[
                (
                    "a",
                    json!({"eos_token_id": 2, "unsloth_fixed": true, "quantization_config": {"bits": 4}}),
                ),
                ("b", json!({"eos_token_id": [1, 2], "architectures": ["B"]})),
            ],
            Some(&definition),
        );
        assert_eq!(matrix.differences, []);
        let apart: Vec<(&str, &str)> =
            matrix.apart.iter().map(|it| (it.field.as_str(), it.why.as_str())).collect();
        assert_eq!(
            apart,
            [
                ("architectures", "names classes; which ones run follows from the model type"),
                ("eos_token_id", "what single ids mean to a tokenizer"),
                ("quantization_config", "how a derivative stores its weights"),
                ("unsloth_fixed", NOT_NAMED),
            ]
        );
    }

    #[test]
    fn hostile_configs_have_a_matrix_too() {
        let mut deep = json!(1);
        for _ in 0..100 {
            deep = json!({"a": deep});
        }
        let matrix = of(
            &[
                (
                    "deep",
                    json!({"x": deep, "num_attention_heads": "many", "head_dim": [], "sliding_window": {}}),
                ),
                (
                    "huge",
                    json!({"x": u64::MAX, "num_attention_heads": 1e308, "hidden_size": -0.0, "layer_types": {"a": 1}}),
                ),
                ("empty", json!({})),
            ],
            None,
        );
        assert!(!matrix.differences.is_empty());
        for it in &matrix.differences {
            assert!(2 <= it.values.len(), "{it:?}");
        }
    }
}
