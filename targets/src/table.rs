//! One target's table, as it is written down.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// A library that receives models, or defines them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// As its repository is called, e.g. `mlx-lm`.
    pub id: String,
    /// Where its pull requests go, e.g. `ml-explore/mlx-lm`.
    pub repository: String,
    /// What a checkout of it has.
    pub marker: String,
    /// What to know before its rules are read.
    pub note: Option<String>,
    /// Where its template of a pull request for a new model may stand; the first that is there counts.
    #[serde(default)]
    pub templates: Vec<String>,
    /// Names among its models that are no model's.
    #[serde(default)]
    pub shared: Vec<String>,
    /// Where it keeps what belongs to one model.
    pub places: Vec<Place>,
    /// The package that ports are written into; absent where none is scaffolded.
    pub package: Option<Package>,
    /// Files that rules were read from.
    pub source: Vec<Source>,
    /// What it asks of contributions.
    pub rule: Vec<Rule>,
}

/// The Python package of a target that receives ports: one file a model type.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// As it is imported.
    pub name: String,
    /// The folder of ports in it.
    pub models: String,
    /// The tables that give a checkpoint another model's port.
    pub remapping: Remapping,
    /// The list of tiny configs in the repository's tests.
    pub tests: TestList,
}

impl Package {
    /// Where its folder may be when `tree` is a checkout, an install, or the folder itself.
    pub fn folders(&self, tree: &Path) -> [PathBuf; 3] {
        [tree.join(&self.name), tree.join("src").join(&self.name), tree.to_owned()]
    }

    /// The folder of ports, from the folder that the package is in, e.g. `mlx_lm/models`.
    pub fn ports(&self) -> String {
        format!("{}/{}", self.name, self.models)
    }
}

/// The tables by which a checkpoint is loaded by another model's port.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remapping {
    /// The file of the package that has them.
    pub file: String,
    /// The dict by model type.
    pub by_type: String,
    /// The dict by model type and architecture.
    pub by_architecture: Option<String>,
}

/// A list of tiny configs, one a model.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestList {
    /// Its file in the repository.
    pub file: String,
    /// Its name.
    pub list: String,
}

/// Where something of one model lies: what stands before its name, and what follows it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The folder, with its last slash.
    pub before: String,
    /// What lies there.
    pub is: PlaceKind,
    /// The extension of a file or page.
    pub ending: Option<String>,
}

/// What a place holds of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PlaceKind {
    /// A folder with the model's name has its implementation.
    Folder,
    /// A file with the model's name is its implementation.
    Source,
    /// A folder that has to do with it: tests, an example.
    Beside,
    /// A page of documentation.
    Page,
}

/// A file that rules were read from.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Its path in the repository.
    pub file: String,
    /// The day on which it was read, e.g. `2026-11-28`.
    pub read: String,
    /// Of the text with Unix line ends; none where the file itself was not at hand.
    pub sha256: Option<String>,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What it is about, e.g. `agent-commit-message`.
    pub id: String,
    /// What it decides.
    pub verdict: Verdict,
    /// What the target says, in a sentence.
    pub says: String,
    /// What the person does instead, where that is more than the aspect itself says.
    pub instead: Option<String>,
    /// Paths, commands or words that it names.
    #[serde(default)]
    pub values: Vec<String>,
    /// Where it stands.
    pub source: RuleSource,
}

/// Where a rule stands.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleSource {
    /// One of the table's sources.
    pub file: String,
    /// Its heading there.
    pub section: String,
}

/// What a rule decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It may be done.
    Allowed,
    /// It may not.
    Forbidden,
    /// It must be done.
    Required,
    /// It takes a person.
    Person,
}
