//! The modular system on the installed release: the whole of it one way, some of it the other way,
//! and the same for an agent over MCP.

#![allow(clippy::unwrap_used, reason = "a test stops where what it assumes does not hold")]

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use portwright_harness::{cancel::Cancel, environment::Home};
use portwright_tests::{
    client::{Client, Generation, Settings},
    program::engines,
};
use portwright_tools::modular::{
    self, Compared, ConvertInput,
    coverage::ModularCoverage,
    round_trip::{self, RoundTripInput, RoundTrips},
};
use serde_json::json;

/// An agent's example, one that is nearly all inherited, and one with every kind of file.
const MODELS: [&str; 3] = ["olmo_hybrid", "arcee", "conditional_detr"];

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs/coverage")
}

#[test]
fn every_file_of_the_release_comes_out_as_its_table_says() {
    engines();
    let home = Home::locate().unwrap();
    let input = ConvertInput { all: true, diff: true, ..ConvertInput::default() };
    let output = modular::convert(&input, &home, &(), &Cancel::default()).unwrap();
    let published = ModularCoverage::load(&docs()).unwrap();
    let found = ModularCoverage::of(&output, published.release.clone());
    assert_eq!(found.kinds, published.kinds);
    assert_eq!(found.formatter.name, published.formatter.name);
    let changed: Vec<_> = output
        .files
        .iter()
        .filter(|it| it.compared != Compared::Unchanged)
        .map(|it| &it.path)
        .collect();
    assert_eq!(changed, Vec::<&PathBuf>::new());
}

#[test]
fn what_is_scaffolded_comes_back_as_its_table_says() {
    engines();
    let home = Home::locate().unwrap();
    let input =
        RoundTripInput { models: MODELS.map(str::to_owned).into(), ..RoundTripInput::default() };
    let found = round_trip::round_trips(&input, &home, &(), &Cancel::default()).unwrap();
    let published = RoundTrips::load(&docs()).unwrap();
    assert_eq!(found.table.rows.len(), MODELS.len());
    for row in &found.table.rows {
        assert!(published.rows.contains(row), "{row:#?}");
    }
}

#[test]
fn an_agent_converts_scaffolds_and_inspects() {
    let installed = engines();
    let folder = tempfile::tempdir().unwrap();
    let arguments = vec![OsStr::new("--root"), folder.path().as_os_str()];
    let settings = Settings { arguments, ..Generation::Stateless.into() };
    let mut client = Client::stdio(settings, &folder.path().join("runs"));
    let model = MODELS[0];

    an_architecture(&mut client, model);

    let out = folder.path().join("out");
    let answer = client.call("convert_modular", json!({"files": [model], "out": out}));
    let files = answer["data"]["files"].as_array().unwrap();
    assert_eq!(files.len(), 2, "{answer:#}");
    let models = installed.site_packages.join("transformers/models").join(model);
    for file in files {
        let path = Path::new(file["path"].as_str().unwrap());
        let shipped = models.join(path.file_name().unwrap());
        assert_eq!(fs::read_to_string(path).unwrap(), fs::read_to_string(shipped).unwrap());
    }

    let standalone = folder.path().join("standalone");
    fs::create_dir(&standalone).unwrap();
    for kind in ["modeling", "configuration"] {
        let name = format!("{kind}_{model}.py");
        fs::copy(models.join(&name), standalone.join(&name)).unwrap();
    }
    let input = json!({"files": [standalone], "exclude": [model], "out": standalone});
    let answer = client.call("scaffold_modular", input);
    assert_eq!(answer["data"]["exact"], true, "{answer:#}");
    let written = fs::read_to_string(standalone.join(format!("modular_{model}.py"))).unwrap();
    assert!(written.contains("(Olmo2MLP):\n    pass"), "{written}");

    let told = client.refused("inspect_architecture", json!({"model": "no_such_model"}));
    assert!(told.contains("no model `no_such_model`"), "{told}");
    client.leave();
}

/// Ancestors, the module tree by following `next_offset`, and what was found, with the first page only.
fn an_architecture(client: &mut Client, model: &str) {
    let (mut paths, mut offset) = (Vec::new(), json!(0));
    while !offset.is_null() {
        let input = json!({"model": model, "offset": offset, "limit": 20});
        let answer = client.call("inspect_architecture", input);
        let data = &answer["data"];
        if offset == json!(0) {
            assert!(answer["text"].as_str().unwrap().contains("OlmoHybridMLP from Olmo3MLP"));
            assert!(data["mermaid"].as_str().unwrap().starts_with("flowchart TD"));
            assert_eq!(data["findings"]["plans"][0]["kind"], "tp");
            assert_eq!(data["findings"]["attention"]["verdict"], "not_promised");
        } else {
            assert!(data["findings"].is_null() && data["mermaid"].is_null());
        }
        let rows = data["modules"].as_array().unwrap();
        assert!(!rows.is_empty() && rows.len() <= 20);
        paths.extend(rows.iter().map(|it| it["path"].as_str().unwrap().to_owned()));
        offset = data["next_offset"].clone();
    }
    let unique: std::collections::BTreeSet<&String> = paths.iter().collect();
    assert_eq!(unique.len(), paths.len());
    assert!(paths.iter().any(|it| it.ends_with(".self_attn.q_proj")), "{paths:#?}");
    let narrow =
        client.call("inspect_architecture", json!({"model": model, "modules": "*.q_proj"}));
    assert!(narrow["data"]["modules"].as_array().unwrap().len() < paths.len());
}
