//! A path inside of a target's repository, as git writes it.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Longer than any path of a repository that receives ports.
const LONGEST: usize = 1024;

/// A relative path with forward slashes, e.g. `mlx_lm/models/olmo3.py`.
///
/// Invariant: it stays inside of the folder that it is joined to, as far as its text can tell (links
/// are another question), and leads into no `.git`.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
pub struct TargetPath(String);

/// Why a text is no path inside of a repository.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` {why}", path.escape_debug())]
pub struct BadPath {
    path: String,
    why: &'static str,
}

impl TargetPath {
    /// # Errors
    ///
    /// Says what is wrong with a path that is absolute, leads upwards or into `.git`, or that a
    /// repository cannot hold on every system.
    pub fn new(text: impl Into<String>) -> Result<Self, BadPath> {
        let text = text.into();
        match fault(&text) {
            None => Ok(Self(text)),
            Some(why) => Err(BadPath { path: text, why }),
        }
    }

    /// The same, of a path below a folder.
    pub fn of(below: &Path) -> Result<Self, BadPath> {
        let bad = |why| BadPath { path: below.to_string_lossy().into_owned(), why };
        let parts: Option<Vec<&str>> = below.iter().map(|it| it.to_str()).collect();
        Self::new(parts.ok_or_else(|| bad("is not written in UTF-8"))?.join("/"))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The folders above it, the outermost first; the repository itself is none of them.
    pub fn folders(&self) -> impl Iterator<Item = &str> {
        self.0.match_indices('/').map(|(at, _)| &self.0[..at])
    }

    pub fn below(&self, root: &Path) -> PathBuf {
        root.join(&self.0)
    }
}

fn fault(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        return Some("is empty");
    }
    if LONGEST < text.len() {
        return Some("is too long");
    }
    if text.chars().any(char::is_control) {
        return Some("has a control character in it");
    }
    if text.contains('\\') {
        return Some("has a backslash; paths in a target are written with `/`");
    }
    if text.starts_with('/') || text.as_bytes().get(1) == Some(&b':') {
        return Some("is absolute; paths in a target are relative to its root");
    }
    text.split('/').find_map(|part| match part {
        "" | "." => Some("has an empty part"),
        ".." => Some("leads upwards"),
        _ if is_dot_git(part) => Some("leads into `.git`"),
        _ => None,
    })
}

/// Also as case-blind file systems, and those that drop what ends a name, read it.
fn is_dot_git(part: &str) -> bool {
    let part = part.trim_end_matches(['.', ' ']).to_lowercase();
    let stem = part.split(':').next().unwrap_or_default();
    stem == ".git" || stem.starts_with("git~")
}

impl fmt::Display for TargetPath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl AsRef<Path> for TargetPath {
    fn as_ref(&self) -> &Path {
        Path::new(&self.0)
    }
}

impl TryFrom<String> for TargetPath {
    type Error = BadPath;

    fn try_from(text: String) -> Result<Self, BadPath> {
        Self::new(text)
    }
}

impl From<TargetPath> for String {
    fn from(path: TargetPath) -> Self {
        path.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leaves_the_repository_or_enters_its_git_is_no_path_in_it() {
        for bad in [
            "",
            "/etc/passwd",
            "../x.py",
            "a/../../x.py",
            "a//b",
            "./a",
            "a/",
            "a\\b",
            "C:/x",
            ".git/config",
            "a/.GIT/hooks/pre-commit",
            ".git./config",
            "GIT~1/config",
            ".git::$INDEX_ALLOCATION/config",
            "a\nb",
            "a\0b",
        ] {
            assert!(TargetPath::new(bad).is_err(), "{bad:?}");
            let json = serde_json::json!(bad).to_string();
            assert!(serde_json::from_str::<TargetPath>(&json).is_err(), "{bad:?}");
        }
        assert!(TargetPath::new("a/".repeat(LONGEST)).is_err());
        for good in ["a", "mlx_lm/models/x.py", ".github/x.md", ".gitignore", "a b/ä.py"] {
            assert_eq!(TargetPath::new(good).unwrap().as_str(), good);
        }
        let path = TargetPath::new("a/b/c.py").unwrap();
        assert_eq!(path.folders().collect::<Vec<_>>(), ["a", "a/b"]);
        assert_eq!(TargetPath::of(Path::new("a/b/c.py")).unwrap(), path);
    }
}
