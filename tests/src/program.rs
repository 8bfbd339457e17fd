//! The program under test, built once a test run, and the engines that it needs.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

use portwright_harness::{
    cancel::Cancel,
    engine::Launch,
    environment::{self, Engines, Home, Need, Pinned},
    progress::{Event, Progress},
};

/// The `portwright` binary of the profile that the tests were built with.
///
/// Cargo hands a test only the binaries of its own package, so this asks Cargo for the other one;
/// when it is up to date, that takes a moment. `PORTWRIGHT_PROGRAM` names one that is built already.
pub fn portwright() -> &'static Path {
    static BUILT: LazyLock<PathBuf> = LazyLock::new(|| {
        if let Some(program) = env::var_os("PORTWRIGHT_PROGRAM") {
            return program.into();
        }
        // target/PROFILE/deps/TEST
        let test = env::current_exe().expect("a test has a path");
        let profile = test.ancestors().nth(2).expect("tests lie in target/PROFILE/deps");
        let target = profile.parent().expect("a profile's folder lies in the target folder");
        let name = match profile.file_name().and_then(|it| it.to_str()) {
            Some("debug") | None => "dev",
            Some(name) => name,
        };
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--package", "portwright", "--profile", name]);
        cargo.arg("--target-dir").arg(target).current_dir(env!("CARGO_MANIFEST_DIR"));
        let built = cargo.status().expect("cargo runs");
        assert!(built.success(), "cargo build failed: {built}");
        profile.join("portwright")
    });
    &BUILT
}

/// The engines, installed on the first call on a machine.
pub fn engines() -> &'static Engines {
    pinned().engines().expect("the engines were asked for")
}

/// The pinned releases, engines and sources, installed on the first call on a machine.
pub fn pinned() -> &'static Pinned {
    static READY: LazyLock<Pinned> = LazyLock::new(|| {
        environment::ensure(&home(), &Need::ALL, &Told, &Cancel::default())
            .expect("the engines can be set up")
    });
    &READY
}

/// What engines are started from, here where the running program is a test.
pub fn launch() -> Launch {
    let mut launch = Launch::new(&home(), pinned().clone());
    launch.embedded.program = Some(portwright().to_owned());
    launch
}

/// Where the engines and the client are kept.
pub fn home() -> Home {
    Home::locate().expect("a cache folder")
}

/// Shows what is downloaded: a test that waits for gigabytes should say so.
struct Told;

impl Progress for Told {
    #[expect(clippy::print_stderr, reason = "the output of a test")]
    fn on(&self, event: Event<'_>) {
        if let Event::Note { text } = event {
            eprintln!("{text}");
        }
    }
}
