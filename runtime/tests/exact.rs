//! Exact mode: another order of the same operations is no difference, anything else is one, and the
//! nominal dtypes are those of an ordinary run.

#![allow(clippy::unwrap_used, reason = "a test stops where what it assumes does not hold")]

mod tiny;

use portwright_runtime::{Precision, Tensor};
use serde_json::{Value, json};

/// What another order of operations may change, over the standard deviation of the logits.
const SAME: f64 = 1e-9;

fn logits(precision: Precision, request: &Value) -> Tensor {
    let machine = tiny::machine(precision);
    let answer = machine.call("tiny.asking", "forward", request).unwrap();
    answer.tensors.into_iter().find(|it| it.0 == "logits").unwrap().1
}

/// The largest difference of two forwards over the standard deviation of the first.
fn difference(precision: Precision, first: &Value, second: &Value) -> f64 {
    let a = logits(precision, first).to_f64_vec().unwrap();
    let b = logits(precision, second).to_f64_vec().unwrap();
    let mean = a.iter().sum::<f64>() / a.len() as f64;
    let std = (a.iter().map(|it| (it - mean).powi(2)).sum::<f64>() / a.len() as f64).sqrt();
    assert!(0.0 < std && a.len() == b.len());
    a.iter().zip(&b).map(|(x, y)| (x - y).abs()).fold(0.0, f64::max) / std
}

fn request(dtype: &str) -> Value {
    json!({"dtype": dtype})
}

fn reordered(dtype: &str) -> Value {
    json!({"dtype": dtype, "other_order": true})
}

fn planted(dtype: &str, plant: &str) -> Value {
    json!({"dtype": dtype, "plant": plant})
}

#[test]
fn another_order_of_operations_changes_nothing() {
    for dtype in ["float32", "bfloat16", "float16", "float64"] {
        let figure = difference(Precision::Exact, &request(dtype), &reordered(dtype));
        assert!(figure < SAME, "{dtype}: {figure:e}");
        assert!(0.0 < figure, "the two orders are the same operations");
    }
    // Ordinary dtypes show it: the orders are really different.
    assert!(SAME < difference(Precision::Native, &request("float32"), &reordered("float32")));
}

#[test]
fn a_bug_of_one_in_ten_thousand_is_seen() {
    for dtype in ["float32", "bfloat16"] {
        let figure = difference(Precision::Exact, &request(dtype), &planted(dtype, "bug"));
        assert!(1e-6 < figure, "{dtype}: {figure:e}");
    }
    // In the dtype of the run it drowns.
    let noise = difference(Precision::Native, &request("bfloat16"), &reordered("bfloat16"));
    assert!(1e-3 < noise, "{noise:e}");
}

/// The dtypes of all taps, by module.
fn dtypes(request: &Value) -> Vec<(String, String)> {
    let machine = tiny::machine(Precision::Exact);
    let records = machine.call("tiny.asking", "forward", request).unwrap().value;
    let text = |it: &Value| it.as_str().unwrap().to_owned();
    let records = records.as_array().unwrap();
    records.iter().map(|it| (text(&it["module"]), text(&it["dtype"]))).collect()
}

#[test]
fn a_float32_upcast_is_seen_in_the_nominal_dtypes() {
    let sound = dtypes(&request("bfloat16"));
    assert!(sound.iter().all(|it| it.1 == "bfloat16"), "{sound:?}");
    let planted = dtypes(&planted("bfloat16", "upcast"));
    assert_eq!(planted.len(), sound.len());
    for (module, dtype) in planted {
        let expected = if module.ends_with("_norm") { "float32" } else { "bfloat16" };
        assert_eq!(dtype, expected, "{module}");
    }
    // Its values alone would not show it: both compute in 64 bits.
    let figure = difference(
        Precision::Exact,
        &request("bfloat16"),
        &json!({"dtype": "bfloat16", "plant": "upcast"}),
    );
    assert!(figure < SAME, "{figure:e}");
}
