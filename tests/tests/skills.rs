//! The skills and the prompts say nothing that is not there: tools, their arguments, checks, planted
//! bugs, sections and links. Commands are held to the program's own parser by its own tests.

#![allow(clippy::unwrap_used, reason = "a test stops where what it assumes does not hold")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use portwright_harness::{causes, check::CHECKS, mutants as planted};
use portwright_prompts::{
    TEMPLATES,
    mcp::{PROMPTS, render_prompt},
    render,
};
use portwright_tests::{prose, repository::root};
use portwright_tools::catches::Catches;
use serde_json::{Value, json};

const LONGEST_SKILL: usize = 500;
/// What every skill has besides its steps.
const SECTIONS: [&str; 2] = ["## What an agent must not do", "## Where the person decides"];

fn skills() -> BTreeMap<String, PathBuf> {
    let folders = fs::read_dir(root().join("skills")).unwrap().map(|it| it.unwrap().path());
    let skills: BTreeMap<_, _> = folders
        .filter(|it| it.is_dir())
        .map(|it| (it.file_name().unwrap().to_str().unwrap().to_owned(), it))
        .collect();
    assert!(4 <= skills.len());
    skills
}

/// Every page of every skill.
fn pages() -> Vec<(PathBuf, String)> {
    let mut pages = Vec::new();
    for folder in skills().values() {
        pages.push(folder.join("SKILL.md"));
        let references = fs::read_dir(folder.join("references")).ok();
        pages.extend(references.into_iter().flatten().map(|it| it.unwrap().path()));
    }
    pages.into_iter().map(|it| (it.clone(), fs::read_to_string(it).unwrap())).collect()
}

fn page(path: &str) -> String {
    fs::read_to_string(root().join("skills").join(path)).unwrap()
}

/// The tools as reviewed, by name.
fn tools() -> BTreeMap<String, Value> {
    let text = fs::read_to_string(root().join("server/src/tools/tools.snapshot.json")).unwrap();
    let tools: Vec<Value> = serde_json::from_str(&text).unwrap();
    tools.into_iter().map(|it| (it["name"].as_str().unwrap().to_owned(), it)).collect()
}

fn catches() -> Catches {
    let text = fs::read_to_string(root().join("docs/coverage/mutants.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn every_skill_says_when_how_and_who_decides() {
    for (name, folder) in skills() {
        let text = fs::read_to_string(folder.join("SKILL.md")).unwrap();
        assert!(text.lines().count() < LONGEST_SKILL, "{name}");
        let front = text.split("---\n").nth(1).unwrap();
        let description = front.lines().find_map(|it| it.strip_prefix("description: ")).unwrap();
        assert!(description.contains("Use when"), "{name} does not say when to use it");
        for section in SECTIONS {
            assert!(text.contains(section), "{name} lacks `{section}`");
        }
        assert!(folder.join("references").is_dir(), "{name} has no references");
    }
}

/// A step that cannot be shown to be done is no step.
#[test]
fn every_step_that_has_a_command_says_what_proves_it() {
    for (name, folder) in skills() {
        let text = fs::read_to_string(folder.join("SKILL.md")).unwrap();
        let mut steps = 0;
        for section in text.split("\n## ").skip(1) {
            let numbered = section.starts_with(|it: char| it.is_ascii_digit());
            if numbered && section.contains("```sh") && !section.contains("is worth") {
                assert!(
                    section.contains("\nProof: "),
                    "{name}: {}",
                    section.lines().next().unwrap()
                );
                steps += 1;
            }
        }
        assert!(2 <= steps, "{name} has {steps} steps");
    }
}

#[test]
fn every_call_of_a_tool_is_one_that_the_tool_takes() {
    let tools = tools();
    let mut checked = 0;
    for (path, text) in pages() {
        for line in prose::blocks(&text, "mcp").iter().flat_map(|it| it.lines()) {
            let place = format!("{}: {line}", path.display());
            let (name, arguments) = line.split_once(' ').unwrap_or_else(|| panic!("{place}"));
            let tool = tools.get(name).unwrap_or_else(|| panic!("{place}: no such tool"));
            let given: Value =
                serde_json::from_str(arguments).unwrap_or_else(|_| panic!("{place}"));
            let given = given.as_object().unwrap();
            for argument in given.keys() {
                assert!(!tool["input"]["properties"][argument].is_null(), "{place}: {argument}");
            }
            for required in tool["input"]["required"].as_array().into_iter().flatten() {
                assert!(given.contains_key(required.as_str().unwrap()), "{place}: {required}");
            }
            checked += 1;
        }
    }
    assert!(15 < checked, "{checked} calls");
}

/// In a prompt a name in snake case is a tool, or what a tool takes or returns, or the prompt's own.
#[test]
fn every_name_in_a_prompt_is_known() {
    let tools = tools();
    let mut known: BTreeSet<String> = tools.keys().cloned().collect();
    for tool in tools.values() {
        known.extend(tool["input"]["properties"].as_object().unwrap().keys().cloned());
        known.extend(
            tool["output"].as_array().unwrap().iter().map(|it| it.as_str().unwrap().into()),
        );
    }
    // A value of `spelling`.
    known.insert("rope_parameters".to_owned());
    for prompt in PROMPTS {
        let own =
            prompt.arguments.iter().map(|it| it.name).chain(prompt.answer.iter().map(|it| it.name));
        let known: BTreeSet<&str> = known.iter().map(String::as_str).chain(own).collect();
        let (_, text) = TEMPLATES.iter().find(|(it, _)| *it == prompt.template).unwrap();
        for name in prose::spans(text) {
            let snake =
                name.contains('_') && name.chars().all(|it| it.is_ascii_lowercase() || it == '_');
            assert!(!snake || known.contains(name), "{}: `{name}`", prompt.name);
        }
    }
}

#[test]
fn every_prompt_has_its_skill() {
    let skills = skills();
    for prompt in PROMPTS {
        assert!(prompt.skill.is_none_or(|it| skills.contains_key(it)), "{}", prompt.name);
        let given =
            prompt.arguments.iter().map(|it| (it.name.to_owned(), "x".to_owned())).collect();
        let text = render_prompt(prompt.name, &given).unwrap();
        assert_eq!(prompt.skill.is_some(), text.contains("The skill `"), "{}", prompt.name);
    }
}

/// A name with hyphens in backticks is a check, a planted bug, a skill or a prompt.
#[test]
fn every_check_and_planted_bug_named_exists() {
    let mut known: BTreeSet<String> = CHECKS.iter().map(|it| it.id.to_owned()).collect();
    known.extend(planted::table().unwrap().into_iter().map(|it| it.id));
    known.extend(skills().into_keys());
    known.extend(PROMPTS.iter().map(|it| it.name.to_owned()));
    for (path, text) in pages() {
        for name in prose::spans(&text) {
            let kebab = name.contains('-')
                && name.starts_with(|it: char| it.is_ascii_lowercase())
                && name
                    .chars()
                    .all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || "-_".contains(it));
            assert!(!kebab || known.contains(name), "{}: `{name}`", path.display());
        }
    }
}

#[test]
fn every_class_of_bug_is_triaged() {
    let text = page("triaging-a-divergence/SKILL.md");
    let classes: BTreeSet<String> =
        planted::table().unwrap().into_iter().map(|it| it.class).collect();
    let described: BTreeSet<String> =
        text.lines().filter_map(|it| it.strip_prefix("### ")).map(str::to_owned).collect();
    assert_eq!(described, classes);
    for section in text.split("\n### ").skip(1) {
        for part in ["- Symptom: ", "- Cause: ", "- Look at: ", "- Ask: `portwright "] {
            assert!(section.contains(part), "{}: {part}", section.lines().next().unwrap());
        }
    }
}

#[test]
fn every_deciding_check_is_read() {
    let text = page("triaging-a-divergence/SKILL.md")
        + &page("verifying-a-port/references/reading-a-failure.md")
        + &page("porting-to-mlx-lm/references/traps.md");
    let named: BTreeSet<&str> = prose::spans(&text).into_iter().collect();
    for check in CHECKS {
        assert!(named.contains(check.id), "{} is explained nowhere", check.id);
    }
}

/// A row that names a check and planted bugs says that the check shows them: it was measured.
#[test]
fn what_a_trap_is_shown_by_was_measured() {
    let catches = catches();
    let mut checked = 0;
    for row in
        page("porting-to-mlx-lm/references/traps.md").lines().filter(|it| it.starts_with('|'))
    {
        let names = prose::spans(row);
        let checks: Vec<&str> =
            names.iter().copied().filter(|it| CHECKS.iter().any(|check| check.id == *it)).collect();
        for planted in catches.catches.iter().filter(|it| names.contains(&it.id.as_str())) {
            let shown = planted.failed.iter().any(|it| checks.contains(&it.as_str()));
            assert!(shown, "{}: none of {checks:?} failed, but {:?}", planted.id, planted.failed);
            checked += 1;
        }
    }
    assert!(20 < checked, "{checked} planted bugs");
}

#[test]
fn every_link_leads_somewhere() {
    let mut checked = 0;
    for (path, text) in pages() {
        for link in text.split("](").skip(1) {
            let (file, anchor) = {
                let link = link.split(')').next().unwrap();
                link.split_once('#').unwrap_or((link, ""))
            };
            let target =
                if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            let target = fs::read_to_string(&target)
                .unwrap_or_else(|_| panic!("{}: {}", path.display(), target.display()));
            let headings: Vec<String> = target
                .lines()
                .filter(|it| it.starts_with('#'))
                .map(|it| it.trim_start_matches('#').trim().to_lowercase().replace(' ', "-"))
                .collect();
            assert!(anchor.is_empty() || headings.iter().any(|it| it == anchor), "#{anchor}");
            checked += 1;
        }
    }
    assert!(20 < checked, "{checked} links");
}

/// The file holds what the tables give; `UPDATE_EXPECT=1` writes it.
fn as_made(file: &str, made: &str) {
    let path: &Path = &root().join("skills/triaging-a-divergence/references").join(file);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(path, made).unwrap();
    }
    let again = "make it again with `UPDATE_EXPECT=1 cargo test -p portwright-tests --test skills`";
    assert_eq!(fs::read_to_string(path).unwrap_or_default(), made, "{again}");
}

#[test]
fn the_page_of_planted_bugs_is_what_was_measured() {
    let (table, catches) = (planted::table().unwrap(), catches());
    let measured: BTreeSet<&str> = catches.catches.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(measured, table.iter().map(|it| it.id.as_str()).collect());
    let mut classes: Vec<&str> = Vec::new();
    for class in table.iter().map(|it| it.class.as_str()) {
        if !classes.contains(&class) {
            classes.push(class);
        }
    }
    let classes: Vec<Value> = classes
        .iter()
        .map(|class| {
            let bugs: Vec<_> = catches.catches.iter().filter(|it| it.class == **class).collect();
            json!({"name": class, "bugs": bugs})
        })
        .collect();
    as_made("planted-bugs.md", &render("planted-bugs.md", &json!({"classes": classes})).unwrap());
}

#[test]
fn the_page_of_proved_causes_is_the_table() {
    let causes = causes::table().unwrap();
    let mut kinds: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for cause in &causes {
        let kind = serde_json::to_value(cause.kind).unwrap();
        kinds.entry(kind.as_str().unwrap().replace('-', " ")).or_default().push(json!({
            "model_types": cause.model_types, "cause": cause.cause, "change": cause.change,
            "patch": cause.patch,
        }));
    }
    let kinds: Vec<Value> =
        kinds.into_iter().map(|(name, causes)| json!({"name": name, "causes": causes})).collect();
    as_made("proved-causes.md", &render("proved-causes.md", &json!({"kinds": kinds})).unwrap());
}
