//! Which existing port is nearest: measured on the definitions, not on names.

use std::collections::{BTreeMap, HashSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::definition::Definition;
use crate::lineage::Lineage;

/// A model type that has a port, and how near its definition is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Candidate {
    pub model_type: String,
    /// The file of its port, without `.py`.
    pub port: String,
    /// Classes that say the same in both definitions, of those that the model reaches.
    pub shared_classes: usize,
    pub classes: usize,
    /// Lines of statements that its definition has too, of those that the model reaches.
    pub shared_lines: usize,
    pub lines: usize,
    /// How many classes inherit from it through modular files, at whatever distance.
    pub inherited_classes: usize,
}

/// `others` with their ports, the nearest first.
pub fn rank<'a>(
    child: &Definition,
    others: impl IntoIterator<Item = (&'a Definition, &'a str)>,
    lineage: Option<&Lineage>,
) -> Vec<Candidate> {
    let mut inherited = BTreeMap::new();
    if let Some(lineage) = lineage {
        ancestors(lineage, &mut inherited);
    }
    let mut found: Vec<Candidate> = others
        .into_iter()
        .map(|(other, port)| {
            let folder = other.source.path().parent().and_then(|it| it.file_name());
            let folder = folder.unwrap_or_default().to_string_lossy();
            Candidate {
                inherited_classes: inherited.get(&*folder).copied().unwrap_or(0),
                ..measure(child, other, port)
            }
        })
        .collect();
    found.sort_by(|a, b| {
        let key = |it: &Candidate| (it.shared_lines, it.shared_classes, it.inherited_classes);
        key(b).cmp(&key(a)).then_with(|| a.model_type.cmp(&b.model_type))
    });
    found
}

fn ancestors(lineage: &Lineage, into: &mut BTreeMap<String, usize>) {
    for descent in &lineage.parents {
        *into.entry(descent.parent.model.clone()).or_default() += descent.classes.len();
        ancestors(&descent.parent, into);
    }
}

fn measure(child: &Definition, other: &Definition, port: &str) -> Candidate {
    let theirs: HashSet<&str> = other
        .parts
        .values()
        .flat_map(|part| part.units.values())
        .flat_map(|unit| unit.statements.iter().map(|it| it.meaning.as_str()))
        .collect();
    let mut candidate = Candidate {
        model_type: other.model_type.clone(),
        port: port.to_owned(),
        shared_classes: 0,
        classes: 0,
        shared_lines: 0,
        lines: 0,
        inherited_classes: 0,
    };
    for (role, part) in &child.parts {
        for statement in part.units.values().flat_map(|it| &it.statements) {
            let lines = statement.lines.count();
            candidate.lines += lines;
            if theirs.contains(statement.meaning.as_str()) {
                candidate.shared_lines += lines;
            }
        }
        if part.is_class {
            candidate.classes += 1;
            let same = other.parts.get(role).is_some_and(|it| {
                it.units.len() == part.units.len()
                    && part.units.iter().all(|(name, unit)| {
                        it.units.get(name).is_some_and(|other| unit.says_the_same(other))
                    })
            });
            candidate.shared_classes += usize::from(same);
        }
    }
    candidate
}
