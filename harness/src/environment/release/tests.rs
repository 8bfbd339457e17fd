//! Releases by name, with a fake index: found once, kept, refused.

use super::*;
use crate::environment::testing::{Fake, Notes, SOURCE, World, world};

/// An index whose newest 5.24.x is the last of `versions`, each with a hash of its own.
fn index(versions: &str) -> Fake {
    let compile = format!(
        r#"wanted=$(sed 's/transformers==//; s/\.\*//' "$asked")
for it in {versions}; do case "$it" in "$wanted"|"$wanted".*) found=$it;; esac; done
if [ -z "$found" ]; then
  echo 'error: No solution found when resolving dependencies' >&2
  echo "  cause: Because only transformers<=5.24.1 is available" >&2; exit 1
fi
printf 'transformers==%s \\\n    --hash=sha256:aa%s\n' "$found" "$(echo "$found" | tr -d .)" > "$answer""#
    );
    Fake { compile, install: SOURCE.to_owned(), ..Fake::default() }
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
    let world = world(index("5.23.0 5.24.0 5.24.1"));
    let (found, said) = take(&world, "5.24");
    let found = found.unwrap();
    assert_eq!(found.version, "5.24.1");
    assert!(said.contains("`5.24` is transformers 5.24.1"), "{said}");
    assert!(found.folder.join("transformers/__init__.py").is_file());

    let downloads = world.asked("pip").len();
    let (again, said) = take(&world, "5.24");
    assert_eq!(again.unwrap(), found);
    assert!(said.contains("5.24.1") && said.contains("name a later one exactly"), "{said}");
    // The exact name of the same release is the same folder.
    assert_eq!(take(&world, "5.24.1").0.unwrap(), found);
    assert_eq!(world.asked("pip").len(), downloads);

    let exact = take(&world, "5.24.0").0.unwrap();
    assert_eq!(exact.version, "5.24.0");
    assert_ne!(exact.folder, found.folder);
}

#[test]
fn an_exact_release_does_not_decide_what_its_series_means() {
    let world = world(index("5.24.0 5.24.1"));
    assert_eq!(take(&world, "5.24.0").0.unwrap().version, "5.24.0");
    assert_eq!(take(&world, "5.24").0.unwrap().version, "5.24.1");
}

#[test]
fn the_pinned_release_is_held_to_the_lock_and_not_to_the_index() {
    let world = world(index("5.24.0"));
    let version = lock::pinned(Supply::Transformers).version;
    assert_eq!(take(&world, version).0.unwrap().version, version);
    assert!(world.asked("pip compile").is_empty());
}

#[test]
fn a_release_that_does_not_exist_is_refused_with_what_there_is() {
    use crate::hint::Hint;
    let world = world(index("5.24.0"));
    let err = take(&world, "9.9").0.unwrap_err();
    assert!(matches!(err, SetupError::NoRelease { .. }), "{err}");
    assert!(err.to_string().contains("transformers 9.9") && err.to_string().contains("<=5.24.1"));
    assert!(err.hint().unwrap().contains("`5.24`"));
    assert!(source::all(&world.home).is_empty());
}

#[test]
fn an_index_without_hashes_is_not_trusted() {
    let compile = r#"echo transformers==5.24.0 > "$answer""#.to_owned();
    let world = world(Fake { compile, install: SOURCE.to_owned(), ..Fake::default() });
    let err = take(&world, "5.24").0.unwrap_err();
    assert!(matches!(err, SetupError::NoHash { .. }), "{err}");
    assert!(world.asked("pip install").is_empty());
}

#[test]
fn without_a_network_the_releases_at_hand_are_named() {
    let online = world(index("5.24.0"));
    take(&online, "5.24.0").0.unwrap();
    let compile = "echo 'error: Failed to fetch: dns error' >&2; exit 2".to_owned();
    let offline = world(Fake { compile, ..Fake::default() });
    let offline = World { home: online.home.clone(), ..offline };
    assert_eq!(take(&offline, "5.24.0").0.unwrap().version, "5.24.0");
    let err = take(&offline, "5.23").0.unwrap_err();
    assert!(matches!(err, SetupError::Network { .. }), "{err}");
    assert!(err.to_string().contains("need no network: 5.24.0"), "{err}");
}

#[test]
fn a_wheel_that_is_another_or_cut_off_is_not_kept() {
    for said in ["Hash mismatch for `transformers==5.24.0`", "Failed to extract archive: x.whl"] {
        let install = format!("mkdir -p $target; echo 'error: {said}' >&2; exit 1");
        let world = world(Fake { install, ..index("5.24.0") });
        let err = take(&world, "5.24").0.unwrap_err();
        let told = matches!(err, SetupError::Hash { .. } | SetupError::Damaged { .. });
        assert!(told, "{err}");
        assert!(source::unfinished(&world.home).is_empty());
        assert!(!"5.24".parse::<ReleaseName>().unwrap().file(&world.home).exists());
    }
}
