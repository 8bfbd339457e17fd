//! Which model type is meant, by which release of transformers, for which tree of the target. Nothing is
//! installed for it but a release that was named: what else is not at hand is said.

use portwright_harness::{
    cancel::Cancel,
    environment::{self, Home, Supply},
    progress::Progress,
};
use portwright_source::{Library, outline};

use super::{
    CandidatesInput, definition::Definition, error::CandidatesError, port::Target, read::Filled,
    shelf::Shelf,
};
use crate::{
    checkpoint,
    error::ToolError,
    modular::{self, at_hand, nearest},
    tree,
};

/// The library's tables of model classes.
const CLASSES: &str = "auto/modeling_auto.py";

/// What is at hand.
pub(super) struct Surroundings {
    library: Option<Library>,
    pub(super) target: Option<Target>,
    pub(super) notes: Vec<String>,
}

impl Surroundings {
    /// # Errors
    ///
    /// Where what the input names is not there.
    pub(super) fn look(
        input: &CandidatesInput,
        home: &Home,
        progress: &dyn Progress,
        cancel: &Cancel,
    ) -> Result<Self, ToolError> {
        let library = match input.transformers.as_deref() {
            None => at_hand(home)?,
            given => Some(modular::open(given, &[], home, progress, cancel)?),
        };
        let id = input.target.as_deref();
        tree::receiver(id)?;
        let target = if let Some(path) = &input.port {
            let path = path
                .canonicalize()
                .map_err(|_| ToolError::NoSuchPath { flag: "--port", path: path.clone() })?;
            Some(Target::open(id, &path)?)
        } else {
            match environment::installed(home, &[Supply::MlxLm]) {
                Some(pinned) => Some(Target::open(id, pinned.mlx_lm()?)?),
                None => None,
            }
        };
        let mut notes = Vec::new();
        if target.is_none() {
            notes.push(
                "the target's source was not found: name a checkout with `--port`, or run `portwright setup`"
                    .into(),
            );
        }
        Ok(Self { library, target, notes })
    }

    pub(super) fn release(&self) -> Option<String> {
        self.library.as_ref().and_then(Library::version)
    }

    pub(super) fn library(&self) -> Option<&Library> {
        self.library.as_ref()
    }

    /// How fields that configs leave out are read, for whoever reads the answer.
    pub(super) fn defaults(&self, filled: Filled) -> String {
        let release = self.release().unwrap_or_else(|| "of unknown release".into());
        match (&self.library, filled) {
            (None, _) => {
                "not filled: no transformers was found (name a checkout with `--transformers`, or \
                          run `portwright setup`)"
                    .into()
            }
            (Some(_), Filled::Nothing) => {
                format!("not filled: transformers {release} has no such model type")
            }
            (Some(_), Filled::Declared) => format!(
                "as the config class of transformers {release} declares them; what it derives from other \
                 fields was not computed, so a difference may be one of spelling"
            ),
            (Some(_), Filled::Derived) => {
                format!("as the config class of transformers {release} makes them")
            }
        }
    }

    /// The model type that the input means.
    ///
    /// # Errors
    ///
    /// Where a class or a checkpoint says none.
    pub(super) fn model_type(
        &self,
        input: &CandidatesInput,
        shelf: &Shelf,
        progress: &dyn Progress,
        cancel: &Cancel,
    ) -> Result<String, ToolError> {
        let model = input.model.as_str();
        if model.contains('/') || checkpoint::local(model).is_some() {
            return shelf.model_type(model, progress, cancel);
        }
        // Model types are written in small letters, classes begin with a large one.
        if !model.starts_with(|it: char| it.is_uppercase()) {
            return Ok(model.to_owned());
        }
        let Some(library) = &self.library else {
            return Err(CandidatesError::NoLibrary { class: model.to_owned() }.into());
        };
        let named =
            library.names().iter().find(|(_, class)| *class == model).map(|it| it.0.to_owned());
        if let Some(model_type) = named {
            return Ok(model_type);
        }
        let source = library.load(&library.models().join(CLASSES))?;
        let tables = outline::tables(&source);
        let entries: Vec<(&str, &str)> = tables
            .iter()
            .flat_map(|it| &it.entries)
            .flat_map(|it| it.strings.iter().map(|(class, _)| (class.as_str(), it.key.as_str())))
            .collect();
        // One class may serve several types (EXAONE is a llama since 5.24): its own is the one that it is named
        // after.
        let types = || entries.iter().filter(|it| it.0 == model).map(|it| it.1);
        let own = |it: &&str| model.starts_with(&library.names().camel(it));
        if let Some(model_type) = types().find(own).or_else(|| types().next()) {
            return Ok(model_type.to_owned());
        }
        let nearest = nearest(model, entries.iter().map(|it| it.0.to_owned()));
        Err(CandidatesError::UnknownClass { class: model.to_owned(), nearest }.into())
    }

    /// What the release says about the configs of a model type; nothing where it does not know the type.
    ///
    /// # Errors
    ///
    /// Where a file of the definition cannot be read.
    pub(super) fn definition(&self, model_type: &str) -> Result<Option<Definition>, ToolError> {
        match &self.library {
            Some(library) => Ok(Definition::read(library, model_type)?),
            None => Ok(None),
        }
    }

    /// Nothing was found: whether the type is none, or has no checkpoints there.
    pub(super) fn nothing(&self, model_type: &str, shelf: &Shelf) -> CandidatesError {
        let (model_type, shelf) = (model_type.to_owned(), shelf.to_string());
        let Some(names) = self.library.as_ref().map(Library::names) else {
            return CandidatesError::Nothing { model_type, shelf };
        };
        if names.iter().any(|it| it.0 == model_type) {
            return CandidatesError::Nothing { model_type, shelf };
        }
        let nearest = nearest(&model_type, names.iter().map(|it| it.0.to_owned()));
        CandidatesError::Unknown { model_type, shelf, nearest }
    }
}
