//! The tables that are there, and tables that are wrong.

use std::{collections::BTreeSet, fs, path::Path};

use super::*;
use crate::places::{Owner, owner};

const GOOD: &str = r#"
id = "x"
repository = "owner/x"
marker = "x/models"
places = [{ before = "x/models/", is = "source", ending = ".py" }]
source = []
rule = []

[package]
name = "x"
models = "models"
remapping = { file = "utils.py", by_type = "TABLE" }
tests = { file = "tests/test_models.py", list = "configs" }
"#;

#[test]
fn every_file_is_a_row_and_says_the_rows_id() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
    let files: BTreeSet<String> = fs::read_dir(folder)
        .unwrap()
        .map(|it| it.unwrap().file_name().into_string().unwrap())
        .collect();
    let rows: BTreeSet<String> = TABLES.iter().map(|it| format!("{}.toml", it.0)).collect();
    assert_eq!(files, rows, "a file without a row is read by nobody");
    for (id, text) in TABLES {
        assert_eq!(parse(text).unwrap_or_else(|err| panic!("{id}: {err}")).id, *id);
    }
}

#[test]
fn ids_and_repositories_are_unique() {
    let ids: BTreeSet<&str> = all().iter().map(|it| it.id.as_str()).collect();
    let homes: BTreeSet<&str> = all().iter().map(|it| it.repository.as_str()).collect();
    assert_eq!((ids.len(), homes.len()), (TABLES.len(), TABLES.len()));
}

#[test]
fn the_marker_of_a_checkout_is_where_its_models_or_sources_are() {
    for target in all() {
        let top = target.marker.split('/').next().unwrap();
        assert!(
            target.places.iter().any(|it| it.before.split('/').next() == Some(top)),
            "{}: `{}` is beside every place",
            target.id,
            target.marker
        );
    }
}

#[test]
fn a_contradictory_table_does_not_load() {
    parse(GOOD).unwrap();
    for (from, to, said) in [
        ("owner/x", "owner", "not an owner/name"),
        ("id = \"x\"", "id = \"y\"", "not the name of"),
        ("marker =", "colour = 1\nmarker =", "unknown field `colour`"),
        (
            "places = [{ before = \"x/models/\", is = \"source\", ending = \".py\" }]",
            "places = []",
            "no place",
        ),
        ("before = \"x/models/\"", "before = \"x/models\"", "not a folder"),
        (", ending = \".py\"", "", "has an ending"),
        ("is = \"source\"", "is = \"folder\"", "has an ending"),
        ("models = \"models\"", "models = \"ports\"", "not a place of sources"),
        ("source = []", "shared = [\"a\", \"a\"]\nsource = []", "`a` stands twice"),
    ] {
        let text = GOOD.replacen(from, to, 1);
        assert_ne!(text, GOOD, "{from}");
        let err = parse(&text).unwrap_err().to_string();
        assert!(err.contains(said), "{said}: {err}");
    }
}

#[test]
fn an_unknown_id_is_told_with_the_nearest() {
    let err = find("mlx_lm").unwrap_err();
    assert_eq!(err.nearest, Some("mlx-lm"));
    assert!(err.to_string().contains("there are mlx-lm, transformers"), "{err}");
    assert_eq!(find("qq").unwrap_err().nearest, None);
}

#[test]
fn every_place_of_a_target_finds_its_model_and_no_shared_name() {
    for target in all() {
        for place in &target.places {
            let path = |name: &str| match &place.ending {
                Some(ending) => format!("{}{name}{ending}", place.before),
                None => format!("{}{name}/x.py", place.before),
            };
            let defines = matches!(place.is, PlaceKind::Folder | PlaceKind::Source);
            assert_eq!(
                owner(&path("olmo3")),
                Some(Owner { model: "olmo3", defines }),
                "{}",
                target.id
            );
            for shared in target.shared.iter().map(String::as_str).chain(["__init__"]) {
                assert_eq!(owner(&path(shared)), None, "{} {shared}", target.id);
            }
        }
    }
}

#[test]
fn a_path_names_its_model() {
    for (path, expected) in [
        ("mlx_lm/models/olmo3.py", Some(("olmo3", true))),
        ("mlx_lm/models/cache.py", None),
        ("tests/models/utils/x.py", None),
        ("tests/models/language/x.py", None),
        ("mlx_lm/models/x/y.py", None),
        ("src/transformers/models/olmo3/modeling_olmo3.py", Some(("olmo3", true))),
        ("src/transformers/models/auto/modeling_auto.py", None),
        ("tests/models/olmo3/test_modeling_olmo3.py", Some(("olmo3", false))),
        ("docs/source/en/model_doc/olmo3.md", Some(("olmo3", false))),
        ("candle-transformers/src/models/llama.rs", Some(("llama", true))),
        ("candle-transformers/src/models/mod.rs", None),
        ("src/models/llama.cpp", Some(("llama", true))),
        ("mlx_vlm/models/qwen2_vl/vision.py", Some(("qwen2_vl", true))),
        ("README.md", None),
        ("models/", None),
    ] {
        let found = owner(path).map(|it| (it.model, it.defines));
        assert_eq!(found, expected, "{path}");
    }
}

#[test]
fn ports_are_written_only_for_a_target_with_a_package() {
    let (first, package) = receiver(None).unwrap();
    assert_eq!(receiver(Some(&first.id)).unwrap(), (first, package));
    let without = all().iter().find(|it| it.package.is_none()).unwrap();
    let err = receiver(Some(&without.id)).unwrap_err();
    assert!(err.to_string().contains(&format!("only for {}", first.id)), "{err}");
    assert_eq!(of_package(&package.name), Some((first, package)));
    assert!(matches!(receiver(Some("none")), Err(NoReceiver::Unknown(_))));
}
