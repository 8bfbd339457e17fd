//! `inspect`: what an architecture is made of. So far its lineage; nothing is run.

use std::path::PathBuf;

use portwright_harness::{cancel::Cancel, environment::Home, progress::Progress};
use portwright_source::lineage::{self, Lineage};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{error::ToolError, modular};

/// What to inspect.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InspectInput {
    /// The model type, e.g. `olmo_hybrid`.
    pub model_type: String,
    /// A checkout or install of transformers, e.g. `/home/me/transformers`; the pinned release when absent.
    #[serde(default)]
    pub transformers: Option<PathBuf>,
}

/// What was found.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Architecture {
    /// The release of transformers.
    pub release: Option<String>,
    /// Its ancestors through modular files, each with what the child changes.
    pub lineage: Lineage,
    /// The same as a Mermaid flowchart.
    pub mermaid: String,
}

/// Inspect an architecture.
///
/// # Errors
///
/// Fails when the release has no such model, or a file on the way cannot be read.
pub fn inspect(
    input: &InspectInput,
    home: &Home,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Architecture, ToolError> {
    let library = modular::open(input.transformers.as_deref(), &[], home, progress, cancel)?;
    let lineage = lineage::lineage(&library, &input.model_type)?;
    let mermaid = lineage.to_mermaid();
    Ok(Architecture { release: library.version(), lineage, mermaid })
}
