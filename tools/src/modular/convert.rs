//! `modular convert`: from modular files to the standalone files on disk.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Instant,
};

use portwright_harness::{cancel::Cancel, environment::Home, progress::Progress};
use portwright_source::{Library, modular::Dropped};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use similar::TextDiff;

use super::{
    conversion::{Converted, Failure, Workshop, Written, read_by},
    coverage::ModularCoverage,
    error::ModularError,
    files,
    formatter::{Formatter, FormatterChoice, FormatterUsed},
    place,
};
use crate::error::ToolError;

/// What to convert, and where to put it.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ConvertInput {
    /// Model types such as `olmo3`, or paths of modular files.
    pub files: Vec<String>,
    /// Every modular file of the release.
    pub all: bool,
    /// A checkout or install of transformers; the one around the files or the current folder, else
    /// the pinned release, when absent.
    pub transformers: Option<PathBuf>,
    /// Write the repository's tree below this folder instead of beside the modular files.
    pub out: Option<PathBuf>,
    /// Write into an installed package.
    pub in_place: bool,
    /// Write nothing: say how what is on disk differs.
    pub diff: bool,
    /// With `all` and `diff`: write the table of the docs into this folder.
    pub docs: Option<PathBuf>,
    /// Which formatter lays the files out.
    pub formatter: FormatterChoice,
}

/// How a file stood to what was there.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Compared {
    /// There was none.
    New,
    /// There was another.
    Changed,
    /// It was there already, byte for byte.
    Unchanged,
}

/// One standalone file.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct FileOutcome {
    /// Where it is, or where it would be.
    pub path: PathBuf,
    /// `modeling`, `configuration`, ...
    pub kind: String,
    pub compared: Compared,
    /// With `diff`: from what is on disk to what the modular file stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
}

/// Files of one kind, or of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    pub new: usize,
    pub changed: usize,
    pub unchanged: usize,
}

impl Counts {
    fn add(&mut self, compared: Compared) {
        match compared {
            Compared::New => self.new += 1,
            Compared::Changed => self.changed += 1,
            Compared::Unchanged => self.unchanged += 1,
        }
    }

    pub fn total(self) -> usize {
        self.new + self.changed + self.unchanged
    }
}

/// What came of it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ConvertOutput {
    /// The package that was read.
    pub package: PathBuf,
    /// Whether files were written; with `diff` none are.
    pub wrote: bool,
    /// Modular files that were asked for.
    pub modular_files: usize,
    pub kinds: BTreeMap<String, Counts>,
    pub files: Vec<FileOutcome>,
    pub failures: Vec<Failure>,
    /// What a reader should know about single files.
    pub notes: Vec<String>,
    pub formatter: FormatterUsed,
    /// Wall-clock seconds.
    pub seconds: f64,
}

impl ConvertOutput {
    /// 1 where a file failed, or where `diff` found one; else 0.
    pub fn exit_code(&self) -> u8 {
        let differs = self.files.iter().any(|it| it.compared != Compared::Unchanged);
        u8::from(!self.failures.is_empty() || !self.wrote && differs)
    }

    /// All kinds together.
    pub fn counts(&self) -> Counts {
        let mut all = Counts::default();
        self.files.iter().for_each(|it| all.add(it.compared));
        all
    }
}

/// Convert modular files. A file that cannot be converted is reported and does not stop the others.
///
/// # Errors
///
/// Fails when nothing could be asked: unknown names, no transformers there, an installed package
/// that was not meant to be written to, a disk that cannot be written.
pub fn convert(
    input: &ConvertInput,
    home: &Home,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<ConvertOutput, ToolError> {
    let start = Instant::now();
    let given = input.transformers.as_deref();
    let library = place::open(given, &input.files, home, progress, cancel)?;
    let chosen = place::select(&library, &input.files, input.all)?;
    let outside = input.out.is_some() || input.diff || input.in_place;
    let installed = chosen.iter().any(|it| it.starts_with(library.package()));
    if installed && !outside && !place::is_checkout(&library) {
        return Err(ModularError::Installed { package: library.package().to_owned() }.into());
    }
    let formatter = Formatter::choose(input.formatter, &library, home, progress, cancel)?;
    let read = read_by(&library, &chosen);
    let workshop = Workshop { library: &library, formatter: &formatter, progress, cancel, read };
    let converted = workshop.convert(&chosen)?;
    let target = Target { library: &library, out: input.out.as_deref(), diff: input.diff };
    let mut output = ConvertOutput {
        package: library.package().to_owned(),
        wrote: !input.diff,
        modular_files: chosen.len(),
        kinds: BTreeMap::new(),
        files: Vec::new(),
        failures: Vec::new(),
        notes: Vec::new(),
        formatter: formatter.used.clone(),
        seconds: 0.0,
    };
    for Converted { modular, result, dropped, stale_parents } in converted {
        // Between two files nothing is half done.
        if cancel.is_cancelled() {
            return Err(ToolError::Cancelled);
        }
        if !stale_parents.is_empty() && result.is_ok() {
            output.notes.push(format!(
                "{}: converted from the files of {} as they are on disk, since their own conversion failed",
                place::model(&modular),
                stale_parents.join(", ")
            ));
        }
        output.notes.extend(dropped.iter().map(|it| left_out(&modular, it)));
        match result {
            Ok(files) => {
                for file in files {
                    let outcome = target.deliver(&file)?;
                    output.kinds.entry(outcome.kind.clone()).or_default().add(outcome.compared);
                    output.files.push(outcome);
                }
            }
            Err(failure) => output.failures.push(failure),
        }
    }
    output.seconds = start.elapsed().as_secs_f64();
    if let Some(docs) = &input.docs {
        let release = library.version().unwrap_or_else(|| "of an unknown version".to_owned());
        ModularCoverage::of(&output, release).write(docs)?;
    }
    Ok(output)
}

/// `modular_x.py:12: SCALE: float = 0.5` reaches no file.
fn left_out(modular: &Path, dropped: &Dropped) -> String {
    let name = modular.file_name().map_or(modular.to_string_lossy(), |it| it.to_string_lossy());
    let Dropped { line, text, undefined } = dropped;
    let uses = match undefined.as_slice() {
        [] => String::new(),
        names => format!(", and what uses `{}` does not run", names.join("`, `")),
    };
    format!(
        "{name}:{line}: `{text}` reaches no file{uses}; carried over are classes, functions, plain assignments \
         to a name and imports at the top level"
    )
}

/// Where files go.
struct Target<'a> {
    library: &'a Library,
    out: Option<&'a Path>,
    diff: bool,
}

impl Target<'_> {
    fn deliver(&self, file: &Written) -> Result<FileOutcome, ToolError> {
        let path = match self.out {
            Some(out) => out.join(place::in_repository(self.library, &file.path)),
            None => file.path.clone(),
        };
        let compared_with = if self.diff { &file.path } else { &path };
        let before = std::fs::read(compared_with).ok();
        let compared = match &before {
            None => Compared::New,
            Some(bytes) if bytes == file.text.as_bytes() => Compared::Unchanged,
            Some(_) => Compared::Changed,
        };
        let differs = compared != Compared::Unchanged;
        if differs && !self.diff {
            files::replace(&path, &file.text)?;
        }
        let name = place::in_repository(self.library, &file.path);
        let diff = (differs && self.diff)
            .then(|| unified(&name, before.as_deref().unwrap_or_default(), &file.text));
        let path = if self.diff { file.path.clone() } else { path };
        Ok(FileOutcome { path, kind: file.kind.to_string(), compared, diff })
    }
}

/// A unified diff from what is on disk to what should be there.
pub(super) fn unified(name: &Path, before: &[u8], after: &str) -> String {
    let before = String::from_utf8_lossy(before);
    let name = name.display();
    let diff = TextDiff::from_lines(before.as_ref(), after);
    diff.unified_diff().header(&format!("a/{name}"), &format!("b/{name}")).to_string()
}
