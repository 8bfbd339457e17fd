//! Scaffolding ports into real copies of mlx-lm, from real definitions, and running what comes out.

#![allow(clippy::unwrap_used, reason = "a failing step is a failing test")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use portwright_harness::{cancel::Cancel, overlay};
use portwright_tests::{
    checkout,
    program::{engines, home, portwright},
};
use portwright_tools::port::{
    Part, PortInput, PortOutput, scaffold,
    sweep::{self, PortSweepInput},
    trial::Outcome,
};
use serde_json::Value;
use tempfile::TempDir;

/// One that stops where it begins from another's port, and passes from its own.
const TYPE: &str = "qwen2";

const TESTS: &str = "class TestModels:\n    def test_all_models(self):\n        test_configs = [\n            {\n                \"model_type\": \"llama\",\n            },\n        ]\n        del test_configs\n";

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs/coverage")
}

/// A checkout of mlx-lm with a file of model tests.
fn mlx_lm() -> TempDir {
    let dir = TempDir::new().unwrap();
    let package = engines().site_packages.join("mlx_lm");
    // A file that a scaffold may change is a file, not a link to the installed one.
    let utils = fs::read_to_string(package.join("utils.py")).unwrap();
    overlay::with_files(&package, &[("utils.py", utils)], dir.path()).unwrap();
    fs::create_dir(dir.path().join("tests")).unwrap();
    fs::write(dir.path().join("tests/test_models.py"), TESTS).unwrap();
    dir
}

fn begin(input: &PortInput) -> PortOutput {
    scaffold(input, &home(), &(), &Cancel::default()).unwrap()
}

fn run(arguments: &[&str], paths: &[(&str, &Path)], folder: &Path) -> Output {
    let mut command = Command::new(portwright());
    command.args(arguments).current_dir(folder);
    for (flag, path) in paths {
        command.arg(flag).arg(path);
    }
    command.output().unwrap()
}

/// Every scaffold is the one that was run for the table.
#[test]
fn the_table_is_of_the_scaffolds_that_are_written() {
    let input = PortSweepInput::default();
    let planned = sweep::plan(&input, &home(), &(), &Cancel::default()).unwrap();
    let published = sweep::load(&docs()).unwrap();
    let told = |it: &sweep::Row| {
        let own = it.port.as_ref().map(|it| it.scaffold.clone());
        (it.model_type.clone(), it.parent.clone(), it.work, it.scaffold.clone(), own)
    };
    let (planned, published): (Vec<_>, Vec<_>) =
        (planned.iter().map(told).collect(), published.rows.iter().map(told).collect());
    assert_eq!(planned, published, "`portwright port scaffold --all --docs docs/coverage`");
}

#[test]
fn a_port_that_is_taken_away_comes_out_as_the_table_says() {
    let out = TempDir::new().unwrap();
    let input = PortSweepInput {
        model_types: vec![TYPE.to_owned()],
        out: Some(out.path().to_owned()),
        ..PortSweepInput::default()
    };
    let found = sweep::sweep(&input, &home(), &(), &Cancel::default()).unwrap();
    let published = sweep::load(&docs()).unwrap();
    let row = published.rows.iter().find(|it| it.model_type == TYPE).unwrap();
    assert_eq!(&found.rows, std::slice::from_ref(row));
    assert_eq!(row.from_nearest.outcome, Outcome::Stops);
    assert_eq!(row.port.as_ref().unwrap().from_itself.outcome, Outcome::Passes);
}

/// A definition under a new name: the scaffold is whole, and it is the definition. With one operator
/// changed, it stops with the definition's line.
#[test]
fn the_port_of_a_renamed_definition_passes_and_that_of_a_changed_one_stops() {
    let dir = TempDir::new().unwrap();
    let package = dir.path().join("src/transformers");
    checkout::library(&package, &checkout::models());
    let begun = run(
        &["modular", "new", "pine", "--from", "granite", "--formatter", "embedded"],
        &[("--transformers", dir.path())],
        dir.path(),
    );
    assert!(begun.status.success(), "{}", String::from_utf8_lossy(&begun.stderr));
    let target = mlx_lm();
    let input = PortInput {
        model_type: "pine".to_owned(),
        port: Some(target.path().to_owned()),
        transformers: Some(dir.path().to_owned()),
        ..PortInput::default()
    };
    let output = begin(&input);
    assert!(output.complete && output.wrote, "{:?}", output.work);
    assert_eq!(output.nearest.model_type, "granite");
    let port = fs::read_to_string(target.path().join("mlx_lm/models/pine.py")).unwrap();
    assert!(port.contains("class PineModel(nn.Module)") && !port.contains("Granite"), "{port}");
    let verify = |checks: &[&str]| {
        let paths = [("--port", target.path()), ("--transformers", dir.path())];
        let arguments: Vec<&str> =
            ["verify", "pine", "--json"].iter().chain(checks).copied().collect();
        let verified = run(&arguments, &paths, dir.path());
        let answer: Value = serde_json::from_slice(&verified.stdout).unwrap();
        let evidence = dir.path().join(answer["evidence"].as_str().unwrap());
        (verified.status.code(), fs::read_to_string(evidence).unwrap())
    };
    // granite's port breaks where config.json says null for the number of its key heads.
    let (code, evidence) = verify(&["--set", "num_key_value_heads=2"]);
    assert_eq!(code, Some(0), "{evidence}");

    // One operator is another one: the scaffold does not compute what it did before.
    let definition = package.join("models/pine/modeling_pine.py");
    let text = fs::read_to_string(&definition).unwrap();
    let (old, new) = ("logits / self.config.logits_scaling", "logits * self.config.logits_scaling");
    fs::write(&definition, text.replace(old, new)).unwrap();
    let line = text.lines().position(|it| it.contains(old)).unwrap() + 1;
    let output = begin(&PortInput { force: true, ..input });
    let [work] = output.work.as_slice() else { panic!("{:?}", output.work) };
    let place = format!("modeling_pine.py:{line}");
    assert_eq!(work.definition, place);
    let (code, evidence) = verify(&["--checks", "logits-differences"]);
    assert_eq!(code, Some(1), "{evidence}");
    let stop = format!("NotImplementedError: {place}: PineForCausalLM.forward is not ported");
    assert!(evidence.contains(&stop), "{evidence}");
}

/// The same classes, and yet the port reads a whole config.json where this is a part of one.
#[test]
fn a_part_of_a_config_is_not_the_whole() {
    let output = begin(&PortInput {
        model_type: "qwen3_5_text".to_owned(),
        dry_run: true,
        ..PortInput::default()
    });
    assert_eq!(output.files[0].part, Part::Model);
    assert!(
        output.work.iter().any(|it| it.construct.contains("a whole config.json")),
        "{output:?}"
    );
    let alias =
        PortInput { model_type: "gpt-sw3".to_owned(), dry_run: true, ..PortInput::default() };
    let err = scaffold(&alias, &home(), &(), &Cancel::default()).unwrap_err();
    assert!(err.to_string().contains("as `gpt2`"), "{err}");
}

#[test]
fn nothing_is_replaced_or_written_unasked() {
    let target = mlx_lm();
    let input = PortInput {
        model_type: "olmo3".to_owned(),
        port: Some(target.path().to_owned()),
        ..PortInput::default()
    };
    let port = target.path().join("mlx_lm/models/olmo3.py");
    let before = fs::read_to_string(&port).unwrap();
    let refuse = |input: &PortInput| {
        let err = scaffold(input, &home(), &(), &Cancel::default()).unwrap_err();
        assert_eq!(fs::read_to_string(&port).unwrap(), before);
        err.to_string()
    };
    assert!(refuse(&input).contains("has a port already"));
    let of = |model_type: &str| PortInput { model_type: model_type.to_owned(), ..input.clone() };
    assert!(refuse(&of("mistral")).contains("gives `mistral` the port `llama`"));
    let unknown = refuse(&of("olmo33"));
    assert!(unknown.contains("no causal language model `olmo33`") && unknown.contains("`olmo3`"));
    assert!(
        refuse(&PortInput { from: Some("lama".into()), force: true, ..input.clone() })
            .contains("`llama`")
    );
    // Without a checkout there is only the installed library, which is looked at and not written to.
    assert!(refuse(&PortInput { port: None, ..of("arcee") }).contains("is an installed package"));
    let shown = begin(&PortInput { dry_run: true, ..input.clone() });
    assert!(!shown.wrote && shown.files[0].diff.contains("+        # PORT: "), "{shown:?}");
    assert_eq!(fs::read_to_string(&port).unwrap(), before);
    let forced = begin(&PortInput { force: true, ..input });
    assert!(forced.wrote && !forced.complete);
    let after = fs::read_to_string(&port).unwrap();
    for work in &forced.work {
        let line = after.lines().nth(work.line.unwrap() - 1).unwrap();
        assert!(line.contains(&work.definition) && line.contains(&work.construct), "{line}");
    }
    // The program makes the tiny config, which this test cannot: its own program is the engine's.
    let target_path = [("--mlx-lm", target.path())];
    let told = run(&["port", "scaffold", "olmo3", "--force"], &target_path, target.path());
    assert!(told.status.success(), "{told:?}");
    let tests = fs::read_to_string(target.path().join("tests/test_models.py")).unwrap();
    assert!(tests.contains("                \"model_type\": \"olmo3\",\n"), "{tests}");
    assert!(tests.contains("                \"hidden_size\": "), "{tests}");
}
