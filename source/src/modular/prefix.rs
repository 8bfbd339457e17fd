//! Which class prefix a parent's file takes in the written files.
//!
//! `Qwen2VLText` may stand for `Qwen2` when the modular file derives `Qwen2VLTextModel` from
//! `Qwen2Model`: the classes that it derives vote, file by file.

use indexmap::IndexMap;
use ruff_python_ast::Stmt;

use super::reading::Modular;
use crate::library::Library;
use crate::naming::ModelNames;
use crate::problem::Problem;
use crate::rename::Renaming;

/// The renaming of each parent file of `modular`, in the order of its parents.
pub(super) fn renamings(library: &Library, modular: &Modular) -> Result<Vec<Renaming>, Problem> {
    let names = library.names();
    let default = modular.camel.as_str();
    let mut votes: Vec<IndexMap<String, usize>> = vec![IndexMap::new(); modular.parents.len()];
    for node in modular.definitions.classes.values() {
        let Stmt::ClassDef(class) = node.stmt() else { continue };
        let Some((base, file)) = modular.parent_of(class)? else { continue };
        let old = names.camel(&modular.parents[file].model);
        *votes[file].entry(candidate(&class.name, base, default, &old)).or_default() += 1;
    }
    modular
        .parents
        .iter()
        .zip(votes)
        .map(|(parent, votes)| {
            let mut chosen = elect(&votes, default);
            let old = names.camel(&parent.model);
            if chosen != default {
                // A class of that very name in the parent's file would be written twice.
                let clash = format!("class {}", chosen.replacen(default, &old, usize::MAX));
                let source = library.load(&parent.path)?;
                if source.text().lines().any(|line| line.starts_with(&clash)) {
                    chosen = default;
                }
            }
            Ok(renaming(names, &parent.model, chosen, &modular.model))
        })
        .collect()
}

/// The renaming of a file of the model `old` to the class prefix `chosen`, for files of `model`.
pub(super) fn renaming(names: &ModelNames, old: &str, chosen: &str, model: &str) -> Renaming {
    // The model's own type where that is meant: the table may know its prefix by another name.
    let new = if chosen == names.camel(model) { model.to_owned() } else { names.snake(chosen) };
    Renaming::new(names, old, &new, model)
}

/// The prefix that `class` gives to the model of its base.
pub(super) fn candidate(class: &str, base: &str, default: &str, old: &str) -> String {
    let suffix = common_suffix(class, base);
    if suffix.chars().next().is_some_and(char::is_uppercase) {
        let rest = class.replace(suffix, "");
        if rest.len() < default.len() && class.contains(default) {
            default.to_owned()
        } else {
            rest
        }
    } else if class.replace(default, "") == base {
        format!("{default}{old}")
    } else {
        default.to_owned()
    }
}

/// The candidate with most votes; the default, else the last one met, where several have as many.
fn elect<'a>(votes: &'a IndexMap<String, usize>, default: &'a str) -> &'a str {
    let Some(most) = votes.values().max() else { return default };
    let mut best = votes.iter().filter(|(_, count)| *count == most).map(|(name, _)| name.as_str());
    if best.clone().any(|name| name == default) {
        default
    } else {
        best.next_back().unwrap_or(default)
    }
}

/// The longest common ending of two names; empty where it is the whole of either.
pub(super) fn common_suffix<'a>(one: &'a str, other: &str) -> &'a str {
    let length: usize = one
        .chars()
        .rev()
        .zip(other.chars().rev())
        .take_while(|(a, b)| a == b)
        .map(|(a, _)| a.len_utf8())
        .sum();
    if length == one.len() || length == other.len() { "" } else { &one[one.len() - length..] }
}
