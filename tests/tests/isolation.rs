//! Definitions from strangers: what they try ends in an error that says what it was, touches nothing,
//! and costs one session.

#![allow(clippy::unwrap_used, reason = "a test stops where what it assumes does not hold")]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use portwright_harness::{
    cancel::Cancel,
    engine::{Catalogue, EngineError, EngineKind, Sources, Worker},
    environment::Pinned,
};
use portwright_tests::{
    checkout::library,
    program::{engines, launch},
};
use serde_json::{Value, json};

/// Enough for a tiny model on a busy machine, and little enough to be passed by a test.
const DEADLINE: Duration = Duration::from_secs(20);
const MEMORY: u64 = 2 << 30;

/// A copy of transformers with one definition, whose `forward` is the text of a test.
struct Hostile {
    folder: tempfile::TempDir,
}

impl Hostile {
    fn new(forward: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let package = folder.path().join("transformers");
        library(&package, &["llama"]);
        let path = package.join("models/llama/modeling_llama.py");
        let mut text = fs::read_to_string(&path).unwrap();
        text.push_str("\n\ndef _hostile(self, input_ids=None, use_cache=None):\n");
        for line in forward.lines() {
            text.extend(["    ", line, "\n"]);
        }
        text.push_str("\n\nLlamaForCausalLM.forward = _hostile\n");
        fs::write(path, text).unwrap();
        Self { folder }
    }

    /// What one forward ends with; afterwards the worker must serve another session.
    fn ends(&self) -> EngineError {
        let mut worker = self.worker();
        let error = forward(&mut worker).unwrap_err();
        let mut next = worker.session().unwrap();
        assert!(!next.call::<Catalogue>("catalogue", json!({})).unwrap().model_types.is_empty());
        error
    }

    fn worker(&self) -> Worker {
        let mut launch = launch();
        launch.embedded.limits.memory_bytes = MEMORY;
        let transformers = Some(self.folder.path().to_owned());
        let sources = Sources { definition: transformers, ..Sources::default() };
        Worker::spawn(EngineKind::Embedded, &launch, &sources, DEADLINE, Cancel::default()).unwrap()
    }
}

fn forward(worker: &mut Worker) -> Result<Value, EngineError> {
    let mut session = worker.session()?;
    let open = json!({"handle": "a", "checkpoint": checkpoint(), "dtype": "float32"});
    session.call::<Value>("open", open).unwrap();
    let out = checkpoint().join("forward.safetensors");
    session.call("forward", json!({"handle": "a", "tokens": [[1, 2]], "out": out}))
}

/// Made once, by the engine itself: no PyTorch.
fn checkpoint() -> &'static Path {
    static MADE: LazyLock<PathBuf> = LazyLock::new(|| {
        let out = tempfile::tempdir().unwrap().keep();
        let (launch, sources) = (launch(), Sources::default());
        let cancel = Cancel::default();
        let mut worker =
            Worker::spawn(EngineKind::Embedded, &launch, &sources, DEADLINE, cancel).unwrap();
        let request = json!({
            "model_type": "llama", "spelling": "rope_theta", "tie": null, "overrides": {},
            "base_config": null, "dtype": "float32", "seed": 0, "out": out,
        });
        worker.session().unwrap().call::<Value>("synthesize", request).unwrap();
        out
    });
    &MADE
}

/// Each text, and words of which the error has one.
const LIMITS: &[(&str, &[&str])] = &[
    ("while True:\n    pass", &["ran for more than"]),
    (
        "while True:\n    try:\n        while True:\n            pass\n    except BaseException:\n        pass",
        &["ran for more than", "did not answer"],
    ),
    ("return [0] * 10**11", &["memory"]),
    ("return 'x' * 10**12", &["memory"]),
    ("return 10 ** 10 ** 9", &["memory", "did not answer", "ran for more than"]),
    (
        "x = []\nwhile True:\n    x.append('a' * 10**6 + str(len(x)))",
        &["memory", "ran for more than"],
    ),
    ("import torch\nreturn torch.zeros(10**6, 10**6)", &["does not fit"]),
    ("import torch\nreturn torch.zeros(1).expand(10**9, 10**9).clone()", &["too many elements"]),
    ("def f():\n    return f()\nreturn f()", &["RecursionError"]),
    ("x = []\nfor _ in range(10**6):\n    x = [x]\nreturn repr(x)", &["Recursion", "stack"]),
];

#[test]
fn what_uses_too_much_says_which_limit_it_was() {
    for (forward, words) in LIMITS {
        let error = Hostile::new(forward).ends().to_string();
        assert!(words.iter().any(|it| error.contains(it)), "{forward}\n{error}");
    }
}

/// Each text fails, or raises `clean` when it reached nothing.
const ESCAPES: &[&str] = &[
    "__import__('os').system('touch CANARY')",
    "open('CANARY', 'w').write('x')",
    "import io\nio.open('CANARY', 'w').write('x')",
    "import io\nio.FileIO('CANARY', 'w').write(b'x')",
    "import _io\n_io.FileIO('CANARY', 'w').write(b'x')",
    "import os\nos.mkdir('CANARY')",
    "import os\nos.remove('CANARY')",
    "import posix\nposix.open('CANARY', 66)",
    "import ctypes\nctypes.CDLL(None).system(b'touch CANARY')",
    "import subprocess\nsubprocess.run(['touch', 'CANARY'])",
    "import socket\nsocket.socket()",
    "import importlib.machinery as m\nm.SourceFileLoader('x', 'CANARY').get_data('CANARY')\nraise OSError('read')",
    "import pathlib\npathlib.Path('CANARY').write_text('x')",
    "import shutil\nshutil.rmtree('CANARY')",
    "import os\nif dict(os.environ):\n    raise OSError('environment')\nraise ValueError('clean')",
    "import sys\nfor name in list(sys.modules):\n    module = sys.modules[name]\n    for key in ('system', 'popen', 'fork', 'FileIO', 'execv', 'putenv'):\n        found = getattr(module, key, None)\n        if callable(found):\n            found('touch CANARY')\nraise ValueError('clean')",
    "for it in ().__class__.__base__.__subclasses__():\n    if it.__name__ in ('FileIO', '_wrap_close', 'Popen', 'FileLoader', 'SourceFileLoader'):\n        try:\n            it('CANARY', 'w')\n        except TypeError:\n            pass\nraise ValueError('clean')",
    "import sys\nframe = sys._getframe()\nwhile frame:\n    frame.f_globals.get('open') and frame.f_globals['open']('CANARY', 'w')\n    frame = frame.f_back\nraise ValueError('clean')",
    "import types\ncode = (lambda: 0).__code__\nexec(code.replace(co_code=bytes(range(256)) * 8))",
    "import marshal\nmarshal.loads(bytes(range(256)))",
    "import gc\nfor it in gc.get_objects():\n    getattr(it, 'close', None)\nraise ValueError('clean')",
];

#[test]
fn what_reaches_out_fails_and_touches_nothing() {
    let place = tempfile::tempdir().unwrap();
    let canary = place.path().join("canary");
    fs::write(&canary, "alive").unwrap();
    for text in ESCAPES {
        let forward = text.replace("CANARY", &canary.to_string_lossy());
        let error = Hostile::new(&forward).ends().to_string();
        assert!(!error.contains("OSError: read"), "{text}");
        assert!(!error.contains("OSError: environment"), "{text}");
        assert_eq!(fs::read_to_string(&canary).unwrap(), "alive", "{text}\n{error}");
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1, "{text}\n{error}");
    }
}

#[test]
fn a_killed_session_says_so_and_the_next_one_works() {
    let hostile = Hostile::new("return None");
    let mut worker = hostile.worker();
    let mut session = worker.session().unwrap();
    kill(Pid::from_raw(session.pid()), Signal::SIGKILL).unwrap();
    let error = session.call::<Value>("catalogue", json!({})).unwrap_err();
    assert!(error.to_string().contains("signal 9"), "{error}");
    drop(session);
    assert!(worker.session().unwrap().call::<Catalogue>("catalogue", json!({})).is_ok());
}

/// The engine needs transformers' source and nothing else of what `setup` installs.
#[test]
fn the_engine_works_where_nothing_is_installed() {
    let (mut launch, mut sources) = (launch(), Sources::default());
    launch.pinned = Pinned::default();
    let spawn = |sources: &Sources| {
        Worker::spawn(EngineKind::Embedded, &launch, sources, DEADLINE, Cancel::default())
    };
    let missing = spawn(&sources).err().unwrap();
    assert!(matches!(missing, EngineError::NoSource { .. }), "{missing}");
    sources.definition = Some(engines().site_packages.clone());
    let mut worker = spawn(&sources).unwrap();
    assert!(worker.ready().unwrap().versions.contains_key("candle"));
    assert!(worker.session().unwrap().call::<Catalogue>("catalogue", json!({})).is_ok());
}
