//! Staging, with git itself as the judge.

mod cut_off;
mod refusals;
mod staged;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use super::*;
use crate::real_git::{git, try_git, write};

/// A target's clone with a main branch, and a folder with a port.
struct Fixture {
    dir: tempfile::TempDir,
}

/// What must be the same when nothing was done.
#[derive(Debug, PartialEq, Eq)]
struct Snapshot {
    head: String,
    branches: String,
    status: String,
    index: String,
    files: BTreeMap<PathBuf, Vec<u8>>,
    patch: bool,
}

const LLAMA: &str = "class Model:\n    pass\n";
const OLMO3: &str = "class Model:\n    window = 4096\n";
const TESTS: &str = "def test_llama():\n    pass\n";
const MORE_TESTS: &str = "def test_llama():\n    pass\n\n\ndef test_olmo3():\n    pass\n";

impl Fixture {
    fn new() -> Self {
        let fixture = Self { dir: tempfile::tempdir().unwrap() };
        for (path, text) in [
            ("mlx_lm/models/llama.py", LLAMA),
            ("mlx_lm/generate.py", ""),
            ("tests/test_models.py", TESTS),
            ("mlx_vlm/models/base.py", LLAMA),
            ("mlx_vlm/tests/test_models.py", TESTS),
            ("vllm/model_executor/models/registry.py", LLAMA),
            (".gitignore", "__pycache__/\n*.log\nmlx_lm/models/secret.py\n"),
        ] {
            fixture.write(path, text);
        }
        let root = fixture.root();
        git(&root, &["init", "-q", "-b", "main"]);
        git(&root, &["add", "."]);
        git(&root, &["commit", "-q", "-m", "All there is"]);
        fixture.port("mlx_lm/models/olmo3.py", OLMO3);
        fixture.port("tests/test_models.py", MORE_TESTS);
        fixture
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("checkout")
    }

    fn folder(&self) -> PathBuf {
        self.dir.path().join("port")
    }

    /// A file of the checkout.
    fn write(&self, path: &str, text: &str) {
        write(&self.root().join(path), text);
    }

    /// A file of the port.
    fn port(&self, path: &str, text: &str) {
        write(&self.folder().join(path), text);
    }

    fn patch(&self) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join("add-olmo3.patch")
    }

    fn input(&self) -> StageInput {
        StageInput {
            target: "mlx-lm".to_owned(),
            checkout: self.root(),
            model_type: "olmo3".to_owned(),
            port: Some(self.folder()),
            ..StageInput::default()
        }
    }

    fn plan(&self) -> Staging {
        stage(&self.input(), &Wish::Plan).unwrap()
    }

    fn apply(&self) -> Staging {
        stage(&self.input(), &Wish::Apply { plan: None }).unwrap()
    }

    fn git(&self, arguments: &[&str]) -> String {
        git(&self.root(), arguments)
    }

    fn snapshot(&self) -> Snapshot {
        let mut files = BTreeMap::new();
        walk(&self.root(), &mut files);
        Snapshot {
            head: fs::read_to_string(self.root().join(".git/HEAD")).unwrap(),
            branches: self.git(&["for-each-ref"]),
            status: self.git(&["status", "--porcelain", "--untracked-files=all"]),
            index: self.git(&["ls-files", "--stage"]),
            files,
            patch: self.patch().exists(),
        }
    }
}

/// Every file but git's own.
fn walk(folder: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.ends_with(".git") {
            continue;
        }
        if path.is_dir() && !path.is_symlink() {
            files.insert(path.clone(), Vec::new());
            walk(&path, files);
        } else {
            files.insert(path.clone(), fs::read(&path).unwrap_or_default());
        }
    }
}

fn ids(staging: &Staging) -> Vec<&str> {
    staging.refusals.iter().map(|it| it.id.as_str()).collect()
}
