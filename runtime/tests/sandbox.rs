//! What code from strangers can do: compute, and nothing else.

#![allow(clippy::unwrap_used, reason = "a test stops where what it assumes does not hold")]

use std::{fs, path::Path, time::Duration};

use portwright_runtime::{Limits, Machine, Options, Package, RuntimeError, Sources};
use serde_json::{Value, json};

/// A machine whose only package is `given`, with one module made of `body` in a function `go`.
fn machine(folder: &Path, body: &str, limits: Limits) -> Machine {
    fs::write(folder.join("__init__.py"), "").unwrap();
    let body = body.lines().map(|it| format!("    {it}")).collect::<Vec<_>>().join("\n");
    fs::write(folder.join("code.py"), format!("def go(request):\n{body}\n")).unwrap();
    let packages = vec![Package { name: "given".into(), folder: folder.to_owned() }];
    let sources = Sources { dialect: "torch".into(), packages, overlay: None };
    Machine::start(Options { sources, limits, ..Options::default() }).unwrap()
}

fn run(body: &str) -> Result<Value, RuntimeError> {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits { wall: Duration::from_secs(20), ..Limits::default() };
    let machine = machine(folder.path(), body, limits);
    machine.call("given.code", "go", &json!({})).map(|it| it.value)
}

fn raised(body: &str) -> String {
    match run(body) {
        Err(RuntimeError::Raised(raised)) => raised.class,
        other => panic!("{body}: {other:?}"),
    }
}

#[test]
fn files_processes_network_and_environment_are_out_of_reach() {
    let attempts = [
        "open('/etc/passwd').read()",
        "__import__('io').open('/etc/passwd')",
        "__import__('io').FileIO('/etc/passwd')",
        "__import__('_io').open('/etc/passwd')",
        "__import__('os').system('true')",
        "__import__('os').popen('true')",
        "__import__('os').open('/etc/passwd', 0)",
        "__import__('posix').open('/etc/passwd', 0)",
        "__import__('subprocess').run(['true'])",
        "__import__('socket').socket()",
        "__import__('ctypes').CDLL(None)",
        "__import__('_ctypes')",
        "__import__('mmap')",
        "__import__('signal').alarm(1)",
        "__import__('multiprocessing').Process(target=print).start()",
        "__import__('urllib.request', fromlist=['x']).urlopen('http://127.0.0.1:1')",
        "__import__('pathlib').Path('/etc/passwd').read_text()",
        "__import__('shutil').rmtree('/tmp/nothing')",
        "__import__('tempfile').mkdtemp()",
        "__import__('threading').Thread(target=print).start()",
        "__import__('os').urandom(1)",
    ];
    for attempt in attempts {
        let class = raised(&format!("return str({attempt})"));
        assert!(!class.is_empty(), "{attempt}");
    }
    assert_eq!(run("return dict(__import__('os').environ)").unwrap(), json!({}));
}

#[test]
fn only_given_packages_can_be_imported() {
    assert_eq!(raised("import given.absent"), "ModuleNotFoundError");
    assert_eq!(raised("import pip"), "ModuleNotFoundError");
    assert_eq!(
        raised("import sys; sys.path.append('/usr/lib/python3'); import sitecustomize"),
        "ModuleNotFoundError"
    );
}

#[test]
fn attributes_lead_to_no_file_either() {
    let found = run("def opens(it):\n\
         \x20   try:\n\
         \x20       it('/etc/passwd')\n\
         \x20   except PermissionError:\n\
         \x20       return False\n\
         \x20   return True\n\
         kinds = [it for it in object.__subclasses__()]\n\
         kinds = [it for it in kinds if any(word in repr(it) for word in ('FileIO', 'Popen', 'socket'))]\n\
         return [repr(it) for it in kinds if opens(it)]");
    assert_eq!(found.unwrap(), json!([]));
    let loaders = run("import sys\n\
         loader = sys.modules['given.code'].__spec__.loader\n\
         return type(loader).__init__.__globals__['_kernels'].find('given....etc.passwd')");
    assert_eq!(loaders.unwrap(), json!(null));
}

#[test]
fn an_endless_loop_ends_at_the_wall() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits { wall: Duration::from_millis(300), ..Limits::default() };
    let machine = machine(folder.path(), "while True: pass", limits);
    let error = machine.call("given.code", "go", &json!({})).unwrap_err();
    let RuntimeError::Timeout { place: Some(place), .. } = error else { panic!("{error:?}") };
    assert_eq!((place.line, place.text.as_str()), (2, "while True: pass"));
    // The machine goes on.
    let again = machine.call("json", "dumps", &json!([1])).unwrap();
    assert_eq!(again.value, json!("[1]"));
}

#[test]
fn a_loop_that_catches_everything_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits { wall: Duration::from_millis(200), ..Limits::default() };
    let body = "while True:\n    try:\n        while True: pass\n    except BaseException: pass";
    let machine = machine(folder.path(), body, limits);
    let error = machine.call("given.code", "go", &json!({})).unwrap_err();
    assert!(matches!(error, RuntimeError::Timeout { .. }), "{error:?}");
    let after = machine.call("json", "dumps", &json!([1]));
    // An interrupt between two `try` ends it; else its thread sleeps for good.
    assert!(matches!(after, Ok(_) | Err(RuntimeError::Abandoned(_))), "{after:?}");
}

#[test]
fn deep_recursion_is_an_error() {
    assert_eq!(raised("def f(n): return f(n + 1)\nreturn f(0)"), "RecursionError");
    assert_eq!(
        raised("import sys\nsys.setrecursionlimit(10**9)\ndef f(n): return f(n + 1)\nreturn f(0)"),
        "RecursionError"
    );
    assert_eq!(raised("x = []\nfor _ in range(100000): x = [x]\nreturn repr(x)"), "RecursionError");
}

#[test]
fn tensors_stay_within_their_limit() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits { tensor_bytes: 1 << 20, ..Limits::default() };
    let machine =
        machine(folder.path(), "import torch\nreturn torch.zeros(1 << 30).sum().item()", limits);
    let error = machine.call("given.code", "go", &json!({})).unwrap_err();
    let RuntimeError::Raised(raised) = error else { panic!("{error:?}") };
    assert_eq!(raised.class, "MemoryError");
}

#[test]
fn an_exception_says_where_and_in_what_text() {
    let folder = tempfile::tempdir().unwrap();
    let machine = machine(folder.path(), "x = 1\nreturn x.absent", Limits::default());
    let error = machine.call("given.code", "go", &json!({})).unwrap_err();
    let RuntimeError::Raised(raised) = error else { panic!("{error:?}") };
    let place = raised.place.clone().unwrap();
    assert!(place.file.ends_with("code.py"));
    assert_eq!((place.line, place.text.as_str()), (3, "return x.absent"));
    assert!(raised.traceback.contains("in go"), "{}", raised.traceback);
}

#[test]
fn a_name_that_the_dialect_lacks_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let machine =
        machine(folder.path(), "import torch\nreturn torch.absent_function(1)", Limits::default());
    let error = machine.call("given.code", "go", &json!({})).unwrap_err().to_string();
    assert!(error.contains("torch has no `absent_function`"), "{error}");
    assert!(error.contains("code.py:3"), "{error}");
}
