//! What our Python modules import: arrows between rooms point down, and between modules one way.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use super::{files, root};

/// Our Python packages, and the folder that each lies in.
const PACKAGES: [(&str, &str); 2] =
    [("portwright", "runtime/session"), ("portwright_worker", "harness/workers")];

/// Which of them the files of a room may import; every other file imports none. A new arrow is an edit
/// here, so it shows in review.
const ARROWS: &[(&str, &[&str])] = &[
    // A dialect holds its library's names only.
    ("runtime/dialects", &[]),
    ("runtime/session", &["portwright"]),
    ("runtime/tests", &["portwright"]),
    ("runtime/examples", &["portwright"]),
    ("harness/workers", &["portwright", "portwright_worker"]),
];

/// One import statement: dots and dotted name behind `from` or `import`, and the names it takes from it.
#[derive(Debug, PartialEq)]
struct Import {
    from: String,
    names: Vec<String>,
}

/// Every import of a text, those inside of functions too.
fn imports(text: &str) -> Vec<Import> {
    let is_name =
        |it: &str| !it.is_empty() && it.chars().all(|it| it.is_alphanumeric() || "._".contains(it));
    let bare = |it: &str| it.split(" as ").next().unwrap_or_default().trim().to_owned();
    let mut found = Vec::new();
    let mut lines = text.lines().map(|it| it.split('#').next().unwrap_or_default().trim());
    while let Some(line) = lines.next() {
        if let Some((from, names)) =
            line.strip_prefix("from ").and_then(|it| it.split_once(" import "))
        {
            if !is_name(from) {
                continue;
            }
            let mut names = names.to_owned();
            while names.starts_with('(') && !names.contains(')') {
                let Some(more) = lines.next() else { break };
                names.push_str(more);
            }
            let names = names.trim_matches(['(', ')']).split(',').map(bare);
            let names = names.filter(|it| !it.is_empty()).collect();
            found.push(Import { from: from.to_owned(), names });
        } else if let Some(names) = line.strip_prefix("import ") {
            let names: Vec<String> = names.split(',').map(bare).collect();
            if names.iter().all(|it| is_name(it)) {
                let plain = names.into_iter().map(|from| Import { from, names: Vec::new() });
                found.extend(plain);
            }
        }
    }
    found
}

/// A file's path below the repository, with its text.
fn sources() -> Vec<(String, String)> {
    let text = |path: &Path| fs::read_to_string(path).unwrap();
    let below = |path: &Path| path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
    files("py").iter().map(|it| (below(it), text(it))).collect()
}

#[test]
fn a_room_imports_from_rooms_below_only() {
    let mut checked = 0;
    for (path, text) in sources() {
        let room = ARROWS.iter().find(|(room, _)| path.starts_with(&format!("{room}/")));
        let allowed = room.map_or(&[][..], |(_, allowed)| allowed);
        for import in imports(&text) {
            let top = import.from.split('.').next().unwrap_or_default();
            if PACKAGES.iter().any(|(name, _)| *name == top) {
                assert!(allowed.contains(&top), "{path} must not import {top}");
                checked += 1;
            }
        }
    }
    assert!(20 < checked, "only {checked} imports were read: the parser misses them");
    for (room, _) in ARROWS {
        assert!(root().join(room).is_dir(), "{room} is no room");
    }
    for (package, folder) in PACKAGES {
        assert!(root().join(folder).join(package).join("__init__.py").is_file(), "{package}");
    }
}

/// The modules of our packages by their dotted names, each with those of ours that it imports.
fn graph(sources: &[(String, String)]) -> BTreeMap<String, BTreeSet<String>> {
    let mut modules = BTreeMap::new();
    for (path, text) in sources {
        for (package, folder) in PACKAGES {
            let inside = path.strip_prefix(folder).and_then(|it| it.strip_prefix('/'));
            let Some(file) = inside.filter(|it| it.starts_with(&format!("{package}/"))) else {
                continue;
            };
            let name = file.trim_end_matches(".py").replace('/', ".");
            let is_package = name.ends_with(".__init__");
            modules
                .insert(name.trim_end_matches(".__init__").to_owned(), (is_package, imports(text)));
        }
    }
    let edges = |name: &str, is_package: bool, imports: &[Import]| {
        let mut edges = BTreeSet::new();
        for import in imports {
            let target = absolute(name, is_package, &import.from);
            // What a package gives is its module of that name, where there is one.
            let inner = import.names.iter().map(|it| format!("{target}.{it}"));
            let inner: Vec<String> = inner.filter(|it| modules.contains_key(it)).collect();
            if inner.len() < import.names.len().max(1) && modules.contains_key(&target) {
                edges.insert(target);
            }
            edges.extend(inner);
        }
        edges
    };
    let rows = modules
        .iter()
        .map(|(name, (is_package, imports))| (name.clone(), edges(name, *is_package, imports)));
    rows.collect()
}

/// The dotted name behind the dots of an import in a module.
fn absolute(module: &str, is_package: bool, from: &str) -> String {
    let name = from.trim_start_matches('.');
    let dots = from.len() - name.len();
    if dots == 0 {
        return name.to_owned();
    }
    let mut parts: Vec<&str> = module.split('.').collect();
    parts.truncate((parts.len() + usize::from(is_package)).saturating_sub(dots));
    parts.extend(Some(name).filter(|it| !it.is_empty()));
    parts.join(".")
}

/// The first circle of a graph, from a module back to itself.
fn circle(graph: &BTreeMap<String, BTreeSet<String>>) -> Option<Vec<String>> {
    fn walk<'a>(
        at: &'a str,
        graph: &'a BTreeMap<String, BTreeSet<String>>,
        path: &mut Vec<&'a str>,
        done: &mut BTreeSet<&'a str>,
    ) -> Option<Vec<String>> {
        if let Some(start) = path.iter().position(|it| *it == at) {
            return Some(path[start..].iter().chain(&[at]).map(|it| (*it).to_owned()).collect());
        }
        if done.contains(at) {
            return None;
        }
        path.push(at);
        let found = graph.get(at).into_iter().flatten().find_map(|it| walk(it, graph, path, done));
        path.pop();
        done.insert(at);
        found
    }
    let mut done = BTreeSet::new();
    graph.keys().find_map(|it| walk(it, graph, &mut Vec::new(), &mut done))
}

#[test]
fn modules_import_one_another_one_way() {
    let graph = graph(&sources());
    let edges: usize = graph.values().map(BTreeSet::len).sum();
    assert!(50 < edges, "only {edges} imports were read: the parser misses them");
    if let Some(circle) = circle(&graph) {
        panic!("a circle of imports: {}", circle.join(" -> "));
    }
}

#[test]
fn an_import_inside_of_a_function_closes_a_circle() {
    let file = |name: &str, text: &str| {
        (format!("harness/workers/portwright_worker/{name}.py"), text.to_owned())
    };
    let mut sources = vec![
        file("__init__", ""),
        file("side/__init__", ""),
        file("side/a", "from . import (\n    b,  # noqa\n    c,\n)\nfrom ..session import Session"),
        file("side/b", "import torch\n\ndef f():\n    from .c import d"),
        file("side/c", "\"\"\"What comes from b import is prose.\"\"\""),
        file("session", "import sys"),
    ];
    let name = |it: &str| format!("portwright_worker.{it}");
    let found = graph(&sources);
    let of_a = BTreeSet::from([name("side.b"), name("side.c"), name("session")]);
    assert_eq!(found[&name("side.a")], of_a);
    assert_eq!(circle(&found), None);
    sources[4].1 = "def f():\n    from portwright_worker.side import a as other".to_owned();
    let expected = ["side.a", "side.b", "side.c", "side.a"].map(name).to_vec();
    assert_eq!(circle(&graph(&sources)), Some(expected));
}
