//! Every class and function of the library, by structure: what a parent is searched in.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;
use ruff_text_size::TextRange;

use super::compare::{Rung, compare};
use super::shape::{Ink, Shape};
use crate::definitions::Definitions;
use crate::depth::with_room;
use crate::library::Library;
use crate::lineage::Family;
use crate::naming::FileKind;
use crate::problem::Problem;

/// Pieces that more classes than this share tell nothing.
const COMMON: usize = 600;
/// How many classes are compared in full for one that looks for a parent.
const SHORTLIST: usize = 120;

/// A file that classes may inherit from.
#[derive(Debug)]
pub(super) struct File {
    pub path: PathBuf,
    /// The folder of its model.
    pub folder: String,
    /// The module in that folder: `modeling_llama`.
    pub module: String,
    pub kind: FileKind,
    /// Functions and assignments by name, folded.
    pub others: HashMap<String, u64>,
    /// How many generations of modular files lie behind it; 0 for an original.
    pub generation: usize,
}

/// A class that others may inherit from.
#[derive(Debug)]
pub(super) struct Class {
    pub file: usize,
    pub name: String,
    pub shape: Shape,
}

/// The library, ready to be searched. Built once, it serves any number of searches.
#[derive(Debug)]
pub struct Index {
    pub(super) files: Vec<File>,
    pub(super) classes: Vec<Class>,
    pub(super) family: Family,
    /// Which classes hold a piece.
    postings: HashMap<u64, Vec<u32>>,
}

/// A possible parent, and how many lines its heir would take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Candidate {
    pub class: usize,
    pub cost: u32,
}

struct Read {
    file: File,
    classes: Vec<(String, Shape)>,
}

impl Index {
    /// Reads all model files of `library`. A file that is not Python is left out.
    ///
    /// # Errors
    ///
    /// Where the folder of models cannot be listed.
    pub fn build(library: &Library) -> Result<Self, Problem> {
        let family = Family::read(library)?;
        let paths = library.model_files()?;
        let mut read: Vec<Read> = paths
            .par_iter()
            .filter_map(|path| with_room(|| read(library, &family, path)))
            .collect();
        read.sort_by(|a, b| a.file.path.cmp(&b.file.path));
        let mut index =
            Self { files: Vec::new(), classes: Vec::new(), family, postings: HashMap::new() };
        for Read { file, classes } in read {
            let at = index.files.len();
            index.files.push(file);
            index.classes.extend(classes.into_iter().map(|(name, shape)| Class {
                file: at,
                name,
                shape,
            }));
        }
        for (at, class) in index.classes.iter().enumerate() {
            let at = u32::try_from(at).unwrap_or(u32::MAX);
            for (hash, _) in pieces(&class.shape) {
                let list = index.postings.entry(hash).or_default();
                if list.last() != Some(&at) {
                    list.push(at);
                }
            }
        }
        Ok(index)
    }

    /// How many classes it knows.
    pub fn len(&self) -> usize {
        self.classes.len()
    }

    /// Whether it knows no class.
    pub fn is_empty(&self) -> bool {
        self.classes.is_empty()
    }

    pub(super) fn file_of(&self, class: usize) -> &File {
        &self.files[self.classes[class].file]
    }

    /// The classes of `allowed` files that `shape` could inherit from at a gain, best first.
    pub(super) fn candidates(
        &self,
        shape: &Shape,
        kind: FileKind,
        allowed: &BTreeSet<usize>,
    ) -> Vec<Candidate> {
        let mut shared: HashMap<u32, u32> = HashMap::new();
        for (hash, lines) in pieces(shape) {
            let Some(list) = self.postings.get(&hash).filter(|list| list.len() <= COMMON) else {
                continue;
            };
            for &class in list {
                *shared.entry(class).or_default() += lines;
            }
        }
        let mut ranked: Vec<(u32, usize)> = shared
            .into_iter()
            .map(|(class, lines)| (lines, class as usize))
            .filter(|(_, class)| {
                let file = self.classes[*class].file;
                self.files[file].kind == kind && allowed.contains(&file)
            })
            .collect();
        ranked.sort_by_key(|&(lines, class)| {
            (std::cmp::Reverse(lines), self.file_of(class).generation, class)
        });
        ranked.truncate(SHORTLIST);
        let mut found: Vec<Candidate> = ranked
            .into_iter()
            .filter_map(|(_, class)| {
                let difference =
                    compare(shape, &self.classes[class].shape, Rung::Extending).ok()?;
                Some(Candidate { class, cost: difference.cost }).filter(|it| it.cost < shape.lines)
            })
            .collect();
        found.sort_by_key(|it| (it.cost, self.file_of(it.class).generation, it.class));
        found
    }
}

fn read(library: &Library, family: &Family, path: &Path) -> Option<Read> {
    let source = library.peek(path).ok()?;
    let module = path.file_stem()?.to_string_lossy().into_owned();
    let folder = path.parent()?.file_name()?.to_string_lossy().into_owned();
    let kind = FileKind::of_module(&module)?;
    let ink = Ink::folded(library.names(), &folder);
    let definitions = Definitions::of(&source);
    let classes = definitions
        .classes
        .iter()
        .filter_map(|(name, node)| Some((name.clone(), Shape::of(node, &ink).ok()?)))
        .collect();
    let others = definitions
        .functions
        .iter()
        .chain(&definitions.assignments)
        .map(|(name, node)| (name.clone(), folded(&ink, node)))
        .collect();
    let generation = family.generation(&folder);
    Some(Read {
        file: File { path: path.to_owned(), folder, module, kind, others, generation },
        classes,
    })
}

/// A function or assignment, folded, without the comments above it.
pub(super) fn folded(ink: &Ink, node: &crate::text::Node) -> u64 {
    use ruff_text_size::Ranged;
    let source = Arc::clone(&node.source);
    ink.part(&source, TextRange::new(node.stmt().start(), node.owned().end())).hash
}

/// What a class is found by, with how much it counts.
fn pieces(shape: &Shape) -> Vec<(u64, u32)> {
    let mut pieces: Vec<(u64, u32)> =
        shape.docstring.iter().map(|part| (part.hash, part.lines)).collect();
    pieces.extend(shape.attributes.iter().map(|it| (it.part.hash, it.part.lines)));
    for method in &shape.methods {
        pieces.push((method.whole.hash, method.whole.lines));
        pieces.extend(method.statements.iter().map(|it| (it.part.hash, it.part.lines)));
    }
    pieces
}
