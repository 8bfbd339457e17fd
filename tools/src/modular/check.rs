//! `modular check`: are the standalone files on disk what their modular files stand for?
//!
//! A file whose inputs and outputs hold what they held when it was last found in order is not
//! converted again. One whose parent turns out to be out of date is converted from the parent as it
//! should be, not as it is.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use portwright_harness::{
    cancel::Cancel,
    digest,
    environment::Home,
    progress::{Event, Progress},
};
use portwright_source::{FileKind, Library, modular::inputs};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    cache::{Cache, Digests, Entry, common},
    conversion::{Failure, Workshop, Written, read_by},
    convert::unified,
    formatter::{Formatter, FormatterChoice, FormatterUsed},
    place,
};
use crate::error::ToolError;

/// What to check.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CheckInput {
    /// Model types such as `olmo3`, or paths of modular files.
    pub files: Vec<String>,
    /// Every modular file of the release.
    pub all: bool,
    /// A checkout or install of transformers; the one around the files or the current folder, else
    /// the pinned release, when absent.
    pub transformers: Option<PathBuf>,
    /// Which formatter lays the files out.
    pub formatter: FormatterChoice,
    /// Convert everything, whatever is remembered.
    pub fresh: bool,
}

/// A standalone file that is not what its modular file stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Difference {
    /// There is no such file.
    Missing { path: PathBuf, modular: PathBuf },
    /// It holds something else.
    Differs {
        path: PathBuf,
        modular: PathBuf,
        /// From what is on disk to what should be.
        diff: String,
    },
    /// It says that it was generated from the modular file, which gives no such file.
    Orphan { path: PathBuf, modular: PathBuf },
}

/// What was found.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct CheckOutput {
    /// The package that was read.
    pub package: PathBuf,
    /// Modular files that were asked for.
    pub modular_files: usize,
    /// Those among them that had to be converted to know.
    pub converted: usize,
    pub differences: Vec<Difference>,
    pub failures: Vec<Failure>,
    pub formatter: FormatterUsed,
    /// Wall-clock seconds.
    pub seconds: f64,
}

impl CheckOutput {
    /// 1 where anything is out of date or cannot be converted, else 0.
    pub fn exit_code(&self) -> u8 {
        u8::from(!self.differences.is_empty() || !self.failures.is_empty())
    }
}

/// Compare what is on disk with what the modular files stand for. Nothing in the package is written.
///
/// # Errors
///
/// Fails when nothing could be asked: unknown names, no transformers there, no formatter.
pub fn check(
    input: &CheckInput,
    home: &Home,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<CheckOutput, ToolError> {
    let start = Instant::now();
    let given = input.transformers.as_deref();
    let library = place::open(given, &input.files, home, progress, cancel)?;
    let chosen = place::select(&library, &input.files, input.all)?;
    let formatter = Formatter::choose(input.formatter, &library, home, progress, cancel)?;
    let common = common(&library, &formatter.identity());
    let mut cache = Cache::read(home, &library, common);
    if input.fresh {
        cache.entries.clear();
    }
    let mut round = Round::begin(&library, &cache, &chosen);
    let workshop = Workshop {
        library: &library,
        formatter: &formatter,
        progress,
        cancel,
        read: round.reads(),
    };
    while !round.due.is_empty() {
        let due = std::mem::take(&mut round.due);
        for converted in workshop.convert(&due)? {
            round.take(&converted.modular, converted.result);
        }
        round.next(&due);
    }
    let converted = round.results.len();
    let (differences, failures) = round.settle(&mut cache);
    if let Err(err) = cache.write(home, &library) {
        let text = format!("the next check starts from nothing: {err}");
        progress.on(Event::Note { text: &text });
    }
    Ok(CheckOutput {
        package: library.package().to_owned(),
        modular_files: chosen.len(),
        converted,
        differences,
        failures,
        formatter: formatter.used,
        seconds: start.elapsed().as_secs_f64(),
    })
}

/// What is known while files are converted, and their readers after them.
struct Round<'a> {
    library: &'a Library,
    chosen: &'a [PathBuf],
    disk: Digests,
    /// What each chosen file reads.
    reads: BTreeMap<PathBuf, BTreeSet<PathBuf>>,
    /// What the standalone files of those must hold that were not converted.
    remembered: BTreeMap<PathBuf, BTreeSet<PathBuf>>,
    results: BTreeMap<PathBuf, Result<Vec<Written>, Failure>>,
    /// To be converted next.
    due: Vec<PathBuf>,
    /// Standalone files that should hold something else, and what.
    stale: BTreeMap<PathBuf, String>,
    /// Those of them that the last conversions brought up.
    news: HashSet<PathBuf>,
}

impl<'a> Round<'a> {
    fn begin(library: &'a Library, cache: &Cache, chosen: &'a [PathBuf]) -> Self {
        let entries: Vec<(&PathBuf, &Entry)> =
            chosen.iter().filter_map(|it| Some((it, cache.entries.get(it)?))).collect();
        let paths: BTreeSet<&Path> = entries
            .iter()
            .flat_map(|(_, entry)| entry.read.keys().chain(entry.written.keys()))
            .map(PathBuf::as_path)
            .collect();
        let disk = Digests::default();
        disk.read(&paths.into_iter().collect::<Vec<_>>());
        let mut reads = BTreeMap::new();
        let mut remembered = BTreeMap::new();
        for (modular, entry) in entries {
            if disk.hold(&entry.read) && disk.hold(&entry.written) {
                let parents = entry.read.keys().filter(|it| *it != modular).cloned().collect();
                reads.insert(modular.clone(), parents);
                remembered.insert(modular.clone(), entry.written.keys().cloned().collect());
            }
        }
        let due = chosen.iter().filter(|it| !reads.contains_key(*it)).cloned().collect();
        let (results, stale, news) = <_>::default();
        Self { library, chosen, disk, reads, remembered, results, due, stale, news }
    }

    /// Every file that some conversion reads.
    fn reads(&self) -> HashSet<PathBuf> {
        let mut all: HashSet<PathBuf> = self.reads.values().flatten().cloned().collect();
        all.extend(read_by(self.library, &self.due));
        all
    }

    fn take(&mut self, modular: &Path, result: Result<Vec<Written>, Failure>) {
        for file in result.iter().flatten() {
            let same = match self.stale.get(&file.path) {
                Some(before) => *before == file.text,
                None => fs::read(&file.path).is_ok_and(|it| it == file.text.as_bytes()),
            };
            if !same {
                self.stale.insert(file.path.clone(), file.text.clone());
                self.news.insert(file.path.clone());
            }
        }
        let parents = inputs(self.library, modular).unwrap_or_default();
        self.reads.insert(modular.to_owned(), parents.into_iter().collect());
        self.results.insert(modular.to_owned(), result);
    }

    /// Readers of what just turned out to be out of date; those in the same batch came after it.
    fn next(&mut self, done: &[PathBuf]) {
        let news = std::mem::take(&mut self.news);
        let reads_news = |it: &PathBuf| {
            self.reads.get(it).is_some_and(|reads| reads.iter().any(|it| news.contains(it)))
        };
        self.due =
            self.chosen.iter().filter(|it| !done.contains(it) && reads_news(it)).cloned().collect();
    }

    /// The differences; what was found in order goes into `cache`.
    fn settle(self, cache: &mut Cache) -> (Vec<Difference>, Vec<Failure>) {
        let (mut differences, mut failures) = (Vec::new(), Vec::new());
        for modular in self.chosen {
            let mut given: BTreeSet<PathBuf> =
                self.remembered.get(modular).cloned().unwrap_or_default();
            match self.results.get(modular) {
                None => {}
                Some(Err(failure)) => {
                    cache.entries.remove(modular);
                    failures.push(failure.clone());
                    continue;
                }
                Some(Ok(written)) => {
                    given = written.iter().map(|it| it.path.clone()).collect();
                    let found = self.differences(modular, written);
                    let entry = self.entry(modular, written).filter(|_| found.is_empty());
                    match entry {
                        Some(entry) => cache.entries.insert(modular.clone(), entry),
                        None => cache.entries.remove(modular),
                    };
                    differences.extend(found);
                }
            }
            let orphans = orphans(modular, &given);
            differences
                .extend(orphans.map(|path| Difference::Orphan { path, modular: modular.clone() }));
        }
        (differences, failures)
    }

    fn differences(&self, modular: &Path, written: &[Written]) -> Vec<Difference> {
        let difference = |file: &Written| {
            let (path, modular) = (file.path.clone(), modular.to_owned());
            match fs::read(&path) {
                Ok(bytes) if bytes == file.text.as_bytes() => None,
                Ok(bytes) => {
                    let name = place::in_repository(self.library, &path);
                    let diff = unified(&name, &bytes, &file.text);
                    Some(Difference::Differs { path, modular, diff })
                }
                Err(_) => Some(Difference::Missing { path, modular }),
            }
        };
        written.iter().filter_map(difference).collect()
    }

    /// What to remember of a file that is in order; nothing where it was converted from parents that
    /// are not on disk as it saw them.
    fn entry(&self, modular: &Path, written: &[Written]) -> Option<Entry> {
        let parents = self.reads.get(modular)?;
        if parents.iter().any(|it| self.stale.contains_key(it)) {
            return None;
        }
        let of = |path: &Path| Some((path.to_owned(), self.disk.of(path)?));
        let read =
            parents.iter().map(PathBuf::as_path).chain([modular]).map(of).collect::<Option<_>>()?;
        let written = written
            .iter()
            .map(|it| (it.path.clone(), digest::of_bytes(it.text.as_bytes())))
            .collect();
        Some(Entry { read, written })
    }
}

/// Files beside `modular` that say they were generated from it, and are not among `given`.
fn orphans(modular: &Path, given: &BTreeSet<PathBuf>) -> impl Iterator<Item = PathBuf> {
    let name = modular.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let model = place::model(modular);
    FileKind::ALL
        .into_iter()
        .map(|kind| modular.with_file_name(format!("{}.py", kind.module(&model))))
        .filter(|it| !given.contains(it) && it.is_file())
        .filter(move |it| {
            let text = fs::read_to_string(it).unwrap_or_default();
            let mut head = text.lines().take(8);
            head.any(|it| it.contains("automatically generated from") && it.contains(&name))
        })
        .collect::<Vec<_>>()
        .into_iter()
}
