//! No path that an agent gives leads out of the roots: asked of every tool that is served, for every
//! text that it takes.

#![allow(clippy::unwrap_used, reason = "a test stops where what it assumes does not hold")]

use std::{ffi::OsStr, fs, os::unix::fs::symlink, path::Path};

use portwright_tests::client::{Client, Generation, Settings};
use serde_json::{Value, json};

/// Texts that are no paths: whatever they say, they name something else.
const NOT_PATHS: &[(&str, &str)] = &[
    ("cancel_parity", "run"),
    ("contribution_policy", "target"),
    ("draft_report", "run"),
    ("draft_report", "target"),
    ("explain_divergence", "run"),
    ("find_candidates", "target"),
    ("inspect_architecture", "modules"),
    ("parity_result", "run"),
    ("parity_status", "run"),
    ("run_parity", "candidate"),
    ("run_parity", "checks"),
    ("run_parity", "engines"),
    ("run_parity", "model_type"),
    ("run_parity", "resume"),
    ("scaffold_modular", "exclude"),
    ("scaffold_modular", "name"),
    ("scaffold_modular", "parents"),
    ("scaffold_port", "from"),
    ("scaffold_port", "model_type"),
    ("scaffold_port", "target"),
    ("stage_contribution", "apply"),
    ("stage_contribution", "branch"),
    ("stage_contribution", "model_type"),
    ("stage_contribution", "run"),
    ("stage_contribution", "target"),
];

/// Stands in every file outside of the roots.
const SECRET: &str = "f1d2d2f924e986ac86fdf7b36c94bcdf32beec15";

/// A call that is well but for the text under test.
fn sound(tool: &str, root: &Path) -> Value {
    match tool {
        "run_parity" => json!({"model_type": "llama"}),
        "find_candidates" => json!({"model": "llama", "from": root}),
        "inspect_architecture" => json!({"model": "llama"}),
        "convert_modular" => json!({"files": ["olmo3"], "diff": true}),
        "scaffold_modular" => {
            json!({"files": [root.join("modeling_x.py")], "out": root, "parents": ["llama"]})
        }
        "scaffold_port" => json!({"model_type": "llama", "port": root, "dry_run": true}),
        "contribution_policy" => json!({"target": "mlx-lm"}),
        "stage_contribution" => {
            json!({"target": "mlx-lm", "checkout": root, "model_type": "llama", "port": root})
        }
        _ => json!({"run": "llama-20260131T120000123Z"}),
    }
}

/// A server that may touch `root`.
fn within(root: &Path, generation: Generation) -> Settings<'_> {
    let arguments = vec![OsStr::new("--root"), root.as_os_str()];
    Settings { arguments, ..generation.into() }
}

#[test]
fn no_text_leads_out_of_the_roots() {
    let folder = tempfile::tempdir().unwrap();
    let (root, outside) = (folder.path().join("root"), folder.path().join("outside"));
    fs::create_dir_all(&root).unwrap();
    fs::create_dir_all(&outside).unwrap();
    fs::write(root.join("modeling_x.py"), "class XModel:\n    pass\n").unwrap();
    for file in ["config.json", "modeling_x.py", "modular_x.py", "cover.json", "evidence.json"] {
        fs::write(outside.join(file), format!("# {SECRET}\n")).unwrap();
    }
    symlink(&outside, root.join("link")).unwrap();
    symlink(outside.join("modular_x.py"), root.join("modular_x.py")).unwrap();
    symlink(outside.join("new"), root.join("dangling")).unwrap();
    let runs = folder.path().join("runs");
    fs::create_dir(&runs).unwrap();
    symlink(&outside, runs.join("link")).unwrap();
    let before = listing(&outside);

    let mut client = Client::stdio(within(&root, Generation::Handshake), &runs);
    let escapes = [
        "../../../../../../../../etc/passwd".to_owned(),
        "/etc/passwd".to_owned(),
        outside.join("modular_x.py").display().to_string(),
        root.join("link").display().to_string(),
        root.join("link/config.json").display().to_string(),
        root.join("modular_x.py").display().to_string(),
        root.join("dangling").display().to_string(),
        root.join("../outside").display().to_string(),
        root.join("new/../../outside/new").display().to_string(),
    ];
    let tools = client.ask("tools", json!({}));
    let mut paths = 0;
    for tool in tools.as_array().unwrap() {
        let name = tool["name"].as_str().unwrap();
        for (property, schema) in tool["inputSchema"]["properties"].as_object().unwrap() {
            let list = schema["type"] == "array";
            let text = if list { &schema["items"] } else { schema };
            if text["type"] != "string" || text["enum"].is_array() {
                continue;
            }
            let is_path = !NOT_PATHS.contains(&(name, property));
            paths += usize::from(is_path);
            // A name is tried once: some of these calls are answered, and that takes a while.
            for escape in if is_path { &escapes[..] } else { &escapes[..1] } {
                let mut call = sound(name, &root);
                call[property] = if list { json!([escape]) } else { json!(escape) };
                let answer = client.ask("call", json!({"name": name, "arguments": call}));
                let whole = answer.to_string();
                assert!(!whole.contains(SECRET), "{name}.{property} {escape}: {answer:#}");
                if !is_path {
                    continue;
                }
                assert_eq!(answer["is_error"], true, "{name}.{property} {escape}: {answer:#}");
                let told = answer["text"].as_str().unwrap();
                let says = told.contains("is outside of the folders that may be")
                    || told.contains("cannot be followed");
                assert!(says && told.contains("hint: "), "{name}.{property} {escape}: {told}");
            }
        }
    }
    assert!(12 <= paths, "{paths} texts are paths");
    // The names of runs and of resources lead nowhere either.
    assert!(client.refused("parity_result", json!({"run": "link"})).contains("no run"));
    let read = client.ask("read", json!({"uri": "portwright://runs/link/evidence"}));
    assert!(read["protocol_error"]["message"].is_string(), "{read:#}");
    client.leave();
    assert_eq!(listing(&outside), before, "nothing was written outside");
}

#[test]
fn the_first_words_of_a_refusal_are_the_roots_and_the_flag() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir(&root).unwrap();
    let runs = folder.path().join("runs");
    let mut client = Client::stdio(within(&root, Generation::Stateless), &runs);
    let call = json!({"model_type": "llama", "mlx_lm": folder.path()});
    let told = client.refused("run_parity", call);
    for named in [root.to_str().unwrap(), runs.to_str().unwrap(), "`portwright mcp --root DIR`"] {
        assert!(told.contains(named), "{told}");
    }
    // Without a path that says where, the current folder is meant, and that is none of the roots.
    let told = client.refused("convert_modular", json!({"files": ["olmo3"]}));
    assert!(told.contains("`.` is outside"), "{told}");
    client.leave();
}

fn listing(folder: &Path) -> Vec<(String, u64)> {
    let mut files: Vec<(String, u64)> = fs::read_dir(folder)
        .unwrap()
        .map(|it| {
            let entry = it.unwrap();
            (entry.file_name().into_string().unwrap(), entry.metadata().unwrap().len())
        })
        .collect();
    files.sort();
    files
}
