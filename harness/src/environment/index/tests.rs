//! An index that is there, is not, is none, or serves what it should not; and wheels that would reach out
//! of their folder.

use std::{
    fs,
    io::{Cursor, Write},
    path::PathBuf,
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use zip::{ZipWriter, write::SimpleFileOptions};

use super::*;
use crate::{
    digest::of_bytes,
    environment::{
        home::Home,
        lock::requirements,
        testing::{Fault, NOBODY, Notes, Served, wheel},
    },
    hint::Hint,
    progress::{Event, Progress},
};

const NAME: &str = "mlx_lm-9.1.0-py3-none-any.whl";
const FILES: [(&str, &str); 2] =
    [("mlx_lm/__init__.py", "one = 1\n"), ("mlx_lm-9.1.0.dist-info/METADATA", "Name: mlx-lm\n")];

struct Asked {
    served: Served,
    home: Home,
    /// What a lock file says.
    lock: String,
    wheel: Vec<u8>,
    _dir: tempfile::TempDir,
}

impl Asked {
    fn new() -> Self {
        Self::of(wheel(&FILES))
    }

    fn of(wheel: Vec<u8>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path().join("home")).unwrap();
        home.create().unwrap();
        let lock = format!("mlx-lm==9.1.0 --hash=sha256:{}\n", of_bytes(&wheel));
        let served = Served::start(&[("mlx-lm", NAME, wheel.clone())]);
        Self { served, home, lock, wheel, _dir: dir }
    }

    fn fetch(&self) -> Result<PathBuf, SetupError> {
        self.fetch_with(&(), &Cancel::default())
    }

    fn fetch_with(&self, progress: &dyn Progress, cancel: &Cancel) -> Result<PathBuf, SetupError> {
        let place = Place::new(&self.served.url);
        let index = Index::at(&place)?;
        let locked = requirements(&self.lock)[0];
        let wheel = index.locked(&locked, cancel)?;
        let hashes = locked.hashes().into_iter().collect();
        let promised = Promised { hashes, by: "the lock file" };
        index.fetch(&self.home, &wheel, &promised, progress, cancel)
    }

    /// What an interrupted download left.
    fn part(&self) -> Option<Vec<u8>> {
        let name = format!("wheel-{}.part", of_bytes(&self.wheel));
        fs::read(self.home.path().join(name)).ok()
    }

    fn ranges(&self) -> Vec<String> {
        let asked = self.served.asked().into_iter();
        asked.filter_map(|it| Some(it.strip_prefix("/files/")?.split_once(' ')?.1.into())).collect()
    }
}

/// The message with its hint, which must say what to do.
fn told(err: &SetupError) -> String {
    format!("{err}\n{}", err.hint().unwrap())
}

#[derive(Default)]
struct Bytes(Mutex<(Option<u64>, u64)>);

impl Progress for Bytes {
    fn on(&self, event: Event<'_>) {
        let mut seen = self.0.lock().unwrap();
        match event {
            Event::Started { step, total } if step.ends_with(", bytes") => seen.0 = total,
            Event::Advanced { by, .. } => seen.1 += by,
            _ => {}
        }
    }
}

#[test]
fn a_wheel_is_fetched_whole_and_its_bytes_are_counted() {
    let asked = Asked::new();
    let bytes = Bytes::default();
    let file = asked.fetch_with(&bytes, &Cancel::default()).unwrap();
    assert_eq!(fs::read(file).unwrap(), asked.wheel);
    let size = asked.wheel.len() as u64;
    assert_eq!(*bytes.0.lock().unwrap(), (Some(size), size));
}

#[test]
fn a_wheel_that_was_cut_goes_on_where_it_was() {
    let asked = Asked::new();
    asked.served.fail(NAME, [Fault::Cut(100), Fault::Status(503), Fault::Cut(20)]);
    let file = asked.fetch().unwrap();
    assert_eq!(fs::read(file).unwrap(), asked.wheel);
    assert_eq!(asked.ranges(), ["bytes=100-", "bytes=100-", "bytes=120-"]);
}

#[test]
fn a_line_that_stays_dead_keeps_what_came_for_the_next_call() {
    let asked = Asked::new();
    asked.served.fail(NAME, [Fault::Cut(100)]);
    asked.served.fail(NAME, [0; 4].map(Fault::Cut));
    let err = asked.fetch().unwrap_err();
    assert!(matches!(err, SetupError::IndexUnreachable { .. }), "{err}");
    let said = told(&err);
    assert!(said.contains(NAME) && said.contains(&asked.served.url), "{said}");
    assert!(said.contains("the connection broke") && said.contains("goes on"), "{said}");
    assert_eq!(asked.part().unwrap(), asked.wheel[..100]);
    let file = asked.fetch().unwrap();
    assert_eq!(fs::read(file).unwrap(), asked.wheel);
    assert_eq!(asked.ranges().last().unwrap(), "bytes=100-");
}

#[test]
fn a_server_that_hears_no_range_sends_it_anew() {
    let asked = Asked::new();
    asked.served.fail(NAME, [Fault::Cut(100), Fault::Whole]);
    assert_eq!(fs::read(asked.fetch().unwrap()).unwrap(), asked.wheel);
    assert_eq!(asked.ranges(), ["bytes=100-"]);
}

#[test]
fn an_altered_wheel_is_refused_by_its_hash_and_not_kept() {
    let asked = Asked::new();
    let mut altered = asked.wheel.clone();
    altered[40] ^= 1;
    let found = of_bytes(&altered);
    asked.served.fail(NAME, [Fault::Instead("application/octet-stream", altered)]);
    let err = asked.fetch().unwrap_err();
    assert!(matches!(err, SetupError::Hash { .. }), "{err}");
    let said = told(&err);
    let promised = of_bytes(&asked.wheel);
    for part in [NAME, &asked.served.url, &found, &promised, "the lock file", "PIP_INDEX_URL"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(asked.part(), None);
}

/// What lies there may be of another file; then it is fetched once more from its beginning.
#[test]
fn a_beginning_of_something_else_is_not_the_end_of_it() {
    let asked = Asked::new();
    let path = asked.home.path().join(format!("wheel-{}.part", of_bytes(&asked.wheel)));
    fs::write(path, [7; 50]).unwrap();
    assert_eq!(fs::read(asked.fetch().unwrap()).unwrap(), asked.wheel);
    assert_eq!(asked.ranges(), ["bytes=50-"]);
}

#[test]
fn an_index_that_states_another_hash_is_asked_for_no_wheel() {
    let mut asked = Asked::new();
    asked.lock = format!("mlx-lm==9.1.0 --hash=sha256:{:064}\n", 1);
    let err = asked.fetch().unwrap_err();
    assert!(matches!(err, SetupError::Hash { .. }), "{err}");
    assert!(err.to_string().contains(&of_bytes(&asked.wheel)), "{err}");
    assert!(!asked.served.asked().iter().any(|it| it.contains(NAME)));
}

#[test]
fn what_is_no_answer_of_an_index_is_told_with_what_chose_the_index() {
    let json = "application/vnd.pypi.simple.v1+json";
    let rows: [(&[Fault], &str); 7] = [
        (&[Fault::Status(404)], "it answers 404 to `mlx-lm`"),
        (&[Fault::Status(403)], "asks for a name and a password"),
        (&[0; 4].map(|_: u8| Fault::Status(500)), "it answers 500 to `mlx-lm`"),
        (
            &[Fault::Instead("text/html; charset=utf-8", b"<p>Sign in <a href=/x>".into())],
            "no wheel",
        ),
        (&[Fault::Instead(json, b"<html>".into())], "not the JSON of a package index"),
        (&[Fault::Instead(json, b"{\"files\": []}".into())], "lists 0 files, and no wheel"),
        (&[Fault::Instead("image/png", b"x".into())], "neither JSON nor HTML but `image/png`"),
    ];
    for (faults, expected) in rows {
        let asked = Asked::new();
        asked.served.fail("/simple/", faults.to_vec());
        let err = asked.fetch().unwrap_err();
        assert!(matches!(err, SetupError::IndexAnswer { .. }), "{err}");
        let said = told(&err);
        for part in [expected, &asked.served.url, "named by the test", "UV_DEFAULT_INDEX"] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
}

#[test]
fn an_index_that_is_not_there_is_told_without_its_password() {
    let place = Place::new(&NOBODY.replace("http://", "http://user:s3cret@"));
    let err = Index::at(&place).unwrap().page("mlx-lm", &Cancel::default()).unwrap_err();
    assert!(matches!(err, SetupError::IndexUnreachable { .. }), "{err}");
    let said = told(&err);
    for part in [NOBODY, "no connection", "named by the test", "HTTPS_PROXY", "PIP_INDEX_URL"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("s3cret"), "{said}");
}

#[test]
fn offline_nobody_is_asked() {
    let asked = Asked::new();
    let place = Place::new(&asked.served.url).offline();
    let err = Index::at(&place).err().unwrap();
    assert!(told(&err).contains("UV_OFFLINE is set"), "{err}");
    assert!(asked.served.asked().is_empty());
}

#[test]
fn a_silent_index_is_left_when_the_user_says_so() {
    let asked = Asked::new();
    asked.served.fail(NAME, [Fault::Silent]);
    let cancel = Cancel::default();
    let stop = cancel.clone();
    let started = Instant::now();
    let stopper = thread::spawn(move || {
        thread::sleep(Duration::from_millis(300));
        stop.cancel();
    });
    let err = asked.fetch_with(&(), &cancel).unwrap_err();
    stopper.join().unwrap();
    assert!(matches!(err, SetupError::Cancelled), "{err}");
    assert!(started.elapsed() < Duration::from_secs(3));
}

/// The page that every index had before there was JSON.
#[test]
fn an_index_with_html_alone_serves_as_well() {
    let asked = Asked::new();
    let page = format!(
        "<!DOCTYPE html><a href=\"../../files/mlx_lm-9.0.0-py3-none-any.whl\">x</a>\
         <a data-requires-python=\"&gt;=3.8\" href=\"../../files/{NAME}#sha256={}\">{NAME}</a>",
        of_bytes(&asked.wheel)
    );
    asked.served.fail("/simple/", [Fault::Instead("text/html", page.into_bytes())]);
    assert_eq!(fs::read(asked.fetch().unwrap()).unwrap(), asked.wheel);
}

fn page(names: &[&str]) -> Page {
    let files: Vec<String> = names
        .iter()
        .map(|it| match it.strip_suffix(" yanked") {
            Some(it) => format!(r#"{{"filename": "{it}", "url": "{it}", "yanked": "broken"}}"#),
            None => format!(r#"{{"filename": "{it}", "url": "{it}", "hashes": {{}}}}"#),
        })
        .collect();
    let body = format!(r#"{{"files": [{}]}}"#, files.join(", ")).into_bytes();
    let url = "https://user:s3cret@mirror.example/simple/x-y/".parse().unwrap();
    Page::read("x-y", &http::Answer { url, kind: "application/json".into(), body }).unwrap()
}

#[test]
fn the_wheel_of_plain_python_files_is_chosen_by_its_exact_version() {
    let page = page(&[
        "x_y-1.2.1.tar.gz",
        "x_y-1.2.1-cp311-cp311-linux_x86_64.whl",
        "x_y-1.2.10-py3-none-any.whl",
        "x.y_z-1.2.1-py3-none-any.whl",
        "X.Y-1.2.1-py2.py3-none-any.whl",
        "x_y-1.3.0rc1-1-py3-none-any.whl",
    ]);
    let found = page.wheel("1.2.1").unwrap();
    assert_eq!((found.name.as_str(), &found.sha256), ("X.Y-1.2.1-py2.py3-none-any.whl", &None));
    assert_eq!(
        found.url.as_str(),
        format!("https://user:s3cret@mirror.example/simple/x-y/{}", found.name)
    );
    assert_eq!(page.wheel("1.3.0rc1").unwrap().name, "x_y-1.3.0rc1-1-py3-none-any.whl");
    assert_eq!(page.wheel("1.2"), None);
    assert_eq!(page.range(), (3, Some("1.2.10")));
}

#[test]
fn the_newest_of_a_series_is_told_by_numbers_and_is_no_candidate() {
    let names = ["1.2.9", "1.2.10", "1.2.11rc1", "1.20.0", "1.3.0", "1.3.0.post1", "1.3.1 yanked"];
    let names: Vec<String> = names
        .iter()
        .map(|it| match it.split_once(' ') {
            Some((version, more)) => format!("x_y-{version}-py3-none-any.whl {more}"),
            None => format!("x_y-{it}-py3-none-any.whl"),
        })
        .collect();
    let page = page(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let newest = |it: &str| page.newest(it).map(|it| it.version.as_str());
    assert_eq!(newest("1.2"), Some("1.2.10"));
    assert_eq!(newest("1.3"), Some("1.3.0.post1"));
    assert_eq!(newest("1.4"), None);
    assert_eq!(page.wheel("1.3.1").unwrap().yanked.as_deref(), Some("broken"));
}

fn unpacked(bytes: &[u8]) -> (tempfile::TempDir, Result<(), SetupError>, String) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("wheel");
    fs::write(&file, bytes).unwrap();
    let notes = Notes::default();
    let target = dir.path().join("in/site-packages");
    let done = unpack(&file, "mlx_lm", &target, &notes, &Cancel::default());
    (dir, done, notes.0.into_inner().unwrap().join("\n"))
}

#[test]
fn a_broken_archive_is_told() {
    let whole = wheel(&FILES);
    let mut altered = whole.clone();
    // The first byte of the first file's data, behind its header and name.
    altered[30 + FILES[0].0.len()] ^= 0xff;
    let all: [&[u8]; 4] = [&whole[..whole.len() / 2], b"<html>", b"", &altered];
    for broken in all {
        let (_dir, done, _) = unpacked(broken);
        let err = done.unwrap_err();
        assert!(matches!(err, SetupError::Damaged { .. }), "{err}");
        assert!(told(&err).contains("mlx_lm") && told(&err).contains("run it again"), "{err}");
    }
}

#[test]
fn nothing_leads_out_of_the_folder() {
    let outside = ["../evil.py", "mlx_lm/../../evil.py", "/evil.py", "mlx_lm\\..\\..\\evil.py"];
    for path in outside {
        let (dir, done, _) = unpacked(&wheel(&[FILES[0], (path, "x")]));
        let err = done.unwrap_err().to_string();
        assert!(err.contains("leads out of its folder"), "{path}: {err}");
        assert!(!dir.path().join("evil.py").exists() && !dir.path().join("in/evil.py").exists());
    }
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.add_symlink("mlx_lm/link", "/etc/passwd", SimpleFileOptions::default()).unwrap();
    let (_dir, done, _) = unpacked(&zip.finish().unwrap().into_inner());
    let err = done.unwrap_err().to_string();
    assert!(err.contains("`mlx_lm/link` is a link"), "{err}");
}

#[test]
fn only_the_package_and_its_metadata_are_taken_and_the_rest_is_told() {
    let more = [("tests/test_x.py", "x"), ("mlx_lm_evil/x.py", "x"), ("mlx_lm-9.1.0.data/a", "x")];
    let (dir, done, said) = unpacked(&wheel(&[&FILES[..], &more[..]].concat()));
    done.unwrap();
    let folder = dir.path().join("in/site-packages");
    let mut there: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|it| it.unwrap().file_name().into_string().unwrap())
        .collect();
    there.sort();
    assert_eq!(there, ["mlx_lm", "mlx_lm-9.1.0.dist-info"]);
    assert!(said.contains("mlx_lm-9.1.0.data (1), mlx_lm_evil (1), tests (1)"), "{said}");
}

/// A megabyte of zeros is a kilobyte of wheel: what is unpacked is counted, not what is stated.
#[test]
fn a_wheel_that_unpacks_to_far_too_much_is_stopped() {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("mlx_lm/zeros", SimpleFileOptions::default()).unwrap();
    zip.write_all(&vec![0; (1 << 20) + 1]).unwrap();
    let bytes = zip.finish().unwrap().into_inner();
    assert!(bytes.len() < 10_000);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("wheel");
    fs::write(&file, bytes).unwrap();
    let unpacked = |most: u64| {
        let target = dir.path().join(most.to_string());
        unpack::unpack_within(most, (&file, "mlx_lm"), &target, &(), &Cancel::default())
    };
    let err = unpacked(1 << 20).unwrap_err().to_string();
    assert!(err.contains("more than 1 MiB"), "{err}");
    unpacked((1 << 20) + 1).unwrap();
}
