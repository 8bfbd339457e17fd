//! Releases by name, with an index of our own: found once, kept, refused.

use super::*;
use crate::environment::{
    index::Place,
    testing::{Fake, Fault, NOBODY, Notes, Served, World, wheel, world},
};

/// An index with these releases of transformers, each with contents of its own.
fn index(versions: &[&str]) -> (World, Served) {
    let files: Vec<(String, Vec<u8>)> = versions
        .iter()
        .map(|it| {
            let text = format!("version = '{it}'\n");
            let wheel = wheel(&[("transformers/__init__.py", &text)]);
            (format!("transformers-{it}-py3-none-any.whl"), wheel)
        })
        .collect();
    let files: Vec<_> = files.iter().map(|it| (PACKAGE, it.0.as_str(), it.1.clone())).collect();
    let served = Served::start(&files);
    let mut world = world(Fake::default());
    world.settings.index = Place::new(&served.url);
    (world, served)
}

fn take(world: &World, name: &str) -> (Result<Release, SetupError>, String) {
    let notes = Notes::default();
    let name = name.parse().unwrap();
    let found = release_with(&world.home, &world.settings, &name, &notes, &Cancel::default());
    (found, notes.0.into_inner().unwrap().join("\n"))
}

#[test]
fn names_of_releases_are_told_from_everything_else() {
    for name in ["5.24", "5.24.0", "4.57.6", "5.24.0rc1", "5.0.0"] {
        assert_eq!(name.parse::<ReleaseName>().unwrap().to_string(), name);
    }
    for other in
        ["5", "v5.24.0", "5.24.", "5.24.*", "5.24.0.1", "main", "5.x", "", "5.24/0", "5.24.rc1"]
    {
        let err = other.parse::<ReleaseName>().unwrap_err().to_string();
        assert!(err.contains("`5.24.0`"), "{err}");
    }
}

#[test]
fn a_series_is_its_newest_release_and_then_needs_no_network() {
    let (world, served) = index(&["5.22.0", "5.23.9", "5.23.10", "5.23.11rc1"]);
    let (found, said) = take(&world, "5.23");
    let found = found.unwrap();
    assert_eq!(found.version, "5.23.10");
    assert!(said.contains("`5.23` is transformers 5.23.10"), "{said}");
    let text = fs::read_to_string(found.folder.join("transformers/__init__.py")).unwrap();
    assert_eq!(text, "version = '5.23.10'\n");
    assert!(world.asked("").is_empty(), "uv was asked");

    let asked = served.asked().len();
    let (again, said) = take(&world, "5.23");
    assert_eq!(again.unwrap(), found);
    assert!(said.contains("5.23.10") && said.contains("name a later one exactly"), "{said}");
    // The exact name of the same release is the same folder.
    assert_eq!(take(&world, "5.23.10").0.unwrap(), found);
    assert_eq!(served.asked().len(), asked);

    let exact = take(&world, "5.23.9").0.unwrap();
    assert_eq!(exact.version, "5.23.9");
    assert_ne!(exact.folder, found.folder);
}

#[test]
fn an_exact_release_does_not_decide_what_its_series_means() {
    let (world, _served) = index(&["5.23.0", "5.23.1"]);
    assert_eq!(take(&world, "5.23.0").0.unwrap().version, "5.23.0");
    assert_eq!(take(&world, "5.23").0.unwrap().version, "5.23.1");
}

/// This index has other bytes under the pinned version.
#[test]
fn the_pinned_release_is_held_to_the_lock_and_not_to_the_index() {
    let pinned = lock::pinned(Supply::Transformers);
    let (world, served) = index(&[pinned.version]);
    let series = pinned.version.rsplit_once('.').unwrap().0;
    for name in [pinned.version, series] {
        let err = take(&world, name).0.unwrap_err();
        assert!(matches!(err, SetupError::Hash { .. }), "{err}");
        assert!(err.to_string().contains("the lock file promises"), "{err}");
    }
    source::put(&world.home, &pinned);
    let asked = served.asked().len();
    assert_eq!(take(&world, pinned.version).0.unwrap().version, pinned.version);
    assert_eq!(served.asked().len(), asked);
    assert_eq!(take(&world, series).0.unwrap().version, pinned.version);
}

/// What an earlier version wrote of a release that uv resolved.
#[test]
fn a_release_that_was_kept_before_stays_the_one_that_is_meant() {
    let world = world(Fake::default());
    let text = "transformers==5.6.2 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n";
    source::put(&world.home, &requirements(text)[0]);
    let resolved = Resolved { requirement: text.to_owned(), day: "2026-11-01".to_owned() };
    let name: ReleaseName = "5.6".parse().unwrap();
    fs::write(name.file(&world.home), serde_json::to_vec(&resolved).unwrap()).unwrap();
    let (found, said) = take(&world, "5.6");
    assert_eq!(found.unwrap().version, "5.6.2");
    assert!(said.contains("2026-11-01"), "{said}");
}

#[test]
fn a_release_that_does_not_exist_is_refused_with_what_there_is() {
    use crate::hint::Hint;
    let (world, served) = index(&["5.22.0", "5.23.0"]);
    let err = take(&world, "9.9").0.unwrap_err();
    assert!(matches!(err, SetupError::NoRelease { .. }), "{err}");
    let said = err.to_string();
    for part in ["transformers 9.9", "has 2 releases of it, up to 5.23.0", &served.url] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(err.hint().unwrap().contains("`5.24`"));
    assert!(source::all(&world.home).is_empty());
}

#[test]
fn an_index_without_hashes_is_not_trusted() {
    let (world, served) = index(&["5.23.0"]);
    let name = "transformers-5.23.0-py3-none-any.whl";
    let page = format!(r#"{{"files": [{{"filename": "{name}", "url": "../../files/{name}"}}]}}"#);
    served.fail("/simple/", [Fault::Instead("application/json", page.into_bytes())]);
    let err = take(&world, "5.23").0.unwrap_err();
    assert!(matches!(err, SetupError::NoHash { .. }), "{err}");
    assert!(!served.asked().iter().any(|it| it.contains(name)));
}

#[test]
fn without_a_network_the_releases_at_hand_are_named() {
    let (mut world, _served) = index(&["5.23.0"]);
    take(&world, "5.23.0").0.unwrap();
    world.settings.index = Place::new(NOBODY);
    assert_eq!(take(&world, "5.23.0").0.unwrap().version, "5.23.0");
    let err = take(&world, "5.22").0.unwrap_err();
    assert!(matches!(err, SetupError::IndexUnreachable { .. }), "{err}");
    assert!(err.to_string().contains("need no network: 5.23.0"), "{err}");
}

#[test]
fn a_wheel_that_is_another_or_no_archive_is_not_kept() {
    let name = "transformers-5.23.0-py3-none-any.whl";
    let (world, served) = index(&["5.23.0"]);
    served.fail(name, [Fault::Instead("application/octet-stream", b"another".into())]);
    let err = take(&world, "5.23").0.unwrap_err();
    assert!(matches!(err, SetupError::Hash { .. }), "{err}");
    // An index that states the hash of something that is no wheel.
    let garbage = Served::start(&[(PACKAGE, name, b"garbage".into())]);
    let world =
        World { settings: Settings { index: Place::new(&garbage.url), ..world.settings }, ..world };
    let err = take(&world, "5.23").0.unwrap_err();
    assert!(matches!(err, SetupError::Damaged { .. }), "{err}");
    assert!(source::unfinished(&world.home).is_empty() && source::all(&world.home).is_empty());
    assert!(!"5.23".parse::<ReleaseName>().unwrap().file(&world.home).exists());
    let left = fs::read_dir(world.home.path()).unwrap().map(|it| it.unwrap().file_name());
    assert!(left.into_iter().all(|it| !it.to_string_lossy().contains("wheel-")));
}
