//! In which order modular files are converted: a child needs its parents' written files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use ruff_python_ast::Stmt;

use crate::depth::with_room;
use crate::library::Library;
use crate::mentions::taken;
use crate::problem::Problem;

/// The files in levels; each needs only files of levels before its own.
pub fn levels(library: &Library, files: &[PathBuf]) -> Result<Vec<Vec<PathBuf>>, Problem> {
    let mut by_model: BTreeMap<String, &PathBuf> = BTreeMap::new();
    for file in files {
        let stem =
            file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        by_model.insert(stem.strip_prefix("modular_").unwrap_or(&stem).to_owned(), file);
    }
    let mut waits: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (model, file) in &by_model {
        // A file that does not parse waits for nothing; its conversion reports the error.
        let mut parents = with_room(|| {
            library.load(file).map(|source| parents(source.stmts())).unwrap_or_default()
        });
        parents.retain(|parent| parent != model && by_model.contains_key(parent));
        waits.insert(model, parents);
    }
    let mut levels = Vec::new();
    while !waits.is_empty() {
        let ready: Vec<&str> = waits
            .iter()
            .filter(|(_, parents)| parents.is_empty())
            .map(|(model, _)| *model)
            .collect();
        if ready.is_empty() {
            let models: Vec<&str> = waits.keys().copied().collect();
            let first = by_model[models[0]];
            return Err(Problem::of_file(
                first,
                format!("these models wait for each other: {}", models.join(", ")),
            )
            .with_help("break the cycle: one of them must not import from another's files"));
        }
        waits.retain(|model, _| !ready.contains(model));
        for parents in waits.values_mut() {
            parents.retain(|parent| !ready.contains(&parent.as_str()));
        }
        levels.push(ready.into_iter().map(|model| by_model[model].clone()).collect());
    }
    Ok(levels)
}

/// The models whose files are imported, anywhere in a file.
pub(crate) fn parents(stmts: &[Stmt]) -> BTreeSet<String> {
    taken(stmts).into_iter().map(|taken| taken.folder).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::text::Source;

    /// The levels of modular files, each given with what it imports.
    fn levels_of(files: &[(&str, &str)]) -> Result<Vec<Vec<String>>, Problem> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("models/auto")).unwrap();
        let path = |model: &str| Path::new(model).join(format!("modular_{model}.py"));
        let staged: Vec<_> =
            files.iter().map(|(model, text)| Source::parse(path(model), *text).unwrap()).collect();
        let library = Library::open_with(folder.path(), staged).unwrap();
        let paths: Vec<PathBuf> = files.iter().map(|(model, _)| path(model)).collect();
        let name = |path: PathBuf| path.parent().unwrap().display().to_string();
        let levels = levels(&library, &paths)?;
        Ok(levels.into_iter().map(|level| level.into_iter().map(name).collect()).collect())
    }

    #[test]
    fn children_come_after_their_parents() {
        let found = levels_of(&[
            ("a", "from ..b.modeling_b import X\nfrom ..c.configuration_c import Y\n"),
            ("b", "def f():\n    from transformers.models.c.modeling_c import X\n"),
            // Itself, what is not converted, and the tables are not waited for.
            (
                "c",
                "from .modeling_c import X\nfrom ..c.modeling_c import X\nfrom ..d.modeling_d import X\n",
            ),
            ("auto", "from ..e.modeling_e import X\n"),
            ("e", "from ..auto.modeling_auto import X\nfrom ..a import X\n"),
        ]);
        assert_eq!(found.unwrap(), [vec!["c", "e"], vec!["auto", "b"], vec!["a"]]);
    }

    #[test]
    fn a_circle_names_its_models() {
        let found = levels_of(&[
            ("a", "from ..b.modeling_b import X\n"),
            ("b", "from ..a.modeling_a import X\n"),
            ("c", "\n"),
        ]);
        assert_eq!(found.unwrap_err().message, "these models wait for each other: a, b");
    }
}
