//! A model's ancestors, through modular files: whom it inherits from, what it takes, what it changes.
//!
//! [`lineage`] gives the tree of one model; `draw` shows it as Mermaid or as lines of text; `family`
//! is the whole library's graph, which says who may inherit from whom.

mod draw;
mod family;

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use ruff_python_ast::{Expr, Stmt, StmtClassDef};
use schemars::JsonSchema;
use serde::Serialize;

use crate::body::Member;
use crate::definitions::Definitions;
use crate::depth::with_room;
use crate::library::Library;
use crate::mentions::taken;
use crate::modular::View;
use crate::naming::{FileKind, ModelNames};
use crate::problem::Problem;
use crate::text::Source;
pub(crate) use family::Family;

/// A model with its ancestors.
#[derive(Debug, Clone, Serialize, JsonSchema, PartialEq, Eq)]
pub struct Lineage {
    /// The model type.
    pub model: String,
    /// Its modular file; `None` for an original, which inherits from no other model.
    pub modular: Option<PathBuf>,
    /// What it takes from whom, most classes first.
    pub parents: Vec<Descent>,
    /// Whether its parents are told where the model was first met, and left out here.
    pub told_before: bool,
}

/// What a model takes from one parent.
#[derive(Debug, Clone, Serialize, JsonSchema, PartialEq, Eq)]
pub struct Descent {
    /// The parent, with its own ancestors.
    pub parent: Lineage,
    /// The classes that inherit, in the order of the modular file.
    pub classes: Vec<Heir>,
    /// Functions and constants that are taken as they are.
    pub imported: Vec<String>,
}

/// A class of a modular file that inherits from another model's.
#[derive(Debug, Clone, Serialize, JsonSchema, PartialEq, Eq)]
pub struct Heir {
    /// The class.
    pub class: String,
    /// The parent's class.
    pub base: String,
    /// The file that the class is written to.
    pub kind: FileKind,
    /// Methods written anew.
    pub replaced: Vec<String>,
    /// Methods that call the parent's and add to it.
    pub extended: Vec<String>,
    /// Methods that the parent lacks.
    pub added: Vec<String>,
    /// Methods and attributes taken out.
    pub removed: Vec<String>,
    /// Attributes set.
    pub attributes: Vec<String>,
}

impl Heir {
    /// Whether the class changes nothing but names.
    pub fn is_unchanged(&self) -> bool {
        [&self.replaced, &self.extended, &self.added, &self.removed, &self.attributes]
            .iter()
            .all(|it| it.is_empty())
    }
}

/// The ancestors of `model` (a model type), transitively.
///
/// # Errors
///
/// Where the library has no such model, or a file on the way cannot be read.
pub fn lineage(library: &Library, model: &str) -> Result<Lineage, Problem> {
    let modulars = family::by_model(library)?;
    let folder = library.models().join(model);
    if !modulars.contains_key(model) && !folder.is_dir() {
        return Err(Problem::of_file(&folder, format!("no model `{model}` in this release"))
            .with_help("give a model type: the name of a folder below `models`"));
    }
    with_room(|| ancestors(library, &modulars, model, &mut HashSet::new()))
}

fn ancestors(
    library: &Library,
    modulars: &BTreeMap<String, PathBuf>,
    model: &str,
    met: &mut HashSet<String>,
) -> Result<Lineage, Problem> {
    let modular = modulars.get(model).cloned();
    let told_before = !met.insert(model.to_owned()) && modular.is_some();
    let mut lineage =
        Lineage { model: model.to_owned(), modular, parents: Vec::new(), told_before };
    let Some(path) = lineage.modular.as_ref().filter(|_| !told_before) else { return Ok(lineage) };
    let mut edges: Vec<_> = descents(library, path, model)?.into_iter().collect();
    edges.sort_by_key(|(name, (classes, imported))| {
        (std::cmp::Reverse(classes.len()), std::cmp::Reverse(imported.len()), name.clone())
    });
    for (name, (classes, imported)) in edges {
        let parent = ancestors(library, modulars, &name, met)?;
        lineage.parents.push(Descent { parent, classes, imported });
    }
    Ok(lineage)
}

/// Name to the folder and the file that it is imported from.
type TakenFrom = BTreeMap<String, (String, String)>;

type Edges = BTreeMap<String, (Vec<Heir>, Vec<String>)>;

/// What a modular file takes, by the model that it takes it from.
fn descents(library: &Library, path: &Path, model: &str) -> Result<Edges, Problem> {
    let source = library.peek(path)?;
    let definitions = Definitions::of(&source);
    let taken: TakenFrom =
        taken(source.stmts()).into_iter().map(|it| (it.name, (it.folder, it.file))).collect();
    let camel = library.names().camel(model);
    let mut edges = Edges::new();
    let mut bases = HashSet::new();
    for node in definitions.classes.values() {
        let Stmt::ClassDef(class) = node.stmt() else { continue };
        let Some((base, (folder, module))) = parent_of(class, &taken) else { continue };
        bases.insert(base);
        let view = View::of(node)?;
        let file = library.module_path(&format!("{folder}.{module}"));
        let heir = match library.peek(&file) {
            Ok(parent) => heir(library.names(), &view, base, &parent, &camel),
            // What cannot be read is still named.
            Err(_) => Heir::of(library.names(), &view, base, &camel),
        };
        edges.entry(folder.clone()).or_default().0.push(heir);
    }
    for (name, (folder, _)) in taken.iter().filter(|(name, _)| !bases.contains(name.as_str())) {
        edges.entry(folder.clone()).or_default().1.push(name.clone());
    }
    edges.remove(model);
    Ok(edges)
}

fn parent_of<'a>(
    class: &'a StmtClassDef,
    taken: &'a TakenFrom,
) -> Option<(&'a str, &'a (String, String))> {
    class.bases().iter().find_map(|base| {
        let Expr::Name(name) = base else { return None };
        Some((name.id.as_str(), taken.get(name.id.as_str())?))
    })
}

impl Heir {
    fn of(names: &ModelNames, view: &View<'_>, base: &str, camel: &str) -> Self {
        let class = view.class.name.to_string();
        let kind = names.kind_of(&class, camel);
        let nothing = Vec::new;
        Self {
            class,
            base: base.to_owned(),
            kind,
            replaced: nothing(),
            extended: nothing(),
            added: nothing(),
            removed: nothing(),
            attributes: nothing(),
        }
    }
}

fn heir(names: &ModelNames, view: &View<'_>, base: &str, parent: &Source, camel: &str) -> Heir {
    let mut heir = Heir::of(names, view, base, camel);
    let inherited: HashSet<&str> = parent
        .stmts()
        .iter()
        .filter_map(Stmt::as_class_def_stmt)
        .filter(|class| class.name.as_str() == base)
        .flat_map(|class| class.body.iter().filter_map(Stmt::as_function_def_stmt))
        .map(|function| function.name.as_str())
        .collect();
    for (name, member) in view.attributes() {
        let list = if member.text().contains("AttributeError(") {
            &mut heir.removed
        } else {
            &mut heir.attributes
        };
        list.push(name.to_owned());
    }
    for (name, method) in &view.methods {
        let bare = name
            .strip_suffix("_setter")
            .filter(|bare| view.methods.contains_key(*bare))
            .unwrap_or(name);
        let list = if raises_at_once(method) {
            &mut heir.removed
        } else if !inherited.contains(bare) {
            &mut heir.added
        } else if method.text().contains(&format!("super().{bare}(")) {
            &mut heir.extended
        } else {
            &mut heir.replaced
        };
        if !list.iter().any(|known| known == bare) {
            list.push(bare.to_owned());
        }
    }
    heir
}

/// `raise AttributeError(...)` as a whole body.
fn raises_at_once(method: &Member<'_>) -> bool {
    method.function().is_some_and(|function| {
        matches!(function.body.as_slice(), [Stmt::Raise(raise)]
            if method.source.slice(raise.range).contains("AttributeError"))
    })
}
