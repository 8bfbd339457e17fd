//! The cover as a file: the configs to verify, one run each, under a digest that their evidence names.

use std::{fs, path::Path};

use portwright_harness::{
    digest,
    evidence::CoverMember,
    rundir::{RunDirError, write_whole},
};
use portwright_hub::config;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    choose::{FieldValue, OutOfReach},
    error::CandidatesError,
    matrix::Difference,
};

/// Raised when a field changes its meaning; readers refuse other numbers.
const SCHEMA_VERSION: u32 = 1;

/// A set of checkpoints whose configs show every difference: what `portwright verify --cover` takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CoverSet {
    pub schema_version: u32,
    /// The version that chose it.
    pub portwright: String,
    /// The model type of all members, e.g. `llama`.
    pub model_type: String,
    pub members: Vec<Member>,
    pub proved_minimal: bool,
    /// How many candidates it was chosen from.
    pub candidates: u64,
    pub differences: Vec<Difference>,
    /// Values that no member shows, and who does.
    pub out_of_reach: Vec<OutOfReach>,
    /// How fields that a config leaves out were read.
    pub defaults: String,
    /// sha256 of everything above but the version.
    pub digest: String,
}

/// One checkpoint of the set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Member {
    pub id: String,
    /// The commit that its config was read at; nothing for a folder.
    pub revision: Option<String>,
    /// Bytes to download; nothing where that is not known.
    pub bytes: Option<u64>,
    /// Values that no other member shows.
    pub only: Vec<FieldValue>,
    /// Whether it was added by name, and is not needed for the cover.
    pub added: bool,
    /// Its config.json.
    pub config: Map<String, Value>,
}

impl CoverSet {
    /// The set with its digest.
    pub(super) fn sealed(mut self) -> Self {
        self.schema_version = SCHEMA_VERSION;
        self.digest = self.compute_digest();
        self
    }

    fn compute_digest(&self) -> String {
        let mut value = serde_json::to_value(self).expect("a set is plain data");
        if let Some(fields) = value.as_object_mut() {
            for volatile in ["portwright", "digest"] {
                fields.remove(volatile);
            }
        }
        digest::of_json(&value)
    }

    /// Writes it, whole or not at all.
    ///
    /// # Errors
    ///
    /// Where the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), RunDirError> {
        let json = serde_json::to_string_pretty(self).expect("a set is plain data");
        write_whole(path, (json + "\n").as_bytes())
            .map_err(|source| RunDirError::Write { path: path.to_owned(), source })
    }

    /// Reads it back.
    ///
    /// # Errors
    ///
    /// Where it is no set, one of another version, or not as it was written.
    pub fn load(path: &Path) -> Result<Self, CandidatesError> {
        let wrong = |why: String| CandidatesError::NotACover { path: path.to_owned(), why };
        let text = fs::read_to_string(path).map_err(|err| wrong(err.to_string()))?;
        let set: Self = serde_json::from_str(&text).map_err(|err| wrong(err.to_string()))?;
        if set.schema_version != SCHEMA_VERSION {
            let found = set.schema_version;
            return Err(wrong(format!(
                "schema version {found}, this release reads {SCHEMA_VERSION}"
            )));
        }
        if set.digest != set.compute_digest() {
            return Err(wrong(
                "its digest is not that of its content, so it was changed by hand".into(),
            ));
        }
        if set.members.is_empty() {
            return Err(wrong("it has no members".into()));
        }
        Ok(set)
    }

    /// The member called `id`.
    ///
    /// # Errors
    ///
    /// Names the members where there is none of that name.
    pub fn member(&self, id: &str) -> Result<&Member, CandidatesError> {
        self.members.iter().find(|it| it.id == id).ok_or_else(|| CandidatesError::NotInCover {
            id: id.to_owned(),
            known: self.members.iter().map(|it| it.id.clone()).collect(),
        })
    }

    /// What the evidence of a member's run says of the set.
    pub fn stamp(&self, member: &Member) -> CoverMember {
        CoverMember {
            digest: self.digest.clone(),
            candidate: member.id.clone(),
            revision: member.revision.clone(),
            members: self.members.len() as u64,
        }
    }
}

impl Member {
    /// Its config.json, as Python writes and reads it.
    pub fn config_text(&self) -> String {
        config::written(&self.config)
    }

    /// Its id as a folder's name.
    pub fn slug(&self) -> String {
        let plain = |it: char| if it.is_alphanumeric() || "-_.".contains(it) { it } else { '-' };
        let name: String = self.id.replace('/', "--").chars().map(plain).collect();
        name.trim_start_matches('.').to_owned()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn set() -> CoverSet {
        let config = json!({"model_type": "toy", "limit": {"__float__": "Infinity"}});
        let member = Member {
            id: "org/toy".into(),
            revision: Some("abc".into()),
            bytes: Some(7),
            only: vec![],
            added: false,
            config: config.as_object().unwrap().clone(),
        };
        CoverSet {
            schema_version: 0,
            portwright: "0".into(),
            model_type: "toy".into(),
            members: vec![member],
            proved_minimal: true,
            candidates: 1,
            differences: vec![],
            out_of_reach: vec![],
            defaults: String::new(),
            digest: String::new(),
        }
        .sealed()
    }

    #[test]
    fn a_set_comes_back_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cover.json");
        set().write(&path).unwrap();
        let read = CoverSet::load(&path).unwrap();
        assert_eq!(read, set());
        let member = read.member("org/toy").unwrap();
        assert_eq!(member.config_text(), "{\"model_type\":\"toy\",\"limit\":Infinity}");
        assert_eq!(member.slug(), "org--toy");
        let stamp = read.stamp(member);
        assert_eq!((stamp.digest, stamp.members), (read.digest.clone(), 1));
        assert!(read.member("org/other").unwrap_err().to_string().contains("org/toy"));
    }

    #[test]
    fn a_set_that_was_changed_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cover.json");
        let refused = |text: &str| {
            fs::write(&path, text).unwrap();
            CoverSet::load(&path).unwrap_err().to_string()
        };
        let text = serde_json::to_string(&set()).unwrap();
        assert!(refused(&text.replace("abc", "abd")).contains("changed by hand"));
        assert!(
            refused(&text.replace("\"schema_version\":1", "\"schema_version\":2"))
                .contains("version 2")
        );
        assert!(refused("{}").contains("not a cover"));
        assert!(refused("").contains("not a cover"));
        assert!(CoverSet::load(folder.path()).is_err());
    }
}
