//! What `find_candidates` takes and answers: a page of checkpoints, with their differences and the set
//! told once, with the first page.

use std::path::PathBuf;

use portwright_tools::{
    candidates::{
        Candidate, Candidates, CandidatesInput, Chosen, DEFAULT_LIMIT, Existing, KeptApart,
        LeftOut, MOST_CANDIDATES, OutOfReach, Rule, Scale,
    },
    count::counted,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    answer::Brief,
    page::{clip, page},
    refusal::Refusal,
    roots::{AgentName, AgentPath, Roots},
};

const MOST_ROWS: u32 = 100;
const MOST_ADDED: usize = 50;
const LONGEST_TEXT: usize = 4096;
/// Rows that one list of findings holds.
const MOST_FINDINGS: usize = 30;
/// Values that a row of the set, or of a difference, lists.
const MOST_VALUES: usize = 12;

/// Which checkpoints to find.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FindCandidates {
    /// A model type, e.g. `olmo3`; a class, or a checkpoint whose siblings are wanted.
    #[schemars(length(min = 1, max = 4096))]
    model: AgentName,
    /// Checkpoints that join the set whatever they show, e.g. `["org/name"]`.
    #[serde(default)]
    #[schemars(length(max = 50))]
    add: Vec<AgentName>,
    /// A folder of checkpoints to look in, or `offline` for the Hub's cache; the Hub when absent.
    #[serde(default)]
    from: Option<AgentPath>,
    /// Checkpoints to look at, e.g. `50`.
    #[serde(default)]
    #[schemars(range(min = 1, max = 500))]
    most: Option<u32>,
    /// Choose none of more bytes, e.g. `20000000000`.
    #[serde(default)]
    max_bytes: Option<u64>,
    /// A checkout of transformers, e.g. `/home/me/transformers`, or a release, e.g. `5.24`.
    #[serde(default)]
    transformers: Option<AgentPath>,
    /// Whose port to look for, e.g. `mlx-lm`.
    #[serde(default)]
    #[schemars(length(max = 32))]
    target: Option<String>,
    /// The target's tree, e.g. `/home/me/mlx-lm`.
    #[serde(default, alias = "mlx_lm")]
    port: Option<AgentPath>,
    /// Write the set here, e.g. `/home/me/cover.json`.
    #[serde(default)]
    out: Option<AgentPath>,
    /// The first checkpoint to return, e.g. `20`.
    #[serde(default)]
    pub(crate) offset: u32,
    /// Checkpoints to return at most, e.g. `20`.
    #[serde(default = "default_limit")]
    #[schemars(range(min = 1, max = MOST_ROWS))]
    pub(crate) limit: u32,
}

fn default_limit() -> u32 {
    20
}

impl FindCandidates {
    /// The capability's input.
    pub(crate) fn into_input(self, roots: &Roots) -> Result<CandidatesInput, Refusal> {
        let too_long = |it: &AgentName| !(1..=LONGEST_TEXT).contains(&it.len());
        if too_long(&self.model) || self.add.iter().any(too_long) {
            return Err(Refusal::new(
                "a name is empty or too long",
                "name a model type, e.g. `olmo3`",
            ));
        }
        if MOST_ADDED < self.add.len() {
            let hint = format!("at most {MOST_ADDED} are taken");
            return Err(Refusal::new(format!("`add` holds {} names", self.add.len()), hint));
        }
        let offline = self.from.as_ref().is_some_and(|it| it.is("offline"));
        Ok(CandidatesInput {
            model: roots.name(&self.model)?,
            add: self.add.iter().map(|it| roots.name(it)).collect::<Result<_, _>>()?,
            folder: roots.read_any(self.from.as_ref().filter(|_| !offline))?,
            offline,
            limit: Some(self.most.map_or(DEFAULT_LIMIT, |it| it as usize).min(MOST_CANDIDATES)),
            max_bytes: self.max_bytes,
            transformers: roots.library(self.transformers.as_ref())?,
            target: self.target,
            port: roots.read_any(self.port.as_ref())?,
            out: roots.write_any(self.out.as_ref())?,
        })
    }
}

/// Checkpoints, their differences and the set.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Found {
    model_type: String,
    /// Checkpoints from `offset` on, those with most downloads first.
    candidates: Vec<Candidate>,
    total_candidates: usize,
    /// Give it as `offset` to get the rest; absent when this is the end.
    next_offset: Option<usize>,
    /// What else was found; with the first page only.
    findings: Option<Findings>,
}

/// What was found beside the checkpoints.
#[derive(Debug, Serialize, JsonSchema)]
struct Findings {
    /// Where was looked.
    shelf: String,
    /// How fields that a config leaves out were read.
    defaults: String,
    differences: Vec<Row>,
    /// Numbers that differ and change no structure.
    scale: Vec<Scale>,
    /// Fields that differ and change nothing that is computed, with the reason.
    apart: Vec<KeptApart>,
    set: Vec<Chosen>,
    proved_minimal: bool,
    /// Values that no member of the set shows.
    out_of_reach: Vec<OutOfReach>,
    /// The digest of the set, as evidence names it.
    digest: Option<String>,
    /// Where the set was written.
    written: Option<PathBuf>,
    left_out: Vec<LeftOut>,
    existing: Existing,
    notes: Vec<String>,
}

/// A field, and which candidates show which value.
#[derive(Debug, Serialize, JsonSchema)]
struct Row {
    field: String,
    rule: Rule,
    values: Vec<Value>,
    /// Fields that part the candidates in the same way.
    with: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Value {
    value: String,
    /// Places in the list of candidates, from 0.
    candidates: Vec<usize>,
}

impl Found {
    pub(crate) fn of(found: Candidates, offset: usize, limit: usize) -> Self {
        let findings = (offset == 0).then(|| Findings::of(&found));
        let mut rows = found.candidates;
        for row in &mut rows {
            row.not_read = row.not_read.iter().map(|it| clip(it)).collect();
        }
        let total_candidates = rows.len();
        let (candidates, next_offset) = page(rows, offset, limit);
        Self { model_type: found.model_type, candidates, total_candidates, next_offset, findings }
    }
}

impl Findings {
    fn of(found: &Candidates) -> Self {
        let place = |id: &String| found.candidates.iter().position(|it| it.id == *id);
        let mut notes = found.notes.clone();
        let mut bound = |name: &str, count: usize| {
            if MOST_FINDINGS < count {
                notes.push(format!("{MOST_FINDINGS} of {count} {name} are listed; `out` and the command line give all"));
            }
        };
        bound("differences", found.matrix.differences.len());
        bound("members of the set", found.choice.chosen.len());
        bound("values out of reach", found.choice.out_of_reach.len());
        bound("checkpoints left out", found.left_out.len());
        let rows = found.matrix.differences.iter().take(MOST_FINDINGS).map(|it| Row {
            field: clip(&it.field),
            rule: it.rule,
            values: it
                .values
                .iter()
                .take(MOST_VALUES)
                .map(|it| Value {
                    value: it.value.clone(),
                    candidates: it.candidates.iter().filter_map(place).collect(),
                })
                .collect(),
            with: it.with.iter().take(MOST_VALUES).cloned().collect(),
        });
        let set = found.choice.chosen.iter().take(MOST_FINDINGS).map(|it| {
            let mut it = it.clone();
            it.only.truncate(MOST_VALUES);
            it
        });
        let left_out = found.left_out.iter().take(MOST_FINDINGS);
        let mut existing = found.existing.clone();
        existing.branches.truncate(MOST_VALUES);
        existing.pull_requests.truncate(MOST_VALUES);
        Self {
            shelf: found.shelf.clone(),
            defaults: found.defaults.clone(),
            differences: rows.collect(),
            scale: found.matrix.scale.iter().take(MOST_FINDINGS).cloned().collect(),
            apart: found.matrix.apart.iter().take(MOST_FINDINGS).cloned().collect(),
            set: set.collect(),
            proved_minimal: found.choice.proved_minimal,
            out_of_reach: found.choice.out_of_reach.iter().take(MOST_VALUES).cloned().collect(),
            digest: found.digest.clone(),
            written: found.written.clone(),
            left_out: left_out
                .map(|it| LeftOut { id: it.id.clone(), why: clip(&it.why) })
                .collect(),
            existing,
            notes,
        }
    }
}

impl Brief for Found {
    fn brief(&self) -> String {
        let mut lines = vec![format!(
            "{} of {}",
            counted(self.total_candidates, "checkpoint", "checkpoints"),
            self.model_type
        )];
        if let Some(found) = &self.findings {
            let ids: Vec<&str> = found.set.iter().map(|it| it.id.as_str()).collect();
            let proof = if found.proved_minimal { "proved minimal" } else { "heuristic" };
            lines.push(format!(
                "{}; the set ({proof}): {}",
                counted(found.differences.len(), "difference", "differences"),
                ids.join(", ")
            ));
            lines.extend(found.notes.iter().cloned());
            if let Some(path) = &found.written {
                let path = path.display();
                lines.push(format!(
                    "next: call run_parity with \"cover\": \"{path}\" and each \"candidate\""
                ));
            }
        }
        if let Some(next) = self.next_offset {
            lines.push(format!("next: call find_candidates with \"offset\": {next} for more"));
        }
        lines.join("\n")
    }
}
