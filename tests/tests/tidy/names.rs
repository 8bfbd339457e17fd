//! Engines and targets are rows of tables: no other line asks which one it has before it.

use std::{collections::BTreeSet, fs};

use portwright_targets as targets;

use super::{files, root};

/// What engines are called, and their variants.
const ENGINES: [&str; 6] = ["torch", "mlx", "embedded", "embedded-mlx", "candle", "torch,mlx"];
const VARIANTS: [&str; 4] =
    ["EngineKind::Torch", "EngineKind::Mlx", "EngineKind::Embedded", "EngineKind::EmbeddedMlx"];

/// Where the name of a library that receives ports stands in code, and why it may. Beside these there
/// are aliases: what earlier releases called a field or an option.
const NAMED: &[(&str, &str)] = &[
    ("targets/src/lib.rs", "the list of targets"),
    ("harness/src/engine/table.rs", "the table of engines, which says whose sources each runs"),
    ("harness/src/environment/", "what can be set up, by the names of its packages"),
];

/// A line of code, with where it stands.
struct Line {
    file: String,
    number: usize,
    text: String,
}

impl Line {
    fn shown(&self) -> String {
        format!("{}:{}: {}", self.file, self.number, self.text)
    }
}

/// Every line of code and of templates; comments and tests are none.
fn code() -> Vec<Line> {
    let mut lines = Vec::new();
    for path in files("rs").into_iter().chain(files("j2")) {
        let file = path.strip_prefix(root()).unwrap().display().to_string();
        if file.split('/').any(|it| it == "tests" || it == "tests.rs") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        let all = code.lines().enumerate().map(|(at, it)| (at + 1, it.trim()));
        let all = all.filter(|(_, it)| !it.starts_with("//"));
        lines.extend(all.map(|(number, text)| Line {
            file: file.clone(),
            number,
            text: text.to_owned(),
        }));
    }
    assert!(!lines.is_empty());
    lines
}

/// Whether a line of code asks whether something has the name.
fn compares(line: &str, name: &str) -> bool {
    let quoted = format!("\"{name}\"");
    let forms = [format!("== {quoted}"), format!("!= {quoted}"), format!("{quoted} =>")];
    forms.iter().any(|it| line.contains(it))
}

/// Whether a line of code holds the name as a text of its own, or as a folder of a path.
fn holds(line: &str, name: &str) -> bool {
    let forms =
        [format!("\"{name}\""), format!("\"{name}/"), format!("/{name}/"), format!("/{name}\"")];
    forms.iter().any(|it| line.contains(it))
}

/// The ids of targets, and the packages that their ports are in.
fn target_names() -> BTreeSet<&'static str> {
    let packages = targets::all().iter().filter_map(|it| it.package.as_ref());
    let ids = targets::all().iter().map(|it| it.id.as_str());
    ids.chain(packages.map(|it| it.name.as_str())).collect()
}

/// The names of libraries that receive ports, spelled as a module too. That transformers is where
/// definitions come from is no row of a table, and `candle` is also what our own kernels run on.
fn receivers() -> BTreeSet<String> {
    let names = target_names().into_iter().filter(|it| !["transformers", "candle"].contains(it));
    names.flat_map(|it| [it.to_owned(), it.replace('-', "_")]).collect()
}

#[test]
fn no_line_outside_the_table_of_engines_compares_with_an_engines_name() {
    let table = "harness/src/engine/table.rs";
    let mut compared = Vec::new();
    for line in code() {
        // The pieces that native packages are grouped by are no engines.
        if line.file == table || line.file.starts_with("harness/src/environment/") {
            continue;
        }
        let named = ENGINES.iter().any(|it| compares(&line.text, it));
        if named || VARIANTS.iter().any(|it| line.text.contains(it)) {
            compared.push(line.shown());
        }
    }
    assert_eq!(compared, Vec::<String>::new());
}

#[test]
fn no_line_outside_the_tables_of_targets_asks_which_target_it_is() {
    let names = target_names();
    assert!(names.contains("mlx-lm") && names.contains("mlx_lm"), "{names:?}");
    // Python's own name for the library of definitions, in an import that is being read.
    let import = "source/src/modular/reading.rs";
    let compared: Vec<String> = code()
        .iter()
        .filter(|line| line.file != import && names.iter().any(|it| compares(&line.text, it)))
        .map(Line::shown)
        .collect();
    assert_eq!(compared, Vec::<String>::new());
}

#[test]
fn the_name_of_a_library_that_receives_ports_stands_in_tables_only() {
    let names = receivers();
    let mut used = BTreeSet::new();
    let mut strangers = Vec::new();
    for line in code() {
        let aliased = ["alias = \"", "aliases("].iter().any(|it| line.text.contains(it));
        if aliased || !names.iter().any(|it| holds(&line.text, it)) {
            continue;
        }
        match NAMED.iter().find(|(place, _)| line.file.starts_with(place)) {
            Some((place, _)) => {
                used.insert(*place);
            }
            None => strangers.push(line.shown()),
        }
    }
    assert_eq!(strangers, Vec::<String>::new());
    let listed: BTreeSet<&str> = NAMED.iter().map(|(place, _)| *place).collect();
    assert_eq!(used, listed, "a place that names none any more");
}

#[test]
fn a_comparison_and_a_path_are_seen() {
    for line in ["if it == \"mlx-lm\" {", "\"mlx-lm\" => 1,", "it != \"mlx-lm\""] {
        assert!(compares(line, "mlx-lm") && holds(line, "mlx-lm"), "{line}");
    }
    for line in ["[\"torch\", \"mlx_lm\"]", "path.rfind(\"/mlx_lm/\")", "join(\"mlx_lm/models\")"] {
        assert!(holds(line, "mlx_lm") && !compares(line, "mlx_lm"), "{line}");
    }
    assert!(!holds("\"a checkout of mlx-lm\"", "mlx-lm"));
}
