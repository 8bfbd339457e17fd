//! What the machine says of a definition: taps, ledger, module tree, and errors that name their place.

#![allow(clippy::unwrap_used, reason = "a test stops where what it assumes does not hold")]

mod tiny;

use std::fs;

use portwright_runtime::{Precision, RuntimeError};
use serde_json::{Value, json};
use tiny::{folder, machine};

/// The number of the one line of the definition that contains a text.
fn line_of(text: &str) -> usize {
    let source = fs::read_to_string(folder().join("modeling_tiny.py")).unwrap();
    let mut lines = source.lines().enumerate().filter(|it| it.1.contains(text));
    let (line, _) = lines.next().unwrap();
    assert!(lines.next().is_none(), "`{text}` stands on several lines");
    line + 1
}

#[test]
fn a_tap_says_what_was_computed_where_and_in_which_order() {
    let answer = machine(Precision::Native)
        .call("tiny.asking", "forward", &json!({"dtype": "bfloat16"}))
        .unwrap();
    let records = answer.value.as_array().unwrap();
    let modules: Vec<&str> = records.iter().map(|it| it["module"].as_str().unwrap()).collect();
    let layer = |idx: usize| {
        let parts = [
            "input_norm",
            "attn.qkv_proj",
            "attn",
            "mlp_norm",
            "mlp.gate_proj",
            "mlp.down_proj",
            "mlp",
        ];
        let mut names = parts.map(|it| format!("layers.{idx}.{it}")).to_vec();
        names.push(format!("layers.{idx}"));
        names
    };
    let expected = [vec!["embed".to_owned()], layer(0), layer(1), vec!["head".to_owned()]].concat();
    assert_eq!(modules, expected);
    for (record, (name, tensor)) in records.iter().zip(&answer.tensors) {
        assert_eq!(record["key"], json!(name));
        assert_eq!(record["shape"], json!(tensor.shape()));
        assert_eq!(record["dtype"], "bfloat16", "{name}");
    }
    let place = |module: &str| {
        let record = records.iter().find(|it| it["module"] == module).unwrap();
        assert!(record["file"].as_str().unwrap().ends_with("modeling_tiny.py"), "{record}");
        usize::try_from(record["line"].as_u64().unwrap()).unwrap()
    };
    assert_eq!(place("layers.1.attn"), line_of(".softmax(-1) @ value"));
    assert_eq!(place("layers.0"), line_of("return x + self.mlp(self.mlp_norm(x))"));
    assert_eq!(place("layers.0.mlp.gate_proj"), line_of("silu(self.gate_proj("));
    assert_eq!(place("head"), line_of("return self.head(x)"));
    assert_eq!(answer.tensors.last().unwrap().1.shape(), [2, 6, 40]);
}

#[test]
fn the_module_tree_has_its_parameters_its_lines_and_its_ledger() {
    let machine = machine(Precision::Native);
    let seen = machine.call("tiny.asking", "inspect", &json!({})).unwrap().value;
    let modules = seen["modules"].as_array().unwrap();
    let module = |name: &str| modules.iter().find(|it| it["name"] == name).unwrap();
    assert_eq!(modules.len(), 20);
    let gate = module("layers.1.mlp.gate_proj");
    assert_eq!(gate["class"], "Linear");
    assert_eq!(gate["parameters"], json!({"weight": {"shape": [24, 16], "dtype": "float32"}}));
    assert_eq!(module("layers.0.attn")["class"], "Attention");
    let line = module("layers.0.attn")["line"].as_u64().unwrap();
    let source = fs::read_to_string(folder().join("modeling_tiny.py")).unwrap();
    let text = source.lines().nth(usize::try_from(line).unwrap() - 1).unwrap();
    assert_eq!(text, "    def forward(self, x):");
    assert_eq!(seen["config_never_read"], json!(["never_read"]));
    assert!(seen["config_read"].as_array().unwrap().contains(&json!("rms_norm_eps")));
    assert_eq!(seen["tied"], json!({"head.weight": "embed.weight"}));
    assert_eq!(seen["plans"]["tp"], json!({"layers.*.mlp.gate_proj": "colwise"}));
    assert_eq!(seen["attention_backend"], json!(false));
}

/// The error of a plant, as people read it.
fn error_of(plant: &str) -> String {
    let request = json!({"plant": plant});
    let error = machine(Precision::Native).call("tiny.asking", "forward", &request).unwrap_err();
    assert!(matches!(error, RuntimeError::Raised(_)), "{error:?}");
    error.to_string()
}

/// What is missing is named, with its file, its line, a caret under it and the module that wanted it.
#[test]
fn what_is_missing_is_named_with_its_place_and_its_module() {
    let cases = [
        ("function", "absent_function", "torch.nn.functional.absent_function"),
        ("method", "absent_method", "hidden.absent_method"),
        ("file", "tiny.absent_file", "from .absent_file import something"),
        ("dtype", "float8_e4m3fn", "hidden.to(torch.float8_e4m3fn)"),
        ("shapes", "cannot be multiplied", "hidden @ hidden"),
    ];
    for (plant, name, expression) in cases {
        let text = error_of(plant);
        let lines: Vec<&str> = text.lines().collect();
        let [message, module, place, source, caret] = lines[..] else { panic!("{text}") };
        assert!(message.contains(name), "{text}");
        assert_eq!(module, "  in module `layers.0.mlp`", "{text}");
        let line = line_of(source.trim());
        assert!(place.ends_with(&format!("modeling_tiny.py:{line}")), "{text}");
        let start = source.find(expression).unwrap();
        assert_eq!(caret, " ".repeat(start) + &"^".repeat(expression.len()), "{text}");
    }
}

#[test]
fn the_answer_of_a_sound_definition_is_no_error() {
    let answer = machine(Precision::Native).call("tiny.asking", "forward", &json!({})).unwrap();
    assert!(matches!(answer.value, Value::Array(_)));
}

/// Tests of the definition's own functions are counted, parameters that no kernel reads are named.
#[test]
fn branches_and_weights_that_were_not_used_are_in_the_ledger() {
    let machine = machine(Precision::Native);
    let seen = machine.call("tiny.asking", "ledgers", &json!({"plant": "idle"})).unwrap().value;
    let rows = seen["branches"].as_array().unwrap();
    let row = |text: &str| rows.iter().find(|it| it["line"] == line_of(text)).unwrap();
    let bug = row(r#"if self.plant == "bug":"#);
    assert_eq!((&bug["kind"], &bug["function"]), (&json!("if"), &json!("Mlp.forward")));
    // Two layers, one forward.
    assert_eq!((&bug["opening"], &bug["running"]), (&json!([0, 0]), &json!([0, 2])));
    let idle = row(r#"if config.plant == "idle":"#);
    assert_eq!((&idle["opening"], &idle["running"]), (&json!([2, 0]), &json!([0, 0])));
    let narrow = row("wide if self.upcast else wide.to(x.dtype)");
    assert_eq!((&narrow["kind"], &narrow["running"]), (&json!("ternary"), &json!([0, 4])));
    let never: Vec<String> = ["layers.0", "layers.1"]
        .iter()
        .flat_map(|it| ["weight", "bias"].map(|part| format!("{it}.idle_proj.{part}")))
        .collect();
    assert_eq!(seen["never_used"], json!(never));
    let sound = machine.call("tiny.asking", "ledgers", &json!({})).unwrap().value;
    assert_eq!(sound["never_used"], json!([]));
}
