//! Finds a Python that can carry the engines: `CPython`, with the GIL, of a version that is locked.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use super::{
    child::{Ended, run},
    error::{NotPython, SetupError},
    lock::{PYTHON_MAXIMUM, PYTHON_MINIMUM},
    settings::Settings,
};
use crate::cancel::Cancel;

/// A Python that was run and answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Interpreter {
    /// Not that of a virtual environment, which may go away.
    pub(super) path: PathBuf,
    /// `3.11.7`
    pub(super) version: String,
    pub(super) has_ensurepip: bool,
}

impl Interpreter {
    /// `3.11`
    pub(super) fn minor(&self) -> &str {
        self.version.rsplit_once('.').map_or(&self.version, |(minor, _)| minor)
    }
}

/// Tried in this order, so that the Python that the user calls `python3` wins when it will do.
const NAMES: &[&str] =
    &["python3", "python", "python3.13", "python3.12", "python3.11", "python3.14"];

/// Asks for everything in one start. `-I` keeps the user's site and variables out.
const QUESTION: &str = "\
import importlib.util, sys
print(sys.implementation.name)
print('.'.join(map(str, sys.version_info[:3])))
print('t' if 't' in getattr(sys, 'abiflags', '') else '-')
print('ensurepip' if importlib.util.find_spec('ensurepip') else '-')
print(getattr(sys, '_base_executable', None) or sys.executable)";

/// A Python may sit behind a slow launcher or a cold network disk.
const PATIENCE: Duration = Duration::from_secs(20);

/// The first Python on the search path that will do; only `PORTWRIGHT_PYTHON` when that is set.
pub(super) fn find(settings: &Settings, cancel: &Cancel) -> Result<Interpreter, SetupError> {
    let mut tried = Vec::new();
    let chosen = settings.python.as_ref().map(|it| it.to_string_lossy().into_owned());
    let names: Vec<&str> = chosen.as_deref().map_or_else(|| NAMES.to_vec(), |it| vec![it]);
    for name in names {
        let Some(path) = settings.find(name) else {
            let wanted = settings.python.is_some();
            if wanted {
                let reason = "PORTWRIGHT_PYTHON names no such program".into();
                tried.push(NotPython { tried: name.into(), reason });
            }
            continue;
        };
        match ask(&path, cancel) {
            Ok(interpreter) => return Ok(interpreter),
            Err(_) if cancel.is_cancelled() => return Err(SetupError::Cancelled),
            Err(reason) => tried.push(NotPython { tried: name.into(), reason }),
        }
    }
    if tried.is_empty() {
        let reason = "not on PATH".into();
        tried.push(NotPython { tried: NAMES[0].into(), reason });
    }
    let (minimum, maximum) = (dotted(PYTHON_MINIMUM), dotted(PYTHON_MAXIMUM));
    Err(SetupError::NoPython { minimum, maximum, tried })
}

/// Runs the Python and judges its answer; `Err` is the reason why it will not do.
fn ask(path: &Path, cancel: &Cancel) -> Result<Interpreter, String> {
    let mut command = Command::new(path);
    command.args(["-I", "-c", QUESTION]);
    let ended = run(&mut command, Some(PATIENCE), cancel, &mut |_| {});
    let said = match ended.map_err(|it| format!("does not start: {it}"))? {
        Ended::Exited { status, said, .. } if status.success() => said,
        Ended::Exited { status, complained, .. } => {
            return Err(format!("{status}: {}", complained.lines().last().unwrap_or_default()));
        }
        Ended::Cancelled => return Err("cancelled".into()),
        Ended::DeadlinePassed => return Err(format!("no answer in {} s", PATIENCE.as_secs())),
    };
    // The last lines, since a launcher may say something first.
    let lines: Vec<&str> = said.lines().collect();
    let [.., implementation, version, threads, ensurepip, executable] = lines.as_slice() else {
        return Err("gave no answer".into());
    };
    if *implementation != "cpython" {
        return Err(format!("is {implementation} {version}, not CPython"));
    }
    let parts: Vec<u32> = version.split('.').filter_map(|it| it.parse().ok()).collect();
    let &[major, minor, _] = parts.as_slice() else {
        return Err(format!("says that its version is `{version}`"));
    };
    if !(PYTHON_MINIMUM..=PYTHON_MAXIMUM).contains(&(major, minor)) {
        return Err(format!("is Python {version}"));
    }
    if *threads == "t" {
        return Err(format!("is the free-threaded build of Python {version}"));
    }
    Ok(Interpreter {
        path: PathBuf::from(executable),
        version: (*version).to_owned(),
        has_ensurepip: *ensurepip == "ensurepip",
    })
}

pub(super) fn dotted((major, minor): (u32, u32)) -> String {
    format!("{major}.{minor}")
}

#[cfg(test)]
pub(super) mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    /// Writes an executable shell script.
    pub(in super::super) fn script(dir: &Path, name: &str, text: &str) -> PathBuf {
        fs::create_dir_all(dir).unwrap();
        let path = dir.join(name);
        // Copied by another process: one that a test thread has open for writing can be inherited by
        // a child of another thread, and then it cannot be run ("text file busy").
        let draft = dir.join(format!("{name}.draft"));
        fs::write(&draft, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&draft, fs::Permissions::from_mode(0o755)).unwrap();
        let copied = Command::new("/bin/cp").arg("-p").arg(&draft).arg(&path).status().unwrap();
        assert!(copied.success());
        fs::remove_file(draft).unwrap();
        path
    }

    /// A Python that only answers our question.
    pub(in super::super) fn fake(dir: &Path, name: &str, version: &str) -> PathBuf {
        let path = dir.join(name);
        script(
            dir,
            name,
            &format!(r"printf 'cpython\n{version}\n-\nensurepip\n{}\n'", path.display()),
        )
    }

    fn settings(dir: &Path) -> Settings {
        Settings { search_path: dir.into(), ..Settings::default() }
    }

    #[test]
    fn an_old_python3_is_passed_over_for_a_good_one() {
        let dir = tempfile::tempdir().unwrap();
        fake(dir.path(), "python3", "3.9.18");
        fake(dir.path(), "python3.12", "3.12.1");
        let found = find(&settings(dir.path()), &Cancel::default()).unwrap();
        assert_eq!((found.minor(), found.has_ensurepip), ("3.12", true));
    }

    #[test]
    fn every_python_that_will_not_do_is_named_with_its_reason() {
        let dir = tempfile::tempdir().unwrap();
        fake(dir.path(), "python3", "3.15.0");
        script(dir.path(), "python", "echo pyenv: not installed >&2; exit 127");
        let err = find(&settings(dir.path()), &Cancel::default()).unwrap_err().to_string();
        assert_eq!(
            err,
            "no Python 3.11 to 3.14 found (`python3`: is Python 3.15.0; \
             `python`: exit status: 127: pyenv: not installed)"
        );
    }

    #[test]
    fn a_chosen_python_is_the_only_one_tried() {
        let dir = tempfile::tempdir().unwrap();
        fake(dir.path(), "python3", "3.12.1");
        let mut settings = settings(dir.path());
        settings.python = Some(dir.path().join("none"));
        let err = find(&settings, &Cancel::default()).unwrap_err().to_string();
        assert!(err.contains("PORTWRIGHT_PYTHON names no such program"), "{err}");
    }
}
