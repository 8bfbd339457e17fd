//! Finds `uv`, or puts one of our own into the home.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::{
    child::{Ended, Sign, run},
    error::SetupError,
    home::Home,
    lock::{BOOTSTRAP, versions},
    python::Interpreter,
    settings::Settings,
};
use crate::{
    cancel::Cancel,
    progress::{Progress, Step},
};

/// Lower versions do not know every option that we use.
const MINIMUM: (u32, u32) = (0, 5);

/// Variables of the user that would change what a lock file installs, or where.
const UNWANTED: &[&str] = &[
    "VIRTUAL_ENV",
    "CONDA_PREFIX",
    "PYTHONPATH",
    "PYTHONHOME",
    "UV_TORCH_BACKEND",
    "UV_PROJECT_ENVIRONMENT",
    "UV_SYSTEM_PYTHON",
    "UV_BREAK_SYSTEM_PACKAGES",
    "UV_CONSTRAINT",
    "UV_OVERRIDE",
    "UV_NO_BINARY",
];

/// No answer of uv's own takes longer, even from a cold disk.
const PATIENCE: Duration = Duration::from_secs(20);

/// A `uv` that answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Uv {
    pub(super) path: PathBuf,
    pub(super) version: String,
}

impl Uv {
    /// `uv` with our settings, run in `home` so that no project file of the user's is found.
    pub(super) fn command(&self, home: &Home) -> Command {
        let mut command = Command::new(&self.path);
        command.current_dir(home.existing()).arg("--no-python-downloads").arg("--no-progress");
        command.env("NO_COLOR", "1");
        for name in UNWANTED {
            command.env_remove(name);
        }
        command
    }

    /// Whether uv's cache has all packages of `lock`: asked offline and dry.
    pub(super) fn has_all(&self, home: &Home, lock: &str, python: &Interpreter) -> bool {
        // A folder of our own that did not exist: nobody can have put a link into it.
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |it| it.as_nanos());
        let folder = env::temp_dir().join(format!("portwright-{}-{nanos}", std::process::id()));
        if fs::create_dir(&folder).is_err() {
            return false;
        }
        let file = folder.join("asked.lock");
        let mut command = self.command(home);
        command.args(["pip", "install", "--dry-run", "--offline", "--no-deps"]);
        command.args(["--require-hashes", "--only-binary", ":all:", "--python"]);
        command.arg(&python.path).arg("--target").arg(folder.join("target")).arg("-r").arg(&file);
        let mut downloads = false;
        let mut listen = |sign: Sign<'_>| {
            downloads |= matches!(sign, Sign::Line(it) if it.starts_with("Would download"));
        };
        let asked = fs::write(&file, lock)
            .and_then(|()| run(&mut command, Some(PATIENCE), &Cancel::default(), &mut listen));
        let _ = fs::remove_dir_all(&folder);
        matches!(asked, Ok(Ended::Exited { status, .. }) if status.success()) && !downloads
    }

    /// Where uv keeps what it downloaded.
    pub(super) fn cache_dir(&self, home: &Home) -> Option<PathBuf> {
        let mut command = self.command(home);
        command.args(["cache", "dir"]);
        Some(PathBuf::from(answer(&mut command)?))
    }
}

/// The `uv` on the search path when it is recent enough, else the one in the home.
pub(super) fn find(home: &Home, settings: &Settings) -> Option<Uv> {
    let own = folder(home);
    let own = own.join("complete").exists().then(|| own.join("bin/uv"));
    settings.find("uv").into_iter().chain(own).find_map(|path| ask(&path))
}

/// The version that is installed where there is none.
pub(super) fn pinned() -> &'static str {
    versions(BOOTSTRAP)["uv"]
}

fn folder(home: &Home) -> PathBuf {
    home.path().join(format!("uv-{}", pinned()))
}

fn ask(path: &Path) -> Option<Uv> {
    let said = answer(Command::new(path).arg("--version"))?;
    let version = said.strip_prefix("uv ")?.split(' ').next()?.to_owned();
    let mut parts = version.split('.').map_while(|it| it.parse::<u32>().ok());
    let found = (parts.next()?, parts.next()?);
    (found >= MINIMUM).then(|| Uv { path: path.to_owned(), version })
}

/// The last line that a quick command prints.
pub(super) fn answer(command: &mut Command) -> Option<String> {
    match run(command, Some(PATIENCE), &Cancel::default(), &mut |_| {}).ok()? {
        Ended::Exited { status, said, .. } if status.success() => {
            Some(said.lines().last()?.to_owned())
        }
        _ => None,
    }
}

/// The `uv` that is there, or the pinned one, installed now.
pub(super) fn ensure(
    home: &Home,
    settings: &Settings,
    python: &Interpreter,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Uv, SetupError> {
    match find(home, settings) {
        Some(uv) => Ok(uv),
        None => bootstrap(home, python, progress, cancel),
    }
}

/// Installs the pinned `uv` into the home, by the venv and pip that come with Python.
fn bootstrap(
    home: &Home,
    python: &Interpreter,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Uv, SetupError> {
    let _lock = home.lock("uv", progress, cancel)?;
    let folder = folder(home);
    if let Some(uv) =
        folder.join("complete").exists().then(|| ask(&folder.join("bin/uv"))).flatten()
    {
        return Ok(uv);
    }
    if !python.has_ensurepip {
        return Err(no_venv(python));
    }
    let _step = Step::start(progress, "uv, the installer", None);
    remove(&folder)?;
    install(home, &folder, python, cancel).inspect_err(|_| {
        // The error that brought us here is the one to report.
        let _ = remove(&folder);
    })?;
    ask(&folder.join("bin/uv")).ok_or_else(|| SetupError::Command {
        command: "uv --version".into(),
        status: "no answer".into(),
        tail: String::new(),
    })
}

fn install(
    home: &Home,
    folder: &Path,
    python: &Interpreter,
    cancel: &Cancel,
) -> Result<(), SetupError> {
    let mut venv = Command::new(&python.path);
    venv.args(["-I", "-m", "venv"]).arg(folder);
    step("python -m venv", &mut venv, home, cancel, &mut |_| {}).map_err(|err| match err {
        SetupError::Command { tail, .. } if tail.contains("ensurepip") => no_venv(python),
        other => other,
    })?;
    let lock = folder.join("bootstrap.lock");
    fs::write(&lock, BOOTSTRAP).map_err(SetupError::io("write", &lock))?;
    let mut pip = Command::new(folder.join("bin/python"));
    pip.args(["-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--no-deps"]);
    pip.args(["--require-hashes", "--only-binary", ":all:", "--progress-bar", "off", "-r"]);
    pip.arg(&lock).current_dir(folder).env_remove("PYTHONPATH").env_remove("PYTHONHOME");
    step("pip install uv", &mut pip, home, cancel, &mut |_| {})?;
    let mark = folder.join("complete");
    fs::write(&mark, pinned()).map_err(SetupError::io("write", &mark))
}

fn no_venv(python: &Interpreter) -> SetupError {
    SetupError::NoVenv { python: python.path.clone(), minor: python.minor().to_owned() }
}

/// Runs one command of setup; anything but success is an error that says why.
pub(super) fn step(
    name: &str,
    command: &mut Command,
    home: &Home,
    cancel: &Cancel,
    on: &mut dyn FnMut(Sign<'_>),
) -> Result<(), SetupError> {
    let program = PathBuf::from(command.get_program());
    match run(command, None, cancel, on).map_err(SetupError::io("run", &program))? {
        Ended::Exited { status, .. } if status.success() => Ok(()),
        // A Ctrl-C that reached the child too must not read as its failure.
        Ended::Exited { .. } if cancel.is_cancelled() => Err(SetupError::Cancelled),
        Ended::Exited { status, said, complained } => {
            let tail = if complained.is_empty() { said } else { complained };
            Err(SetupError::of_command(name, status.to_string(), &tail, home.path()))
        }
        Ended::Cancelled | Ended::DeadlinePassed => Err(SetupError::Cancelled),
    }
}

/// Removes a folder that may not be there.
pub(super) fn remove(folder: &Path) -> Result<(), SetupError> {
    match fs::remove_dir_all(folder) {
        Err(err) if err.kind() != std::io::ErrorKind::NotFound => {
            Err(SetupError::io("remove", folder)(err))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::python::tests::script;

    fn python(path: PathBuf) -> Interpreter {
        Interpreter { path, version: "3.11.2".into(), has_ensurepip: true }
    }

    #[test]
    fn an_old_uv_on_the_path_is_not_used() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path().join("home")).unwrap();
        let settings = Settings { search_path: dir.path().into(), ..Settings::default() };
        script(dir.path(), "uv", "echo 'uv 0.4.30 (abc 2024-11-01)'");
        assert_eq!(find(&home, &settings), None);
        script(dir.path(), "uv", "echo 'uv 0.13.9 (x86_64-unknown-linux-gnu)'");
        assert_eq!(find(&home, &settings).unwrap().version, "0.13.9");
    }

    #[test]
    fn a_python_without_ensurepip_says_which_package_to_install() {
        use crate::hint::Hint;
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path().join("home")).unwrap();
        home.create().unwrap();
        let debian = script(
            dir.path(),
            "python3",
            "echo 'The virtual environment was not created successfully because ensurepip is not'; \
             echo 'available.'; exit 1",
        );
        let err = bootstrap(&home, &python(debian), &(), &Cancel::default()).unwrap_err();
        assert!(matches!(err, SetupError::NoVenv { .. }), "{err}");
        assert!(err.hint().unwrap().contains("python3.11-venv"));
    }

    #[test]
    fn a_failed_pip_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path().join("home")).unwrap();
        home.create().unwrap();
        // `python -m venv DIR` makes a DIR whose Python cannot reach the network.
        let fake = script(
            dir.path(),
            "python3",
            r#"mkdir -p "$4/bin"; cp "$0" "$4/bin/python"
case "$0" in */bin/python) echo 'ERROR: NewConnectionError: refused' >&2; exit 1;; esac"#,
        );
        let err = bootstrap(&home, &python(fake), &(), &Cancel::default()).unwrap_err();
        assert!(matches!(err, SetupError::Network { .. }), "{err}");
        assert!(!folder(&home).exists());
    }
}
