//! What `scaffold_port` takes and answers.

use std::path::PathBuf;

use portwright_tools::{
    count::counted,
    port::{Candidate, Part, PortInput, PortOutput, Work, weights::WeightName},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    answer::Brief,
    page::page,
    refusal::Refusal,
    roots::{AgentPath, Roots},
};

/// Pieces of work that one answer names.
const MOST_WORK: usize = 200;

/// What to scaffold.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScaffoldPort {
    /// The model type of the definition, e.g. `olmo_hybrid`.
    #[schemars(length(min = 1, max = 64))]
    model_type: String,
    /// Whose port it is, e.g. `mlx-lm`.
    #[serde(default)]
    #[schemars(length(max = 32))]
    target: Option<String>,
    /// The target's tree, e.g. `/home/me/mlx-lm`; with `dry_run` the pinned release when absent.
    #[serde(default, alias = "mlx_lm")]
    port: Option<AgentPath>,
    /// A checkout, e.g. `/home/me/transformers`, or a release, e.g. `5.24`; absent: the pinned.
    #[serde(default)]
    transformers: Option<AgentPath>,
    /// Whose port to begin from, e.g. `olmo3`; the nearest when absent.
    #[serde(default)]
    #[schemars(length(max = 64))]
    from: Option<String>,
    /// Replace a port that is there.
    #[serde(default)]
    force: bool,
    /// Write nothing.
    #[serde(default)]
    dry_run: bool,
    /// The first `work` to return: `next_offset` of the answer before, with `dry_run`.
    #[serde(default)]
    pub(crate) offset: usize,
}

impl ScaffoldPort {
    pub(crate) fn into_input(self, roots: &Roots) -> Result<PortInput, Refusal> {
        let port = self.port.as_ref();
        Ok(PortInput {
            model_type: self.model_type,
            target: self.target,
            port: if self.dry_run { roots.read_any(port) } else { roots.write_any(port) }?,
            out: None,
            transformers: roots.library(self.transformers.as_ref())?,
            from: self.from,
            force: self.force,
            dry_run: self.dry_run,
        })
    }
}

/// The files of a port, and what is left to do.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ScaffoldedPort {
    model_type: String,
    /// The port that it begins from, and how near that definition is.
    nearest: Candidate,
    runners_up: Vec<Candidate>,
    /// Nothing is left to be ported.
    complete: bool,
    wrote: bool,
    files: Vec<ScaffoldedFile>,
    /// How many places are to be ported.
    places: usize,
    /// These places; each raises `NotImplementedError` until it is.
    work: Vec<Work>,
    next_offset: Option<usize>,
    /// Fields that stop at any value but the parent's default.
    guarded_fields: Vec<String>,
    /// Fields that the definition never reads; left out.
    unread_fields: Vec<String>,
    /// Weights of a checkpoint that no class of the port has a place for.
    weights_without_place: Vec<WeightName>,
    /// How transformers changes a checkpoint's names on loading: what `sanitize` has to do.
    conversions: Vec<String>,
    notes: Vec<String>,
    next: String,
}

/// A file of the port.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ScaffoldedFile {
    path: PathBuf,
    part: Part,
    sha256: String,
}

impl ScaffoldedPort {
    pub(crate) fn of(it: PortOutput, offset: usize) -> Self {
        let places = it.work.len();
        let (work, next_offset) = page(it.work, offset, MOST_WORK);
        let file = |it: portwright_tools::port::Written| ScaffoldedFile {
            path: it.path,
            part: it.part,
            sha256: it.sha256,
        };
        let names = it.weights.names.into_iter().filter(|it| !it.unknown_to_port.is_empty());
        let mut notes = it.notes;
        notes.extend(it.weights.skipped.map(|why| format!("weight names are not told: {why}")));
        Self {
            model_type: it.model_type,
            nearest: it.nearest,
            runners_up: it.runners_up,
            complete: it.complete,
            wrote: it.wrote,
            files: it.files.into_iter().map(file).collect(),
            places,
            work,
            next_offset,
            guarded_fields: it.guarded_fields,
            unread_fields: it.unread_fields,
            weights_without_place: names.collect(),
            conversions: it.weights.conversions,
            notes,
            next: it.next,
        }
    }
}

impl Brief for ScaffoldedPort {
    fn brief(&self) -> String {
        let done = if self.wrote { "written" } else { "not written" };
        let left = if self.complete {
            "nothing is left to be ported".to_owned()
        } else {
            counted(
                self.places,
                "place is to be ported, see `work`",
                "places are to be ported, see `work`",
            )
        };
        format!(
            "port of {} from that of {}, {done}; {left}; next: {}",
            self.model_type, self.nearest.model_type, self.next
        )
    }
}
