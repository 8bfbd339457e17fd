//! The module tree, with layers that are alike folded into one row.

use std::collections::{BTreeMap, HashMap};

use globset::{GlobBuilder, GlobMatcher};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::{
    Place, Places,
    structure::{Described, ModuleRow, Tensor},
};

/// Settings that tell kinds of one class apart, at most so many for each row.
const MOST_SETTINGS: usize = 4;

/// A module, or modules that are alike in everything but their number.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Row {
    /// Its full name; numbers of folded modules as `{0-27}`.
    pub path: String,
    /// The full name of the first module that the row stands for.
    pub first: String,
    /// How deep below the model, which is at 0.
    pub depth: usize,
    pub class: String,
    /// How many modules the row stands for.
    pub times: u64,
    /// Elements of all weights in it and below it, tied and shared ones counted where they stand first.
    pub parameters: u64,
    /// Its own weights and buffers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tensors: Vec<Weight>,
    /// The line that makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub made: Option<Place>,
    /// The `forward` of its class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forward: Option<Place>,
    /// What tells it apart from its neighbours of the same class.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub differs: BTreeMap<String, Value>,
    /// The module that it is the same as.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub same_as: Option<String>,
}

/// A tensor of a module.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Weight {
    pub name: String,
    #[serde(flatten)]
    pub tensor: Tensor,
    pub kind: WeightKind,
    /// The weight that it is tied to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tied_to: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WeightKind {
    Parameter,
    /// In the checkpoint, but not learned.
    Buffer,
    /// Computed from the config.
    Computed,
}

/// Which rows are wanted.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    pub(super) depth: Option<usize>,
    pub(super) modules: Option<GlobMatcher>,
}

impl Wanted {
    /// A glob over full names: `*` matches any text, dots too.
    pub(super) fn new(depth: Option<usize>, modules: Option<&str>) -> Result<Self, globset::Error> {
        let glob =
            |it: &str| Ok(GlobBuilder::new(it).literal_separator(false).build()?.compile_matcher());
        Ok(Self { depth, modules: modules.map(glob).transpose()? })
    }

    /// The rows that are wanted, and those above them.
    pub(super) fn of(&self, rows: Vec<Row>) -> Vec<Row> {
        let mut keep = vec![false; rows.len()];
        let mut above: Vec<usize> = Vec::new();
        for (idx, row) in rows.iter().enumerate() {
            above.truncate(row.depth);
            above.push(idx);
            let deep = self.depth.is_some_and(|it| it < row.depth);
            let named = self
                .modules
                .as_ref()
                .is_none_or(|it| it.is_match(&row.first) || it.is_match(&row.path));
            if named && !deep {
                for it in &above {
                    keep[*it] = true;
                }
            }
        }
        rows.into_iter().zip(keep).filter(|(_, keep)| *keep).map(|(row, _)| row).collect()
    }
}

/// One module and those below it.
struct Node<'a> {
    row: &'a ModuleRow,
    name: &'a str,
    children: Vec<Node<'a>>,
}

/// The folded tree, from the model down.
pub(super) fn rows(described: &Described, places: &Places) -> Vec<Row> {
    let Some(root) = nodes(&described.modules) else { return Vec::new() };
    let mut drawing = Drawing { described, places, rows: Vec::new() };
    let top = At { path: String::new(), depth: 0, times: 1, differs: BTreeMap::new() };
    drawing.draw(&root, top);
    drawing.rows
}

fn nodes(modules: &[ModuleRow]) -> Option<Node<'_>> {
    let mut below: HashMap<&str, Vec<&ModuleRow>> = HashMap::new();
    for row in modules.iter().filter(|it| !it.name.is_empty()) {
        let parent = row.name.rsplit_once('.').map_or("", |it| it.0);
        below.entry(parent).or_default().push(row);
    }
    Some(node(modules.first()?, &below))
}

fn node<'a>(row: &'a ModuleRow, below: &HashMap<&str, Vec<&'a ModuleRow>>) -> Node<'a> {
    let name = row.name.rsplit_once('.').map_or(row.name.as_str(), |it| it.1);
    let children = below.get(row.name.as_str()).into_iter().flatten();
    // What stands somewhere else already is not told again.
    let children = if row.same_as.is_some() {
        Vec::new()
    } else {
        children.map(|it| node(it, below)).collect()
    };
    Node { row, name, children }
}

impl Node<'_> {
    /// Equal for modules that are alike in all but their number.
    fn signature(&self) -> String {
        let row = self.row;
        let children: Vec<String> =
            self.children.iter().map(|it| format!("{}={}", it.name, it.signature())).collect();
        format!(
            "{}|{:?}|{:?}|{:?}|{}|{:?}",
            row.class,
            row.parameters,
            row.buffers,
            row.settings,
            row.same_as.is_some(),
            children
        )
    }

    /// All settings in it and below it, under their names from here.
    fn settings(&self, prefix: &str, found: &mut BTreeMap<String, Value>) {
        found.extend(
            self.row.settings.iter().map(|(key, it)| (format!("{prefix}{key}"), it.clone())),
        );
        for it in &self.children {
            it.settings(&format!("{prefix}{}.", it.name), found);
        }
    }
}

struct At {
    path: String,
    depth: usize,
    times: u64,
    differs: BTreeMap<String, Value>,
}

struct Drawing<'a> {
    described: &'a Described,
    places: &'a Places,
    rows: Vec<Row>,
}

impl Drawing<'_> {
    /// Adds the rows of a node; returns the parameters of one of the modules that it stands for.
    fn draw(&mut self, node: &Node<'_>, at: At) -> u64 {
        let idx = self.rows.len();
        let (row, tensors) = (node.row, self.weights(node.row));
        let shown =
            tensors.iter().filter(|it| it.kind == WeightKind::Parameter && it.tied_to.is_none());
        let own: u64 = shown.map(|it| it.tensor.count()).sum();
        let own = if row.same_as.is_some() { 0 } else { own };
        self.rows.push(Row {
            path: if at.path.is_empty() { row.class.clone() } else { at.path.clone() },
            first: row.name.clone(),
            depth: at.depth,
            class: row.class.clone(),
            times: at.times,
            parameters: 0,
            tensors,
            made: row.made.as_ref().map(|it| self.places.of(it)),
            forward: row.forward().map(|it| self.places.of(it)),
            differs: at.differs,
            same_as: row.same_as.clone(),
        });
        let mut total = own;
        for group in groups(node) {
            let count = group.members.len() as u64;
            let name = match group.members.as_slice() {
                [_] => group.first.name.to_owned(),
                members => format!("{{{}}}", ranges(members)),
            };
            let path = if at.path.is_empty() { name } else { format!("{}.{name}", at.path) };
            let below =
                At { path, depth: at.depth + 1, times: at.times * count, differs: group.differs };
            total += count * self.draw(group.first, below);
        }
        self.rows[idx].parameters = total * at.times;
        total
    }

    fn weights(&self, row: &ModuleRow) -> Vec<Weight> {
        let tied = |name: &str| {
            let full =
                if row.name.is_empty() { name.to_owned() } else { format!("{}.{name}", row.name) };
            self.described.tied.get(&full).cloned()
        };
        let parameters = row.parameters.iter().map(|(name, tensor)| Weight {
            name: name.clone(),
            tensor: tensor.clone(),
            kind: WeightKind::Parameter,
            tied_to: tied(name),
        });
        let buffers = row.buffers.iter().map(|(name, it)| Weight {
            name: name.clone(),
            tensor: Tensor { shape: it.shape.clone(), dtype: it.dtype.clone() },
            kind: if it.kept { WeightKind::Buffer } else { WeightKind::Computed },
            tied_to: None,
        });
        parameters.chain(buffers).collect()
    }
}

/// Children that are drawn as one.
struct Group<'n, 'a> {
    first: &'n Node<'a>,
    members: Vec<u64>,
    differs: BTreeMap<String, Value>,
}

fn groups<'n, 'a>(node: &'n Node<'a>) -> Vec<Group<'n, 'a>> {
    let numbered = node.children.iter().all(|it| it.name.parse::<u64>().is_ok());
    let mut found: Vec<(String, Group<'n, 'a>)> = Vec::new();
    for child in &node.children {
        let number = child.name.parse().unwrap_or_default();
        let signature = if numbered { child.signature() } else { child.name.to_owned() };
        if let Some((_, group)) =
            found.iter_mut().find(|(it, _)| *it == signature).filter(|_| numbered)
        {
            group.members.push(number);
        } else {
            let group = Group { first: child, members: vec![number], differs: BTreeMap::new() };
            found.push((signature, group));
        }
    }
    let mut groups: Vec<Group<'n, 'a>> = found.into_iter().map(|it| it.1).collect();
    if numbered && 1 < groups.len() {
        tell_apart(&mut groups);
    }
    groups
}

/// The settings in which groups of one class differ.
fn tell_apart(groups: &mut [Group<'_, '_>]) {
    let all: Vec<BTreeMap<String, Value>> = groups
        .iter()
        .map(|group| {
            let mut settings = BTreeMap::new();
            group.first.settings("", &mut settings);
            settings
        })
        .collect();
    for idx in 0..groups.len() {
        let class = &groups[idx].first.row.class;
        let others: Vec<&BTreeMap<String, Value>> = groups
            .iter()
            .zip(&all)
            .filter(|(it, _)| it.first.row.class == *class)
            .map(|it| it.1)
            .collect();
        let mut differs: Vec<(String, Value)> = all[idx]
            .iter()
            .filter(|(key, value)| others.iter().any(|it| it.get(*key) != Some(*value)))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        // Words say more than numbers, and what is near the top more than what is deep.
        differs.sort_by_key(|(key, value)| {
            (!value.is_string(), !value.is_boolean(), key.matches('.').count())
        });
        groups[idx].differs = differs.into_iter().take(MOST_SETTINGS).collect();
    }
}

/// `0-4,6,8-9`.
fn ranges(numbers: &[u64]) -> String {
    let mut parts: Vec<(u64, u64)> = Vec::new();
    for &number in numbers {
        match parts.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => parts.push((number, number)),
        }
    }
    let text = |&(first, last): &(u64, u64)| {
        if first == last { first.to_string() } else { format!("{first}-{last}") }
    };
    parts.iter().map(text).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn described() -> Described {
        let layer = |idx: usize, kind: &str| {
            [
                json!({"name": format!("model.layers.{idx}"), "class": "Layer", "settings": {"kind": kind}}),
                json!({"name": format!("model.layers.{idx}.up"), "class": "Linear", "role": "linear",
                       "parameters": {"weight": {"shape": [4, 2], "dtype": "float32"}}}),
            ]
        };
        let mut modules = vec![
            json!({"name": "", "class": "Causal"}),
            json!({"name": "model", "class": "Model"}),
            json!({"name": "model.embed", "class": "Embedding",
                   "parameters": {"weight": {"shape": [10, 2], "dtype": "float32"}}}),
            json!({"name": "model.layers", "class": "ModuleList"}),
        ];
        for (idx, kind) in ["near", "near", "far", "near"].iter().enumerate() {
            modules.extend(layer(idx, kind));
        }
        modules.push(json!({"name": "head", "class": "Linear",
                            "parameters": {"weight": {"shape": [10, 2], "dtype": "float32"}}}));
        serde_json::from_value(json!({
            "model_type": "x", "class": "Causal", "file": null, "config_class": "XConfig",
            "dtype": "float32", "parameters": 52, "bytes": 208, "modules": modules,
            "tied": {"head.weight": "model.embed.weight"}, "plans": {}, "flags": [],
            "config": {"fields": {}, "read": []}, "fit": null
        }))
        .unwrap()
    }

    fn paths(rows: &[Row]) -> Vec<(&str, u64, u64)> {
        rows.iter().map(|it| (it.path.as_str(), it.times, it.parameters)).collect()
    }

    #[test]
    fn layers_that_are_alike_are_one_row() {
        let rows = rows(&described(), &Places::default());
        assert_eq!(
            paths(&rows),
            [
                ("Causal", 1, 52),
                ("model", 1, 52),
                ("model.embed", 1, 20),
                ("model.layers", 1, 32),
                ("model.layers.{0-1,3}", 3, 24),
                ("model.layers.{0-1,3}.up", 3, 24),
                ("model.layers.2", 1, 8),
                ("model.layers.2.up", 1, 8),
                ("head", 1, 0),
            ]
        );
        assert_eq!(rows[4].differs["kind"], "near");
        assert_eq!(rows[6].differs["kind"], "far");
        assert_eq!(rows[8].tensors[0].tied_to.as_deref(), Some("model.embed.weight"));
    }

    #[test]
    fn a_pattern_keeps_what_it_names_and_what_is_above() {
        let all = rows(&described(), &Places::default());
        let wanted = Wanted::new(None, Some("*.up")).unwrap().of(all.clone());
        let names: Vec<&str> = wanted.iter().map(|it| it.path.as_str()).collect();
        assert_eq!(names.first(), Some(&"Causal"));
        assert!(!names.contains(&"head") && names.contains(&"model.layers.2.up"));
        assert_eq!(Wanted::new(Some(1), None).unwrap().of(all).len(), 3);
    }
}
