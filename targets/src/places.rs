//! Which model a path of a repository belongs to.

use crate::table::{Place, PlaceKind, Target};

/// A model that a path belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner<'a> {
    /// The model's name, as the path has it.
    pub model: &'a str,
    /// Whether the path is part of its implementation.
    pub defines: bool,
}

/// The model that a path belongs to, in whichever target has such a place; none where it is shared.
pub fn owner(path: &str) -> Option<Owner<'_>> {
    let found = crate::all().iter().filter_map(|target| Some((target, of_target(target, path)?)));
    let found: Vec<(&Target, Owner<'_>)> = found.collect();
    // Two targets may have one place: what is shared in either is no model's.
    let shared = found.iter().any(|(target, owner)| target.is_shared(owner.model));
    found.first().map(|(_, owner)| *owner).filter(|_| !shared)
}

fn of_target<'a>(target: &Target, path: &'a str) -> Option<Owner<'a>> {
    target.places.iter().find_map(|place| place.owner(path))
}

impl Target {
    /// Whether a name among its models is no model's.
    pub fn is_shared(&self, name: &str) -> bool {
        name.starts_with('_') || self.shared.iter().any(|it| it == name)
    }
}

impl Place {
    fn owner<'a>(&self, path: &'a str) -> Option<Owner<'a>> {
        let rest = path.strip_prefix(self.before.as_str())?;
        let (model, defines) = match self.is {
            PlaceKind::Folder => (rest.split_once('/')?.0, true),
            PlaceKind::Beside => (rest.split_once('/')?.0, false),
            PlaceKind::Source => (rest.strip_suffix(self.ending.as_deref()?)?, true),
            PlaceKind::Page => (rest.strip_suffix(self.ending.as_deref()?)?, false),
        };
        (!model.is_empty() && !model.contains('/')).then_some(Owner { model, defines })
    }
}
