//! Makes the engines' environment, once, whoever asks and however many at a time.

use super::{
    complete::{self, Engines},
    error::SetupError,
    home::Home,
    install::{Build, folder_name},
    plan, python,
    settings::Settings,
    sizes::platform,
    uv, workers,
};
use crate::{
    cancel::Cancel,
    progress::{Event, Progress},
};

/// The engines, set up if they are not there: downloads only then, after saying how much.
///
/// Safe to call from several processes at once: one builds, the others wait for it. When `cancel`
/// is set the installer is killed and what it built is removed; its downloads stay in uv's cache.
///
/// # Errors
///
/// Every [`SetupError`] has a hint. After one, nothing is left that a later call could take for a
/// finished environment.
pub fn ensure(
    home: &Home,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Engines, SetupError> {
    ensure_with(home, &Settings::from_environment(), progress, cancel)
}

/// The engines where they are set up already; nothing is downloaded or built.
pub fn installed(home: &Home) -> Option<Engines> {
    let (folder, complete) = complete::find(home, &Settings::from_environment())?;
    Some(complete.engines(&folder, workers::materialise(home).ok()?))
}

pub(super) fn ensure_with(
    home: &Home,
    settings: &Settings,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Engines, SetupError> {
    home.create()?;
    if let Some((folder, complete)) = complete::find(home, settings) {
        return Ok(complete.engines(&folder, workers::materialise(home)?));
    }
    if super::sizes::SIZES.engines(&platform()).is_none() {
        return Err(SetupError::Platform { platform: platform() });
    }
    let python = python::find(settings, cancel)?;
    let _lock = home.lock(&folder_name(settings, &python), progress, cancel)?;
    // Another process may have built it while we waited; or `PORTWRIGHT_PYTHON` is a launcher,
    // which only an answer tells.
    let folder = home.path().join(folder_name(settings, &python));
    if let Some(complete) = complete::in_folder(&folder, settings) {
        return Ok(complete.engines(&folder, workers::materialise(home)?));
    }
    let found = uv::find(home, settings);
    announce(&plan::of(home, settings, found.as_ref(), Some(&python))?, progress)?;
    let uv = match found {
        Some(uv) => uv,
        None => uv::bootstrap(home, &python, progress, cancel)?,
    };
    let build = Build { home, folder: &folder, settings, python: &python, uv: &uv };
    let complete = build.run(progress, cancel)?;
    Ok(complete.engines(&folder, workers::materialise(home)?))
}

/// Says what will happen, and stops before it does when the disk is too small.
fn announce(plan: &plan::Plan, progress: &dyn Progress) -> Result<(), SetupError> {
    for text in plan.sentences() {
        progress.on(Event::Note { text: &text });
    }
    // From uv's cache packages are linked, not copied, where cache and home share a disk.
    match plan.free_bytes {
        Some(free) if free < plan.disk_bytes && !plan.cached => {
            Err(SetupError::DiskSpace { path: plan.home.clone(), free, needed: plan.disk_bytes })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        path::{Path, PathBuf},
        sync::Mutex,
        thread,
        time::{Duration, Instant},
    };

    use super::*;
    use crate::environment::python::tests::{fake, script};

    /// A folder with a fake Python and a fake uv, and a home beside it.
    struct World {
        dir: tempfile::TempDir,
        home: Home,
        settings: Settings,
    }

    /// `uv venv … DIR` makes DIR and counts; `uv pip sync` runs `sync`.
    fn world(sync: &str) -> World {
        let dir = tempfile::tempdir().unwrap();
        let bin = dir.path().join("bin");
        fake(&bin, "python3", "3.11.7");
        let uv = format!(
            r#"case "$*" in
*--version*) echo 'uv 0.13.9 (test)';;
*--dry-run*) exit 1;;
*venv*) for last; do :; done; mkdir -p "$last/bin" "$last/lib/python3.11/site-packages/torch-2.15.0.dist-info"
  : > "$last/bin/python"; echo built >> {count};;
*sync*) {sync};;
*install*torch==*) site=$(dirname "$(dirname "$9")")/lib/python3.11/site-packages
  rmdir $site/torch-2.15.0.dist-info; mkdir "$site/torch-2.15.0+cpu.dist-info"
  echo "Requires-Dist: ${{UV_DEFAULT_INDEX##*/}}" > "$site/torch-2.15.0+cpu.dist-info/METADATA";;
esac"#,
            count = dir.path().join("count").display(),
        );
        script(&bin, "uv", &uv);
        let home = Home::at(dir.path().join("home")).unwrap();
        let path = std::env::join_paths([bin.as_path(), Path::new("/usr/bin"), Path::new("/bin")]);
        let settings = Settings { search_path: path.unwrap(), ..Settings::default() };
        World { dir, home, settings }
    }

    impl World {
        fn ensure(&self, progress: &dyn Progress, cancel: &Cancel) -> Result<Engines, SetupError> {
            ensure_with(&self.home, &self.settings, progress, cancel)
        }

        fn builds(&self) -> usize {
            fs::read_to_string(self.dir.path().join("count")).unwrap_or_default().lines().count()
        }

        fn folder(&self) -> Option<PathBuf> {
            complete::all(&self.home).into_iter().next().map(|(folder, _)| folder)
        }
    }

    #[derive(Default)]
    struct Notes(Mutex<Vec<String>>);

    impl Progress for Notes {
        fn on(&self, event: Event<'_>) {
            if let Event::Note { text } = event {
                self.0.lock().unwrap().push(text.to_owned());
            }
        }
    }

    #[test]
    fn a_second_call_builds_nothing_and_says_nothing() {
        let world = world(":");
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
        let world = world(":");
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
        let mut world = world(":");
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
        let world = world(
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
        let mut world = world(":");
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
        let world = world("echo 'error: failed to write: No space left on device' >&2; exit 2");
        let err = world.ensure(&(), &Cancel::default()).unwrap_err();
        assert!(matches!(err, SetupError::DiskFull { .. }), "{err}");
        assert!(err.to_string().contains("failed to write"));
        assert_eq!(world.folder(), None);
    }

    #[test]
    fn a_hanging_installer_is_killed_on_cancel() {
        let world = world("sleep 60");
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
}
