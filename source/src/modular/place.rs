//! Which definitions each written file holds, and in which order.
//!
//! Classes of the modular file are taken in its order; before each stand the definitions that it
//! needs and that its file does not hold yet.

use std::collections::{BTreeMap, HashMap, HashSet};

use indexmap::IndexMap;
use ruff_python_ast::Stmt;

use super::inherit::inherit;
use super::parents::{Parents, Scope, closure};
use super::reading::Modular;
use crate::library::Library;
use crate::naming::FileKind;
use crate::problem::Problem;
use crate::text::Node;

/// Assignments that open a file, in this order.
const FIRST: &[&str] = &["logger", "_CHECKPOINT_FOR_DOC", "_CONFIG_FOR_DOC"];

/// The definitions of one written file.
#[derive(Debug, Default, Clone)]
pub(super) struct Placed {
    /// The next free place; places are even, what is copied from another file stands between them.
    next: i64,
    nodes: HashMap<String, (i64, Node)>,
}

impl Placed {
    fn put(&mut self, name: &str, node: Node) {
        let first = (0..).zip(FIRST).find(|(_, first)| **first == name);
        let place = first.map_or_else(
            || {
                self.next += 2;
                self.next
            },
            |(index, _)| i64::MIN + index,
        );
        self.nodes.insert(name.to_owned(), (place, node));
    }

    /// Takes the definition called `name` over from `other`, to the place that it has there. Whether
    /// there is one.
    pub(super) fn copy_beside(&mut self, name: &str, other: &Self) -> bool {
        let Some((place, node)) = other.nodes.get(name) else { return false };
        let after = self.nodes.values().any(|(own, node)| {
            own == place && !matches!(node.stmt(), Stmt::ClassDef(_) | Stmt::FunctionDef(_))
        });
        self.nodes
            .insert(name.to_owned(), (if after { place + 1 } else { place - 1 }, node.clone()));
        true
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.nodes.contains_key(name)
    }

    /// Name and node, in the order of the file.
    pub(super) fn in_order(&self) -> Vec<(&str, &Node)> {
        let mut nodes: Vec<_> = self.nodes.iter().collect();
        nodes.sort_by_key(|(_, (index, _))| *index);
        nodes.into_iter().map(|(name, (_, node))| (name.as_str(), node)).collect()
    }
}

/// Everything that the classes of a modular file come to.
#[derive(Debug, Default)]
pub(super) struct Layout {
    pub files: BTreeMap<FileKind, Placed>,
    /// Imports of classes that stand in another file of the model, by class.
    pub crossing: IndexMap<String, Node>,
}

pub(super) fn place(
    library: &Library,
    modular: &Modular,
    parents: &Parents,
) -> Result<Layout, Problem> {
    let mut layout = Layout::default();
    for (name, node) in &modular.definitions.classes {
        let Stmt::ClassDef(class) = node.stmt() else { continue };
        let kind = modular.kind_of(name);
        let placing = Placing { modular, parents, kind };
        layout.files.entry(kind).or_default();
        let (needs, built) = match modular.parent_of(class)? {
            Some((base, file)) => {
                let scope = &parents.scopes[file];
                let renamed = parents.renamings[file].apply(base);
                let Some(parent) = scope.definitions.classes.get(&renamed) else {
                    return Err(modular
                        .source
                        .problem(
                            class.range,
                            format!("`{base}` (renamed `{renamed}`) is not a class of its file"),
                        )
                        .with_help(format!("looked in {}", modular.parents[file].path.display())));
                };
                let built = inherit(library.names(), node, base, &renamed, parent, &modular.model)?;
                (placing.inherited(&mut layout, scope, name, &built)?, built)
            }
            None => (placing.plain(&mut layout, name, node)?, node.clone()),
        };
        let placed = layout.files.entry(kind).or_default();
        for (name, node) in needs {
            placed.put(&name, node);
        }
        placed.put(name, built);
    }
    Ok(layout)
}

struct Placing<'a> {
    modular: &'a Modular,
    parents: &'a Parents,
    kind: FileKind,
}

impl Placing<'_> {
    /// What a class needs that inherits from a class of `scope`.
    fn inherited(
        &self,
        layout: &mut Layout,
        scope: &Scope,
        name: &str,
        built: &Node,
    ) -> Result<Vec<(String, Node)>, Problem> {
        let mut needs = scope.needs_of(built, name, self.siblings());
        self.cross(layout, scope, &mut needs)?;
        needs.retain(|need| !self.modular.definitions.classes.contains_key(need));
        let placed = &layout.files[&self.kind];
        let needs = closure(&scope.class_needs, &needs, |name| placed.contains(name));
        let order = order_by_parent(scope, &self.parents.own.definitions.order, needs);
        Ok(nodes(scope, order))
    }

    /// What a class needs that inherits from no other model.
    fn plain(
        &self,
        layout: &mut Layout,
        name: &str,
        node: &Node,
    ) -> Result<Vec<(String, Node)>, Problem> {
        let own = &self.parents.own;
        let mut needs = own.needs_of(node, name, self.siblings());
        self.cross(layout, own, &mut needs)?;
        let placed = &layout.files[&self.kind];
        let order =
            self.order_by_origin(needs.into_iter().filter(|need| !placed.contains(need)).collect());
        Ok(nodes(own, order))
    }

    /// What files of this kind get from their model's other files.
    fn siblings(&self) -> &HashSet<String> {
        static NOTHING: std::sync::LazyLock<HashSet<String>> =
            std::sync::LazyLock::new(HashSet::new);
        self.parents.siblings.get(&self.kind).unwrap_or(&NOTHING)
    }

    /// Classes of another kind of file are imported from it instead.
    fn cross(
        &self,
        layout: &mut Layout,
        scope: &Scope,
        needs: &mut HashSet<String>,
    ) -> Result<(), Problem> {
        let mut crossing: Vec<String> = needs
            .iter()
            .filter(|need| {
                scope.get(need).is_some_and(|node| matches!(node.stmt(), Stmt::ClassDef(_)))
            })
            .filter(|need| self.modular.kind_of(need) != self.kind)
            .cloned()
            .collect();
        crossing.sort();
        for name in crossing {
            needs.remove(&name);
            let other = self.modular.kind_of(&name);
            let import = format!("from .{} import {name}\n", other.module(&self.modular.model));
            layout.crossing.insert(name, Node::from_text(self.modular.source.path(), import)?);
        }
        Ok(())
    }

    /// Definitions that came from parents first, file by file, then those of the modular file.
    fn order_by_origin(&self, mut needs: Vec<String>) -> Vec<String> {
        needs.sort();
        let mut groups: IndexMap<usize, Vec<String>> = IndexMap::new();
        let mut own = Vec::new();
        for need in needs {
            match self.parents.origin.get(&need) {
                Some(file) => groups.entry(*file).or_default().push(need),
                None => own.push(need),
            }
        }
        let mut order = Vec::new();
        for (file, mut names) in groups {
            let of_file = &self.parents.scopes[file].definitions.order;
            names.sort_by_key(|name| of_file.get(name).copied().unwrap_or(usize::MAX));
            order.extend(names);
        }
        let of_modular = &self.parents.own.definitions.order;
        own.sort_by_key(|name| of_modular.get(name).copied().unwrap_or(usize::MAX));
        order.extend(own);
        order
    }
}

fn nodes(scope: &Scope, order: Vec<String>) -> Vec<(String, Node)> {
    order
        .into_iter()
        .filter_map(|name| scope.get(&name).cloned().map(|node| (name, node)))
        .collect()
}

/// The order of a parent's file: its classes, each after what it needs; then what is left.
fn order_by_parent(
    scope: &Scope,
    of_modular: &HashMap<String, usize>,
    needs: HashSet<String>,
) -> Vec<String> {
    let of_file = &scope.definitions.order;
    let mut left = needs;
    let mut order = Vec::with_capacity(left.len());
    let mut classes: Vec<String> =
        left.iter().filter(|name| scope.definitions.classes.contains_key(*name)).cloned().collect();
    classes.sort_by_key(|name| of_file.get(name).copied().unwrap_or(usize::MAX));
    for class in classes {
        let mut needed: Vec<&String> =
            scope.class_needs.get(&class).into_iter().flatten().collect();
        needed.sort_by(|a, b| {
            let key = |name: &str| match (of_file.get(name), of_modular.get(name)) {
                (Some(index), _) => (0, *index),
                (None, Some(index)) => (1, *index),
                (None, None) => (2, 0),
            };
            key(a).cmp(&key(b)).then_with(|| b.cmp(a))
        });
        for need in needed {
            if left.remove(need) {
                order.push(need.clone());
            }
        }
        if left.remove(&class) {
            order.push(class);
        }
    }
    let mut left: Vec<String> = left.into_iter().collect();
    left.sort_by(|a, b| {
        let key = |name: &str| match (of_modular.get(name), of_file.get(name)) {
            (None, Some(index)) => (0, *index),
            (None, None) => (1, 0),
            (Some(index), _) => (2, *index),
        };
        key(a).cmp(&key(b)).then_with(|| b.cmp(a))
    });
    order.extend(left);
    order
}
