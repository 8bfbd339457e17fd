//! What commands set up in an empty home: what they use, and nothing else.

#![allow(clippy::unwrap_used, reason = "a test stops where what it assumes does not hold")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use portwright_tests::program::portwright;
use serde_json::Value;

/// A release that is not the pinned one.
const RELEASE: &str = "5.24.0";

/// An empty home, and an empty folder to be in.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("here")).unwrap();
        Self(dir)
    }

    fn home(&self) -> PathBuf {
        self.0.path().join("home")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(portwright());
        command.args(arguments).env("PORTWRIGHT_HOME", self.home());
        command.current_dir(self.0.path().join("here"));
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let output = self.command(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
        output
    }

    /// The folders of the home that begin with `prefix`.
    fn folders(&self, prefix: &str) -> Vec<PathBuf> {
        let named = |it: &PathBuf| it.file_name().unwrap().to_string_lossy().starts_with(prefix);
        let entries = fs::read_dir(self.home()).unwrap().map(|it| it.unwrap().path());
        entries.filter(named).collect()
    }
}

fn has(site_packages: &Path, module: &str) -> bool {
    site_packages.join(module).is_dir()
}

#[test]
fn reading_sources_sets_up_no_engine() {
    let place = Place::new();
    // No Python, no pip and no uv is to be found.
    let mut inspect = place.command(&["inspect", "olmo3", "--depth", "1"]);
    let output = inspect.env("PATH", place.0.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("the source of transformers") && !said.contains(" GB"), "{said}");
    for other in ["engines-", "uv-", "wheel-"] {
        assert!(place.folders(other).is_empty(), "{other}");
    }
    let sources = place.folders("source-");
    assert_eq!(sources.len(), 1, "{sources:?}");
    let site_packages = sources[0].join("site-packages");
    assert!(has(&site_packages, "transformers") && !has(&site_packages, "numpy"));
    let mut beside: Vec<_> =
        fs::read_dir(&site_packages).unwrap().map(|it| it.unwrap().file_name()).collect();
    beside.sort();
    assert_eq!(beside, ["transformers", "transformers-5.24.0.dist-info"]);

    place.run(&["port", "scaffold", "llama", "--dry-run"]);
    place.run(&["modular", "convert", "olmo3", "--diff", "--formatter", "embedded"]);
    assert!(place.folders("engines-").is_empty() && place.folders("uv-").is_empty());
    assert_eq!(place.folders("source-mlx-lm-").len(), 1);
    assert_eq!(place.folders("source-").len(), 2);
}

#[test]
fn the_definition_without_pytorch_sets_up_no_pytorch() {
    let place = Place::new();
    place.run(&["verify", "olmo3", "--engines", "candle,mlx", "--checks", "weights"]);
    let engines = place.folders("engines-");
    assert_eq!(engines.len(), 1, "{engines:?}");
    let python = fs::read_dir(engines[0].join("lib")).unwrap().next().unwrap().unwrap().path();
    let site_packages = python.join("site-packages");
    assert!(has(&site_packages, "mlx_lm") && has(&site_packages, "transformers"));
    assert!(!has(&site_packages, "torch") && !has(&site_packages, "nvidia"));
    assert!(place.folders("source-").is_empty(), "a source was fetched beside the engine");
}

/// The index that the user's settings name is asked and no other, and a folder of sources asks nobody.
#[test]
fn an_index_that_is_not_there_is_named_with_what_chose_it() {
    let place = Place::new();
    let config = place.0.path().join("pip.conf");
    fs::write(&config, "[global]\nindex-url = http://user:s3cret@127.0.0.1:1/of-pip\n").unwrap();
    let refused = |name: &str, value: &str, release: &[&str]| {
        let mut command = place.command(&[&["inspect", "olmo3"], release].concat());
        for other in ["UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL", "UV_CONFIG_FILE"] {
            command.env_remove(other);
        }
        let output = command.env("UV_NO_CONFIG", "1").env(name, value).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(!said.contains("s3cret"), "{said}");
        assert!(said.contains("HTTPS_PROXY") && said.contains("UV_DEFAULT_INDEX"), "{said}");
        said
    };
    for name in ["UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"] {
        let said = refused(name, "http://user:s3cret@127.0.0.1:1/simple/", &[]);
        let expected = format!("http://127.0.0.1:1/simple cannot be reached (named by {name})");
        assert!(said.contains(&expected), "{said}");
    }
    let said = refused("PIP_CONFIG_FILE", config.to_str().unwrap(), &["--transformers", "5.23"]);
    let expected =
        format!("http://127.0.0.1:1/of-pip cannot be reached (named by {})", config.display());
    assert!(said.contains(&expected), "{said}");
    for prefix in ["source-", "release-", "uv-", "engines-"] {
        assert!(place.folders(prefix).is_empty(), "{prefix}");
    }
}

#[test]
fn a_release_by_name_is_fetched_once_and_then_needs_no_network() {
    let place = Place::new();
    let arguments = ["inspect", "llama", "--depth", "0", "--json", "--transformers", RELEASE];
    let release = |output: &Output| {
        serde_json::from_slice::<Value>(&output.stdout).unwrap()["release"].clone()
    };
    assert_eq!(release(&place.run(&arguments)), RELEASE);
    let sources = place.folders("source-");
    assert_eq!(sources.len(), 1, "the pinned release was fetched too: {sources:?}");

    // No network, and nothing in uv's cache.
    let empty = place.0.path().join("cache");
    let offline = |arguments: &[&str]| {
        let mut command = place.command(arguments);
        command.env("UV_OFFLINE", "1").env("UV_CACHE_DIR", &empty).output().unwrap()
    };
    let again = offline(&arguments);
    assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
    assert_eq!(release(&again), RELEASE);
    let other = offline(&["inspect", "llama", "--transformers", "5.23.0"]);
    let said = String::from_utf8_lossy(&other.stderr).into_owned();
    assert_eq!(other.status.code(), Some(2), "{said}");
    assert!(said.contains(&format!("need no network: {RELEASE}")), "{said}");

    let neither = place.command(&["inspect", "llama", "--transformers", "v5"]).output().unwrap();
    let said = String::from_utf8_lossy(&neither.stderr).into_owned();
    assert!(said.contains("`v5` is neither an existing path nor a release"), "{said}");
}
