//! The tests' own definition, ready to be asked.

use std::path::{Path, PathBuf};

use portwright_runtime::{Machine, Options, Package, Precision, Sources};

/// Where its files lie.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/definitions/tiny")
}

/// A machine that may import it.
pub(crate) fn machine(precision: Precision) -> Machine {
    let packages = vec![Package { name: "tiny".into(), folder: folder() }];
    let sources = Sources { dialect: "torch".into(), packages, overlay: None };
    Machine::start(Options { sources, precision, ..Options::default() }).unwrap()
}
