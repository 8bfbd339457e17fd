//! Files that must load without torch: image processors on PIL, and feature extractors.
//!
//! Whatever they import of torch and torchvision moves under a guard of its own, and a PIL image
//! processor holds copies of what it would import from its torch sibling.

use super::imports::{Guard, Import, Imports};
use super::place::Placed;

/// Libraries that are optional here; the longer name first, since it begins with the other.
const LIBRARIES: &[(&str, &str)] =
    &[("torchvision", "is_torchvision_available"), ("torch", "is_torch_available")];

/// Moves the imports of torch and torchvision under their guards, at the end.
pub(super) fn guard_torch(imports: &mut Imports) {
    let mut collected: Vec<Vec<Import>> = LIBRARIES.iter().map(|_| Vec::new()).collect();
    for import in std::mem::take(&mut imports.plain) {
        match library(&import) {
            Some(index) => collected[index].push(import),
            None => imports.plain.push(import),
        }
    }
    for guard in std::mem::take(&mut imports.guards) {
        let own = LIBRARIES.iter().position(|(_, test)| guard.test == format!("{test}()"));
        match own.filter(|_| guard.otherwise.is_empty()) {
            Some(index) => collected[index].extend(guard.imports),
            None => imports.guards.push(guard),
        }
    }
    for ((_, test), found) in LIBRARIES.iter().zip(collected).rev() {
        if !found.is_empty() {
            imports.guards.push(Guard::new(&format!("{test}()"), found));
            import_test(imports, test);
        }
    }
}

/// Which of the optional libraries a statement imports.
fn library(import: &Import) -> Option<usize> {
    let statement = import.statement();
    LIBRARIES.iter().position(|(library, _)| {
        ["import ", "from "]
            .iter()
            .any(|lead| statement.strip_prefix(lead).is_some_and(|rest| rest.starts_with(library)))
    })
}

/// Makes the guard's condition known, through the first import from a module called `utils`. Where
/// that has it already, transformers writes that import first: the blank lines before the imports are
/// then those of the header alone.
fn import_test(imports: &mut Imports, test: &str) {
    let utils = imports.plain.iter_mut().find(|import| {
        let module =
            import.head.strip_prefix("from ").and_then(|rest| rest.strip_suffix(" import "));
        module.is_some_and(|module| module.rsplit('.').next() == Some("utils"))
    });
    match utils {
        Some(import) if import.names.iter().any(|name| name == test) => {
            if let Some(first) = imports.plain.first_mut() {
                first.lead.clear();
            }
        }
        Some(import) => import.names.push(test.to_owned()),
        None => imports.plain.push(Import::new("from ...utils import ".to_owned(), test)),
    }
}

/// Copies into `pil` what it imports from the image processing file of its model. Whether anything
/// was copied.
pub(super) fn copy_shared(imports: &Imports, torch: &Placed, pil: &mut Placed) -> bool {
    const LIBRARY: &[&str] = &["backends", "utils", "outputs"];
    let mut copied = false;
    for import in &imports.plain {
        let Some((_, file)) = import.head.split_once("image_processing_") else { continue };
        let file = file.strip_suffix(" import ").unwrap_or(file);
        if LIBRARY.contains(&file) || file.starts_with("pil_") {
            continue;
        }
        for name in &import.names {
            copied |= pil.copy_beside(name, torch);
        }
    }
    copied
}
