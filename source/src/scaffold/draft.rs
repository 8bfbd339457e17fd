//! A modular file in the making: how each definition of the input is written, and the text of it all.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::ScaffoldError;
use super::choose::Choice;
use super::compare::{Obstacle, Rung};
use super::heir::{Forge, Heir};
use super::input::{Entry, Input};
use super::names::{self, Import};
use crate::modular::inverse::renaming_of_pair;
use crate::rename::Renaming;
use crate::text::Source;

/// The place of a definition: file and entry of the input.
pub(super) type Key = (usize, usize);

/// What stands between the licence and the first import. The blank lines there come back in every
/// file, together with those before the first import that the file takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Preamble {
    /// As in the input's last file.
    Given,
    Blank,
    Close,
    /// A docstring, which converting drops: the blank line after it is the first import's own.
    Docstring,
    SpacedDocstring,
}

impl Preamble {
    const ALL: [Self; 5] =
        [Self::Given, Self::Docstring, Self::Blank, Self::Close, Self::SpacedDocstring];

    fn write(self, header: &str, camel: &str) -> String {
        let licence = header.trim_end();
        match self {
            Self::Given => header.to_owned(),
            Self::Blank => format!("{licence}\n\n"),
            Self::Close => format!("{licence}\n"),
            Self::Docstring => format!("{licence}\n\"\"\"{camel} model.\"\"\"\n\n"),
            Self::SpacedDocstring => format!("{licence}\n\n\"\"\"{camel} model.\"\"\"\n\n"),
        }
    }
}

/// How a class is written.
#[derive(Debug, Default)]
pub(super) struct Writing {
    /// Which of its candidates it inherits from; past the last, it stays whole.
    pub at: usize,
    pub from: Option<Rung>,
    pub heir: Option<Heir>,
    /// Why earlier candidates were given up.
    pub refused: Vec<(usize, Obstacle)>,
}

/// The state of the work.
pub(super) struct Draft<'a> {
    pub forge: &'a Forge<'a>,
    pub input: &'a Input,
    pub choice: &'a Choice,
    pub allowed: &'a BTreeSet<usize>,
    pub classes: BTreeMap<Key, Writing>,
    /// Classes that must be written although they come with their parents.
    pub explicit: BTreeSet<Key>,
    /// Functions and assignments that are written.
    pub own: BTreeSet<String>,
    /// Functions and assignments that are imported, and from which file of the index.
    pub imported: BTreeMap<String, usize>,
    /// Imports that only the converted files need.
    pub extra: BTreeSet<Import>,
    pub renamings: HashMap<PathBuf, Renaming>,
    /// Which way of opening the text is tried: see [`Draft::opening`].
    pub opened: usize,
    /// Names that mean different things in different files: they can only come with parents.
    conflicts: BTreeSet<String>,
    known: HashMap<(Key, usize, Rung, String), Result<Heir, Obstacle>>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(
        forge: &'a Forge<'a>,
        input: &'a Input,
        choice: &'a Choice,
        allowed: &'a BTreeSet<usize>,
    ) -> Self {
        let classes = choice.candidates.keys().map(|key| (*key, Writing::default())).collect();
        Self {
            forge,
            input,
            choice,
            allowed,
            classes,
            explicit: BTreeSet::new(),
            own: BTreeSet::new(),
            imported: BTreeMap::new(),
            extra: BTreeSet::new(),
            renamings: HashMap::new(),
            opened: 0,
            conflicts: conflicts(input),
            known: HashMap::new(),
        }
    }

    pub(super) fn entry(&self, key: Key) -> &'a Entry {
        &self.input.files[key.0].entries[key.1]
    }

    /// Whether a class belongs to another file by its name, and so cannot be written for its own.
    pub(super) fn is_foreign(&self, key: Key) -> bool {
        self.forge.library.names().kind_of(&self.entry(key).name, &self.input.camel)
            != self.input.files[key.0].kind
    }

    /// Whether a class comes with its parent and needs no word.
    pub(super) fn is_omitted(&self, key: Key) -> bool {
        if self.is_foreign(key) {
            return true;
        }
        let heir = self.classes.get(&key).and_then(|it| it.heir.as_ref());
        heir.is_some_and(|heir| {
            heir.difference.is_empty()
                && heir.renamed == self.entry(key).name
                && !self.explicit.contains(&key)
        })
    }

    /// Makes each class an heir of the first of its candidates that it can inherit from.
    pub(super) fn settle(&mut self) {
        let keys: Vec<Key> = self.classes.keys().copied().collect();
        for key in keys {
            while !self.try_candidate(key) {}
        }
    }

    /// Makes a class an heir of its current candidate, or leaves it whole where none is left. Where
    /// it cannot inherit, the next candidate is up, and the answer is no.
    fn try_candidate(&mut self, key: Key) -> bool {
        let candidates = &self.choice.candidates[&key];
        let Some(writing) = self.classes.get(&key) else { return true };
        let (at, from) = (writing.at, writing.from.unwrap_or(Rung::Extending));
        let heir = candidates.get(at).map(|candidate| self.heir(key, candidate.class, from));
        let Some(writing) = self.classes.get_mut(&key) else { return true };
        match heir {
            None => writing.heir = None,
            Some(Ok(heir)) => writing.heir = Some(heir),
            Some(Err(obstacle)) => {
                writing.refused.push((candidates[at].class, obstacle));
                writing.at += 1;
                writing.from = None;
                return false;
            }
        }
        true
    }

    fn heir(&mut self, key: Key, class: usize, from: Rung) -> Result<Heir, Obstacle> {
        let (entry, index) = (self.entry(key), self.forge.index);
        let file = index.file_of(class);
        let renaming = self.renamings.get(&file.path).cloned().unwrap_or_else(|| {
            let names = self.forge.library.names();
            renaming_of_pair(
                names,
                self.forge.model,
                &entry.name,
                &index.classes[class].name,
                &file.folder,
            )
        });
        let forge = self.forge;
        let memory = (key, class, from, format!("{renaming:?}"));
        self.known
            .entry(memory)
            .or_insert_with(|| forge.heir(entry, class, &renaming, from))
            .clone()
    }

    /// Gives up the way a class is written for the next longer one. Whether there was one.
    pub(super) fn demote(&mut self, key: Key) -> bool {
        let Some(writing) = self.classes.get_mut(&key) else { return false };
        let Some(heir) = &writing.heir else { return false };
        match heir.rung {
            Rung::Spelling => {
                writing.refused.push((heir.class, "its file comes out otherwise"));
                writing.at += 1;
                writing.from = None;
            }
            Rung::Replacing => writing.from = Some(Rung::Spelling),
            Rung::Extending => writing.from = Some(Rung::Replacing),
        }
        true
    }

    /// Gives up a parent.
    pub(super) fn change_parent(&mut self, key: Key) -> bool {
        let Some(writing) = self.classes.get_mut(&key) else { return false };
        let Some(heir) = &writing.heir else { return false };
        writing.refused.push((heir.class, "it brings in what the file lacks"));
        writing.at += 1;
        writing.from = None;
        true
    }

    /// Leaves a class whole, without a parent. Whether it had one.
    pub(super) fn orphan(&mut self, key: Key) -> bool {
        let count = self.choice.candidates.get(&key).map_or(0, Vec::len);
        let Some(writing) = self.classes.get_mut(&key) else { return false };
        let Some(heir) = writing.heir.take() else { return false };
        writing.refused.push((heir.class, "its file comes out otherwise"));
        writing.at = count;
        true
    }

    /// The files that written classes inherit from.
    fn open(&self) -> BTreeSet<usize> {
        let heirs = self.classes.values().filter_map(|writing| writing.heir.as_ref());
        heirs.map(|heir| self.forge.index.classes[heir.class].file).collect()
    }

    /// Decides how a function or assignment that must be known is written. Whether it can be.
    pub(super) fn decide(&mut self, entry: &Entry) -> bool {
        if self.conflicts.contains(&entry.name) {
            return false;
        }
        let short = super::shape::count_lines(entry.node.text()) <= 3;
        let open = self.open();
        let has = |file: usize| {
            self.forge.index.files[file].others.get(&entry.name) == Some(&entry.folded)
        };
        let nearest = open.iter().copied().find(|&file| has(file)).or_else(|| {
            let all = self.allowed.iter().copied().filter(|&file| has(file));
            all.min_by_key(|&file| (self.forge.index.files[file].generation, file))
        });
        match nearest.filter(|_| !short) {
            Some(file) => self.imported.insert(entry.name.clone(), file).is_none(),
            None => self.own.insert(entry.name.clone()),
        }
    }

    /// The text of the modular file, before it is tidied.
    pub(super) fn compose(&mut self) -> Result<String, ScaffoldError> {
        let open = self.open();
        let input = self.input;
        for (_, entry) in input.entries().filter(|(_, entry)| entry.shapes.is_none()) {
            let comes = open.iter().any(|&file| {
                self.forge.index.files[file].others.get(&entry.name) == Some(&entry.folded)
            });
            if !comes && !self.own.contains(&entry.name) && !self.imported.contains_key(&entry.name)
            {
                self.decide(entry);
            }
        }
        loop {
            let body = self.body();
            let parsed = Source::parse("modular.py", body.as_str())?;
            let used = names::used(&parsed);
            if !self.bring_in(&used) {
                return Ok(self.assemble(&body, used));
            }
        }
    }

    /// Makes known what the text uses. Whether anything was to do.
    fn bring_in(&mut self, used: &HashSet<String>) -> bool {
        let mut changed = false;
        let keys: Vec<Key> =
            self.classes.keys().copied().filter(|key| !self.is_foreign(*key)).collect();
        for key in keys {
            if used.contains(&self.entry(key).name) && self.is_omitted(key) {
                changed |= self.explicit.insert(key);
            }
        }
        let input = self.input;
        for (_, entry) in input.entries().filter(|(_, entry)| entry.shapes.is_none()) {
            if used.contains(&entry.name)
                && !self.own.contains(&entry.name)
                && !self.imported.contains_key(&entry.name)
            {
                changed |= self.decide(entry);
            }
        }
        changed
    }

    /// The definitions that are written, in the order of the input.
    fn body(&self) -> String {
        let mut written = HashSet::new();
        let mut body = String::new();
        for (at, file) in self.input.files.iter().enumerate() {
            for index in 0..file.entries.len() {
                self.write_entry((at, index), &mut written, &mut body);
            }
        }
        body
    }

    fn write_entry(&self, key: Key, written: &mut HashSet<&'a str>, body: &mut String) {
        let entry = self.entry(key);
        let is_class = entry.shapes.is_some();
        let told = if is_class { self.is_omitted(key) } else { !self.own.contains(&entry.name) };
        if told || !written.insert(entry.name.as_str()) {
            return;
        }
        if !is_class {
            self.write_what_precedes(key, written, body);
        }
        match self.classes.get(&key).and_then(|it| it.heir.as_ref()) {
            Some(heir) => {
                body.push_str("\n\n");
                body.push_str(&heir.text);
            }
            // What is written as it was given keeps its blank lines.
            None => body.push_str(entry.node.text()),
        }
        if !body.ends_with('\n') {
            body.push('\n');
        }
    }

    /// What files share stands after all that precedes it in any of them.
    fn write_what_precedes(&self, key: Key, written: &mut HashSet<&'a str>, body: &mut String) {
        let name = &self.entry(key).name;
        for (at, file) in self.input.files.iter().enumerate().skip(key.0 + 1) {
            let Some(place) = file.entries.iter().position(|entry| entry.name == *name) else {
                continue;
            };
            for index in (0..place).filter(|&index| file.entries[index].shapes.is_none()) {
                self.write_entry((at, index), written, body);
            }
        }
    }

    fn assemble(&self, body: &str, mut used: HashSet<String>) -> String {
        let header = self.input.files.last().map(|file| file.source.header()).unwrap_or_default();
        let mut imports: Vec<Import> = Vec::new();
        let defined: HashSet<&str> =
            self.input.entries().map(|(_, entry)| entry.name.as_str()).collect();
        let all: Vec<Import> = self
            .input
            .files
            .iter()
            .flat_map(|file| &file.imports)
            .flat_map(names::imports)
            .collect();
        let mut bound = HashSet::new();
        for guarded in [true, false] {
            for import in all.iter().filter(|it| it.guard.is_some() == guarded) {
                let is_sibling =
                    import.head.starts_with("from .") && !import.head.starts_with("from ..");
                if used.contains(&import.bound)
                    && !(is_sibling && defined.contains(import.bound.as_str()))
                    && bound.insert(import.bound.clone())
                {
                    if let Some((test, _)) = &import.guard {
                        let words = test.split(|c: char| !c.is_alphanumeric() && c != '_');
                        used.extend(words.filter(|word| !word.is_empty()).map(str::to_owned));
                    }
                    imports.push(import.clone());
                }
            }
        }
        if used.contains("no_inherit_decorator") {
            imports.push(Import {
                guard: None,
                head: "from ...utils.generic import ".into(),
                alias: "no_inherit_decorator".into(),
                bound: "no_inherit_decorator".into(),
            });
        }
        if used.contains("PreTrainedModel") && bound.insert("PreTrainedModel".into()) {
            imports.push(Import {
                guard: None,
                head: "from ...modeling_utils import ".into(),
                alias: "PreTrainedModel".into(),
                bound: "PreTrainedModel".into(),
            });
        }
        imports.extend(self.extra.iter().cloned());
        let (preamble, anchor) = self.opening();
        imports.extend(anchor);
        let mut text = preamble.write(header, &self.input.camel);
        text.push_str(&names::write(&imports));
        for ((folder, module), names) in self.parents() {
            let names: Vec<&str> = names.into_iter().collect();
            let _ = writeln!(text, "from ..{folder}.{module} import {}", names.join(", "));
        }
        text.push_str(body);
        let exports: Vec<&str> =
            self.input.files.iter().flat_map(|file| &file.exports).map(String::as_str).collect();
        if !exports.is_empty() {
            let _ = write!(text, "\n\n__all__ = [{}]\n", exports.join(", "));
        }
        text
    }

    /// How the text opens: a preamble, and perhaps an import that none of its classes needs, since
    /// the blank line of the first import that a file takes comes back in that file.
    fn opening(&self) -> (Preamble, Option<Import>) {
        let preamble = Preamble::ALL[self.opened % Preamble::ALL.len()];
        let anchor = (self.opened / Preamble::ALL.len()).checked_sub(1);
        (preamble, anchor.and_then(|at| self.anchors().nth(at)))
    }

    /// Moves on to another way of opening the text. Whether there is one.
    pub(super) fn reopen(&mut self) -> bool {
        self.opened += 1;
        self.opened < Preamble::ALL.len() * (1 + self.anchors().count())
    }

    fn anchors(&self) -> impl Iterator<Item = Import> {
        let all = self.input.files.iter().flat_map(|file| &file.imports).flat_map(names::imports);
        let absolute =
            all.filter(|import| import.guard.is_none() && !import.head.starts_with("from ."));
        absolute.collect::<BTreeSet<Import>>().into_iter()
    }

    /// Takes the first definition of a file from a parent instead of writing it: what is written
    /// first stands two lines below the imports, there and in the converted file. Whether it did.
    pub(super) fn borrow_first(&mut self, file: usize) -> bool {
        let Some(entry) = self.input.files[file].entries.first() else { return false };
        let has = |file: &usize| {
            self.forge.index.files[*file].others.get(&entry.name) == Some(&entry.folded)
        };
        let Some(from) = self.open().into_iter().find(has) else { return false };
        self.own.remove(&entry.name) && self.imported.insert(entry.name.clone(), from).is_none()
    }

    /// What is imported from other models' files.
    fn parents(&self) -> BTreeMap<(&str, &str), BTreeSet<&str>> {
        let index = self.forge.index;
        let mut parents: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
        let mut add = |file: usize, name: &'a str| {
            let file = &index.files[file];
            parents.entry((&file.folder, &file.module)).or_default().insert(name);
        };
        for (key, writing) in &self.classes {
            if let Some(heir) = writing.heir.as_ref().filter(|_| !self.is_omitted(*key)) {
                add(index.classes[heir.class].file, &index.classes[heir.class].name);
            }
        }
        for (_, entry) in self.input.entries() {
            if let Some(file) = self.imported.get(&entry.name) {
                add(*file, &entry.name);
            }
        }
        parents
    }

    /// Where the modular file would stand.
    pub(super) fn path(&self) -> PathBuf {
        let models = self.forge.library.models();
        crate::modular::inverse::modular_path(
            &models.join(Path::new(self.forge.model)),
            self.forge.model,
        )
    }
}

/// Functions and assignments that share a name and nothing else.
fn conflicts(input: &Input) -> BTreeSet<String> {
    let others = || input.entries().filter(|(_, entry)| entry.shapes.is_none());
    let differs = |one: &Entry| {
        others().any(|(_, other)| other.name == one.name && other.folded != one.folded)
    };
    others().filter(|(_, entry)| differs(entry)).map(|(_, entry)| entry.name.clone()).collect()
}
