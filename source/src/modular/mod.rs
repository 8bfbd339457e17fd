//! The modular system: from `modular_<name>.py` to the standalone files that it stands for.
//!
//! A modular file names its parents' classes and writes only what differs. Conversion goes through
//! five steps, one module each: `reading` (what the modular file says), `prefix` and `parents` (the
//! parents' files, renamed), `inherit` with `unravel` (each class spelled out), `place` (what else
//! each class needs, and the order), `imports` and this file's `assemble` (the text).
//!
//! The texts are not formatted yet: see [`format`](crate::format).

mod dropped;
mod imports;
mod inherit;
pub(crate) mod inverse;
mod levels;
mod parents;
mod place;
mod prefix;
mod reading;
mod soft;
mod unravel;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::depth::with_room;
use crate::library::Library;
use crate::naming::FileKind;
use crate::problem::Problem;
use crate::text::{Node, Source};
pub use dropped::{Dropped, dropped};
use imports::Imports;
pub(crate) use inherit::View;
pub use levels::levels;
pub(crate) use levels::parents as imported_models;
use parents::Parents;
use place::{Layout, Placed, place};
use reading::Modular;

/// A standalone file, as text that is yet to be formatted.
#[derive(Debug, Clone)]
pub struct Generated {
    pub kind: FileKind,
    pub path: PathBuf,
    pub text: String,
}

/// The files that the modular file at `path` stands for.
pub fn convert(library: &Library, path: &Path) -> Result<Vec<Generated>, Problem> {
    let source = library.load(path)?;
    convert_source(library, source)
}

/// The files that a modular file stands for; its path need not exist.
pub(crate) fn convert_source(
    library: &Library,
    source: Arc<Source>,
) -> Result<Vec<Generated>, Problem> {
    with_room(|| write_files(library, source))
}

fn write_files(library: &Library, source: Arc<Source>) -> Result<Vec<Generated>, Problem> {
    let modular = Modular::read(library, source)?;
    let renamings = prefix::renamings(library, &modular)?;
    let parents = Parents::read(library, &modular, renamings)?;
    let layout = place(library, &modular, &parents)?;
    let kinds: HashSet<FileKind> =
        layout.files.keys().chain(modular.exports.keys()).copied().collect();
    let candidates = candidates(&modular, &parents, &layout);
    let writer = Writer { library, modular: &modular, candidates: &candidates, layout: &layout };
    FileKind::ALL
        .into_iter()
        .filter(|kind| kinds.contains(kind))
        .map(|kind| {
            let name = format!("{}.py", kind.module(&modular.model));
            let path = modular.source.path().with_file_name(name);
            Ok(Generated { kind, path, text: writer.assemble(kind)? })
        })
        .collect()
}

/// The files of other models that the modular file at `path` is converted from, in the order of its
/// imports.
pub fn inputs(library: &Library, path: &Path) -> Result<Vec<PathBuf>, Problem> {
    let modular = with_room(|| Modular::read(library, library.load(path)?))?;
    Ok(modular.parents.into_iter().map(|parent| parent.path).collect())
}

/// The imports that a written file may take, in the order in which they are asked.
fn candidates(modular: &Modular, parents: &Parents, layout: &Layout) -> Vec<Node> {
    let inherited = parents.scopes.iter().flat_map(|scope| &scope.definitions.imports);
    let all = modular.imports.iter().chain(layout.crossing.values()).chain(inherited);
    let mut seen = HashSet::new();
    all.filter(|node| seen.insert(node.source.slice(node.owned()).trim().to_owned()))
        .cloned()
        .collect()
}

struct Writer<'a> {
    library: &'a Library,
    modular: &'a Modular,
    candidates: &'a [Node],
    layout: &'a Layout,
}

impl Writer<'_> {
    /// The text of one file.
    fn assemble(&self, kind: FileKind) -> Result<String, Problem> {
        let mut placed = self.layout.files.get(&kind).cloned().unwrap_or_default();
        let (mut body, mut imports) = self.parts(kind, &placed)?;
        if kind == FileKind::ImageProcessingPil
            && let Some(torch) = self.layout.files.get(&FileKind::ImageProcessing)
            && soft::copy_shared(&imports, torch, &mut placed)
        {
            (body, imports) = self.parts(kind, &placed)?;
        }
        let extracts =
            kind == FileKind::FeatureExtraction && self.modular.rules.guards_feature_extraction;
        if kind == FileKind::ImageProcessingPil || extracts {
            soft::guard_torch(&mut imports);
        }
        let mut text = banner(&repository_path(self.library, self.modular));
        text.push_str(self.modular.source.header());
        text.push_str(&imports.write());
        text.push_str(&body);
        text.extend(self.modular.exports.get(&kind).map(String::as_str));
        Ok(text)
    }

    /// The body of a file, and the imports that it needs.
    fn parts(&self, kind: FileKind, placed: &Placed) -> Result<(String, Imports), Problem> {
        let nodes = placed.in_order();
        let mut body: String = nodes.iter().map(|(_, node)| node.text()).collect();
        if let Some(getattr) = self.modular.getattr.get(&kind) {
            body.push_str(getattr);
        }
        let path = self.modular.source.path();
        let parsed = Source::parse(path, body.as_str()).map_err(|problem| {
            let message = format!("its {kind} file is not Python: {}", problem.message);
            let line = problem.place.map(|place| format!("a line of it is `{}`", place.text));
            line.into_iter().fold(Problem::of_file(path, message), Problem::with_help)
        })?;
        let used = imports::used(&parsed, self.candidates);
        let defined: HashSet<&str> = nodes.iter().map(|(name, _)| *name).collect();
        Ok((body, Imports::needed(self.candidates, &used, &defined)?))
    }
}

/// Where the modular file stands, or will stand, in the transformers repository.
fn repository_path(library: &Library, modular: &Modular) -> String {
    let path = modular.source.path();
    let below = |folder: &Path, name: &str| {
        let rest = path.strip_prefix(folder).ok()?;
        Some(format!("{name}/{}", rest.to_string_lossy().replace('\\', "/")))
    };
    let text = path.to_string_lossy().replace('\\', "/");
    below(library.package(), "src/transformers")
        .or_else(|| text.find("examples/").map(|at| text[at..].to_owned()))
        .unwrap_or_else(|| format!("src/transformers/models/{0}/modular_{0}.py", modular.model))
}

/// The warning that opens every written file.
fn banner(path: &str) -> String {
    let lights = format!("#{}{}\n", " ".repeat(16), "\u{1F6A8}".repeat(48));
    let name = path.rsplit('/').next().unwrap_or(path);
    let lines = [
        (11, format!("This file was automatically generated from {path}.")),
        (15, "Do NOT edit this file manually as any edits will be overwritten by the generation of".to_owned()),
        (13, "the file from the modular. If any change should be done, please apply the change to the".to_owned()),
        (26, format!("{name} file directly. One of our CI enforces this.")),
    ];
    let lines = lines.map(|(indent, line)| format!("#{}{line}\n", " ".repeat(indent)));
    format!("{lights}{}{lights}", lines.concat())
}

/// Whether a file was written by the modular system.
pub fn is_generated(source: &Arc<Source>) -> bool {
    source.header().contains("This file was automatically generated from")
}
