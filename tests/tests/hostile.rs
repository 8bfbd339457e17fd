//! Ports from strangers, run from their source: what they try ends in an error that says where and what,
//! reaches nothing, and costs one session.

#![allow(clippy::unwrap_used, reason = "a test stops where what it assumes does not hold")]

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use portwright_harness::{
    cancel::Cancel,
    engine::{Catalogue, EngineError, EngineKind, Sources, Worker},
};
use portwright_tests::program::{engines, launch};
use safetensors::{Dtype, tensor::TensorView};
use serde_json::{Value, json};

/// Passed by a port that never ends. A tenth of it is for the machine to start in and to say so.
const DEADLINE: Duration = Duration::from_secs(40);
const MEMORY: u64 = 2 << 30;
/// The file that every attempt would leave, and what reading it would say.
const SECRET: &str = "the text of a file outside";

/// A port that does nothing wrong, whose `CODE` is run when it is imported or built.
const PORT: &str = r#"
from dataclasses import dataclass

import mlx.core as mx
import mlx.nn as nn

from .base import BaseModelArgs

IMPORTED


@dataclass
class ModelArgs(BaseModelArgs):
    model_type: str


class Model(nn.Module):
    def __init__(self, args):
        super().__init__()
        self.weight = mx.zeros((2, 2))
        BUILT

    def __call__(self, inputs, cache=None):
        CALLED
        return self.weight[inputs]

    @property
    def layers(self):
        return []
"#;

/// A copy of mlx-lm with one port more, and a checkpoint of it.
struct Hostile {
    folder: tempfile::TempDir,
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, name) = entry.map(|it| (it.path(), it.file_name())).unwrap();
        if path.is_dir() {
            copy(&path, &to.join(name));
        } else {
            fs::copy(&path, to.join(name)).unwrap();
        }
    }
}

impl Hostile {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy(&engines().site_packages.join("mlx_lm"), &folder.path().join("mlx_lm"));
        fs::write(folder.path().join("mlx_lm/models/evil.py"), text).unwrap();
        fs::write(folder.path().join("secret"), SECRET).unwrap();
        let checkpoint = folder.path().join("checkpoint");
        fs::create_dir(&checkpoint).unwrap();
        fs::write(checkpoint.join("config.json"), r#"{"model_type": "evil"}"#).unwrap();
        let view = TensorView::new(Dtype::F32, vec![2, 2], &[0; 16]).unwrap();
        let tensors = HashMap::from([("weight", view)]);
        safetensors::serialize_to_file(tensors, None, &checkpoint.join("model.safetensors"))
            .unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Opens the port and calls it; afterwards the worker must serve another session.
    fn ends(&self) -> Result<Value, EngineError> {
        let mut launch = launch();
        launch.embedded.limits.memory_bytes = MEMORY;
        let sources = Sources { port: Some(self.folder.path().to_owned()), ..Sources::default() };
        let cancel = Cancel::default();
        let mut worker =
            Worker::spawn(EngineKind::EmbeddedMlx, &launch, &sources, DEADLINE, cancel).unwrap();
        let ended = self.called(&mut worker);
        let mut next = worker.session().unwrap();
        assert!(!next.call::<Catalogue>("catalogue", json!({})).unwrap().model_types.is_empty());
        ended
    }

    fn called(&self, worker: &mut Worker) -> Result<Value, EngineError> {
        let mut session = worker.session()?;
        let open = json!({
            "handle": "a", "checkpoint": self.path("checkpoint"), "dtype": "float32",
        });
        session.call::<Value>("open", open)?;
        let out = self.path("out.safetensors");
        session.call("forward", json!({"handle": "a", "tokens": [[0, 1]], "out": out}))
    }
}

/// The port with code at one of its three places.
fn port(place: &str, code: &str) -> String {
    ["IMPORTED", "BUILT", "CALLED"].iter().fold(PORT.to_owned(), |text, it| {
        text.replace(it, if *it == place { code } else { "pass" })
    })
}

/// The line of a text that holds a word, counted from 1.
fn line_of(text: &str, word: &str) -> u32 {
    let at = text.lines().position(|it| it.contains(word)).unwrap();
    u32::try_from(at + 1).unwrap()
}

#[test]
fn a_port_that_does_nothing_wrong_runs() {
    let answer = Hostile::new(&port("", "")).ends().unwrap();
    assert_eq!(answer["shape"], json!([1, 2, 2]));
}

/// The place, the code, and what the error names.
const MISTAKES: &[(&str, &str, &str)] = &[
    ("IMPORTED", "def broken(:", "SyntaxError"),
    ("IMPORTED", "import a_module_that_is_not_there", "a_module_that_is_not_there"),
    ("IMPORTED", "from mlx.core import not_a_name", "not_a_name"),
    ("IMPORTED", "raise SystemExit('no')", "SystemExit"),
    ("BUILT", "self.x = mx.not_a_function(1)", "not_a_function"),
    ("BUILT", "self.x = nn.NotALayer(1)", "NotALayer"),
    ("BUILT", "self.x = mx.zeros((1 << 20, 1 << 14))", "does not fit"),
    ("CALLED", "mx.fast.not_a_kernel(inputs)", "not_a_kernel"),
    ("CALLED", "mx.softmax(self.weight, dims=1)", "dims"),
    (
        "CALLED",
        "mx.fast.metal_kernel('it', ['x'], ['y'], 'source')(inputs=[inputs])",
        "metal_kernel",
    ),
    ("CALLED", "mx.broadcast_to(self.weight, (1 << 20, 1 << 20, 2, 2)) + 1", "does not fit"),
];

#[test]
fn a_mistake_is_told_with_its_file_its_line_and_its_name() {
    for (place, code, name) in MISTAKES {
        let text = port(place, code);
        let error = Hostile::new(&text).ends().unwrap_err();
        let failure = error.failure().unwrap_or_else(|| panic!("{code}: {error}"));
        assert!(error.to_string().contains(name), "{code}: {error}");
        let file = failure.file.as_deref().unwrap_or_default();
        assert!(file.ends_with("mlx_lm/models/evil.py"), "{code}: {file}: {error}");
        assert_eq!(failure.line, Some(line_of(&text, code)), "{code}: {error}");
    }
}

#[test]
fn what_the_dialect_lacks_says_who_has_it() {
    let error = Hostile::new(&port("BUILT", "self.x = mx.not_a_function(1)")).ends().unwrap_err();
    let hint = error.failure().and_then(|it| it.hint.clone()).unwrap_or_default();
    assert!(hint.contains("real MLX"), "{error}: {hint}");
}

#[test]
fn what_never_ends_is_ended_and_says_where_it_was() {
    for (place, code) in [
        ("IMPORTED", "while True: pass"),
        ("BUILT", "while True: self.x = mx.zeros(3) + 1"),
        ("CALLED", "while True: mx.eval(inputs)"),
    ] {
        let start = Instant::now();
        let error = Hostile::new(&port(place, code)).ends().unwrap_err().to_string();
        assert!(
            error.contains("ran for more than") && error.contains("evil.py"),
            "{code}: {error}"
        );
        assert!(start.elapsed() < 2 * DEADLINE, "{code}");
    }
}

/// Each fails; none leaves a file, and none says what is in one.
const ESCAPES: &[&str] = &[
    "print(open('SECRET').read())",
    "open('CANARY', 'w').write('x')",
    "__import__('os').system('touch CANARY')",
    "__import__('os').open('SECRET', 0)",
    "__import__('io').FileIO('SECRET')",
    "__import__('pathlib').Path('SECRET').read_text()",
    "__import__('subprocess').run(['touch', 'CANARY'])",
    "__import__('shutil').copy('SECRET', 'CANARY')",
    "__import__('socket').create_connection(('127.0.0.1', 80))",
    "__import__('urllib.request', fromlist=['x']).urlopen('http://127.0.0.1/')",
    "__import__('ctypes').CDLL(None)",
    "__import__('huggingface_hub').snapshot_download('a/b')",
    "__import__('transformers').AutoTokenizer.from_pretrained('a/b')",
    "mx.load('SECRET')",
    "mx.save('CANARY', self.weight)",
    "mx.savez('CANARY', self.weight)",
    "self.load_weights('SECRET')",
    "mx.export_function('CANARY', lambda it: it, inputs)",
    "__import__('mlx_lm.utils', fromlist=['x']).load_config(__import__('pathlib').Path('SECRET'))",
    "__import__('mlx_lm.utils', fromlist=['x'])._download('a/b')",
];

#[test]
fn files_processes_and_the_network_are_out_of_reach() {
    for attempt in ESCAPES {
        let hostile = Hostile::new("");
        let (secret, canary) = (hostile.path("secret"), hostile.path("canary"));
        let code = attempt
            .replace("SECRET", &secret.to_string_lossy())
            .replace("CANARY", &canary.to_string_lossy());
        fs::write(hostile.path("mlx_lm/models/evil.py"), port("CALLED", &code)).unwrap();
        let error = hostile.ends().unwrap_err().to_string();
        assert!(!canary.exists(), "{attempt} wrote a file");
        assert!(!error.contains(SECRET), "{attempt}: {error}");
    }
}

/// What a port would save is kept in the machine: a cache that is saved and loaded again works, and no
/// file is made.
#[test]
fn a_saved_cache_is_no_file() {
    let hostile = Hostile::new("");
    let canary = hostile.path("canary.safetensors");
    let code = format!("mx.save_safetensors('{}', {{'a': self.weight}})", canary.display());
    fs::write(hostile.path("mlx_lm/models/evil.py"), port("CALLED", &code)).unwrap();
    hostile.ends().unwrap();
    assert!(!canary.exists());
}
