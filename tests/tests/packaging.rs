//! The repository is a plugin: its manifests agree, validators take them, and real agents install it
//! and start its server.

#![allow(clippy::unwrap_used, reason = "a test stops where what it assumes does not hold")]

use std::fs;

use portwright_tests::{agents::Desk, prose, repository::root};
use serde_json::{Value, json};

/// What says who the plugin is.
const MANIFESTS: [&str; 3] =
    ["plugin.json", ".claude-plugin/plugin.json", ".codex-plugin/plugin.json"];
const MARKETPLACE: &str = ".claude-plugin/marketplace.json";

fn read(name: &str) -> Value {
    let text = fs::read_to_string(root().join(name)).unwrap_or_else(|err| panic!("{name}: {err}"));
    serde_json::from_str(&text).unwrap_or_else(|err| panic!("{name}: {err}"))
}

fn skills() -> Vec<String> {
    let folders = fs::read_dir(root().join("skills")).unwrap();
    folders.map(|it| it.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn the_manifests_say_the_same() {
    let first = read(MANIFESTS[0]);
    assert_eq!(first["version"], env!("CARGO_PKG_VERSION"), "the workspace's version");
    for name in MANIFESTS {
        for field in ["name", "version", "description", "author", "license", "keywords"] {
            assert_eq!(read(name)[field], first[field], "{name}: {field}");
        }
    }
    let listed = &read(MARKETPLACE)["plugins"][0];
    for field in ["name", "version", "description"] {
        assert_eq!(listed[field], first[field], "{MARKETPLACE}: {field}");
    }
    for (name, arguments) in [
        (".mcp.json", json!(["mcp"])),
        ("mcp.json", read("mcp.json")["mcpServers"]["portwright"]["args"].clone()),
    ] {
        let server = &read(name)["mcpServers"]["portwright"];
        assert_eq!(server["command"], "portwright", "{name}");
        assert_eq!((&server["args"], &server["args"][0]), (&arguments, &json!("mcp")), "{name}");
    }
}

#[test]
fn validators_take_the_skills_and_the_manifests() {
    let desk = Desk::new();
    let checkout = desk.checkout();
    for name in skills() {
        let skill = checkout.join("skills").join(&name);
        let said = desk.validator("agentskills", &["validate", skill.to_str().unwrap()]).well();
        assert!(said.contains("Valid skill"), "{said}");
    }
    let checkout = checkout.to_str().unwrap();
    let said = desk.validator("skillsaw", &["lint", "--strict", checkout]).well();
    for kind in ["agent-plugin", "agentskills", "codex-plugin", "marketplace"] {
        assert!(said.contains(kind), "{kind}: {said}");
    }
    assert!(said.contains("Errors:   0") && said.contains("Warnings: 0"), "{said}");
    let said = desk.claude(&["plugin", "validate", "--strict", checkout]).well();
    for name in skills() {
        assert!(said.contains(&format!("portwright:{name}")), "{said}");
    }
}

/// The validators are worth something: each finds what is broken for it.
#[test]
fn validators_refuse_what_is_broken() {
    let desk = Desk::new();
    let checkout = desk.checkout();
    let text = checkout.to_str().unwrap();
    let skill = checkout.join("skills/verifying-a-port");
    let page = fs::read_to_string(skill.join("SKILL.md")).unwrap();
    fs::write(skill.join("SKILL.md"), page.replace("name: verifying-a-port", "name: other"))
        .unwrap();
    assert!(!desk.validator("agentskills", &["validate", skill.to_str().unwrap()]).success);
    fs::write(skill.join("SKILL.md"), page).unwrap();

    fs::write(checkout.join("mcp.json"), r#"{"mcpServers": {}}"#).unwrap();
    assert!(!desk.validator("skillsaw", &["lint", "--strict", text]).success);
    fs::write(checkout.join(MANIFESTS[1]), r#"{"version": "0.1.0"}"#).unwrap();
    assert!(!desk.claude(&["plugin", "validate", "--strict", text]).success);
}

#[test]
fn claude_code_installs_it_and_starts_the_server() {
    let desk = Desk::new();
    let checkout = desk.checkout();
    desk.claude(&["plugin", "marketplace", "add", checkout.to_str().unwrap()]).well();
    desk.claude(&["plugin", "install", "portwright@portwright"]).well();
    let listed: Value =
        serde_json::from_str(&desk.claude(&["plugin", "list", "--json"]).well()).unwrap();
    let ours = listed.as_array().unwrap().iter().find(|it| it["id"] == "portwright@portwright");
    let ours = ours.unwrap_or_else(|| panic!("{listed:#}"));
    assert_eq!(
        (&ours["enabled"], &ours["version"]),
        (&json!(true), &read(MANIFESTS[1])["version"])
    );
    // It starts the server, and says whether the two understand each other.
    let said = desk.claude(&["mcp", "list"]).well();
    assert!(said.contains("plugin:portwright:portwright") && said.contains("Connected"), "{said}");
}

#[test]
fn claude_code_connects_without_the_plugin() {
    let desk = Desk::new();
    desk.claude(&["mcp", "add", "portwright", "--", "portwright", "mcp"]).well();
    let said = desk.claude(&["mcp", "list"]).well();
    assert!(said.contains("portwright: portwright mcp") && said.contains("Connected"), "{said}");
}

#[test]
fn codex_installs_it() {
    let desk = Desk::new();
    let checkout = desk.checkout();
    desk.codex(&["plugin", "marketplace", "add", checkout.to_str().unwrap()]).well();
    let added = desk.codex(&["plugin", "add", "portwright@portwright", "--json"]).well();
    let added: Value = serde_json::from_str(&added).unwrap();
    assert_eq!(added["version"], read(MANIFESTS[2])["version"]);
    let installed = std::path::PathBuf::from(added["installedPath"].as_str().unwrap());
    for name in skills() {
        assert!(installed.join("skills").join(&name).join("SKILL.md").is_file(), "{name}");
    }
    let servers: Value =
        serde_json::from_str(&desk.codex(&["mcp", "list", "--json"]).well()).unwrap();
    let server = &servers[0];
    assert_eq!((&server["name"], &server["enabled"]), (&json!("portwright"), &json!(true)));
    assert_eq!(server["transport"]["command"], "portwright");
    assert_eq!(server["transport"]["args"][0], "mcp");
}

/// The lines that the README tells people to put into config.toml.
#[test]
fn codex_reads_the_lines_of_the_readme() {
    let desk = Desk::new();
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let lines = prose::blocks(&readme, "toml");
    let lines = lines.iter().find(|it| it.contains("[mcp_servers.portwright]")).unwrap();
    fs::write(desk.codex_config(), lines).unwrap();
    let read: Value = serde_json::from_str(&desk.codex(&["mcp", "list", "--json"]).well()).unwrap();
    // What its own command writes is the same.
    fs::write(desk.codex_config(), "").unwrap();
    desk.codex(&["mcp", "add", "portwright", "--", "portwright", "mcp"]).well();
    let added: Value =
        serde_json::from_str(&desk.codex(&["mcp", "list", "--json"]).well()).unwrap();
    for listed in [&read, &added] {
        assert_eq!(listed[0]["transport"]["command"], "portwright", "{listed:#}");
        assert_eq!(listed[0]["transport"]["args"], json!(["mcp"]), "{listed:#}");
    }
}
