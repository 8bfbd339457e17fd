//! The dialect `mlx` held to real MLX: `mlx_asking/cases.py` is the code, `fixtures/mlx.jsonl` what MLX
//! answered to it. `mlx_cases.py` makes the fixture again.

use std::path::{Path, PathBuf};

use portwright_runtime::{Machine, Options, Package, Precision, Sources};
use serde_json::{Value, json};

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

fn fixture() -> Vec<Value> {
    let text = std::fs::read_to_string(tests().join("fixtures/mlx.jsonl")).unwrap();
    let rows: Vec<Value> = text.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
    assert!(900 < rows.len(), "{} cases", rows.len());
    rows
}

/// What the dialect answers to the code of every row.
fn answers(rows: &[Value], precision: Precision) -> Vec<Value> {
    let packages =
        vec![Package { name: "mlx_asking".to_owned(), folder: tests().join("mlx_asking") }];
    let sources = Sources { dialect: "mlx".to_owned(), packages, overlay: None };
    let machine = Machine::start(Options { sources, precision, ..Options::default() }).unwrap();
    let codes: Vec<&Value> = rows.iter().map(|it| &it["code"]).collect();
    let answer = machine.call("mlx_asking.asking", "evaluate", &json!({ "codes": codes })).unwrap();
    answer.value.as_array().unwrap().clone()
}

/// How far a value may be from MLX's, as a part of its size: two units in its last place.
fn allowed(dtype: &str) -> f64 {
    match dtype {
        "float32" => 4e-6,
        "float16" => 2f64.powi(-9),
        "bfloat16" => 2f64.powi(-6),
        _ => 0.0,
    }
}

fn number(value: &Value) -> f64 {
    match value {
        Value::String(text) => text.parse().unwrap(),
        Value::Bool(it) => f64::from(u8::from(*it)),
        _ => value.as_f64().unwrap(),
    }
}

/// Why an answer is not MLX's.
fn difference(expected: &Value, got: &Value) -> Option<String> {
    if !expected["error"].is_null() {
        return got["error"].is_null().then(|| format!("an error, not {got}"));
    }
    if expected["value"] != got["value"] || !got["error"].is_null() {
        return Some(format!("{}, not {got}", expected["value"]));
    }
    if !expected["value"].is_null() {
        return None;
    }
    for part in ["dtype", "shape"] {
        if expected[part] != got[part] {
            return Some(format!("{part} {}, not {}", expected[part], got[part]));
        }
    }
    let list = |it: &Value| it["values"].as_array().unwrap().iter().map(number).collect::<Vec<_>>();
    let (expected_values, values) = (list(expected), list(got));
    let largest =
        expected_values.iter().filter(|it| it.is_finite()).fold(0.0, |a: f64, b| a.max(b.abs()));
    let allowed = allowed(expected["dtype"].as_str().unwrap());
    expected_values.iter().zip(&values).enumerate().find_map(|(at, (wanted, value))| {
        let close = (wanted.is_nan() && value.is_nan())
            || wanted == value
            || (wanted - value).abs() <= allowed * (wanted.abs() + largest / 20.0);
        (!close).then(|| format!("element {at}: {wanted}, not {value}"))
    })
}

#[test]
fn the_dialect_answers_as_mlx_does() {
    let rows = fixture();
    let answers = answers(&rows, Precision::Native);
    assert_eq!(rows.len(), answers.len());
    let wrong: Vec<String> = rows
        .iter()
        .zip(&answers)
        .filter_map(|(row, got)| {
            difference(row, got).map(|it| format!("{}\n    {it}", row["code"]))
        })
        .collect();
    assert!(wrong.is_empty(), "{} cases differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// Values are unrounded, so what rounding decides may differ; what a dtype and a shape are may not.
#[test]
fn exact_mode_has_the_same_dtypes_and_shapes() {
    let rows = fixture();
    let answers = answers(&rows, Precision::Exact);
    // The bytes of a narrow float are not there in exact mode, which is said.
    let no_bytes = |it: &Value| {
        it["message"].as_str().is_some_and(|it| it.starts_with("bitcast: no bytes of"))
    };
    let wrong: Vec<String> = rows
        .iter()
        .zip(&answers)
        .filter(|(row, got)| !row["shape"].is_null() && !no_bytes(got))
        .filter(|(row, got)| row["dtype"] != got["dtype"] || row["shape"] != got["shape"])
        .map(|(row, got)| format!("{}\n    {got}", row["code"]))
        .collect();
    assert!(wrong.is_empty(), "{} cases differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_comparison_sees_a_wrong_value_a_wrong_dtype_and_a_missing_error() {
    let right = json!({"dtype": "float32", "shape": [2], "values": [1.0, 100.0]});
    assert_eq!(difference(&right, &right), None);
    for (part, value) in
        [("values", json!([1.001, 100.0])), ("dtype", json!("float16")), ("shape", json!([1, 2]))]
    {
        let mut wrong = right.clone();
        wrong[part] = value;
        assert!(difference(&right, &wrong).is_some(), "{part}");
    }
    assert!(difference(&json!({"error": "ValueError"}), &right).is_some());
    assert!(difference(&right, &json!({"error": "ValueError"})).is_some());
}
