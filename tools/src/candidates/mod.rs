//! `candidates`: the checkpoints of a model type, in what their configs differ, and the smallest set of
//! them in which every difference occurs.
//!
//! # Where to start
//!
//! [`find_candidates`] does it all. [`shelf`] finds checkpoints on the Hub, in its cache or in a folder;
//! [`describe`] tells what each is. [`definition`] reads what the config class declares, [`normal`] gives
//! every config one spelling, [`derive`] asks the class itself, [`rules`] has the tables of what a difference means, [`matrix`] applies
//! them. [`cover`] is the search for the smallest set, [`choose`] puts it in terms of candidates, and
//! [`set`] is the file that `verify --cover` takes. [`port`] looks for work that is there already.
//!
//! # Invariants
//!
//! - No weight is downloaded: what is told of tensors comes from the heads of files.
//! - What could not be read is named with its reason; nothing is left out in silence.
//! - The same candidates give the same set, whatever order they are listed in.

mod choose;
mod cover;
mod definition;
mod derive;
mod describe;
mod error;
mod kind;
mod matrix;
mod normal;
mod port;
mod read;
mod resolve;
mod rules;
mod set;
mod shelf;
mod weights;

use std::path::PathBuf;

use portwright_harness::{
    cancel::Cancel,
    environment::Home,
    progress::{Progress, Step},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{error::ToolError, port::found::architectures};
pub use choose::{Choice, Chosen, FieldValue, OutOfReach};
use choose::{Choosable, choose};
pub use cover::MOST_PROVED;
use definition::Definition;
pub use describe::Candidate;
pub use error::CandidatesError;
pub use kind::Kind;
use matrix::Column;
pub use matrix::{Difference, KeptApart, Matrix, Scale, Shown};
pub use port::{Branch, Existing, Port, PullRequest};
pub use read::LeftOut;
use read::{Read, Readings};
use resolve::Surroundings;
pub use rules::Rule;
pub use set::{CoverSet, Member};
pub use weights::{FORMULA, Memory, OfDtype};

/// Candidates that are looked at unless told otherwise.
pub const DEFAULT_LIMIT: usize = 50;
/// Candidates that are looked at at most.
pub const MOST_CANDIDATES: usize = 500;

/// What to look for.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CandidatesInput {
    /// A model type, e.g. `olmo3`; a class, e.g. `Olmo3ForCausalLM`; or a checkpoint whose siblings are
    /// wanted: its folder, or a Hub id such as `org/name`.
    pub model: String,
    /// Hub ids or folders that are in the set whatever they show, e.g. `["org/name"]`.
    pub add: Vec<String>,
    /// A folder of checkpoints to look in instead of the Hub.
    pub folder: Option<PathBuf>,
    /// Look only at what the Hub's cache on this machine has.
    pub offline: bool,
    /// Candidates to look at, those with most downloads first; 50 when absent.
    pub limit: Option<usize>,
    /// No checkpoint of more bytes is chosen; what only such ones show is named.
    pub max_bytes: Option<u64>,
    /// A checkout or install of transformers; the one around the current folder or the pinned one when
    /// absent.
    pub transformers: Option<PathBuf>,
    /// The target, by its id, whose port is looked for; `mlx-lm` when absent.
    pub target: Option<String>,
    /// The target's tree, a checkout or install, to look for the port in; the pinned release when absent.
    #[serde(alias = "mlx_lm")]
    pub port: Option<PathBuf>,
    /// Also write the set to this file, for `verify --cover`.
    pub out: Option<PathBuf>,
}

/// What was found.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Candidates {
    pub model_type: String,
    /// Where was looked: the Hub's address, its cache, or a folder.
    pub shelf: String,
    /// The release of transformers whose config class was read.
    pub release: Option<String>,
    /// How fields that a config leaves out were read.
    pub defaults: String,
    /// In the order of their downloads.
    pub candidates: Vec<Candidate>,
    /// Checkpoints that are no candidates, each with the reason.
    pub left_out: Vec<LeftOut>,
    pub matrix: Matrix,
    pub choice: Choice,
    /// The digest of the set, as evidence names it.
    pub digest: Option<String>,
    /// The file that the set was written to.
    pub written: Option<PathBuf>,
    pub existing: Existing,
    /// What to know about this answer.
    pub notes: Vec<String>,
    #[serde(skip)]
    set: Option<CoverSet>,
}

impl Candidates {
    /// The set as `verify --cover` takes it; nothing where no candidate can be in it.
    pub fn set(&self) -> Option<&CoverSet> {
        self.set.as_ref()
    }
}

/// Find the checkpoints of a model type and the smallest set of them that shows every difference.
///
/// # Errors
///
/// Fails when the model is unknown, nothing is found, the Hub cannot be reached, or the set cannot be
/// written. A checkpoint that cannot be read is no error: it is listed with the reason.
pub fn find_candidates(
    input: &CandidatesInput,
    home: &Home,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Candidates, ToolError> {
    check(input)?;
    let surroundings = Surroundings::look(input, home, progress, cancel)?;
    let shelf = shelf::open(input)?;
    let model_type = surroundings.model_type(input, &shelf, progress, cancel)?;
    let definition = surroundings.definition(&model_type)?;
    let mut notes = surroundings.notes.clone();
    let limit = input.limit.unwrap_or(DEFAULT_LIMIT);
    let listing = {
        let _step = Step::start(progress, "listing checkpoints", None);
        shelf.list(&model_type, limit, progress, cancel)?
    };
    if listing.models.is_empty() && input.add.is_empty() {
        return Err(surroundings.nothing(&model_type, &shelf).into());
    }
    if listing.more {
        notes
            .push(format!("there are more than {limit} checkpoints; a larger limit looks at more"));
    }
    let found = shelf.read(&listing.models, &input.add, progress, cancel)?;
    if cancel.is_cancelled() {
        return Err(ToolError::Cancelled);
    }
    let Readings { read, mut left_out, filled, notes: unfilled } =
        read::read(found, &model_type, definition.as_ref(), &surroundings, home, cancel)?;
    notes.extend(unfilled);
    let why = || "it is listed under the model type, and its config is of another".to_owned();
    left_out.extend(listing.passed_over.into_iter().map(|id| LeftOut { id, why: why() }));
    if let Some(lost) = left_out.iter().find(|it| input.add.contains(&it.id)) {
        let (id, why) = (lost.id.clone(), lost.why.clone());
        return Err(CandidatesError::CannotAdd { id, why }.into());
    }
    let target = surroundings.target.as_ref();
    let mut candidates: Vec<Candidate> =
        read.iter().map(|it| describe::describe(&it.found, Some(&it.normal), target)).collect();
    let matrix = matrix_of(&read, &candidates, definition.as_ref());
    let barred = |it: &Candidate| barred(it, input.max_bytes);
    let choosable: Vec<Choosable> = candidates
        .iter()
        .zip(&read)
        .map(|(it, read)| Choosable {
            id: &it.id,
            bytes: it.bytes,
            barred: barred(it),
            added: read.added,
        })
        .collect();
    let choice = choose(&matrix, &choosable);
    notes.extend(remarks(&choice, &candidates));
    let defaults = surroundings.defaults(filled);
    let set = cover_set(&model_type, &defaults, &matrix, &choice, &read);
    match (&input.out, &set) {
        (Some(path), Some(set)) => set.write(path)?,
        (Some(path), None) => {
            return Err(CandidatesError::NothingToWrite { path: path.clone() }.into());
        }
        (None, _) => {}
    }
    let of_any = |target: &port::Target| {
        let configs = read.iter().filter_map(|it| it.found.config.as_ref().ok());
        let mut ports = configs.map(|it| target.port(&model_type, &architectures(it)));
        ports.find(Option::is_some).flatten().or_else(|| target.port(&model_type, &[]))
    };
    let port = surroundings.target.as_ref().and_then(of_any);
    let existing = existing(&surroundings, (&model_type, port), &shelf, progress, cancel);
    candidates.sort_by(|a, b| b.downloads.cmp(&a.downloads).then_with(|| a.id.cmp(&b.id)));
    Ok(Candidates {
        shelf: shelf.to_string(),
        release: surroundings.release(),
        defaults,
        candidates,
        left_out,
        matrix,
        choice,
        digest: set.as_ref().map(|it| it.digest.clone()),
        written: input.out.clone(),
        existing,
        notes,
        set,
        model_type,
    })
}

fn check(input: &CandidatesInput) -> Result<(), ToolError> {
    if input.model.is_empty() {
        return Err(CandidatesError::NoModel.into());
    }
    match input.limit {
        Some(found) if found == 0 || MOST_CANDIDATES < found => {
            Err(CandidatesError::Limit { found, most: MOST_CANDIDATES }.into())
        }
        _ => Ok(()),
    }
}

fn matrix_of(read: &[Read], candidates: &[Candidate], definition: Option<&Definition>) -> Matrix {
    let column = |(read, candidate): (&Read, &Candidate)| {
        // Packed weights have other tensors than the definition's.
        let head = candidate.head_in_files.filter(|_| candidate.kind != Kind::Quantised);
        head.map(|it| weights::output_matrix(describe::tied(&read.normal), it))
    };
    let weights: Vec<Option<&'static str>> = read.iter().zip(candidates).map(column).collect();
    let columns: Vec<Column> = read
        .iter()
        .zip(weights)
        .map(|(it, weights)| Column { id: &it.found.id, config: &it.normal, weights })
        .collect();
    matrix::matrix(&columns, definition)
}

/// Why a candidate cannot be in the set, unless it is added by name.
fn barred(candidate: &Candidate, most: Option<u64>) -> Option<String> {
    if candidate.kind == Kind::Quantised {
        return Some(format!("its weights are not the definition's: {}", candidate.kind_fact));
    }
    match (candidate.bytes, most) {
        (Some(bytes), Some(most)) if most < bytes => {
            Some(format!("it has {bytes} bytes, more than {most}"))
        }
        _ => None,
    }
}

fn remarks(choice: &Choice, candidates: &[Candidate]) -> Vec<String> {
    let mut notes = Vec::new();
    if !choice.proved_minimal {
        notes.push(format!(
            "the set is heuristic: with {} candidates it is not proved that none is smaller (up to {MOST_PROVED} it is)",
            candidates.len()
        ));
    }
    if choice.chosen.iter().any(|it| it.bytes.is_none()) {
        notes.push(
            "of a chosen checkpoint the size is not known, so it counts as larger than any other"
                .into(),
        );
    }
    notes
}

fn cover_set(
    model_type: &str,
    defaults: &str,
    matrix: &Matrix,
    choice: &Choice,
    read: &[Read],
) -> Option<CoverSet> {
    let member = |chosen: &Chosen| {
        let read = read.iter().find(|it| it.found.id == chosen.id)?;
        Some(Member {
            id: chosen.id.clone(),
            revision: read.found.revision.clone(),
            bytes: chosen.bytes,
            only: chosen.only.clone(),
            added: chosen.added,
            config: read.config.clone(),
        })
    };
    let members: Vec<Member> = choice.chosen.iter().filter_map(member).collect();
    let set = CoverSet {
        schema_version: 0,
        portwright: env!("CARGO_PKG_VERSION").to_owned(),
        model_type: model_type.to_owned(),
        members,
        proved_minimal: choice.proved_minimal,
        candidates: read.len() as u64,
        differences: matrix.differences.clone(),
        out_of_reach: choice.out_of_reach.clone(),
        defaults: defaults.to_owned(),
        digest: String::new(),
    };
    (!set.members.is_empty()).then(|| set.sealed())
}

/// Work on the port that is there already, as far as can be looked.
fn existing(
    surroundings: &Surroundings,
    (model_type, port): (&str, Option<Port>),
    shelf: &shelf::Shelf,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Existing {
    let Some(target) = &surroundings.target else {
        let why = "the port was not looked for: the target's source was not found".to_owned();
        return Existing { not_looked: vec![why], ..Existing::default() };
    };
    let mut existing = Existing { port, ..Existing::default() };
    match target.branches(model_type, existing.port.as_ref()) {
        Ok(branches) => existing.branches = branches,
        Err(why) => existing.not_looked.push(why),
    }
    let _step = Step::start(progress, "asking GitHub for open pull requests", None);
    match shelf.pull_requests(&target.repository(), model_type, cancel) {
        Ok(found) => existing.pull_requests = found,
        Err(why) => existing.not_looked.push(why),
    }
    existing
}
