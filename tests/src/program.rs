//! The program under test, and the engines that it needs.

use std::{
    env, fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use portwright_harness::{
    cancel::Cancel,
    engine::Launch,
    environment::{self, Engines, Home, Pinned, Supply},
    progress::{Event, Progress},
};

/// The program, of the profile that the tests were built with, under its own name.
///
/// Cargo builds the binaries of this package before its tests, so it is up to date.
/// `PORTWRIGHT_PROGRAM` names another one.
pub fn portwright() -> &'static Path {
    static BUILT: LazyLock<PathBuf> = LazyLock::new(|| {
        if let Some(program) = env::var_os("PORTWRIGHT_PROGRAM") {
            return program.into();
        }
        // target/PROFILE/deps/TEST
        let test = env::current_exe().expect("a test has a path");
        let profile = test.ancestors().nth(2).expect("tests lie in target/PROFILE/deps");
        let built = profile.join("portwright-under-test");
        assert!(built.is_file(), "{} is not built", built.display());
        let named = profile.join("under-test/portwright");
        fs::create_dir_all(profile.join("under-test")).expect("the target folder can be written");
        // Relative, so that a build folder that is moved keeps its program.
        match symlink("../portwright-under-test", &named) {
            Err(err) if err.kind() != io::ErrorKind::AlreadyExists => panic!("{err}"),
            _ => named,
        }
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
        environment::ensure(&home(), &Supply::ALL, &Told, &Cancel::default())
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
