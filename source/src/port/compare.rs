//! Where one definition is not the other.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use similar::{Algorithm, DiffOp, capture_diff_slices};

use super::conversions::Conversions;
use super::definition::Definition;
use super::meaning::{Lines, Part, Unit, WHOLE};

/// What a piece of work is about.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum WorkKind {
    ConfigField,
    Weights,
    Norm,
    Rope,
    Mask,
    Cache,
    Experts,
    Activation,
    Class,
    Forward,
}

/// How a class or function is told by its name: the first row that fits.
const BY_NAME: &[(&str, WorkKind)] = &[
    ("Norm", WorkKind::Norm),
    ("Rotary", WorkKind::Rope),
    ("rotary", WorkKind::Rope),
    ("rotate", WorkKind::Rope),
    ("rope", WorkKind::Rope),
    ("mask", WorkKind::Mask),
    ("Cache", WorkKind::Cache),
    ("Expert", WorkKind::Experts),
    ("Router", WorkKind::Experts),
    ("Moe", WorkKind::Experts),
    ("MoE", WorkKind::Experts),
];

/// How a changed statement is told by what it names: the first row that fits.
const BY_STATEMENT: &[(&str, WorkKind)] = &[
    ("ACT2FN", WorkKind::Activation),
    ("act_fn", WorkKind::Activation),
    ("activation_fn", WorkKind::Activation),
    ("_mask", WorkKind::Mask),
    ("rotary", WorkKind::Rope),
    ("Norm", WorkKind::Norm),
    ("past_key_values", WorkKind::Cache),
    ("experts", WorkKind::Experts),
];

/// A place of the definition that the nearest port knows nothing of.
#[derive(Debug, Clone)]
pub(super) struct Difference {
    pub kind: WorkKind,
    /// The class or function of the definition, without the model's name.
    pub role: String,
    /// The method; empty for what stands outside of methods.
    pub unit: String,
    /// As the definition calls it: `OlmoHybridAttention.forward`.
    pub construct: String,
    /// As the parent's definition calls it; `None` where it has nothing of the kind.
    pub counterpart: Option<String>,
    pub is_class: bool,
    pub file: String,
    pub lines: Lines,
    /// Said instead of `differs from`.
    pub says: Option<String>,
}

impl Difference {
    pub(super) fn place(&self) -> String {
        let Lines { first, last } = self.lines;
        if first == last {
            format!("{}:{first}", self.file)
        } else {
            format!("{}:{first}-{last}", self.file)
        }
    }

    /// One sentence: what differs from what.
    pub(super) fn sentence(&self, parent: &str) -> String {
        let construct = &self.construct;
        match (&self.says, &self.counterpart) {
            (Some(says), _) => format!("{construct} {says}"),
            (None, Some(other)) => format!("{construct} differs from {other}"),
            (None, None) => format!("{construct} has no counterpart in the definition of {parent}"),
        }
    }
}

/// Everything in which the code of `child` is not that of `parent`, in the order of its files.
pub(super) fn differences(
    child: &Definition,
    parent: &Definition,
    conversions: &Conversions,
) -> Vec<Difference> {
    let mut found = Vec::new();
    let file = Definition::file_name(&child.config.source);
    for mut difference in of_part("Config", &child.config.part, Some(&parent.config.part), &file) {
        difference.kind = WorkKind::ConfigField;
        found.push(difference);
    }
    found.extend(weights(child, parent, conversions));
    let file = Definition::file_name(&child.source);
    for (role, part) in &child.parts {
        let role_name = role.trim_start_matches('@');
        found.extend(of_part(role_name, part, parent.parts.get(role), &file));
        if child.open.contains(&part.name) {
            found.push(Difference {
                says: Some("builds models that it does not name (AutoModel); read on there".into()),
                ..whole(role_name, part, WorkKind::Class, &file)
            });
        }
    }
    found
}

fn of_part(role: &str, part: &Part, other: Option<&Part>, file: &str) -> Vec<Difference> {
    let by_name = BY_NAME.iter().find(|(word, _)| role.contains(word)).map(|(_, kind)| *kind);
    let Some(other) = other else {
        return vec![whole(role, part, by_name.unwrap_or(WorkKind::Class), file)];
    };
    let named = |name: &str, unit: &str| {
        if unit == WHOLE { name.to_owned() } else { format!("{name}.{unit}") }
    };
    let mut found = Vec::new();
    let mut units: Vec<(&String, &Unit)> = part.units.iter().collect();
    units.sort_by_key(|(_, unit)| unit.lines);
    for (name, unit) in units {
        let mut difference = Difference {
            kind: by_name.unwrap_or(if name == "forward" {
                WorkKind::Forward
            } else {
                WorkKind::Class
            }),
            unit: name.clone(),
            construct: named(&part.name, name),
            lines: unit.lines,
            ..whole(role, part, WorkKind::Class, file)
        };
        if let Some(counterpart) = other.units.get(name) {
            if unit.says_the_same(counterpart) {
                continue;
            }
            let (lines, words) = changed(unit, counterpart);
            difference.lines = lines;
            difference.counterpart = Some(named(&other.name, name));
            if by_name.is_none() {
                let told = BY_STATEMENT.iter().find(|(word, _)| words.contains(word));
                difference.kind = told.map_or(difference.kind, |(_, kind)| *kind);
            }
        }
        found.push(difference);
    }
    for name in other.units.keys().filter(|it| !part.units.contains_key(*it)) {
        found.push(Difference {
            unit: name.clone(),
            says: Some(format!("has no `{name}`, which {} has", other.name)),
            ..whole(role, part, by_name.unwrap_or(WorkKind::Class), file)
        });
    }
    found
}

fn whole(role: &str, part: &Part, kind: WorkKind, file: &str) -> Difference {
    Difference {
        kind,
        role: role.to_owned(),
        unit: WHOLE.to_owned(),
        construct: part.name.clone(),
        counterpart: None,
        is_class: part.is_class,
        file: file.to_owned(),
        lines: part.lines,
        says: None,
    }
}

/// The lines of the statements that the other does not have, and what these say.
fn changed(unit: &Unit, other: &Unit) -> (Lines, String) {
    fn of(unit: &Unit) -> Vec<&str> {
        unit.statements.iter().map(|it| it.meaning.as_str()).collect()
    }
    let (mut lines, mut words): (Option<Lines>, String) = (None, String::new());
    for op in capture_diff_slices(Algorithm::Myers, &of(other), &of(unit)) {
        if let DiffOp::Equal { .. } = op {
            continue;
        }
        for statement in &unit.statements[op.new_range()] {
            words.push_str(&statement.meaning);
            let Lines { first, last } = statement.lines;
            let before = lines.unwrap_or(statement.lines);
            lines = Some(Lines { first: before.first.min(first), last: before.last.max(last) });
        }
        for statement in &other.statements[op.old_range()] {
            words.push_str(&statement.meaning);
        }
    }
    (lines.unwrap_or(unit.lines), words)
}

/// Whether a checkpoint's names are changed in the same way when transformers loads it.
fn weights(
    child: &Definition,
    parent: &Definition,
    conversions: &Conversions,
) -> Option<Difference> {
    let rules = |it: &Definition| -> Vec<String> {
        conversion_keys(it)
            .iter()
            .filter_map(|key| Some(conversions.of(key)?.0.to_owned()))
            .collect()
    };
    if rules(child) == rules(parent) {
        return None;
    }
    let mut lines = conversion_keys(child)
        .into_iter()
        .filter_map(|key| Some(conversions.of(&key)?.1))
        .peekable();
    let says = if lines.peek().is_some() {
        "are changed on loading, and not as those of the parent"
    } else {
        "are loaded as they are, those of the parent are changed"
    };
    let line = lines.next().unwrap_or(1);
    Some(Difference {
        kind: WorkKind::Weights,
        role: "ForCausalLM".to_owned(),
        unit: "sanitize".to_owned(),
        construct: format!("the weight names of {}", child.model_type),
        counterpart: None,
        is_class: false,
        file: "conversion_mapping.py".to_owned(),
        lines: Lines { first: line, last: line },
        says: Some(says.to_owned()),
    })
}

/// Under which names the conversion of a model's checkpoints may be listed.
pub(super) fn conversion_keys(definition: &Definition) -> BTreeSet<String> {
    let model = format!("{}Model", definition.prefix());
    [definition.model_type.clone(), definition.head.clone(), model].into()
}
