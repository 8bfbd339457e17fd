//! The standalone files of the model that gets a modular file, as they come and tidied.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ruff_python_ast::{Expr, Stmt};
use ruff_text_size::TextRange;

use super::ScaffoldError;
use super::shape::{Ink, Shape};
use crate::definitions::Definitions;
use crate::format::{Style, tidy};
use crate::library::Library;
use crate::naming::FileKind;
use crate::text::{Node, Source};

/// What the input is, as text: a path that names it, and what it says.
#[derive(Debug, Clone)]
pub struct InputFile {
    /// Named `modeling_<model>.py`, `configuration_<model>.py` and so on.
    pub path: PathBuf,
    pub text: String,
}

/// A definition of the input.
#[derive(Debug)]
pub(super) struct Entry {
    pub name: String,
    pub node: Node,
    /// Of classes: exact, and folded as the index folds.
    pub shapes: Option<(Shape, Shape)>,
    /// Of functions and assignments.
    pub folded: u64,
}

/// A file of the input.
#[derive(Debug)]
pub(super) struct File {
    pub kind: FileKind,
    /// Tidied, without the banner of generated files.
    pub source: Arc<Source>,
    pub entries: Vec<Entry>,
    pub imports: Vec<Node>,
    /// The strings of `__all__`, as written.
    pub exports: Vec<String>,
    /// Whether tidying changed it.
    pub untidy: bool,
    /// Lines of statements that no modular file can bring forth.
    pub lost: Vec<usize>,
}

/// All of the input.
#[derive(Debug)]
pub(super) struct Input {
    pub model: String,
    pub camel: String,
    /// Configuration first, modeling last.
    pub files: Vec<File>,
}

impl Input {
    pub(super) fn read(
        library: &Library,
        style: &Style,
        files: &[InputFile],
        name: Option<&str>,
    ) -> Result<Self, ScaffoldError> {
        let mut named = Vec::new();
        for file in files {
            let stem = file
                .path
                .file_stem()
                .map(|stem| stem.to_string_lossy().into_owned())
                .unwrap_or_default();
            let (kind, model) = FileKind::split(&stem)
                .ok_or_else(|| ScaffoldError::Name { path: file.path.clone() })?;
            named.push((kind, model.to_owned(), file));
        }
        named.sort_by_key(|(kind, ..)| (*kind == FileKind::Modeling, *kind));
        let Some((_, last, _)) = named.last() else { return Err(ScaffoldError::Nothing) };
        let model = name.unwrap_or(last).to_owned();
        if let Some((_, _, file)) =
            named.iter().find(|(_, other, _)| name.is_none() && *other != model)
        {
            return Err(ScaffoldError::OtherModel { path: file.path.clone(), model });
        }
        let is_identifier =
            model.chars().all(|c| c.is_alphanumeric() || c == '_') && !model.is_empty();
        if !is_identifier {
            return Err(ScaffoldError::Model { model });
        }
        let camel = library.names().camel(&model);
        let ink = Ink::folded(library.names(), &model);
        let files = named
            .iter()
            .map(|(kind, _, file)| File::read(style, *kind, &model, file, &ink))
            .collect::<Result<_, _>>()?;
        Ok(Self { model, camel, files })
    }

    /// The entry called `name` of a file.
    pub(super) fn entries(&self) -> impl Iterator<Item = (usize, &Entry)> {
        self.files
            .iter()
            .enumerate()
            .flat_map(|(at, file)| file.entries.iter().map(move |entry| (at, entry)))
    }
}

impl File {
    fn read(
        style: &Style,
        kind: FileKind,
        model: &str,
        file: &InputFile,
        ink: &Ink,
    ) -> Result<Self, ScaffoldError> {
        let name = format!("{}.py", kind.module(model));
        let path = Path::new("src/transformers/models").join(model).join(name);
        let text = without_banner(&file.text);
        let tidied = tidy(style, &path, text)?;
        let untidy = tidied != text;
        let source = Source::parse(path, tidied)?;
        let mut definitions = Definitions::of(&source);
        let exports = definitions
            .assignments
            .shift_remove("__all__")
            .map(|node| strings(&node))
            .unwrap_or_default();
        let mut entries = Vec::new();
        for (name, node) in
            definitions.classes.iter().chain(&definitions.functions).chain(&definitions.assignments)
        {
            let shapes = match node.stmt() {
                Stmt::ClassDef(_) => Some((Shape::of(node, &Ink::Exact)?, Shape::of(node, ink)?)),
                _ => None,
            };
            let folded = super::index::folded(ink, node);
            entries.push(Entry { name: name.clone(), node: node.clone(), shapes, folded });
        }
        entries.sort_by_key(|entry| entry.node.item);
        let lost = lost(&source, &entries, &definitions.imports);
        Ok(Self { kind, source, entries, imports: definitions.imports, exports, untidy, lost })
    }
}

/// The lines of what is neither a definition, an import nor `__all__`.
fn lost(source: &Source, entries: &[Entry], imports: &[Node]) -> Vec<usize> {
    let known = |item: usize| {
        entries.iter().any(|it| it.node.item == item) || imports.iter().any(|it| it.item == item)
    };
    let line =
        |range: TextRange| source.text()[..range.start().to_usize()].matches('\n').count() + 1;
    let mut lines = Vec::new();
    for (index, item) in source.items().iter().enumerate() {
        let stmt = &source.stmts()[item.stmts.start];
        let exports = matches!(stmt, Stmt::Assign(assign)
            if matches!(assign.targets.as_slice(), [Expr::Name(name)] if name.id.as_str() == "__all__"));
        if !known(index) && !exports {
            lines.push(line(ruff_text_size::Ranged::range(stmt)));
        }
    }
    lines
}

fn strings(node: &Node) -> Vec<String> {
    let Stmt::Assign(assign) = node.stmt() else { return Vec::new() };
    let elements = match &*assign.value {
        Expr::List(list) => &list.elts,
        Expr::Tuple(tuple) => &tuple.elts,
        _ => return Vec::new(),
    };
    elements
        .iter()
        .map(|element| node.source.slice(ruff_text_size::Ranged::range(element)).to_owned())
        .collect()
}

/// The text after the banner of generated files, if it opens with one.
pub(super) fn without_banner(text: &str) -> &str {
    if !text.starts_with('#') {
        return text;
    }
    let mut lights = 0;
    let mut at = 0;
    for line in text.split_inclusive('\n').take(6) {
        at += line.len();
        if line.contains('\u{1F6A8}') {
            lights += 1;
            if lights == 2 {
                return &text[at..];
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_banner_is_taken_off() {
        let lights = "#   \u{1F6A8}\u{1F6A8}\n";
        let text = format!("{lights}# one\n# two\n{lights}# licence\nx = 1\n");
        assert_eq!(without_banner(&text), "# licence\nx = 1\n");
        assert_eq!(without_banner(&format!("{lights}x = 1\n")), format!("{lights}x = 1\n"));
        assert_eq!(without_banner("x = 1\n"), "x = 1\n");
    }
}
