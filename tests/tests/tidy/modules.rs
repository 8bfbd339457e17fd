//! What the modules of a crate use of each other: arrows between its files and folders go round nowhere.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use super::{files, root};

/// The crates that are looked at, each by its folder. `runtime/kernels` is none of them: its table of
/// kernels names every family, and every family's rows are rows of that table.
const CRATES: [&str; 8] =
    ["cli", "server", "tools", "tools/hub", "harness", "source", "runtime", "targets"];

/// Modules of a crate that use each other in a circle, and why they still do. A circle that is gone is
/// taken out here.
const CIRCLES: &[(&str, &[&str], &str)] = &[];

/// Each module of a crate with the modules that it uses.
type Uses = BTreeMap<String, BTreeSet<String>>;

/// The first names behind `crate::` in a text: `a` and `b` of `crate::{a::{self, C}, b}`. Comments and
/// the module of tests are no code.
fn named(text: &str) -> BTreeSet<String> {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let lines = code.lines().filter(|it| !it.trim_start().starts_with("//"));
    let code = lines.collect::<Vec<_>>().join("\n");
    let is_name = |it: char| it.is_alphanumeric() || it == '_';
    let name = |it: &str| {
        let name = it.trim_start().split(|it| !is_name(it)).next().filter(|it| !it.is_empty());
        name.map(str::to_owned)
    };
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        if code[..at].ends_with(is_name) {
            continue;
        }
        match rest.strip_prefix('{') {
            Some(group) => found.extend(members(group).into_iter().filter_map(name)),
            None => found.extend(name(rest)),
        }
    }
    found
}

/// The members of a group in braces, whose opening brace was read.
fn members(group: &str) -> Vec<&str> {
    let (mut depth, mut from, mut found) = (0_usize, 0, Vec::new());
    for (at, it) in group.char_indices() {
        match it {
            '{' => depth += 1,
            '}' if depth == 0 => {
                found.push(&group[from..at]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                found.push(&group[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    found
}

/// What each top-level file or folder of a crate uses of the others; tests apart.
fn uses(folder: &str) -> Uses {
    let sources = root().join(folder).join("src");
    let mut uses = Uses::new();
    let mut tested = BTreeSet::new();
    for path in files("rs").iter().filter(|it| it.starts_with(&sources)) {
        let text = fs::read_to_string(path).unwrap();
        let below = path.strip_prefix(&sources).unwrap().with_extension("");
        let parts: Vec<&str> = below.iter().map(|it| it.to_str().unwrap()).collect();
        if ["lib", "main"].contains(&parts[0]) {
            let only_tests = text.split("#[cfg(test)]\nmod ").skip(1);
            tested.extend(only_tests.filter_map(|it| it.split(';').next()).map(str::to_owned));
        } else if !parts.contains(&"tests") {
            let all = uses.entry(parts[0].to_owned()).or_default();
            all.extend(named(&text).into_iter().filter(|it| it != parts[0]));
        }
    }
    uses.retain(|it, _| !tested.contains(it));
    uses
}

/// Everything that can be reached from a module, itself only on a way round.
fn reached<'a>(uses: &'a Uses, from: &'a str) -> BTreeSet<&'a str> {
    let mut seen = BTreeSet::new();
    let mut queue: Vec<&str> = vec![from];
    while let Some(module) = queue.pop() {
        let next = uses.get(module).into_iter().flatten().filter(|it| uses.contains_key(*it));
        queue.extend(next.map(String::as_str).filter(|it| seen.insert(*it)));
    }
    seen
}

/// The modules that lie on one circle, for each circle.
fn circles(uses: &Uses) -> BTreeSet<Vec<&str>> {
    let reach: BTreeMap<&str, BTreeSet<&str>> =
        uses.keys().map(|it| (it.as_str(), reached(uses, it))).collect();
    let on_one = |a: &str| {
        let both = reach.iter().filter(|(b, of_b)| of_b.contains(a) && reach[a].contains(**b));
        both.map(|(b, _)| *b).collect::<Vec<_>>()
    };
    reach.keys().map(|it| on_one(it)).filter(|it| !it.is_empty()).collect()
}

#[test]
fn no_modules_of_a_crate_use_each_other_in_a_circle() {
    for folder in CRATES {
        let uses = uses(folder);
        assert!(1 < uses.len(), "{folder} has no modules");
        let known = CIRCLES.iter().filter(|(it, ..)| *it == folder);
        let known: BTreeSet<Vec<&str>> = known.map(|(_, modules, _)| modules.to_vec()).collect();
        let found = circles(&uses);
        let arrows = found.iter().flatten().map(|it| (it, &uses[*it])).collect::<Vec<_>>();
        assert_eq!(found, known, "circles in {folder}: {arrows:#?}");
    }
}

#[test]
fn names_are_found_in_nested_braces_and_a_circle_of_three_is_found() {
    let text = "use crate::{\n    a::{self, C, d::{E, F}},\n    b,\n};\nfn f() -> crate::g::H {}\n\
                // use crate::comment;\nuse portwright_crate::x;\n#[cfg(test)]\nmod tests {\n    use crate::t;\n}\n";
    assert_eq!(named(text).into_iter().collect::<Vec<_>>(), ["a", "b", "g"]);
    let module = |name: &str, uses: &[&str]| {
        (name.to_owned(), uses.iter().map(|it| (*it).to_owned()).collect())
    };
    let mut uses: Uses =
        [module("a", &["b", "x"]), module("b", &["c"]), module("c", &["a"]), module("x", &[])]
            .into();
    assert_eq!(circles(&uses), [vec!["a", "b", "c"]].into());
    uses.insert("c".into(), BTreeSet::new());
    assert!(circles(&uses).is_empty());
}
