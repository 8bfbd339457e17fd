//! The fields that can be varied, and their other values, as the definition's side knows them.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{cover::Choice, one::Sides};
use crate::{engine::EngineError, gather::Question, varied::Setting};

/// One field and the values beside the one that it has.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Field {
    #[serde(rename = "field")]
    pub(super) name: String,
    pub(super) values: Vec<Value>,
}

#[derive(Deserialize)]
struct Refused {
    field: String,
    value: Value,
    why: String,
}

#[derive(Deserialize)]
struct Variable {
    fields: Vec<Field>,
    refused: Vec<Refused>,
    unvaried: Vec<String>,
    defaults: Vec<Setting>,
}

#[derive(Deserialize)]
struct Reads {
    fields: Vec<String>,
}

/// What can be varied.
#[derive(Debug, Default)]
pub(super) struct Domain {
    pub(super) fields: Vec<Field>,
    /// Values that the definition does not take by themselves.
    pub(super) refused: Vec<(Vec<Setting>, String)>,
    /// Fields that the definition reads and that have no other value that is known.
    pub(super) unvaried: Vec<String>,
    /// What the definition's config class gives fields of the base config that have another value.
    pub(super) defaults: Vec<Setting>,
}

impl Domain {
    /// Asks which fields the definition reads in a plain forward, and what else they may be.
    pub(super) fn of(sides: &mut Sides<'_>, question: &Question) -> Result<Self, EngineError> {
        let session = &mut sides.reference;
        sides.base.open(session, "variations-base")?;
        let reads: Reads = session.call("config_reads", json!({"handle": "variations-base"}))?;
        session.call::<Value>("close", json!({"handle": "variations-base"}))?;
        let request = json!({
            "model_type": question.model_type, "base_config": question.base_config,
            "overrides": question.overrides, "read": reads.fields,
        });
        let variable: Variable = session.call("variable_fields", request)?;
        let refused = variable
            .refused
            .into_iter()
            .map(|it| (vec![Setting { field: it.field, value: it.value }], it.why));
        Ok(Self {
            fields: variable.fields,
            refused: refused.collect(),
            unvaried: variable.unvaried,
            defaults: variable.defaults,
        })
    }

    /// How many values each field has, the base's among them.
    pub(super) fn sizes(&self) -> Vec<usize> {
        self.fields.iter().map(|it| 1 + it.values.len()).collect()
    }

    /// The value of a choice that is not the base's.
    pub(super) fn setting(&self, (field, value): Choice) -> Setting {
        let field = &self.fields[field];
        Setting { field: field.name.clone(), value: field.values[value - 1].clone() }
    }
}

/// The overrides of a question with these on top.
pub(super) fn with(
    overrides: &BTreeMap<String, Value>,
    settings: &[Setting],
) -> BTreeMap<String, Value> {
    let mut all = overrides.clone();
    all.extend(settings.iter().map(|it| (it.field.clone(), it.value.clone())));
    all
}
