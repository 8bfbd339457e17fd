//! Where tools may read and write: every path that an agent gives passes through here.
//!
//! # Invariants
//!
//! - The path that comes out is absolute, has no link and no `..` in it, and lies below a root.
//! - Only a caller with the [`Roots`] gets at the path in an [`AgentPath`], so a tool cannot forget.

use std::{
    borrow::Cow,
    env, fs, io,
    path::{Component, Path, PathBuf},
};

use portwright_harness::environment::ReleaseName;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::refusal::Refusal;

const LONGEST: usize = 4096;

/// A path as an agent gave it: nothing is known about it yet.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct AgentPath(PathBuf);

/// What an agent named: a path, or something that is no path, such as a model type or a Hub id.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct AgentName(String);

impl From<PathBuf> for AgentPath {
    fn from(it: PathBuf) -> Self {
        Self(it)
    }
}

impl From<String> for AgentName {
    fn from(it: String) -> Self {
        Self(it)
    }
}

/// Agents see plain texts.
macro_rules! text_schema {
    ($($name:ty),*) => {$(
        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                "string".into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                String::json_schema(generator)
            }
        }
    )*};
}

text_schema!(AgentPath, AgentName);

/// A root that cannot be one.
#[derive(Debug, thiserror::Error)]
#[error("`{path}` cannot be a root", path = path.display())]
pub struct RootsError {
    path: PathBuf,
    #[source]
    source: io::Error,
}

/// The folders of one server.
#[derive(Debug)]
pub(crate) struct Roots {
    /// To read and to write; without links. May not all exist yet: the folder of runs is made later.
    open: Vec<PathBuf>,
    /// To read only.
    readable: Vec<PathBuf>,
    /// Whether the folder in which the server was started is open.
    here: bool,
}

/// What a tool means to do with a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    Read,
    Write,
}

impl Roots {
    /// `given`, or the current folder when there are none; the folder of runs; to read, the cache.
    ///
    /// The whole file system is no root that anyone means: where a server was started in `/`, as some
    /// hosts do, only folders that are given count.
    pub(crate) fn new(given: &[PathBuf], runs: &Path, cache: &Path) -> Result<Self, RootsError> {
        let current = env::current_dir().and_then(|it| it.canonicalize());
        let mut open = Vec::new();
        for path in given {
            let found = path.canonicalize().and_then(|it| {
                if it.is_dir() { Ok(it) } else { Err(io::ErrorKind::NotADirectory.into()) }
            });
            open.push(found.map_err(|source| RootsError { path: path.clone(), source })?);
        }
        if let (true, Ok(current)) = (given.is_empty(), &current)
            && current.parent().is_some()
        {
            open.push(current.clone());
        }
        let here = current.is_ok_and(|it| open.iter().any(|root| it.starts_with(root)));
        let resolved = |path: &Path| resolve(path).unwrap_or_else(|_| path.to_owned());
        open.push(resolved(runs));
        Ok(Self { open, readable: vec![resolved(cache)], here })
    }

    /// The path, to read from.
    pub(crate) fn read(&self, path: &AgentPath) -> Result<PathBuf, Refusal> {
        self.admit(&path.0, Use::Read)
    }

    /// The path, to write to.
    pub(crate) fn write(&self, path: &AgentPath) -> Result<PathBuf, Refusal> {
        self.admit(&path.0, Use::Write)
    }

    /// [`Roots::read`], where a path may be left out.
    pub(crate) fn read_any(&self, path: Option<&AgentPath>) -> Result<Option<PathBuf>, Refusal> {
        path.map(|it| self.read(it)).transpose()
    }

    /// [`Roots::write`], where a path may be left out.
    pub(crate) fn write_any(&self, path: Option<&AgentPath>) -> Result<Option<PathBuf>, Refusal> {
        path.map(|it| self.write(it)).transpose()
    }

    /// A library to read: a path, or the name of a release, which leads nowhere on disk.
    pub(crate) fn library(&self, given: Option<&AgentPath>) -> Result<Option<PathBuf>, Refusal> {
        self.library_for(given, Use::Read)
    }

    /// [`Roots::library`], beside whose files others are written.
    pub(crate) fn library_beside(
        &self,
        given: Option<&AgentPath>,
    ) -> Result<Option<PathBuf>, Refusal> {
        self.library_for(given, Use::Write)
    }

    fn library_for(
        &self,
        given: Option<&AgentPath>,
        purpose: Use,
    ) -> Result<Option<PathBuf>, Refusal> {
        match given {
            Some(it) if it.is_release() => Ok(Some(it.0.clone())),
            Some(it) => self.admit(&it.0, purpose).map(Some),
            None => Ok(None),
        }
    }

    /// The name; a path in it is one to read from.
    pub(crate) fn name(&self, name: &AgentName) -> Result<String, Refusal> {
        self.admit_name(name, Use::Read)
    }

    /// The name; beside a path in it files are written.
    pub(crate) fn name_beside(&self, name: &AgentName) -> Result<String, Refusal> {
        self.admit_name(name, Use::Write)
    }

    /// Whether one of the names is a path.
    pub(crate) fn any_path(names: &[AgentName]) -> bool {
        names.iter().any(AgentName::is_path)
    }

    /// What a tool does in the folder in which the server was started, when no path says where.
    pub(crate) fn here(&self) -> Result<(), Refusal> {
        if self.here { Ok(()) } else { Err(self.refusal(Path::new("."), Use::Write)) }
    }

    fn admit_name(&self, name: &AgentName, purpose: Use) -> Result<String, Refusal> {
        if name.is_path() {
            self.admit(Path::new(&name.0), purpose)?;
        }
        // As it was given: whether a word is a name or a path is for the capability to say.
        Ok(name.0.clone())
    }

    fn admit(&self, path: &Path, purpose: Use) -> Result<PathBuf, Refusal> {
        if path.as_os_str().is_empty() || LONGEST < path.as_os_str().len() {
            let hint = format!("give a path of 1 to {LONGEST} bytes, or leave it out");
            return Err(Refusal::new("a path is empty or too long", hint));
        }
        let found = resolve(path).map_err(|err| {
            Refusal::new(
                format!("`{}` cannot be followed: {err}", path.display()),
                "give a path without `..` through folders that are not there",
            )
        })?;
        let mut roots = self.open.iter().chain(match purpose {
            Use::Read => self.readable.as_slice(),
            Use::Write => &[],
        });
        if roots.any(|it| found.starts_with(it)) {
            return Ok(found);
        }
        Err(self.refusal(path, purpose))
    }

    fn refusal(&self, path: &Path, purpose: Use) -> Refusal {
        let shown: Vec<String> = self.open.iter().map(|it| it.display().to_string()).collect();
        let verb = match purpose {
            Use::Read => "read",
            Use::Write => "written",
        };
        Refusal::new(
            format!(
                "`{}` is outside of the folders that may be {verb}: {}",
                path.display(),
                shown.join(", ")
            ),
            "use a path below one of these, or ask the person to start the server with \
             `portwright mcp --root DIR`",
        )
    }
}

impl AgentPath {
    /// Whether it is this word, which then stands for something that is no path.
    pub(crate) fn is(&self, word: &str) -> bool {
        self.0.as_os_str() == word
    }

    /// Whether it names a release: a path of that name, if there is one, comes first.
    fn is_release(&self) -> bool {
        let named = self.0.to_str().is_some_and(|it| it.parse::<ReleaseName>().is_ok());
        named && self.0.symlink_metadata().is_err()
    }
}

impl AgentName {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether a capability could take it for a path: what is spelled like one, and what is on disk. A
    /// bare word is a name even where a folder is called so (`opt` is a model type), unless a
    /// checkpoint lies there.
    fn is_path(&self) -> bool {
        let path = Path::new(&self.0);
        let spelled = self.0.starts_with(['/', '.'])
            || path.components().any(|it| matches!(it, Component::ParentDir));
        let several = self.0.contains('/') || path.extension().is_some_and(|it| it == "py");
        spelled
            || (several && path.symlink_metadata().is_ok())
            || path.join("config.json").is_file()
    }
}

/// The path without links and `..`: as far as it exists by asking the file system, beyond by itself.
fn resolve(path: &Path) -> io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    let mut beyond = Vec::new();
    let mut existing = path.as_path();
    loop {
        match existing.canonicalize() {
            Ok(found) => return Ok(beyond.iter().rev().fold(found, |all, it| all.join(it))),
            // A link to nowhere is there all the same, and writing to it would follow it.
            Err(err) if fs::symlink_metadata(existing).is_ok() => return Err(err),
            Err(err) if err.kind() != io::ErrorKind::NotFound => return Err(err),
            Err(err) => match (existing.file_name(), existing.parent()) {
                (Some(name), Some(parent)) => {
                    beyond.push(name);
                    existing = parent;
                }
                // `..` after a folder that is not there.
                _ => return Err(err),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    struct Place {
        dir: tempfile::TempDir,
        roots: Roots,
    }

    fn place() -> Place {
        let dir = tempfile::tempdir().unwrap();
        let at = |it: &str| dir.path().join(it);
        for folder in ["root/inner", "root-beside", "outside", "cache"] {
            fs::create_dir_all(at(folder)).unwrap();
        }
        symlink(at("outside"), at("root/link")).unwrap();
        symlink(at("nowhere"), at("root/dangling")).unwrap();
        symlink(at("root/inner"), at("root/within")).unwrap();
        let roots = Roots::new(&[at("root")], &at("runs"), &at("cache")).unwrap();
        Place { dir, roots }
    }

    impl Place {
        fn path(&self, text: &str) -> AgentPath {
            AgentPath(self.dir.path().join(text))
        }

        fn may(&self, text: &str) -> (bool, bool) {
            let path = self.path(text);
            (self.roots.read(&path).is_ok(), self.roots.write(&path).is_ok())
        }
    }

    #[test]
    fn only_what_lies_below_a_root_is_touched() {
        let place = place();
        for inside in ["root", "root/inner", "root/new/file.py", "root/within", "runs/a/b"] {
            assert_eq!(place.may(inside), (true, true), "{inside}");
        }
        assert_eq!(place.may("cache/engines"), (true, false));
        for outside in [
            "outside",
            "root/../outside",
            "root/link",
            "root/link/new",
            "root/dangling",
            "root/dangling/new",
            "root/new/../../outside",
            "root-beside",
            "/etc/passwd",
            "/",
        ] {
            assert_eq!(place.may(outside), (false, false), "{outside}");
        }
    }

    #[test]
    fn a_refusal_names_the_roots_and_the_flag() {
        let place = place();
        let text = place.roots.write(&place.path("cache/x")).unwrap_err().text();
        assert!(text.contains("may be written") && text.contains("/root, "), "{text}");
        assert!(text.contains("`portwright mcp --root DIR`"), "{text}");
    }

    #[test]
    fn what_comes_out_has_no_link_in_it() {
        let place = place();
        let found = place.roots.read(&place.path("root/within/x")).unwrap();
        assert!(found.ends_with("root/inner/x"), "{found:?}");
    }

    #[test]
    fn names_are_no_paths_unless_they_lead_somewhere() {
        let place = place();
        for name in ["olmo3", "org/name@main", "LlamaForCausalLM"] {
            assert_eq!(place.roots.name(&AgentName(name.into())).unwrap(), name);
        }
        for path in ["../etc", "/etc", "org/../../etc", "./x"] {
            assert!(place.roots.name(&AgentName(path.into())).is_err(), "{path}");
        }
    }

    #[test]
    fn a_release_is_no_path_and_a_path_is_no_release() {
        let place = place();
        let given = |it: &str| place.roots.library(Some(&AgentPath(it.into())));
        assert_eq!(given("5.24.0").unwrap(), Some("5.24.0".into()));
        for path in ["/etc", "../5.24", "./5.24", "5.24/..", "/5.24"] {
            assert!(given(path).is_err(), "{path}");
        }
        let inside = place.path("root/5.24");
        assert!(place.roots.library(Some(&inside)).unwrap().unwrap().is_absolute());
        assert!(place.roots.library_beside(Some(&place.path("cache"))).is_err());
    }

    #[test]
    fn a_root_is_a_folder_that_exists() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        for wrong in [file, dir.path().join("none")] {
            assert!(Roots::new(&[wrong], dir.path(), dir.path()).is_err());
        }
    }
}
