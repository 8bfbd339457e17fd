//! The filters before a draw leave what transformers' own leave. `sampling_cases.py` made the fixtures.

#![allow(clippy::unwrap_used, reason = "a test stops where what it assumes does not hold")]

mod tiny;

use portwright_runtime::Precision;
use serde_json::Value;

#[test]
fn what_is_left_is_what_transformers_leaves() {
    let fixtures: Value = serde_json::from_str(include_str!("fixtures/sampling.json")).unwrap();
    let machine = tiny::machine(Precision::Native);
    let cases = fixtures["cases"].as_array().unwrap();
    assert!(!cases.is_empty());
    for case in cases {
        let answer = machine.call("tiny.choosing", "distribution", case).unwrap();
        let (found, expected) =
            (answer.value.as_array().unwrap(), case["expected"].as_array().unwrap());
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            let (found, expected) = (found.as_f64().unwrap(), expected.as_f64().unwrap());
            assert!((found - expected).abs() < 1e-6, "{}: {found} {expected}", case["settings"]);
        }
    }
}
