//! Which models are wanted.

use crate::{error::HubError, model::Model};

/// What a listing asks for; every field that is given must hold.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// `model_type` of the config, e.g. `qwen3`.
    pub model_type: Option<String>,
    /// A class among the config's `architectures`, e.g. `Qwen3ForCausalLM`.
    pub architecture: Option<String>,
    /// Part of the id.
    pub search: Option<String>,
    /// Who owns it: the part of the id before the slash.
    pub author: Option<String>,
    /// Made from this model, e.g. `Qwen/Qwen3-0.6B`. Only the Hub knows that.
    pub base: Option<String>,
    /// Further tags, e.g. `safetensors`. Only the Hub knows them.
    pub tags: Vec<String>,
    /// At most so many, by downloads; 0 is none.
    pub limit: usize,
}

/// Models, most downloaded first.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    pub models: Vec<Model>,
    /// Ids that the Hub listed, but whose config says another `model_type` or architecture.
    pub passed_over: Vec<String>,
    /// Whether there are more than were asked for.
    pub more: bool,
}

impl Query {
    /// The tags that the Hub filters by: it tags a model with its `model_type`.
    pub(crate) fn filters(&self) -> Vec<String> {
        let base = self.base.as_ref().map(|it| format!("base_model:{it}"));
        self.model_type.iter().cloned().chain(base).chain(self.tags.iter().cloned()).collect()
    }

    /// Whether the config is the one that was asked for; an unknown `model_type` is taken at the
    /// Hub's word.
    pub(crate) fn suits(&self, model: &Model) -> bool {
        let same = |wanted: &Option<String>, found: &Option<String>| match (wanted, found) {
            (Some(wanted), Some(found)) => wanted == found,
            _ => true,
        };
        same(&self.model_type, &model.model_type)
            && self.architecture.as_ref().is_none_or(|it| model.architectures.contains(it))
    }

    /// Whether a checkpoint on this machine is wanted.
    ///
    /// # Errors
    ///
    /// What only the Hub knows.
    pub(crate) fn suits_local(&self, model: &Model) -> Result<bool, HubError> {
        if let Some(what) = self.filters().iter().find(|it| Some(*it) != self.model_type.as_ref()) {
            return Err(HubError::OnlyOnline { what: format!("what has the tag `{what}`") });
        }
        let id = model.id.to_lowercase();
        let author = id.split_once('/').map(|it| it.0);
        Ok(self.suits(model)
            && (self.model_type.is_none() || model.model_type.is_some())
            && self.search.as_ref().is_none_or(|it| id.contains(&it.to_lowercase()))
            && self.author.as_ref().is_none_or(|it| author == Some(&it.to_lowercase())))
    }
}
