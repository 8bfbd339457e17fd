//! Level by level: convert, lay out, and hand each level to the next one.

use std::{
    collections::{BTreeSet, HashSet},
    path::{Path, PathBuf},
};

use portwright_harness::{
    cancel::Cancel,
    progress::{Progress, Step},
};
use portwright_source::{
    FileKind, Library, Problem, Source,
    modular::{Dropped, Generated, convert, dropped, inputs, levels},
};
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{formatter::Formatter, place};
use crate::error::ToolError;

/// Why a modular file gave no files, or not all of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    /// The modular file.
    pub modular: PathBuf,
    /// Line of the construct, from 1, where it is one construct.
    pub line: Option<usize>,
    /// Column, from 1.
    pub column: Option<usize>,
    /// In full: place, source line with a caret, what to do.
    pub message: String,
}

impl Failure {
    fn of(modular: &Path, problem: &Problem) -> Self {
        let place = problem.place.as_ref();
        Self {
            modular: modular.to_owned(),
            line: place.map(|it| it.line),
            column: place.map(|it| it.column),
            message: problem.to_string(),
        }
    }
}

/// A file as it should be on disk.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub(super) kind: FileKind,
    /// In the package.
    pub(super) path: PathBuf,
    pub(super) text: String,
}

/// What came of one modular file.
#[derive(Debug)]
pub(super) struct Converted {
    pub(super) modular: PathBuf,
    pub(super) result: Result<Vec<Written>, Failure>,
    /// What the modular file has and no file of its.
    pub(super) dropped: Vec<Dropped>,
    /// Models whose own conversion failed and whose files were therefore read as they are on disk.
    pub(super) stale_parents: Vec<String>,
}

/// The surroundings of a conversion.
pub(super) struct Workshop<'a> {
    pub(super) library: &'a Library,
    pub(super) formatter: &'a Formatter,
    pub(super) progress: &'a dyn Progress,
    pub(super) cancel: &'a Cancel,
    /// Files that a conversion reads: what is written for them is kept for their readers.
    pub(super) read: HashSet<PathBuf>,
}

/// The files that the conversions of `files` read.
pub(super) fn read_by(library: &Library, files: &[PathBuf]) -> HashSet<PathBuf> {
    // What cannot be read reports itself when it is converted.
    files.par_iter().flat_map_iter(|it| inputs(library, it).unwrap_or_default()).collect()
}

impl Workshop<'_> {
    /// Converts `files`. What each gives stands in the library for those that come after it.
    pub(super) fn convert(&self, files: &[PathBuf]) -> Result<Vec<Converted>, ToolError> {
        let total = u64::try_from(files.len()).unwrap_or(u64::MAX);
        let step = Step::start(self.progress, "converting", total);
        let mut done = Vec::with_capacity(files.len());
        let mut failed = BTreeSet::new();
        for level in levels(self.library, files)? {
            let level = self.level(&level, &failed, &step)?;
            let failures = level.iter().filter(|it| it.result.is_err());
            failed.extend(failures.map(|it| place::model(&it.modular)));
            done.extend(level);
        }
        Ok(done)
    }

    /// Converts the files of one level, none of which needs another.
    pub(super) fn level(
        &self,
        files: &[PathBuf],
        failed: &BTreeSet<String>,
        step: &Step<'_>,
    ) -> Result<Vec<Converted>, ToolError> {
        if self.cancel.is_cancelled() {
            return Err(ToolError::Cancelled);
        }
        let one = |file: &PathBuf| {
            let result = convert(self.library, file);
            step.advance(1);
            result
        };
        let raw: Vec<Result<Vec<Generated>, Problem>> = files.par_iter().map(one).collect();
        let batch: Vec<(PathBuf, String)> = raw
            .iter()
            .flatten()
            .flatten()
            .map(|it| (place::in_repository(self.library, &it.path), it.text.clone()))
            .collect();
        // Ctrl-C reaches the pinned program as well, which then fails.
        let stopped = |err| if self.cancel.is_cancelled() { ToolError::Cancelled } else { err };
        let mut laid_out = self.formatter.tidy(&batch).map_err(stopped)?.into_iter();
        let mut done = Vec::with_capacity(files.len());
        for (modular, raw) in files.iter().zip(raw) {
            // What cannot be read again reported itself when it was converted.
            let dropped = raw.as_ref().map_or_else(
                |_| Vec::new(),
                |it| dropped(self.library, modular, it).unwrap_or_default(),
            );
            let result = match raw {
                Ok(generated) => {
                    let texts: Vec<_> = laid_out.by_ref().take(generated.len()).collect();
                    self.take(modular, generated, texts)
                }
                Err(problem) => Err(Failure::of(modular, &problem)),
            };
            let stale_parents = self.parents(modular).filter(|it| failed.contains(it)).collect();
            done.push(Converted { modular: modular.clone(), result, dropped, stale_parents });
        }
        Ok(done)
    }

    /// Puts the files of one model into the library, all of them or none.
    fn take(
        &self,
        modular: &Path,
        generated: Vec<Generated>,
        texts: Vec<Result<String, String>>,
    ) -> Result<Vec<Written>, Failure> {
        let mut written = Vec::with_capacity(generated.len());
        let mut sources = Vec::with_capacity(generated.len());
        for (Generated { kind, path, .. }, text) in generated.into_iter().zip(texts) {
            let text = text.map_err(|said| {
                let problem =
                    Problem::of_file(modular, format!("what it gives cannot be laid out: {said}"));
                Failure::of(modular, &problem)
            })?;
            // A tree for each file of the library would take the memory of a small server.
            if self.read.contains(&path) || !path.is_file() {
                let source = Source::parse(&path, text.as_str())
                    .map_err(|problem| Failure::of(modular, &problem))?;
                sources.push(source);
            }
            written.push(Written { kind, path, text });
        }
        for source in sources {
            self.library.put(source);
        }
        Ok(written)
    }

    /// The models whose files a modular file is converted from.
    fn parents(&self, modular: &Path) -> impl Iterator<Item = String> + use<> {
        let files = inputs(self.library, modular).unwrap_or_default();
        let folder = |it: &PathBuf| Some(it.parent()?.file_name()?.to_string_lossy().into_owned());
        files.iter().filter_map(folder).collect::<BTreeSet<_>>().into_iter()
    }
}
