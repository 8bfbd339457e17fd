//! The source tree of one transformers release: its model files, by module path.
//!
//! Files are read and parsed once and shared. Generated files that were written in this process
//! replace those on disk, so that a child is converted from its parents as they are now.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};

use crate::depth::with_room;
use crate::naming::{FileKind, ModelNames};
use crate::problem::Problem;
use crate::rules::{Release, Rules};
use crate::text::Source;

/// A checkout or an installed copy of transformers.
#[derive(Debug)]
pub struct Library {
    /// The package folder: the one that holds `models`.
    package: PathBuf,
    names: ModelNames,
    sources: RwLock<HashMap<PathBuf, Arc<Source>>>,
}

impl Library {
    /// Opens the package at `path`: a checkout, its `src`, the package, or a site-packages folder.
    pub fn open(path: &Path) -> Result<Self, Problem> {
        Self::open_with(path, [])
    }

    /// As [`open`](Self::open), with `staged` in the place of what is on disk: files that are yet to
    /// be written, the tables of model types among them.
    pub fn open_with(
        path: &Path,
        staged: impl IntoIterator<Item = Arc<Source>>,
    ) -> Result<Self, Problem> {
        let package = ["", "transformers", "src/transformers"]
            .into_iter()
            .map(|below| if below.is_empty() { path.to_owned() } else { path.join(below) })
            .find(|folder| folder.join("models/auto").is_dir())
            .ok_or_else(|| {
                Problem::of_file(path, "no transformers sources here (looked for `models/auto`)")
                    .with_help(
                        "give a checkout of transformers, or the folder that it is installed in",
                    )
            })?;
        let mut library =
            Self { package, names: ModelNames::from_pairs([]), sources: RwLock::default() };
        staged.into_iter().for_each(|source| library.put(source));
        let auto = library.models().join("auto");
        let tables: Vec<_> = ["auto_mappings.py", "configuration_auto.py"]
            .into_iter()
            .map(|name| auto.join(name))
            .filter(|path| library.has(path))
            .map(|path| library.load(&path))
            .collect::<Result<_, _>>()?;
        let tables: Vec<&Source> = tables.iter().map(AsRef::as_ref).collect();
        library.names = with_room(|| ModelNames::read(&tables, Rules::of(library.release())))?;
        Ok(library)
    }

    /// The release that the sources say they are (`__version__`), where they do.
    pub fn version(&self) -> Option<String> {
        let init = std::fs::read_to_string(self.package.join("__init__.py")).ok()?;
        let line = init.lines().find_map(|line| line.strip_prefix("__version__"))?;
        Some(line.trim_start_matches([' ', '=']).trim().trim_matches(['"', '\'']).to_owned())
    }

    fn release(&self) -> Option<Release> {
        let version = self.version()?;
        let mut parts = version.split('.');
        Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    }

    pub fn package(&self) -> &Path {
        &self.package
    }

    pub fn models(&self) -> PathBuf {
        self.package.join("models")
    }

    pub fn names(&self) -> &ModelNames {
        &self.names
    }

    /// The modular files of the release, sorted.
    pub fn modular_files(&self) -> Result<Vec<PathBuf>, Problem> {
        self.files(is_modular)
    }

    /// The files of models that a modular file may inherit from, sorted.
    pub(crate) fn model_files(&self) -> Result<Vec<PathBuf>, Problem> {
        self.files(|path| {
            let is_python = path.extension().is_some_and(|extension| extension == "py");
            is_python
                && path
                    .file_stem()
                    .is_some_and(|stem| FileKind::of_module(&stem.to_string_lossy()).is_some())
        })
    }

    fn files(&self, wanted: impl Fn(&Path) -> bool) -> Result<Vec<PathBuf>, Problem> {
        let list = |folder: &Path| -> Result<Vec<PathBuf>, Problem> {
            let failed = |error: std::io::Error| Problem::of_file(folder, error.to_string());
            let entries = std::fs::read_dir(folder).map_err(failed)?;
            entries.map(|entry| Ok(entry.map_err(failed)?.path())).collect()
        };
        let mut files = Vec::new();
        for folder in list(&self.models())?.into_iter().filter(|path| path.is_dir()) {
            files.extend(list(&folder)?.into_iter().filter(|path| wanted(path)));
        }
        files.sort();
        Ok(files)
    }

    /// The file of a dotted module below `transformers.models`: `llama.modeling_llama`.
    pub fn module_path(&self, module: &str) -> PathBuf {
        let mut path = self.models();
        path.extend(module.split('.'));
        path.set_extension("py");
        path
    }

    /// Whether there is a file at `path`, on disk or written in this process.
    pub fn has(&self, path: &Path) -> bool {
        self.read_cache().contains_key(path) || path.is_file()
    }

    /// The parsed file at `path`, as it was last written in this process or as it is on disk.
    pub fn load(&self, path: &Path) -> Result<Arc<Source>, Problem> {
        if let Some(source) = self.read_cache().get(path) {
            return Ok(Arc::clone(source));
        }
        let source = self.peek(path)?;
        self.put(Arc::clone(&source));
        Ok(source)
    }

    /// What [`load`](Self::load) gives, without keeping what is not kept yet.
    pub(crate) fn peek(&self, path: &Path) -> Result<Arc<Source>, Problem> {
        if let Some(source) = self.read_cache().get(path) {
            return Ok(Arc::clone(source));
        }
        let bytes =
            std::fs::read(path).map_err(|error| Problem::of_file(path, error.to_string()))?;
        let text = String::from_utf8(bytes).map_err(|error| {
            Problem::of_file(
                path,
                format!("not UTF-8 from byte {}", error.utf8_error().valid_up_to()),
            )
        })?;
        Source::parse(path, text)
    }

    /// Replaces what [`load`](Self::load) gives for the path of `source`.
    pub fn put(&self, source: Arc<Source>) {
        let mut sources = self.sources.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        sources.insert(source.path().to_owned(), source);
    }

    fn read_cache(&self) -> std::sync::RwLockReadGuard<'_, HashMap<PathBuf, Arc<Source>>> {
        self.sources.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Whether a path is that of a modular file: `modular_<model type>.py`.
pub fn is_modular(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    name.starts_with("modular_") && path.extension().is_some_and(|extension| extension == "py")
}
