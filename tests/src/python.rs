//! Python environments of the tests: each made from its lock file, once on a machine.

use std::{
    env, fs,
    fs::File,
    path::{Path, PathBuf},
    process::Command,
};

use sha2::{Digest, Sha256};

use crate::program::{engines, home};

/// The folder of the environment that `lock` describes; `name` tells it from others.
///
/// # Panics
///
/// When it cannot be made: a test has nothing to go on with then.
pub fn environment(name: &str, lock: &str) -> PathBuf {
    let engines = engines();
    once(name, &[lock, &engines.python_version], |folder| {
        let uv = uv();
        run(Command::new(&uv)
            .args(["venv", "--quiet", "--no-project", "--python"])
            .arg(&engines.python)
            .arg(folder));
        let requirements = folder.join(format!("{name}.lock"));
        fs::write(&requirements, lock).expect("the lock file can be written");
        run(Command::new(&uv)
            .args([
                "pip",
                "sync",
                "--quiet",
                "--require-hashes",
                "--only-binary",
                ":all:",
                "--python",
            ])
            .arg(folder.join("bin/python"))
            .arg(&requirements));
    })
}

/// A folder of the home that `make` fills, once for each of its `inputs`, whichever test asks first.
///
/// # Panics
///
/// When it cannot be locked or written.
pub fn once(name: &str, inputs: &[&str], make: impl FnOnce(&Path)) -> PathBuf {
    let mut hash = Sha256::new();
    for input in inputs {
        hash.update(input);
    }
    let name = hash
        .finalize()
        .iter()
        .take(6)
        .fold(format!("{name}-"), |text, byte| format!("{text}{byte:02x}"));
    let folder = home().path().join(&name);
    let mark = folder.join("complete");
    // Tests run in several processes; one installs, the others wait.
    let lock = File::create(home().path().join("locks").join(format!("{name}.lock")))
        .expect("a lock file");
    lock.lock().expect("the lock can be waited for");
    if !mark.exists() {
        let _ = fs::remove_dir_all(&folder);
        make(&folder);
        fs::write(&mark, "").expect("the mark can be written");
    }
    folder
}

/// `uv` as setup finds it: on the search path, else the one that setup put into the home.
pub(crate) fn uv() -> PathBuf {
    let search_path = env::var_os("PATH").unwrap_or_default();
    let on_path = env::split_paths(&search_path).map(|it| it.join("uv")).find(|it| it.is_file());
    let own = || {
        let entries = fs::read_dir(home().path()).ok()?;
        let folders = entries.filter_map(|it| Some(it.ok()?.path()));
        folders
            .filter(|it| it.file_name().is_some_and(|it| it.to_string_lossy().starts_with("uv-")))
            .map(|it| it.join("bin/uv"))
            .find(|it| it.is_file())
    };
    on_path.or_else(own).expect("uv on PATH, or put into the home by `portwright setup`")
}

/// Run an installer to its end.
pub(crate) fn run(command: &mut Command) {
    let home = home();
    if command.get_current_dir().is_none() {
        command.current_dir(home.path());
    }
    command.env_remove("VIRTUAL_ENV").env_remove("PYTHONPATH");
    let output = command.output().expect("the installer runs");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
