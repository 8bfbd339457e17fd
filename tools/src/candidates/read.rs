//! From checkpoints that were found to configs in normal form, and why others are no candidates.

use portwright_harness::{cancel::Cancel, environment::Home};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    definition::Definition, derive::derived, describe::Found, normal, resolve::Surroundings,
};
use crate::error::ToolError;

/// A checkpoint that was found and is no candidate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LeftOut {
    pub id: String,
    pub why: String,
}

/// A candidate, with what the matrix and the set are made from.
pub(super) struct Read {
    pub(super) found: Found,
    /// Its config.json.
    pub(super) config: Map<String, Value>,
    /// The same in normal form.
    pub(super) normal: Map<String, Value>,
    /// Whether it was asked for by name.
    pub(super) added: bool,
}

/// How fields that a config leaves out were filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filled {
    Nothing,
    /// With what the config class declares.
    Declared,
    /// With what the config class makes.
    Derived,
}

/// All that was read.
pub(super) struct Readings {
    /// Sorted by id: nothing that follows depends on the order in which they were listed.
    pub(super) read: Vec<Read>,
    pub(super) left_out: Vec<LeftOut>,
    pub(super) filled: Filled,
    pub(super) notes: Vec<String>,
}

/// Sorts what was found into candidates and others, and gives every config its normal form.
///
/// # Errors
///
/// Only where the user stopped it.
pub(super) fn read(
    found: Vec<(Found, bool)>,
    model_type: &str,
    definition: Option<&Definition>,
    surroundings: &Surroundings,
    home: &Home,
    cancel: &Cancel,
) -> Result<Readings, ToolError> {
    let (mut read, mut left_out, mut notes) = (Vec::new(), Vec::new(), Vec::new());
    for (found, added) in found {
        match of_type(&found, model_type) {
            Ok(config) => read.push(Read { found, normal: Map::new(), config, added }),
            Err(why) => left_out.push(LeftOut { id: found.id, why }),
        }
    }
    read.sort_by(|a, b| a.found.id.cmp(&b.found.id));
    left_out.sort_by(|a, b| a.id.cmp(&b.id));
    let mut made = match (surroundings.library(), definition) {
        (Some(library), Some(_)) if !read.is_empty() => {
            let configs: Vec<&Map<String, Value>> = read.iter().map(|it| &it.config).collect();
            match derived(&configs, library, home, cancel) {
                Ok(made) => made,
                Err(err) if err.is_cancelled() => return Err(err),
                Err(err) => {
                    notes.push(format!("the config class was read and not run: {err}"));
                    None
                }
            }
        }
        _ => None,
    };
    let filled = match (&made, definition) {
        (Some(_), _) => Filled::Derived,
        (None, Some(_)) => Filled::Declared,
        (None, None) => Filled::Nothing,
    };
    let mut kept = Vec::new();
    for (idx, it) in read.into_iter().enumerate() {
        let fields = match made.as_mut().map(|all| std::mem::replace(&mut all[idx], Ok(Map::new())))
        {
            Some(Ok(fields)) => fields,
            Some(Err(why)) => {
                notes.push(format!(
                    "{}: its config was read without the config class, which refuses it: {why}",
                    it.found.id
                ));
                it.config.clone()
            }
            None => it.config.clone(),
        };
        match normal::normal(&fields, definition) {
            Ok(normal) => kept.push(Read { normal, ..it }),
            Err(why) => left_out.push(LeftOut { id: it.found.id, why }),
        }
    }
    Ok(Readings { read: kept, left_out, filled, notes })
}

/// The config of a checkpoint of the model type, or why it is no candidate.
fn of_type(found: &Found, model_type: &str) -> Result<Map<String, Value>, String> {
    let config = found.config.clone()?;
    match config.get("model_type").and_then(Value::as_str) {
        Some(it) if it == model_type => Ok(config),
        Some(other) => Err(format!("its config.json is of `{other}`")),
        None => Err("its config.json names no model type".into()),
    }
}
