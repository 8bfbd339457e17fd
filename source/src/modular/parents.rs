//! The parents' files as the modular file sees them: renamed, with its own definitions merged in.
//!
//! A [`Scope`] is what names mean while a class is built: the renamed file of its parent, or the
//! modular file itself. Each knows which definitions need which.

use std::collections::{HashMap, HashSet, VecDeque};

use super::reading::Modular;
use crate::definitions::Definitions;
use crate::library::Library;
use crate::naming::FileKind;
use crate::problem::Problem;
use crate::rename::{Renaming, Scope as Renamed};
use crate::text::Node;

/// The definitions that a class may draw upon, and how they need each other.
#[derive(Debug)]
pub(super) struct Scope {
    pub definitions: Definitions,
    /// Definitions that shadow those of the file: functions that the modular file imports from elsewhere.
    overrides: HashMap<String, Node>,
    /// Classes of the modular file that this file merely mentions.
    visible: HashMap<String, Node>,
    /// All that a function or assignment needs, transitively.
    needs: HashMap<String, HashSet<String>>,
    /// All that each class of the file needs, but for the needs of other classes.
    pub class_needs: HashMap<String, HashSet<String>>,
}

impl Scope {
    fn new(definitions: Definitions, visible: HashMap<String, Node>) -> Self {
        let mut scope = Self {
            definitions,
            overrides: HashMap::new(),
            visible,
            needs: HashMap::new(),
            class_needs: HashMap::new(),
        };
        scope.relate();
        scope
    }

    pub(super) fn get(&self, name: &str) -> Option<&Node> {
        self.overrides
            .get(name)
            .or_else(|| self.definitions.get(name))
            .or_else(|| self.visible.get(name))
    }

    fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Drops mentions of anything that is no definition, and follows the rest to the end.
    fn relate(&mut self) {
        let mut mentions = std::mem::take(&mut self.definitions.mentions);
        for names in mentions.values_mut() {
            names.retain(|name| self.contains(name));
        }
        self.needs = mentions
            .keys()
            .map(|name| (name.clone(), closure(&mentions, &mentions[name], |_| false)))
            .collect();
        self.definitions.mentions = mentions;
    }

    /// What `node`, a class called `name`, needs: the definitions that it mentions and their needs.
    pub(super) fn needs_of(
        &self,
        node: &Node,
        name: &str,
        imported: &HashSet<String>,
    ) -> HashSet<String> {
        let mut needs: HashSet<String> = node
            .names()
            .filter(|mention| {
                *mention != name && !imported.contains(*mention) && self.contains(mention)
            })
            .map(str::to_owned)
            .collect();
        let further: Vec<_> =
            needs.iter().filter_map(|name| self.needs.get(name)).flatten().cloned().collect();
        needs.extend(further);
        needs
    }
}

/// All that is reachable from `start` by `edges`, not going through what `skip` names.
pub(super) fn closure(
    edges: &HashMap<String, HashSet<String>>,
    start: &HashSet<String>,
    skip: impl Fn(&str) -> bool,
) -> HashSet<String> {
    let mut queue: VecDeque<&String> = start.iter().collect();
    let mut found = HashSet::new();
    while let Some(name) = queue.pop_front() {
        if !skip(name) && found.insert(name.clone()) {
            queue.extend(edges.get(name).into_iter().flatten());
        }
    }
    found
}

/// The files that a modular file builds upon.
#[derive(Debug)]
pub(super) struct Parents {
    pub scopes: Vec<Scope>,
    pub renamings: Vec<Renaming>,
    /// The modular file with what it imports from its parents.
    pub own: Scope,
    /// Where each definition that was merged into the modular file came from.
    pub origin: HashMap<String, usize>,
    /// Per kind of file, the names that parents of that kind import from their own model's files.
    pub siblings: HashMap<FileKind, HashSet<String>>,
}

impl Parents {
    pub(super) fn read(
        library: &Library,
        modular: &Modular,
        renamings: Vec<Renaming>,
    ) -> Result<Self, Problem> {
        let mut scopes = Vec::with_capacity(renamings.len());
        let mut siblings: HashMap<FileKind, HashSet<String>> = HashMap::new();
        for (parent, renaming) in modular.parents.iter().zip(&renamings) {
            let renamed = renaming.source(&library.load(&parent.path)?, Renamed::All)?;
            let definitions = Definitions::of(&renamed);
            if let Some(kind) = parent.kind {
                // What the modular file imports by name from another file is written out.
                let there = definitions.siblings.iter().filter(|(name, file)| {
                    modular
                        .imported
                        .get(*name)
                        .is_none_or(|from| modular.parents[*from].kind == Some(**file))
                });
                siblings.entry(kind).or_default().extend(there.map(|(name, _)| name.clone()));
            }
            scopes.push(merge(definitions, &modular.definitions));
        }
        let (own, origin) = merge_back(modular, &mut scopes);
        Ok(Self { scopes, renamings, own, origin, siblings })
    }
}

/// A parent's definitions with those of the modular file.
fn merge(mut parent: Definitions, modular: &Definitions) -> Scope {
    let mut visible = HashMap::new();
    for (name, node) in &modular.functions {
        parent.functions.insert(name.clone(), node.clone());
        parent
            .mentions
            .insert(name.clone(), modular.mentions.get(name).cloned().unwrap_or_default());
    }
    for (name, node) in &modular.assignments {
        if !parent.assignments.contains_key(name) || replaces(name, node) {
            parent.assignments.insert(name.clone(), node.clone());
            parent
                .mentions
                .insert(name.clone(), modular.mentions.get(name).cloned().unwrap_or_default());
        }
    }
    for (name, node) in &modular.classes {
        if !parent.classes.contains_key(name) && !parent.siblings.contains_key(name) {
            visible.insert(name.clone(), node.clone());
        }
    }
    let mut scope = Scope::new(parent, visible);
    let nothing = HashSet::new();
    scope.class_needs = scope
        .definitions
        .classes
        .iter()
        .map(|(name, node)| (name.clone(), scope.needs_of(node, name, &nothing)))
        .collect();
    scope
}

/// Whether the modular file's assignment takes the place of the parent's of the same name.
fn replaces(name: &str, node: &Node) -> bool {
    const ALWAYS: &[&str] =
        &["_CHECKPOINT", "_EXPECTED", "_FOR_DOC", "_HIDDEN_STATES_START_POSITION"];
    let none = matches!(node.stmt(), ruff_python_ast::Stmt::Assign(assign) if assign.value.is_none_literal_expr());
    ALWAYS.iter().any(|part| name.contains(part)) || (name.contains("_DOCSTRING") && !none)
}

/// The modular file's scope with the functions and assignments that it imports from its parents.
fn merge_back(modular: &Modular, scopes: &mut [Scope]) -> (Scope, HashMap<String, usize>) {
    let mut own = modular.definitions.clone();
    let known = modular.definitions.clone();
    let mut origin = HashMap::new();
    for (name, &file) in &modular.imported {
        let scope = &scopes[file];
        let function = scope
            .definitions
            .functions
            .get(name)
            .filter(|_| !own.functions.contains_key(name))
            .cloned();
        let assignment = scope
            .definitions
            .assignments
            .get(name)
            .filter(|_| !own.assignments.contains_key(name))
            .cloned();
        if function.is_none() && assignment.is_none() {
            continue;
        }
        let is_function = function.is_some();
        let Some(node) = function.or(assignment) else { continue };
        let mentions = scope.definitions.mentions.get(name).cloned().unwrap_or_default();
        let into = if is_function { &mut own.functions } else { &mut own.assignments };
        into.insert(name.clone(), node.clone());
        origin.insert(name.clone(), file);
        for need in &mentions {
            if !known.contains(need)
                && let Some(node) = scope.get(need)
            {
                into.insert(need.clone(), node.clone());
                origin.insert(need.clone(), file);
            }
        }
        own.mentions.insert(name.clone(), mentions);
        if is_function {
            inject(scopes, file, name, &node);
        }
    }
    (Scope::new(own, HashMap::new()), origin)
}

/// A class inherited from another file uses the function that the modular file imports by name.
fn inject(scopes: &mut [Scope], file: usize, name: &str, node: &Node) {
    let needs = scopes[file].needs.get(name).cloned().unwrap_or_default();
    let nodes: Vec<_> = needs
        .iter()
        .filter_map(|need| scopes[file].get(need).map(|node| (need.clone(), node.clone())))
        .collect();
    for (other, scope) in scopes.iter_mut().enumerate() {
        if other != file {
            scope.overrides.insert(name.to_owned(), node.clone());
            if !needs.is_empty() {
                scope.needs.insert(name.to_owned(), needs.clone());
                scope.overrides.extend(nodes.iter().cloned());
            }
        }
    }
}
