//! What the engine says of itself.

use serde_json::{Map, Value, json};

use super::{super::launch::version_in, settings::Settings};

/// The workspace's lock file: which candle and which RustPython this program was built with.
const LOCK: &str = include_str!("../../../../Cargo.lock");

/// The `ready` message, or why definitions cannot be run.
pub(super) fn ready(settings: &Settings) -> Result<Value, String> {
    let (folder, library) = (&settings.folder, settings.dialect().library);
    settings.device().map_err(|it| it.to_string())?;
    let version = version_in(&folder.join("__init__.py"))
        .or_else(|reason| version_in(&folder.join("_version.py")).map_err(|_| reason))?;
    let mut versions = Map::new();
    versions.insert("portwright".to_owned(), env!("CARGO_PKG_VERSION").into());
    for (name, package) in [("rustpython", "rustpython-vm"), ("candle", "candle-core")] {
        versions.insert(name.to_owned(), locked(package).unwrap_or("unknown").into());
    }
    versions.insert(library.to_owned(), version.into());
    Ok(json!({
        "event": "ready",
        "pid": std::process::id(),
        "python": format!("RustPython {}", locked("rustpython-vm").unwrap_or("unknown")),
        "versions": versions,
        "precision": {"device": settings.device, "exact": settings.exact},
        "threads": settings.threads,
        "paths": {library: folder},
    }))
}

/// The version of a package in the lock file.
fn locked(package: &str) -> Option<&'static str> {
    let head = format!("name = \"{package}\"\nversion = \"");
    LOCK.split_once(&head)?.1.split('"').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_file_names_what_the_engine_is_made_of() {
        for package in ["rustpython-vm", "candle-core"] {
            let version = locked(package).unwrap();
            assert!(version.split('.').count() >= 3, "{package} {version}");
        }
        assert_eq!(locked("no-such-package"), None);
    }
}
