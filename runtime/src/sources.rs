//! What Python code may import: the frozen dialects and session, and the packages that the machine was
//! given.

use std::{
    borrow::Cow,
    collections::{BTreeSet, HashMap},
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use include_dir::{Dir, include_dir};

static DIALECTS: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/dialects");

/// What the machine's caller asks; a folder beside the dialects, with a package of its own.
static SESSION: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/session");

/// The first part of the name of every file of the session.
const SESSION_FOLDER: &str = "session";

/// Every frozen text by its file: walking the folders costs more than importing some of them.
static FROZEN_TEXTS: LazyLock<HashMap<String, &'static str>> = LazyLock::new(|| {
    let mut texts = HashMap::new();
    let mut folders = vec![(&DIALECTS, Path::new("")), (&SESSION, Path::new(SESSION_FOLDER))];
    while let Some((folder, root)) = folders.pop() {
        folders.extend(folder.dirs().map(|it| (it, root)));
        texts.extend(folder.files().filter_map(|it| {
            Some((root.join(it.path()).to_string_lossy().into_owned(), it.contents_utf8()?))
        }));
    }
    texts
});

/// What the names of our own files begin with.
pub const FROZEN: &str = "<portwright>/";

/// A Python package that code may import, as it lies on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// Its top-level name: `transformers`.
    pub name: String,
    /// The folder with its `__init__.py`.
    pub folder: PathBuf,
}

/// Where modules come from, in this order: the dialect's files, the shared ones, the session's, the
/// packages'.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// `torch`, `mlx`.
    pub dialect: String,
    pub packages: Vec<Package>,
    /// A folder with `shared`, the dialect and `session` in place of the frozen ones, for work on them.
    pub overlay: Option<PathBuf>,
}

/// A module's source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    pub file: String,
    pub text: Cow<'static, str>,
    pub is_package: bool,
}

impl Sources {
    /// The source of a module by its dotted name.
    ///
    /// # Errors
    ///
    /// The file and the reason when it is there but cannot be read as UTF-8.
    pub fn find(&self, name: &str) -> Result<Option<Module>, String> {
        if !name.split('.').all(is_identifier) {
            return Ok(None);
        }
        let path = name.replace('.', "/");
        for (tail, is_package) in [("/__init__.py", true), (".py", false)] {
            let file = format!("{path}{tail}");
            for folder in [self.dialect.as_str(), "shared", SESSION_FOLDER] {
                if let Some(text) = self.frozen(&format!("{folder}/{file}"))? {
                    let file = format!("{FROZEN}{folder}/{file}");
                    return Ok(Some(Module { file, text, is_package }));
                }
            }
        }
        self.on_disk(name)
    }

    /// The source of a module in the given packages, whether or not a frozen file takes its place.
    ///
    /// # Errors
    ///
    /// As [`Sources::find`].
    pub fn on_disk(&self, name: &str) -> Result<Option<Module>, String> {
        if !name.split('.').all(is_identifier) {
            return Ok(None);
        }
        let Some((package, rest)) = self.package_of(name) else { return Ok(None) };
        let rest = rest.replace('.', "/");
        let candidates = [
            (package.folder.join(&rest).join("__init__.py"), true),
            (package.folder.join(format!("{rest}.py")), false),
        ];
        for (path, is_package) in candidates {
            if path.is_file() && inside(&path, &package.folder) {
                let text = read(&path)?.into();
                return Ok(Some(Module { file: path.display().to_string(), text, is_package }));
            }
        }
        Ok(None)
    }

    /// The names of the modules and packages directly inside a package on disk.
    pub fn list(&self, name: &str) -> Vec<String> {
        let Some((package, rest)) = self.package_of(name) else { return Vec::new() };
        let folder = package.folder.join(rest.replace('.', "/"));
        let mut names = BTreeSet::new();
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let file = entry.file_name().to_string_lossy().into_owned();
            if let Some(stem) = file.strip_suffix(".py").filter(|it| *it != "__init__") {
                names.insert(stem.to_owned());
            } else if entry.path().join("__init__.py").is_file() {
                names.insert(file);
            }
        }
        names.into_iter().collect()
    }

    /// One line of a file that [`Sources::find`] has named.
    pub fn line(&self, file: &str, line: usize) -> Option<String> {
        let text = if let Some(frozen) = file.strip_prefix(FROZEN) {
            self.frozen(frozen).ok().flatten()?
        } else {
            let path = Path::new(file);
            let known = self.packages.iter().any(|it| inside(path, &it.folder));
            known.then(|| read(path).ok()).flatten()?.into()
        };
        text.lines().nth(line.checked_sub(1)?).map(str::to_owned)
    }

    fn package_of<'a>(&self, name: &'a str) -> Option<(&Package, &'a str)> {
        let (top, rest) = name.split_once('.').unwrap_or((name, ""));
        self.packages.iter().find(|it| it.name == top).map(|it| (it, rest))
    }

    fn frozen(&self, file: &str) -> Result<Option<Cow<'static, str>>, String> {
        if let Some(overlay) = &self.overlay {
            let path = overlay.join(file);
            return Ok(if path.is_file() { Some(read(&path)?.into()) } else { None });
        }
        Ok(FROZEN_TEXTS.get(file).map(|it| Cow::Borrowed(*it)))
    }
}

/// A word of a dotted name. Python's own have no `-`, but `importlib` takes files that do.
fn is_identifier(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|it| it.is_alphanumeric() || "_-".contains(it))
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|it| format!("cannot read `{}`: {it}", path.display()))
}

/// Whether a path is a file inside a folder once links are followed.
fn inside(path: &Path, folder: &Path) -> bool {
    match (path.canonicalize(), folder.canonicalize()) {
        (Ok(path), Ok(folder)) => path.starts_with(folder),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(folder: &Path) -> Sources {
        let packages = vec![Package { name: "given".into(), folder: folder.to_owned() }];
        Sources { dialect: "torch".into(), packages, overlay: None }
    }

    #[test]
    fn only_what_was_given_can_be_found() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("dialects/shared");
        let sources = package(&root);
        assert!(sources.find("given.os").unwrap().is_some());
        assert!(sources.find("given.absent").unwrap().is_none());
        assert!(sources.find("other.os").unwrap().is_none());
        for escape in ["given...Cargo", "given./etc/passwd", "given.../torch", ""] {
            assert!(sources.find(escape).unwrap().is_none(), "{escape}");
        }
    }
}
