//! What another release of transformers needs beside the engines' environment: earlier ones want a few
//! packages in other versions.
//!
//! They lie in a folder of their own that a worker imports from first; all else, torch above all, is the
//! engines' own. Which packages these are is locked for the series that were tried ([`SERIES`]); for
//! another release the package index is asked once and the answer kept.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{
    download::download,
    error::SetupError,
    home::Home,
    lock::{self, hex_digest, requirements},
    python::{self, Interpreter},
    release::{PACKAGE, ReleaseName},
    settings::Settings,
    supply::Supply,
    uv::{self, Uv, remove, step},
};
use crate::{
    cancel::Cancel,
    progress::{Event, Progress, Step},
    rundir::write_whole,
};

/// The series that were tried, and what each needs; `lock_releases.py` makes the files.
const SERIES: [(&str, &str); 3] = [
    ("5.6", include_str!("../../workers/releases/5.6.lock")),
    ("5.12", include_str!("../../workers/releases/5.12.lock")),
    ("5.20", include_str!("../../workers/releases/5.20.lock")),
];

/// What a worker imports from before the engines' environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beside {
    /// The folder of packages; none where the environment has all that the release needs.
    pub folder: Option<PathBuf>,
    /// Where the versions come from, for the evidence.
    pub origin: String,
}

/// What was resolved for a release without a lock.
#[derive(Debug, Serialize, Deserialize)]
struct Resolved {
    requirements: String,
    day: String,
}

/// What this version of transformers needs, installed unless it is there; `None` for the pinned series,
/// which the environment was locked for. Says of a release that was never tried that it was not.
///
/// # Errors
///
/// [`SetupError`] where the packages cannot be had.
pub fn beside(
    home: &Home,
    version: &str,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Option<Beside>, SetupError> {
    beside_with(home, &Settings::from_environment(), version, progress, cancel)
}

/// The releases that were tried, the pinned one last.
pub fn tried() -> Vec<&'static str> {
    let pinned = lock::pinned(Supply::Transformers).version;
    let earlier = SERIES.iter().filter_map(|(_, lock)| newest(lock));
    earlier.chain([pinned]).collect()
}

/// The release that a lock was made for.
fn newest(lock: &'static str) -> Option<&'static str> {
    requirements(lock).into_iter().find(|it| it.name == PACKAGE).map(|it| it.version)
}

fn series(version: &str) -> String {
    version.splitn(3, '.').take(2).collect::<Vec<_>>().join(".")
}

fn beside_with(
    home: &Home,
    settings: &Settings,
    version: &str,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Option<Beside>, SetupError> {
    let series = series(version);
    if series == self::series(lock::pinned(Supply::Transformers).version) {
        return Ok(None);
    }
    home.create()?;
    let kept = SERIES.iter().find(|it| it.0 == series);
    let making = Making { home, settings, progress, cancel };
    let (text, origin) = match kept {
        Some((_, text)) => ((*text).to_owned(), format!("locked for {PACKAGE} {series}")),
        None => {
            let tried = tried().join(", ");
            let text = format!("{PACKAGE} {version} was never tried here; tried were {tried}");
            progress.on(Event::Note { text: &text });
            match making.resolved(version)? {
                Some(it) => (it.requirements, format!("resolved on {}", it.day)),
                None => {
                    let text = format!(
                        "the package index has no {PACKAGE} {version}: it runs on the packages of the \
                         pinned release"
                    );
                    progress.on(Event::Note { text: &text });
                    let origin = "not known to the package index".to_owned();
                    return Ok(Some(Beside { folder: None, origin }));
                }
            }
        }
    };
    // The release itself is fetched, or is the user's own.
    let others = requirements(&text).into_iter().filter(|it| it.name != PACKAGE);
    let text: String = others.map(|it| it.text).collect();
    let folder = if text.is_empty() { None } else { Some(making.installed(&text, version)?) };
    Ok(Some(Beside { folder, origin }))
}

struct Making<'a> {
    home: &'a Home,
    settings: &'a Settings,
    progress: &'a dyn Progress,
    cancel: &'a Cancel,
}

impl Making<'_> {
    fn tools(&self) -> Result<(Interpreter, Uv), SetupError> {
        let python = python::find(self.settings, self.cancel)?;
        let uv = uv::ensure(self.home, self.settings, &python, self.progress, self.cancel)?;
        Ok((python, uv))
    }

    /// The folder with these packages, named after them.
    fn installed(&self, text: &str, version: &str) -> Result<PathBuf, SetupError> {
        let (python, uv) = self.tools()?;
        let name = format!("beside-{}", &hex_digest(&[text, python.minor()])[..12]);
        let folder = self.home.path().join(&name);
        let _lock = self.home.lock(&name, self.progress, self.cancel)?;
        if folder.is_dir() {
            return Ok(folder);
        }
        let step = format!("packages that {PACKAGE} {version} needs");
        let _step = Step::start(self.progress, &step, None);
        let draft = self.home.path().join(format!("{name}.draft"));
        // Nobody else fills it while we hold the lock: it is what a killed process left.
        remove(&draft)?;
        let made = self
            .fill(&draft, text, (&python, &uv))
            .and_then(|()| fs::rename(&draft, &folder).map_err(SetupError::io("write", &folder)));
        if let Err(err) = made {
            // The error that brought us here is the one to report.
            let _ = remove(&draft);
            return Err(err);
        }
        Ok(folder)
    }

    fn fill(
        &self,
        draft: &Path,
        text: &str,
        (python, uv): (&Interpreter, &Uv),
    ) -> Result<(), SetupError> {
        fs::create_dir_all(draft).map_err(SetupError::io("create", draft))?;
        let lock = draft.join("requirements.lock");
        fs::write(&lock, text).map_err(SetupError::io("write", &lock))?;
        install_to(draft, &lock, (uv, python, self.home), self.cancel)
    }

    /// The packages that a release needs in other versions, as the index has them; `None` where it does
    /// not have the release.
    fn resolved(&self, version: &str) -> Result<Option<Resolved>, SetupError> {
        let Ok(name) = version.parse::<ReleaseName>() else { return Ok(None) };
        let file = self.home.path().join(format!("beside-{PACKAGE}-{name}.json"));
        let read = || serde_json::from_slice(&fs::read(&file).ok()?).ok();
        if let Some(kept) = read() {
            return Ok(Some(kept));
        }
        let _lock =
            self.home.lock(&format!("beside-{PACKAGE}-{name}"), self.progress, self.cancel)?;
        if let Some(kept) = read() {
            return Ok(Some(kept));
        }
        let text = format!("asking what {PACKAGE} {name} needs");
        let _step = Step::start(self.progress, &text, None);
        let draft = self.home.path().join(format!("beside-{PACKAGE}-{name}.draft"));
        remove(&draft)?;
        let asked = self.ask(version, &draft);
        let removed = remove(&draft);
        let requirements = match asked {
            Ok(text) => text,
            Err(SetupError::Command { .. } | SetupError::NoWheel { .. }) => return Ok(None),
            Err(err) => return Err(err),
        };
        removed?;
        let resolved = Resolved { requirements, day: jiff::Zoned::now().date().to_string() };
        let json = serde_json::to_vec_pretty(&resolved).expect("strings always serialise");
        write_whole(&file, &json).map_err(SetupError::io("write", &file))?;
        Ok(Some(resolved))
    }

    fn ask(&self, version: &str, draft: &Path) -> Result<String, SetupError> {
        let (python, uv) = self.tools()?;
        fs::create_dir_all(draft).map_err(SetupError::io("create", draft))?;
        let (asked, answer) = (draft.join("asked.in"), draft.join("answer.lock"));
        let locked = lock::versions(lock::ENGINES);
        let torch = locked["torch"];
        let wanted = format!("torch=={torch}\n{PACKAGE}=={version}\nsafetensors\nnumpy\n");
        fs::write(&asked, wanted).map_err(SetupError::io("write", &asked))?;
        // What lies in the answer's place already is preferred.
        let there = requirements(lock::ENGINES).into_iter().filter(|it| it.name != PACKAGE);
        let there: String = there.map(|it| it.text).collect();
        fs::write(&answer, there).map_err(SetupError::io("write", &answer))?;
        let mut compile = uv.command(self.home);
        compile.args([
            "pip",
            "compile",
            "--generate-hashes",
            "--only-binary",
            ":all:",
            "--no-header",
        ]);
        compile.args(["--no-annotate", "--no-emit-index-url", "--python"]);
        compile.arg(&python.path).arg("-o").arg(&answer).arg(&asked);
        step("uv pip compile", &mut compile, self.home, self.cancel, &mut |_| {})?;
        let answer = fs::read_to_string(&answer).map_err(SetupError::io("read", &answer))?;
        let differs = |it: &lock::Requirement<'_>| locked.get(it.name) != Some(&it.version);
        Ok(requirements(&answer).into_iter().filter(differs).map(|it| it.text).collect())
    }
}

/// The packages of a lock file, and nothing that they ask for, in a folder.
fn install_to(
    target: &Path,
    lock: &Path,
    (uv, python, home): (&Uv, &Interpreter, &Home),
    cancel: &Cancel,
) -> Result<(), SetupError> {
    let mut install = uv.command(home);
    install.args(["pip", "install", "--no-deps", "--require-hashes", "--only-binary", ":all:"]);
    install.arg("--python").arg(&python.path);
    install.arg("--target").arg(target).arg("-r").arg(lock);
    download(uv, "uv pip install", &mut install, home, cancel, &mut |_| {})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::testing::{Fake, Notes, World, world};

    fn ask(world: &World, version: &str) -> (Result<Option<Beside>, SetupError>, Vec<String>) {
        let notes = Notes::default();
        let asked = beside_with(&world.home, &world.settings, version, &notes, &Cancel::default());
        (asked, notes.0.into_inner().unwrap())
    }

    /// The installer leaves a file, so that a folder is seen to be filled.
    fn installing(compile: &str) -> World {
        let install = "mkdir -p \"$target\"; : > \"$target/installed\"".to_owned();
        world(Fake { install, compile: compile.into(), ..Fake::default() })
    }

    #[test]
    fn every_lock_is_of_its_series_hashed_and_without_torch() {
        for (series, lock) in SERIES {
            assert_eq!(self::series(newest(lock).unwrap()), series);
            for it in requirements(lock) {
                assert!(!it.hashes().is_empty(), "{series}: {} has no hash", it.name);
                assert!(it.name != "torch" && !lock::is_cuda(it.name), "{series}: {}", it.name);
            }
            assert!(!lock.contains("://") && !lock.contains("--index"), "{series}");
        }
        assert!(tried()[0].starts_with("5.6.") && tried()[2].starts_with("5.20."));
    }

    #[test]
    fn the_pinned_series_needs_nothing_and_an_earlier_one_its_own_packages_once() {
        let world = installing("exit 9");
        let pinned = lock::pinned(Supply::Transformers).version;
        assert_eq!(ask(&world, pinned).0.unwrap(), None);
        let (first, notes) = ask(&world, "5.6.0");
        let first = first.unwrap().unwrap();
        assert!(first.folder.as_ref().unwrap().join("installed").is_file() && notes.is_empty());
        assert_eq!(first.origin, "locked for transformers 5.6");
        assert_eq!(ask(&world, "5.6.2").0.unwrap().unwrap(), first);
        assert_eq!(world.asked("pip install").len(), 1);
        let none = ask(&world, "5.20.2").0.unwrap().unwrap();
        assert_eq!(none.folder, None, "the environment has all that 5.20 needs");
    }

    #[test]
    fn a_release_that_was_never_tried_is_said_to_be_and_resolved_once() {
        let compile = r#"echo 'tokenizers==9.9.9 --hash=sha256:00' > "$answer"
            echo 'transformers==5.99.0 --hash=sha256:01' >> "$answer""#;
        let world = installing(compile);
        let (asked, notes) = ask(&world, "5.99.0");
        let asked = asked.unwrap().unwrap();
        assert!(asked.folder.is_some() && asked.origin.starts_with("resolved on "), "{asked:?}");
        assert!(
            notes[0].contains("5.99.0 was never tried") && notes[0].contains("5.6."),
            "{notes:?}"
        );
        assert_eq!(ask(&world, "5.99.0").0.unwrap().unwrap(), asked);
        assert_eq!(world.asked("pip compile").len(), 1);
    }

    #[test]
    fn a_checkout_that_no_index_knows_runs_on_what_is_there_and_says_so() {
        for version in ["5.99.0.dev0", "5.98.0"] {
            let world = installing("echo 'no such version' >&2; exit 1");
            let (asked, notes) = ask(&world, version);
            let asked = asked.unwrap().unwrap();
            assert_eq!(asked.folder, None);
            assert!(asked.origin.contains("not known"), "{asked:?}");
            assert!(notes.iter().any(|it| it.contains("has no transformers")), "{notes:?}");
        }
    }

    #[test]
    fn a_full_disk_leaves_no_folder_behind() {
        let install = "echo 'error: No space left on device' >&2; exit 2".to_owned();
        let world = world(Fake { install, ..Fake::default() });
        let err = ask(&world, "5.12.1").0.unwrap_err();
        assert!(matches!(err, SetupError::DiskFull { .. }), "{err}");
        let left: Vec<_> = fs::read_dir(world.home.path())
            .unwrap()
            .filter_map(|it| it.unwrap().file_name().into_string().ok())
            .filter(|it| it.starts_with("beside-"))
            .collect();
        assert!(left.is_empty(), "{left:?}");
    }
}
