//! What a table must hold to beyond its types.

use std::collections::BTreeSet;

use crate::table::{Place, PlaceKind, Target};

/// What contradicts itself in a table; nothing in a sound one.
pub(crate) fn fault(target: &Target) -> Option<String> {
    if target.repository.split('/').filter(|it| !it.is_empty()).count() != 2 {
        return Some(format!("`{}` is not an owner/name", target.repository));
    }
    if !target.repository.ends_with(&format!("/{}", target.id)) {
        return Some(format!("`{}` is not the name of `{}`", target.id, target.repository));
    }
    if target.places.is_empty() {
        return Some("it says of no place that models lie there".to_owned());
    }
    place_fault(target).or_else(|| twice(&target.shared)).or_else(|| twice(&target.templates))
}

fn place_fault(target: &Target) -> Option<String> {
    for place in &target.places {
        let Place { before, is, ending } = place;
        if !before.ends_with('/') || before.starts_with('/') || before.contains("..") {
            return Some(format!("`{before}` is not a folder of a repository that ends in `/`"));
        }
        let file = matches!(is, PlaceKind::Source | PlaceKind::Page);
        if file != ending.as_ref().is_some_and(|it| it.starts_with('.')) {
            return Some(format!("`{before}`: a file or page has an ending, and nothing else has"));
        }
    }
    let package = target.package.as_ref()?;
    let models = format!("{}/{}/", package.name, package.models);
    let known = target.places.iter().any(|it| it.before == models && it.is == PlaceKind::Source);
    (!known).then(|| {
        format!("its package has its ports in `{models}`, which is not a place of sources")
    })
}

fn twice(names: &[String]) -> Option<String> {
    let mut seen = BTreeSet::new();
    let again = names.iter().find(|it| !seen.insert(*it));
    again.map(|it| format!("`{it}` stands twice"))
}
