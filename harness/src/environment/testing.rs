//! A world of fake programs for the tests of set-up: a Python that answers, a uv that is a script. Its
//! package index is nobody's, until a test names a [`Served`].

use std::{
    fs,
    io::{self, BufRead, BufReader, Cursor, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use zip::{ZipWriter, write::SimpleFileOptions};

use super::{
    home::Home,
    index::Place,
    python::tests::{fake, script},
    settings::Settings,
};
use crate::progress::{Event, Progress};

/// What was told while something was set up.
#[derive(Default)]
pub(super) struct Notes(pub(super) Mutex<Vec<String>>);

impl Progress for Notes {
    fn on(&self, event: Event<'_>) {
        if let Event::Note { text } = event {
            self.0.lock().unwrap().push(text.to_owned());
        }
    }
}

/// Leaves the package of the requirement file `$lock` in `$target`, as an installer does.
const SOURCE: &str = r#"package=$(sed -n 's/^\([a-z-]*\)==.*/\1/p' "$lock" | tr - _)
mkdir -p "$target/$package"; : > "$target/$package/__init__.py""#;

/// What the fake uv does, as shell scripts.
pub(super) struct Fake {
    /// Before `uv pip sync` leaves the packages of its lock file.
    pub(super) sync: String,
    /// `uv pip install --target "$target" -r "$lock"`
    pub(super) install: String,
    /// `uv pip compile -o "$answer" "$asked"`
    pub(super) compile: String,
}

impl Default for Fake {
    fn default() -> Self {
        Self { sync: ":".into(), install: SOURCE.into(), compile: "exit 9".into() }
    }
}

/// A folder with a fake Python and a fake uv, and a home beside it.
pub(super) struct World {
    pub(super) dir: tempfile::TempDir,
    pub(super) home: Home,
    pub(super) settings: Settings,
}

#[expect(clippy::needless_pass_by_value, reason = "its callers write the value in place")]
pub(super) fn world(does: Fake) -> World {
    let dir = tempfile::tempdir().unwrap();
    let bin = dir.path().join("bin");
    fake(&bin, "python3", "3.11.7");
    let uv = format!(
        r#"all="$*"
case "$all" in
*--version*) echo 'uv 0.13.9 (test)'; exit;;
*--dry-run*|*"cache dir"*) exit 1;;
esac
echo "$all" >> {asked}
for last; do :; done
case "$all" in
*" venv "*) mkdir -p "$last/bin" "$last/lib/python3.11/site-packages"; : > "$last/bin/python";;
*"pip sync"*) {sync}
  site=$(dirname "$last")/lib/python3.11/site-packages
  sed -n 's/^\([a-z0-9-]*\)==\([^ ]*\).*/\1-\2.dist-info/p' "$last" |
    while read -r it; do mkdir "$site/$it"; done;;
*"pip compile"*) asked=$last
  while [ "$1" != -o ]; do shift; done; answer=$2
  {compile};;
*--target*) lock=$last
  while [ "$1" != --target ]; do shift; done; target=$2
  {install};;
*install*torch==*) site=$(dirname "$(dirname "$9")")/lib/python3.11/site-packages
  mkdir "$site/torch-2.15.0+cpu.dist-info"
  echo "Requires-Dist: ${{UV_DEFAULT_INDEX##*/}}" > "$site/torch-2.15.0+cpu.dist-info/METADATA";;
esac"#,
        asked = dir.path().join("asked").display(),
        sync = does.sync,
        compile = does.compile,
        install = does.install,
    );
    script(&bin, "uv", &uv);
    let home = Home::at(dir.path().join("home")).unwrap();
    let path = std::env::join_paths([bin, PathBuf::from("/usr/bin"), PathBuf::from("/bin")]);
    let (search_path, index) = (path.unwrap(), Place::new(NOBODY));
    let settings = Settings { search_path, index, ..Settings::default() };
    World { dir, home, settings }
}

impl World {
    /// The command lines of uv that change something and hold `word`.
    pub(super) fn asked(&self, word: &str) -> Vec<String> {
        let all = fs::read_to_string(self.dir.path().join("asked")).unwrap_or_default();
        all.lines().filter(|it| it.contains(word)).map(str::to_owned).collect()
    }
}

/// An index at which nobody listens.
pub(super) const NOBODY: &str = "http://127.0.0.1:1/simple";

/// A wheel with these files, by path and text.
pub(super) fn wheel(files: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (path, text) in files {
        zip.start_file(*path, SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// An answer that goes wrong, or is another one.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    Status(u16),
    /// Another body, with its content type.
    Instead(&'static str, Vec<u8>),
    /// The connection ends after so many bytes of the body.
    Cut(usize),
    /// `Range` is not heard.
    Whole,
    /// No first byte.
    Silent,
}

/// A package index on this machine; dropping it ends it.
pub(super) struct Served {
    /// Of the index itself.
    pub(super) url: String,
    address: String,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// Package, name and contents.
    files: Vec<(String, String, Vec<u8>)>,
    faults: Mutex<Vec<(String, Fault)>>,
    asked: Mutex<Vec<String>>,
    ended: AtomicBool,
}

impl Served {
    pub(super) fn start(files: &[(&str, &str, Vec<u8>)]) -> Self {
        let files = files.iter().map(|it| (it.0.to_owned(), it.1.to_owned(), it.2.clone()));
        let shared = Arc::new(Shared { files: files.collect(), ..Shared::default() });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if serving.ended.load(Ordering::SeqCst) {
                    return;
                }
                let (Ok(stream), serving) = (stream, Arc::clone(&serving)) else { continue };
                // Whoever asked may be gone by now.
                thread::spawn(move || serving.answer(stream).ok());
            }
        });
        Self { url: format!("http://{address}/simple"), address, shared }
    }

    /// The next requests for a path that holds `path` fail in this way, one after the other.
    pub(super) fn fail(&self, path: &str, faults: impl IntoIterator<Item = Fault>) {
        let faults = faults.into_iter().map(|it| (path.to_owned(), it));
        self.shared.faults.lock().unwrap().extend(faults);
    }

    /// The requests so far: the path, and the range where one was asked for.
    pub(super) fn asked(&self) -> Vec<String> {
        self.shared.asked.lock().unwrap().clone()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        // Wakes the thread that listens; where that is gone, there is nobody to wake.
        let _ = TcpStream::connect(&self.address);
    }
}

impl Shared {
    fn answer(&self, stream: TcpStream) -> io::Result<()> {
        let mut lines = BufReader::new(stream.try_clone()?).lines();
        let first = lines.next().unwrap_or_else(|| Ok(String::new()))?;
        let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut range = String::new();
        for line in lines {
            let line = line?;
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.to_lowercase().strip_prefix("range: ") {
                value.clone_into(&mut range);
            }
        }
        self.asked.lock().unwrap().push(format!("{path} {range}").trim_end().to_owned());
        let fault = {
            let mut faults = self.faults.lock().unwrap();
            let at = faults.iter().position(|it| path.contains(&it.0));
            at.map(|it| faults.remove(it).1)
        };
        let (kind, whole) = self.found(&path);
        let from = range.strip_prefix("bytes=").and_then(|it| it.split('-').next()?.parse().ok());
        match (fault, whole) {
            (Some(Fault::Silent), _) => thread::sleep(Duration::from_secs(5)),
            (Some(Fault::Status(status)), _) => respond(&stream, status, "text/html", "", b"", 0)?,
            (Some(Fault::Instead(kind, body)), _) => {
                respond(&stream, 200, kind, "", &body, body.len())?;
            }
            (_, None) => respond(&stream, 404, "text/html", "", b"", 0)?,
            (Some(Fault::Whole), Some(body)) => respond(&stream, 200, kind, "", &body, body.len())?,
            (fault, Some(body)) => {
                let from: usize = from.unwrap_or(0);
                let rest = &body[from..];
                let status = if from == 0 { 200 } else { 206 };
                let (last, all) = (body.len() - 1, body.len());
                let header = format!("Content-Range: bytes {from}-{last}/{all}\r\n");
                let header = if from == 0 { "" } else { &header };
                let sent = if let Some(Fault::Cut(after)) = fault { &rest[..after] } else { rest };
                respond(&stream, status, kind, header, sent, rest.len())?;
            }
        }
        Ok(())
    }

    /// The page of a package, or a file.
    fn found(&self, path: &str) -> (&'static str, Option<Vec<u8>>) {
        if let Some(name) = path.strip_prefix("/files/") {
            let file = self.files.iter().find(|it| it.1 == name);
            return ("application/octet-stream", file.map(|it| it.2.clone()));
        }
        let listed: Vec<String> = self
            .files
            .iter()
            .filter(|it| path == format!("/simple/{}/", it.0))
            .map(|(_, name, bytes)| {
                let (hash, size) = (crate::digest::of_bytes(bytes), bytes.len());
                format!(
                    r#"{{"filename": "{name}", "url": "../../files/{name}", "hashes": {{"sha256": "{hash}"}}, "size": {size}}}"#
                )
            })
            .collect();
        let page = format!(r#"{{"files": [{}]}}"#, listed.join(", "));
        let page = (!listed.is_empty()).then(|| page.into_bytes());
        ("application/vnd.pypi.simple.v1+json", page)
    }
}

fn respond(
    mut stream: &TcpStream,
    status: u16,
    kind: &str,
    header: &str,
    body: &[u8],
    length: usize,
) -> io::Result<()> {
    write!(
        stream,
        "HTTP/1.1 {status} .\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{header}Connection: close\r\n\r\n"
    )?;
    stream.write_all(body)?;
    stream.flush()
}
