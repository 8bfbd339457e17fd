//! Finished rows on disk, each good for as long as all that it rests on has the same contents.
//!
//! A row rests on this program and on what is stated in its [`Key`], and on the [`Files`] that the
//! engines imported to make it. Paths and times say nothing: a file that is edited in place makes its
//! rows anew, and the same file elsewhere does not.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    digest::{self, Digests},
    rundir::write_whole,
};

#[derive(Debug, thiserror::Error)]
pub enum KeptError {
    #[error("this program's own file cannot be read, so nothing can be kept for it")]
    Program(#[source] io::Error),

    #[error("failed to read `{path}`, which a finished row rests on", path = path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },

    #[error("failed to write `{path}`", path = path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// What a row rests on beside files: this program, and whatever else its maker states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    /// This program by its contents.
    ///
    /// # Errors
    ///
    /// When its file cannot be read: two unreadable programs are not the same one.
    pub fn of_program() -> Result<Self, KeptError> {
        let program = std::env::current_exe().map_err(KeptError::Program)?;
        Self::of_file(&program).map_err(KeptError::Program)
    }

    fn of_file(program: &Path) -> io::Result<Self> {
        Ok(Self(digest::of_file(program)?))
    }

    /// And this as well.
    #[must_use]
    pub fn and(self, name: &str, value: &impl Debug) -> Self {
        Self(digest::of_bytes(format!("{}\n{name}\n{value:?}", self.0).as_bytes()))
    }
}

/// Packages by name, and where each was imported from.
pub type Packages = BTreeMap<String, PathBuf>;

/// The sources that a row rests on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    /// As `package/folder/file.py`.
    files: BTreeSet<String>,
    /// Packages of which it is not known what was imported: all their sources count.
    whole: BTreeSet<String>,
}

impl Files {
    /// These files were imported.
    pub fn add(&mut self, files: impl IntoIterator<Item = String>) {
        self.files.extend(files);
    }

    /// An engine could not say what it imported of `package`, or failed before it was done.
    pub fn add_whole(&mut self, package: &str) {
        self.whole.insert(package.to_owned());
    }

    /// A file that is the row's own subject, and so part of its name.
    pub fn forget(&mut self, file: &str) {
        self.files.remove(file);
    }

    /// And those of another question.
    pub fn extend(&mut self, other: Self) {
        self.files.extend(other.files);
        self.whole.extend(other.whole);
    }

    /// All of them; whole packages under their bare names.
    fn names(&self) -> impl Iterator<Item = &String> {
        self.files.iter().chain(&self.whole)
    }
}

/// The digest of all Python files of a package.
fn digest_of_tree(root: &Path, digests: &Digests) -> io::Result<String> {
    let mut files = BTreeMap::new();
    let mut queue = vec![root.to_owned()];
    while let Some(folder) = queue.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                queue.push(path);
            } else if path.extension().is_some_and(|it| it == "py") {
                let name = path.strip_prefix(root).unwrap_or(&path).to_owned();
                files.insert(name, digests.of_file(&path)?);
            }
        }
    }
    Ok(digest::of_bytes(format!("{files:?}").as_bytes()))
}

/// A folder of finished rows.
#[derive(Debug)]
pub struct Kept {
    folder: PathBuf,
    key: Key,
    packages: Packages,
    digests: Digests,
}

/// One row as it lies on disk.
#[derive(Serialize, Deserialize)]
struct Entry<Row> {
    key: String,
    files: BTreeMap<String, String>,
    row: Row,
}

impl Kept {
    /// The rows in `folder` that were made for `key`; those of other keys are made anew and replaced.
    ///
    /// # Errors
    ///
    /// When the folder cannot be made.
    pub fn open(folder: &Path, key: Key, packages: Packages) -> Result<Self, KeptError> {
        fs::create_dir_all(folder)
            .map_err(|source| KeptError::Write { path: folder.to_owned(), source })?;
        Ok(Self { folder: folder.to_owned(), key, packages, digests: Digests::default() })
    }

    /// The row `name`, if everything that it rests on is what it was, and those files. A row that
    /// cannot be read, or whose files are gone, is none.
    pub fn find<Row: DeserializeOwned>(&self, name: &str) -> Option<(Row, Files)> {
        let text = fs::read_to_string(self.path(name)).ok()?;
        let entry: Entry<Row> = serde_json::from_str(&text).ok()?;
        let same =
            |it: (&String, &String)| self.digest_of(it.0).is_ok_and(|digest| digest == *it.1);
        if entry.key != self.key.0 || !entry.files.iter().all(same) {
            return None;
        }
        let (files, whole) = entry.files.into_keys().partition(|it| it.contains('/'));
        Some((entry.row, Files { files, whole }))
    }

    /// Keep a row that rests on `files`.
    ///
    /// # Errors
    ///
    /// When one of the files cannot be read, or the row cannot be written.
    pub fn keep<Row: Serialize>(
        &self,
        name: &str,
        files: &Files,
        row: &Row,
    ) -> Result<(), KeptError> {
        let digests = files.names().map(|it| Ok((it.clone(), self.digest_of(it)?)));
        let files = digests.collect::<Result<_, KeptError>>()?;
        let entry = Entry { key: self.key.0.clone(), files, row };
        let json = serde_json::to_string_pretty(&entry).expect("rows are plain data");
        let path = self.path(name);
        write_whole(&path, json.as_bytes()).map_err(|source| KeptError::Write { path, source })
    }

    /// The digest, now, of a file `package/…`, or of all Python files of a `package`.
    fn digest_of(&self, name: &str) -> Result<String, KeptError> {
        let (package, file) = name.split_once('/').map_or((name, None), |it| (it.0, Some(it.1)));
        let unknown = || KeptError::Read {
            path: name.into(),
            source: io::Error::new(io::ErrorKind::NotFound, "no engine has this package"),
        };
        let root = self.packages.get(package).ok_or_else(unknown)?;
        let path = file.map_or_else(|| root.clone(), |it| root.join(it));
        let read = match file {
            Some(_) => self.digests.of_file(&path),
            None => digest_of_tree(root, &self.digests),
        };
        read.map_err(|source| KeptError::Read { path, source })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.json"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program, a definition that imports another file, and a port.
    struct World {
        dir: tempfile::TempDir,
    }

    const FILES: [&str; 3] = ["library/model.py", "library/shared.py", "ports/model.py"];

    impl World {
        fn new() -> Self {
            let world = Self { dir: tempfile::tempdir().unwrap() };
            for name in FILES.into_iter().chain(["library/other.py", "program"]) {
                world.write(name, "as it was");
            }
            world
        }

        fn write(&self, name: &str, text: &str) {
            write_whole(&self.dir.path().join(name), text.as_bytes()).unwrap();
        }

        /// The rows as a command with this config opens them.
        fn open(&self, config: &str) -> Kept {
            let key = Key::of_file(&self.dir.path().join("program")).unwrap();
            let at = |name: &str| (name.to_owned(), self.dir.path().join(name));
            let packages = Packages::from([at("library"), at("ports")]);
            Kept::open(&self.dir.path().join("rows"), key.and("config", &config), packages).unwrap()
        }

        fn found(&self, config: &str) -> Option<u32> {
            self.open(config).find("row").map(|it| it.0)
        }
    }

    fn imported() -> Files {
        let mut files = Files::default();
        files.add(FILES.map(str::to_owned));
        files
    }

    #[test]
    fn a_row_is_made_again_when_the_contents_of_anything_it_rests_on_change_and_only_then() {
        type Edit<'a> = (&'a str, &'a dyn Fn(&World));
        let edits: [Edit<'_>; 5] = [
            ("the program", &|it| it.write("program", "another")),
            ("the definition", &|it| it.write("library/model.py", "another")),
            ("what the definition imports", &|it| it.write("library/shared.py", "another")),
            ("the port", &|it| it.write("ports/model.py", "another")),
            ("a file that is gone", &|it| {
                fs::remove_file(it.dir.path().join("ports/model.py")).unwrap();
            }),
        ];
        for (what, edit) in edits {
            let world = World::new();
            world.open("a").keep("row", &imported(), &1).unwrap();
            world.write("library/other.py", "not imported");
            world.write("ports/model.py", "as it was");
            assert_eq!(world.found("a"), Some(1), "{what}: nothing changed");
            assert_eq!(world.found("b"), None, "another config");
            edit(&world);
            assert_eq!(world.found("a"), None, "{what}");
        }
    }

    #[test]
    fn where_it_is_not_known_what_was_imported_every_file_of_the_package_counts() {
        let world = World::new();
        let mut files = imported();
        files.add_whole("library");
        world.open("a").keep("row", &files, &1).unwrap();
        assert_eq!(world.open("a").find::<u32>("row"), Some((1, files)));
        world.write("library/new.py", "a file that was not there");
        assert_eq!(world.found("a"), None);
    }

    #[test]
    fn what_cannot_be_read_is_never_an_equal_key() {
        let world = World::new();
        assert!(Key::of_file(&world.dir.path().join("no such program")).is_err());
        let mut files = Files::default();
        files.add(["library/gone.py".to_owned()]);
        assert!(world.open("a").keep("row", &files, &1).is_err());
        files = Files::default();
        files.add(["stranger/model.py".to_owned()]);
        assert!(world.open("a").keep("row", &files, &1).is_err());
        world.write("rows/row.json", "{");
        assert_eq!(world.found("a"), None);
    }
}
