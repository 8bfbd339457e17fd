//! The table of definitions says what its data says, and the data is good enough to publish.

#![allow(clippy::unwrap_used, reason = "a test stops where what it assumes does not hold")]

#[path = "../examples/sweep/table.rs"]
mod table;

use std::{fs, path::Path};

use serde_json::Value;

/// How many definitions pass in each mode. A change that lowers one must say why here.
const PASSING: [(&str, usize); 4] =
    [("float32", 115), ("bfloat16", 171), ("float64", 173), ("exact", 116)];

fn read(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs/coverage");
    fs::read_to_string(folder.join(name)).unwrap()
}

fn document() -> Value {
    serde_json::from_str(&read(table::DATA)).unwrap()
}

#[test]
fn the_table_is_what_its_data_renders_to() {
    assert_eq!(table::render(&document()), read(table::TABLE), "make it again with its command");
}

#[test]
fn no_mode_passes_fewer_definitions_than_before() {
    let document = document();
    for (mode, count) in PASSING {
        assert!(count <= table::count(&document, mode, "pass"), "{mode}");
    }
}

#[test]
fn what_does_not_pass_has_a_reason() {
    for (name, row) in table::rows(&document()) {
        for mode in PASSING.map(|it| it.0) {
            let cell = &row["modes"][mode];
            let explained = cell["reason"].is_string() || row["reason"].is_string();
            assert!(cell["verdict"] == "pass" || explained, "{name} {mode}");
        }
    }
}
