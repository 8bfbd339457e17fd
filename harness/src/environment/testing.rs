//! A world of fake programs for the tests of set-up: a Python that answers, a uv that is a script.

use std::{fs, path::PathBuf, sync::Mutex};

use super::{
    home::Home,
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
pub(super) const SOURCE: &str = r#"package=$(sed -n 's/^\([a-z-]*\)==.*/\1/p' "$lock" | tr - _)
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
    let settings = Settings { search_path: path.unwrap(), ..Settings::default() };
    World { dir, home, settings }
}

impl World {
    /// The command lines of uv that change something and hold `word`.
    pub(super) fn asked(&self, word: &str) -> Vec<String> {
        let all = fs::read_to_string(self.dir.path().join("asked")).unwrap_or_default();
        all.lines().filter(|it| it.contains(word)).map(str::to_owned).collect()
    }
}
