//! Set-up with fake programs: once, together, cut off, no more than is needed.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use super::*;
use crate::environment::{
    index::Place,
    python::tests::{fake, script},
    testing::{Fake, Notes, Served, World, wheel, world},
};

const BOTH: [Supply; 2] = [Supply::Torch, Supply::Mlx];

/// A world in which `uv pip sync` runs `script` first.
fn syncing(script: &str) -> World {
    world(Fake { sync: script.into(), ..Fake::default() })
}

impl World {
    fn set_up(
        &self,
        needs: &[Supply],
        progress: &dyn Progress,
        cancel: &Cancel,
    ) -> Result<Pinned, SetupError> {
        ensure_with(&self.home, &self.settings, needs, progress, cancel)
    }

    fn ensure(&self, progress: &dyn Progress, cancel: &Cancel) -> Result<Engines, SetupError> {
        Ok(self.set_up(&BOTH, progress, cancel)?.engines()?.clone())
    }

    fn builds(&self) -> usize {
        self.asked(" venv ").len()
    }

    fn folder(&self) -> Option<PathBuf> {
        complete::all(&self.home).into_iter().next().map(|(folder, _)| folder)
    }
}

#[test]
fn a_second_call_builds_nothing_and_says_nothing() {
    let world = world(Fake::default());
    let (first, second) = (Notes::default(), Notes::default());
    let cancel = Cancel::default();
    let engines = world.ensure(&first, &cancel).unwrap();
    assert_eq!(engines.versions["torch"], "2.15.0");
    assert!(engines.workers.join("portwright_worker/__main__.py").exists());
    assert!(first.0.lock().unwrap()[0].contains("to download"));
    assert_eq!(world.ensure(&second, &cancel).unwrap(), engines);
    assert!(second.0.lock().unwrap().is_empty());
    assert_eq!(world.builds(), 1);
}

#[test]
fn an_incomplete_environment_is_removed_and_built_again() {
    let world = world(Fake::default());
    world.ensure(&(), &Cancel::default()).unwrap();
    let folder = world.folder().unwrap();
    fs::remove_file(folder.join(complete::FILE)).unwrap();
    fs::write(folder.join("left over"), "").unwrap();
    world.ensure(&(), &Cancel::default()).unwrap();
    assert_eq!(world.builds(), 2);
    assert!(!folder.join("left over").exists());
}

/// As pyenv's `python3` is: what it names is not the Python that answers.
#[test]
fn a_launcher_chosen_as_python_does_not_build_each_time() {
    let mut world = world(Fake::default());
    let real = fake(&world.dir.path().join("real"), "python3", "3.11.9");
    let text = format!("exec {} \"$@\"", real.display());
    world.settings.python = Some(script(world.dir.path(), "launcher", &text));
    let first = world.ensure(&(), &Cancel::default()).unwrap();
    assert_eq!(world.ensure(&(), &Cancel::default()).unwrap(), first);
    assert_eq!((first.python_version.as_str(), world.builds()), ("3.11.9", 1));
}

/// Lets the fake uv end once the other process has said that it waits.
struct Waiter<'a> {
    notes: Notes,
    waited: &'a Path,
}

impl Progress for Waiter<'_> {
    fn on(&self, event: Event<'_>) {
        self.notes.on(event);
        if matches!(event, Event::Note { text } if text.starts_with("another Portwright")) {
            fs::write(self.waited, "").unwrap();
        }
    }
}

#[test]
fn two_at_once_build_once() {
    let world = syncing(
        r#"for i in $(seq 100); do [ -e "$(dirname "$0")/waited" ] && break; sleep 0.1; done"#,
    );
    let waited = world.dir.path().join("bin/waited");
    let progress = [(), ()].map(|()| Waiter { notes: Notes::default(), waited: &waited });
    let results = thread::scope(|scope| {
        let run = |it| world.ensure(it, &Cancel::default()).map_err(|it| it.to_string());
        let all = [&progress[0], &progress[1]].map(|it| scope.spawn(move || run(it)));
        all.map(|it| it.join().unwrap())
    });
    assert_eq!(results[0], results[1]);
    assert!(results[0].is_ok(), "{results:?}");
    assert_eq!(world.builds(), 1);
    assert!(waited.exists(), "nobody waited");
}

/// The fake's torch asks for what the index's URL ends in.
#[test]
fn torch_comes_from_the_users_index_unless_that_has_a_cuda_build() {
    use crate::environment::TorchSource;
    let mut world = world(Fake::default());
    let index = |name: &str| TorchSource::Index { url: format!("http://a:b@127.0.0.1/{name}") };
    world.settings.torch = index("sympy");
    let engines = world.ensure(&(), &Cancel::default()).unwrap();
    assert_eq!(engines.versions["torch"], "2.15.0+cpu");
    let folder = world.folder().unwrap();
    let lock = fs::read_to_string(folder.join("requirements.lock")).unwrap();
    assert!(lock.contains("mlx-lm==") && !lock.contains("nvidia-"));
    let mark = fs::read_to_string(folder.join(complete::FILE)).unwrap();
    assert!(mark.contains("http://127.0.0.1/sympy") && !mark.contains("a:b"), "{mark}");

    world.settings.torch = index("nvidia-cublas");
    let err = world.ensure(&(), &Cancel::default()).unwrap_err();
    assert!(matches!(err, SetupError::TorchIndex { .. }), "{err}");
}

#[test]
fn a_full_disk_is_told_and_leaves_nothing() {
    let world = syncing("echo 'error: failed to write: No space left on device' >&2; exit 2");
    let err = world.ensure(&(), &Cancel::default()).unwrap_err();
    assert!(matches!(err, SetupError::DiskFull { .. }), "{err}");
    assert!(err.to_string().contains("failed to write"));
    assert_eq!(world.folder(), None);
}

#[test]
fn a_hanging_installer_is_killed_on_cancel() {
    let world = syncing("sleep 60");
    let cancel = Cancel::default();
    let stop = cancel.clone();
    let started = Instant::now();
    let killer = thread::spawn(move || {
        thread::sleep(Duration::from_millis(600));
        stop.cancel();
    });
    let err = world.ensure(&(), &cancel).unwrap_err();
    killer.join().unwrap();
    assert!(matches!(err, SetupError::Cancelled), "{err}");
    assert!(started.elapsed() < Duration::from_secs(10));
    assert_eq!(world.folder(), None);
    assert!(world.home.path().join("locks").exists());
}

/// The lock file's wheels are those of real releases, so this index cannot have them: it shows who is
/// asked, and that the lock is what counts.
#[test]
fn sources_alone_ask_the_index_and_neither_python_nor_uv() {
    let files = [("transformers", "5.24.0"), ("mlx-lm", "0.32.2")].map(|(package, version)| {
        let name = format!("{}-{version}-py3-none-any.whl", package.replace('-', "_"));
        (package, name, wheel(&[("x/__init__.py", "")]))
    });
    let files = files.each_ref().map(|it| (it.0, it.1.as_str(), it.2.clone()));
    let served = Served::start(&files);
    let mut world = world(Fake::default());
    // Not even a Python is there.
    world.settings.search_path = world.dir.path().join("nothing").into();
    world.settings.index = Place::new(&served.url);
    let notes = Notes::default();
    let needs = [Supply::Transformers, Supply::MlxLm];
    let err = world.set_up(&needs, &notes, &Cancel::default()).unwrap_err();
    assert!(matches!(err, SetupError::Hash { .. }), "{err}");
    let said = notes.0.lock().unwrap().join("\n");
    assert!(said.starts_with("the sources of transformers and mlx-lm"), "{said}");
    for other in [" GB", "uv, ", "PORTWRIGHT_TORCH_INDEX"] {
        assert!(!said.contains(other), "{said}");
    }
    assert_eq!(served.asked(), ["/simple/transformers/"]);

    // What is there is taken, and nobody is asked anything.
    needs.iter().for_each(|it| source::put(&world.home, &lock::pinned(*it)));
    let pinned = world.set_up(&needs, &(), &Cancel::default()).unwrap();
    assert!(pinned.transformers().unwrap().join("transformers/__init__.py").is_file());
    assert!(pinned.mlx_lm().unwrap().join("mlx_lm/__init__.py").is_file());
    assert!(pinned.engines().is_err());
    assert_eq!((world.asked("").len(), served.asked().len()), (0, 1));
}

#[test]
fn the_engine_mlx_is_set_up_without_torch_and_brings_both_sources() {
    let world = world(Fake::default());
    let notes = Notes::default();
    let needs = [Supply::Mlx, Supply::Transformers];
    let pinned = world.set_up(&needs, &notes, &Cancel::default()).unwrap();
    let engines = pinned.engines().unwrap();
    assert!(engines.serves(Supply::Mlx) && !engines.serves(Supply::Torch));
    assert!(!engines.versions.keys().any(|it| it.starts_with("nvidia") || it == "torch"));
    assert_eq!(pinned.transformers().unwrap(), engines.site_packages);
    assert_eq!(pinned.mlx_lm().unwrap(), engines.site_packages);
    assert!(world.asked("pip install").is_empty(), "a source was fetched beside the engine");
    let said = notes.0.lock().unwrap().join("\n");
    assert!(said.starts_with("the engine mlx") && !said.contains("CUDA"), "{said}");

    // It does not serve torch; an environment with both serves everything from then on.
    assert_eq!(missing(&world, &BOTH), BOTH);
    let both = world.ensure(&(), &Cancel::default()).unwrap();
    assert!(both.serves(Supply::Torch) && both.serves(Supply::Mlx));
    assert_eq!(world.builds(), 2);
    world.set_up(&[Supply::Torch], &(), &Cancel::default()).unwrap();
    world.set_up(&Supply::ALL, &(), &Cancel::default()).unwrap();
    assert_eq!(world.builds(), 2);
}

#[test]
fn an_environment_with_everything_serves_smaller_needs() {
    let world = world(Fake::default());
    let engines = world.ensure(&(), &Cancel::default()).unwrap();
    for supply in Supply::ALL {
        let pinned = world.set_up(&[supply], &(), &Cancel::default()).unwrap();
        assert_eq!(pinned.engines().is_ok(), supply.is_engine(), "{supply}");
        if let Ok(folder) = pinned.transformers() {
            assert_eq!(folder, engines.site_packages);
        }
    }
    assert_eq!((world.builds(), world.asked("pip install").len()), (1, 0));
}

/// The index of torch is of no matter to whoever needs no torch.
#[test]
fn another_index_of_torch_does_not_build_mlx_again() {
    use crate::environment::TorchSource;
    let mut world = world(Fake::default());
    world.ensure(&(), &Cancel::default()).unwrap();
    world.settings.torch = TorchSource::Index { url: "http://127.0.0.1/sympy".into() };
    world.set_up(&[Supply::Mlx], &(), &Cancel::default()).unwrap();
    assert_eq!(world.builds(), 1);
    world.set_up(&[Supply::Torch], &(), &Cancel::default()).unwrap();
    assert_eq!(world.builds(), 2);
}

fn missing(world: &World, needs: &[Supply]) -> Vec<Supply> {
    Found::look(&world.home, &world.settings, needs).missing
}
