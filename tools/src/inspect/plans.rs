//! Parallel plans, resolved against the modules that the config builds.
//!
//! An entry is a full name in which numbers of layers are `*`; it must name a module or a weight, by
//! the same rule that the library applies. What a plan says nothing about stays whole on every device:
//! that may be meant, so it is listed and is no fault.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::{
    Place,
    definition::Definition,
    structure::{Described, Entry, ModuleRow, Role},
};

/// Which way a model is spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PlanKind {
    /// Tensor parallel: each layer over several devices.
    Tp,
    /// Expert parallel: the experts over several devices.
    Ep,
    /// Pipeline parallel: layers one after the other.
    Pp,
}

impl PlanKind {
    pub const ALL: [Self; 3] = [Self::Tp, Self::Ep, Self::Pp];

    /// As the library's attributes have it: `base_model_tp_plan`.
    pub fn id(self) -> &'static str {
        match self {
            Self::Tp => "tp",
            Self::Ep => "ep",
            Self::Pp => "pp",
        }
    }
}

/// What came of resolving a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PlanVerdict {
    /// The model has none.
    Absent,
    /// Every entry names something.
    Resolves,
    /// The entries that name nothing name what the definition makes under other settings.
    Depends,
    /// An entry names nothing that the definition could make, or a style that the library does not know.
    Disagrees,
}

impl PlanVerdict {
    pub fn word(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Resolves => "resolves",
            Self::Depends => "depends",
            Self::Disagrees => "disagrees",
        }
    }
}

/// A plan and the modules it speaks of.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Plan {
    pub kind: PlanKind,
    pub verdict: PlanVerdict,
    pub entries: Vec<PlanEntry>,
    /// Linear maps, embeddings and experts that no entry names: they stay whole.
    pub uncovered: Vec<Uncovered>,
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct PlanEntry {
    pub pattern: String,
    /// The style, or what goes in and out of a pipeline stage.
    pub value: Value,
    /// The class and attribute that say so, e.g. `LlamaConfig.base_model_tp_plan`.
    pub origin: String,
    /// Modules and weights that it names.
    pub matches: u32,
    /// What is wrong with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// The line that makes what it names, under other settings than this config's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub elsewhere: Option<Place>,
}

/// Modules that no entry names.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Uncovered {
    /// Their name with numbers of layers as `*`.
    pub pattern: String,
    pub role: Role,
    pub modules: u32,
    /// Elements of all their weights.
    pub parameters: u64,
}

/// `model.layers.*.mlp` of `model.layers.3.mlp`. As the library does it, a number right behind another
/// one stays.
pub(super) fn generic(name: &str) -> String {
    let mut parts = Vec::new();
    let mut after_number = false;
    for (idx, part) in name.split('.').enumerate() {
        let number = 0 < idx && !part.is_empty() && part.bytes().all(|it| it.is_ascii_digit());
        after_number = number && !after_number;
        parts.push(if after_number { "*" } else { part });
    }
    parts.join(".")
}

/// All three plans. `styles` are those that the library knows, where that could be read.
pub(super) fn resolve(
    described: &Described,
    definition: &Definition<'_>,
    styles: Option<&BTreeSet<String>>,
) -> Vec<Plan> {
    let names = Names::of(&described.modules);
    let elsewhere = |pattern: &str| made_elsewhere(pattern, &described.modules, definition);
    let rules = Rules { names: &names, styles, elsewhere: &elsewhere };
    let nothing = Vec::new();
    PlanKind::ALL
        .into_iter()
        .map(|kind| {
            let entries = described.plans.get(kind.id()).unwrap_or(&nothing);
            plan(kind, entries, &described.modules, &rules)
        })
        .collect()
}

/// The line that could make what a pattern names: from any module that the pattern passes through, the
/// classes of the definition are followed down the rest of it.
fn made_elsewhere(
    pattern: &str,
    modules: &[ModuleRow],
    definition: &Definition<'_>,
) -> Option<Place> {
    let parts: Vec<&str> = pattern.split('.').collect();
    (0..parts.len()).rev().find_map(|depth| {
        let above = parts[..depth].join(".");
        let rows = modules.iter().filter(|it| generic(&it.name) == above);
        rows.filter_map(|it| Some((it.definition()?, it.class.as_str())))
            .collect::<BTreeSet<_>>()
            .into_iter()
            .find_map(|(file, class)| definition.can_make(file, class, &parts[depth..]))
    })
}

/// What entries are held to.
struct Rules<'a> {
    names: &'a Names,
    styles: Option<&'a BTreeSet<String>>,
    elsewhere: &'a dyn Fn(&str) -> Option<Place>,
}

/// How many modules or weights have each generic name.
struct Names(BTreeMap<String, u32>);

impl Names {
    fn of(modules: &[ModuleRow]) -> Self {
        let mut names = BTreeMap::new();
        for row in modules {
            let weights = row.parameters.keys().map(|it| join(&row.name, it));
            for name in std::iter::once(row.name.clone()).chain(weights) {
                *names.entry(generic(&name)).or_default() += 1;
            }
        }
        Self(names)
    }

    /// Names that are like `pattern`, for a hint.
    fn near(&self, pattern: &str) -> Option<&str> {
        let last = pattern.rsplit('.').next()?;
        let distance =
            |it: &&String| (!it.ends_with(last), strsim::damerau_levenshtein(pattern, it));
        let near = self.0.keys().filter(|it| !it.is_empty()).min_by_key(distance)?;
        (strsim::normalized_damerau_levenshtein(pattern, near) > 0.6).then_some(near.as_str())
    }
}

fn join(module: &str, weight: &str) -> String {
    if module.is_empty() { weight.to_owned() } else { format!("{module}.{weight}") }
}

fn plan(kind: PlanKind, entries: &[Entry], modules: &[ModuleRow], rules: &Rules<'_>) -> Plan {
    let told: Vec<PlanEntry> = entries
        .iter()
        .map(|it| {
            let matches = rules.names.0.get(&it.pattern).copied().unwrap_or_default();
            let elsewhere = if matches == 0 { (rules.elsewhere)(&it.pattern) } else { None };
            PlanEntry {
                pattern: it.pattern.clone(),
                value: it.value.clone(),
                origin: it.origin.clone(),
                matches,
                fault: if elsewhere.is_some() { None } else { fault(kind, it, matches, rules) },
                elsewhere,
            }
        })
        .collect();
    let verdict = match told.as_slice() {
        [] => PlanVerdict::Absent,
        rows if rows.iter().any(|it| it.fault.is_some()) => PlanVerdict::Disagrees,
        rows if rows.iter().any(|it| it.elsewhere.is_some()) => PlanVerdict::Depends,
        _ => PlanVerdict::Resolves,
    };
    let uncovered = if told.is_empty() { Vec::new() } else { uncovered(kind, entries, modules) };
    Plan { kind, verdict, entries: told, uncovered }
}

fn fault(kind: PlanKind, entry: &Entry, matches: u32, rules: &Rules<'_>) -> Option<String> {
    if matches == 0 {
        let near =
            rules.names.near(&entry.pattern).map(|it| format!("; the nearest name is `{it}`"));
        return Some(format!("names no module and no weight{}", near.unwrap_or_default()));
    }
    if kind == PlanKind::Pp {
        let pair = entry
            .value
            .as_array()
            .is_some_and(|it| it.len() == 2 && it.iter().all(Value::is_array));
        return (!pair).then(|| "is not a pair of inputs and outputs".to_owned());
    }
    match (entry.value.as_str(), rules.styles) {
        (None, _) => Some("its style is not text".to_owned()),
        (Some(style), Some(known)) if !known.contains(style) => {
            Some(format!("has the style `{style}`, which this release does not know"))
        }
        _ => None,
    }
}

fn uncovered(kind: PlanKind, entries: &[Entry], modules: &[ModuleRow]) -> Vec<Uncovered> {
    let patterns: BTreeSet<&str> = entries.iter().map(|it| it.pattern.as_str()).collect();
    let named = |row: &ModuleRow| {
        let module = generic(&row.name);
        match kind {
            // A stage takes everything below the modules that it names.
            PlanKind::Pp => {
                let mut above = module.as_str();
                loop {
                    if patterns.contains(above) {
                        return true;
                    }
                    match above.rsplit_once('.') {
                        Some((parent, _)) => above = parent,
                        None => return false,
                    }
                }
            }
            PlanKind::Tp | PlanKind::Ep => {
                patterns.contains(module.as_str())
                    || row
                        .parameters
                        .keys()
                        .any(|it| patterns.contains(generic(&join(&row.name, it)).as_str()))
            }
        }
    };
    let mut found: BTreeMap<String, Uncovered> = BTreeMap::new();
    for row in modules.iter().filter(|it| it.same_as.is_none()) {
        let Some(role) = row.role.filter(|it| kind != PlanKind::Ep || *it == Role::Experts) else {
            continue;
        };
        if named(row) {
            continue;
        }
        let pattern = generic(&row.name);
        let entry = found.entry(pattern.clone()).or_insert(Uncovered {
            pattern,
            role,
            modules: 0,
            parameters: 0,
        });
        entry.modules += 1;
        entry.parameters +=
            row.parameters.values().map(super::structure::Tensor::count).sum::<u64>();
    }
    let mut rows: Vec<Uncovered> = found.into_values().collect();
    rows.sort_by_key(|it| std::cmp::Reverse(it.parameters));
    rows
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn modules() -> Vec<ModuleRow> {
        let weight = json!({"weight": {"shape": [4, 4], "dtype": "float32"}});
        let rows = json!([
            {"name": "", "class": "Causal"},
            {"name": "model.embed", "class": "Embedding", "role": "embedding", "parameters": weight},
            {"name": "model.layers.0.q_proj", "class": "Linear", "role": "linear", "parameters": weight},
            {"name": "model.layers.1.q_proj", "class": "Linear", "role": "linear", "parameters": weight},
            {"name": "model.layers.0.experts", "class": "Experts", "role": "experts",
             "parameters": {"up": {"shape": [2, 4, 4], "dtype": "float32"}}},
            {"name": "head", "class": "Linear", "role": "linear", "parameters": weight},
        ]);
        serde_json::from_value(rows).unwrap()
    }

    fn entry(pattern: &str, value: Value) -> Entry {
        Entry { pattern: pattern.into(), value, origin: "XConfig.base_model_tp_plan".into() }
    }

    fn resolved(kind: PlanKind, entries: &[Entry]) -> Plan {
        let modules = modules();
        let styles = BTreeSet::from(["colwise".to_owned(), "rowwise".to_owned()]);
        let names = Names::of(&modules);
        let elsewhere = |it: &str| {
            it.ends_with("v_proj").then(|| Place { file: "modeling_x.py".into(), line: 3 })
        };
        let rules = Rules { names: &names, styles: Some(&styles), elsewhere: &elsewhere };
        plan(kind, entries, &modules, &rules)
    }

    #[test]
    fn a_plan_that_fits_lists_what_it_leaves_out() {
        let entries = [
            entry("model.layers.*.q_proj", json!("colwise")),
            entry("model.layers.*.experts.up", json!("rowwise")),
        ];
        let plan = resolved(PlanKind::Tp, &entries);
        assert_eq!(plan.verdict, PlanVerdict::Resolves);
        assert_eq!(plan.entries[0].matches, 2);
        let names: Vec<&str> = plan.uncovered.iter().map(|it| it.pattern.as_str()).collect();
        assert_eq!(names, ["head", "model.embed"]);
    }

    #[test]
    fn an_entry_that_names_nothing_is_a_fault() {
        let plan = resolved(PlanKind::Tp, &[entry("model.layers.*.k_proj", json!("colwise"))]);
        assert_eq!(plan.verdict, PlanVerdict::Disagrees);
        let fault = plan.entries[0].fault.as_deref().unwrap();
        assert!(fault.contains("`model.layers.*.q_proj`"), "{fault}");
        let plan = resolved(PlanKind::Tp, &[entry("head", json!("sideways"))]);
        assert!(plan.entries[0].fault.as_deref().unwrap().contains("`sideways`"));
        assert_eq!(resolved(PlanKind::Tp, &[]).verdict, PlanVerdict::Absent);
        let plan = resolved(PlanKind::Tp, &[entry("model.layers.*.v_proj", json!("colwise"))]);
        assert_eq!(plan.verdict, PlanVerdict::Depends);
    }

    #[test]
    fn a_stage_takes_all_that_is_below_it() {
        let stage = json!([["hidden_states"], ["hidden_states"]]);
        let entries = [entry("model.embed", stage.clone()), entry("head", stage)];
        let plan = resolved(PlanKind::Pp, &entries);
        assert_eq!(plan.verdict, PlanVerdict::Resolves);
        assert_eq!(plan.uncovered.len(), 2);
        assert_eq!(
            resolved(PlanKind::Pp, &[entry("head", json!("x"))]).verdict,
            PlanVerdict::Disagrees
        );
    }

    #[test]
    fn numbers_of_layers_are_wildcards() {
        assert_eq!(generic("model.layers.10.mlp.w1"), "model.layers.*.mlp.w1");
        assert_eq!(generic("layers.3"), "layers.*");
        assert_eq!(generic("h.0.1.c"), "h.*.1.c");
        assert_eq!(generic("0.weight"), "0.weight");
    }
}
