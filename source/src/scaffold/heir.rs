//! One class as an heir of one parent, proven: what is written converts to what was given.

use std::path::Path;

use super::class::write;
use super::compare::{Difference, Obstacle, Rung, compare};
use super::index::Index;
use super::input::Entry;
use super::shape::{Ink, Shape};
use crate::format::{Style, lay_out};
use crate::library::Library;
use crate::modular::View;
use crate::modular::inverse::{documented, spelled_out};
use crate::rename::{Renaming, Scope};
use crate::text::Node;

/// A class that inherits.
#[derive(Debug, Clone)]
pub(super) struct Heir {
    /// The parent, by its place in the index.
    pub class: usize,
    pub rung: Rung,
    pub difference: Difference,
    pub text: String,
    /// The parent's name in the renamed file.
    pub renamed: String,
}

/// What all heirs of one model share.
pub(super) struct Forge<'a> {
    pub library: &'a Library,
    pub index: &'a Index,
    pub style: &'a Style,
    pub model: &'a str,
}

impl Forge<'_> {
    /// `entry` as an heir of the index's `class`, whose file is renamed by `renaming`; rungs below
    /// `from` are not tried.
    pub(super) fn heir(
        &self,
        entry: &Entry,
        class: usize,
        renaming: &Renaming,
        from: Rung,
    ) -> Result<Heir, Obstacle> {
        let Some((exact, _)) = &entry.shapes else { return Err("not a class") };
        let (base, parent) =
            self.parent(class, renaming).ok_or("the parent's file cannot be read")?;
        let renamed = renaming.apply(&base);
        if entry.name == base {
            return Err("its name is the parent's own");
        }
        let names = self.library.names();
        let documented = documented(names, &entry.node, &renamed, &parent, self.model)
            .map_err(|_| "the parent's strings cannot be renamed")?;
        let laid = lay_out(self.style, Path::new("a.py"), documented.text())
            .map_err(|_| "the parent cannot be laid out")?;
        let laid = Node::from_text(documented.source.path(), laid)
            .map_err(|_| "the parent cannot be laid out")?;
        let shape = Shape::of(&laid, &Ink::Exact).map_err(|_| "the parent is not a class")?;
        let (Ok(child_view), Ok(parent_view)) = (View::of(&entry.node), View::of(&laid)) else {
            return Err("not a class");
        };
        let wanted = entry.node.text().trim();
        for rung in Rung::ALL.into_iter().filter(|rung| *rung >= from) {
            let difference = compare(exact, &shape, rung)?;
            for difference in std::iter::once(difference.clone()).chain(difference.opened(exact)) {
                let text = write(&child_view, &parent_view, &difference, &base);
                // As it will stand: a blank line that is put here comes back there.
                let Ok(text) = lay_out(self.style, Path::new("a.py"), &text) else { continue };
                if self.comes_back(&text, &base, &renamed, &parent, wanted) {
                    return Ok(Heir { class, rung, difference, text, renamed });
                }
            }
        }
        Err("what it would write does not convert back to it")
    }

    /// The parent's own name, and the class as its renamed file has it.
    fn parent(&self, class: usize, renaming: &Renaming) -> Option<(String, Node)> {
        let of_index = &self.index.classes[class];
        let source = self.library.load(&self.index.files[of_index.file].path).ok()?;
        let item = source.items().iter().position(|item| {
            let stmt = &source.stmts()[item.stmts.start];
            stmt.as_class_def_stmt().is_some_and(|it| it.name.as_str() == of_index.name)
        })?;
        let text = renaming.text(&source, source.items()[item].owned, Scope::All);
        Some((of_index.name.clone(), Node::from_text(source.path(), text).ok()?))
    }

    fn comes_back(
        &self,
        text: &str,
        base: &str,
        renamed: &str,
        parent: &Node,
        wanted: &str,
    ) -> bool {
        let Ok(child) = Node::from_text(Path::new("modular.py"), text.to_owned()) else {
            return false;
        };
        let Ok(built) =
            spelled_out(self.library.names(), &child, base, renamed, parent, self.model)
        else {
            return false;
        };
        lay_out(self.style, Path::new("a.py"), built.text()).is_ok_and(|laid| laid.trim() == wanted)
    }
}
