//! What `inspect_architecture` takes and answers: a page of the module tree, with what was found
//! beside it told once, with the first page.

use portwright_tools::{
    count::counted,
    inspect::{
        Architecture, ConfigFields, Fit, InspectInput, Model, attention::AttentionReadiness,
        kernels::KernelLayer, plans::Plan, tree::Row,
    },
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    answer::Brief,
    page::page,
    refusal::Refusal,
    roots::{AgentName, AgentPath, Roots},
};

const MOST_ROWS: u32 = 400;
const DEEPEST: u32 = 32;
const LONGEST_PATTERN: usize = 256;
/// Names that one list of an answer holds.
const MOST_NAMES: usize = 40;

/// What to inspect.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InspectArchitecture {
    /// A model type, e.g. `olmo3`, a checkpoint's folder, or a Hub id such as `org/name@main`.
    #[schemars(length(min = 1, max = 4096))]
    model: AgentName,
    /// Checkout or install, e.g. `/home/me/transformers`, or release, e.g. `5.24`; absent: the pinned.
    #[serde(default)]
    transformers: Option<AgentPath>,
    /// Only modules down to this depth, e.g. `3`; the model is at 0.
    #[serde(default)]
    #[schemars(range(max = DEEPEST))]
    depth: Option<u32>,
    /// Only modules whose name matches, e.g. `*.self_attn*`.
    #[serde(default)]
    #[schemars(length(max = 256))]
    modules: Option<String>,
    /// The `next_offset` of the answer before, e.g. `60`.
    #[serde(default)]
    pub(crate) offset: u32,
    /// Modules to return at most, e.g. `60`.
    #[serde(default = "default_limit")]
    #[schemars(range(min = 1, max = MOST_ROWS))]
    pub(crate) limit: u32,
}

fn default_limit() -> u32 {
    60
}

impl InspectArchitecture {
    /// The capability's input.
    pub(crate) fn into_input(self, roots: &Roots) -> Result<InspectInput, Refusal> {
        if !(1..=4096).contains(&self.model.len()) {
            return Err(Refusal::new(
                "`model` is empty or too long",
                "name a model type, e.g. `llama`",
            ));
        }
        if self.modules.as_ref().is_some_and(|it| LONGEST_PATTERN < it.len()) {
            let hint = format!("at most {LONGEST_PATTERN} characters are taken");
            return Err(Refusal::new("`modules` is too long", hint));
        }
        Ok(InspectInput {
            model: roots.name(&self.model)?,
            transformers: roots.library(self.transformers.as_ref())?,
            depth: self.depth.map(|it| it.min(DEEPEST) as usize),
            modules: self.modules,
        })
    }
}

/// What an architecture is made of.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Inspected {
    /// The release of transformers.
    release: Option<String>,
    /// Its ancestors through modular files, with what each level changes; with the first page only.
    ancestors: Vec<String>,
    /// The same as a Mermaid flowchart; with the first page only.
    mermaid: Option<String>,
    /// Why there is no model.
    no_model: Option<String>,
    class: Option<String>,
    dtype: Option<String>,
    /// Elements of all weights, tied ones counted once.
    parameters: Option<u64>,
    /// Bytes that they take in that dtype.
    bytes: Option<u64>,
    /// The module tree from `offset` on; layers that are alike are one row.
    modules: Vec<Row>,
    /// How many rows there are in all.
    total_modules: usize,
    /// Give it as `offset` to get the rest; absent when this is the end.
    next_offset: Option<usize>,
    /// What else was found; with the first page only.
    findings: Option<Findings>,
}

/// What was found beside the modules.
#[derive(Debug, Serialize, JsonSchema)]
struct Findings {
    /// Parallel plans, resolved against the modules: entries that name nothing, and what stays whole.
    plans: Vec<Plan>,
    /// Whether another attention function can take the place of the model's own, and why not.
    attention: AttentionReadiness,
    /// Layers that a kernel from the Hub can replace.
    kernels: Vec<KernelLayer>,
    config: ConfigFields,
    /// How the checkpoint's tensors fit.
    fit: Option<Fit>,
}

impl Inspected {
    pub(crate) fn of(found: Architecture, offset: usize, limit: usize) -> Self {
        let first = offset == 0;
        let lineage = found.lineage.filter(|_| first);
        let model = found.model;
        let head = model.as_ref().map(|it| (it.class.clone(), it.parameters, it.bytes));
        let dtype = model.as_ref().and_then(|it| it.dtype.clone());
        let (rows, findings) = match model {
            Some(model) => {
                let (rows, findings) = split(model);
                (rows, first.then_some(findings))
            }
            None => (Vec::new(), None),
        };
        let total_modules = rows.len();
        let (modules, next_offset) = page(rows, offset, limit);
        Self {
            release: found.release,
            ancestors: lineage.map_or_else(Vec::new, |it| it.to_lines()),
            mermaid: found.mermaid.filter(|_| first),
            no_model: found.no_model,
            class: head.as_ref().map(|it| it.0.clone()),
            dtype,
            parameters: head.as_ref().map(|it| it.1),
            bytes: head.map(|it| it.2),
            modules,
            total_modules,
            next_offset,
            findings,
        }
    }
}

fn split(model: Model) -> (Vec<Row>, Findings) {
    let Model { modules, mut plans, mut attention, mut kernels, mut config, mut fit, .. } = model;
    for plan in &mut plans {
        plan.uncovered.truncate(MOST_NAMES);
    }
    attention.reasons.truncate(MOST_NAMES);
    kernels.truncate(MOST_NAMES);
    config.others.truncate(MOST_NAMES);
    if let Some(fit) = &mut fit {
        for names in [&mut fit.missing, &mut fit.tied, &mut fit.unexpected, &mut fit.index] {
            names.truncate(MOST_NAMES);
        }
        fit.mismatched.truncate(MOST_NAMES);
    }
    (modules, Findings { plans, attention, kernels, config, fit })
}

impl Brief for Inspected {
    fn brief(&self) -> String {
        let mut lines = self.ancestors.clone();
        if let (Some(class), Some(parameters)) = (&self.class, self.parameters) {
            lines.push(format!(
                "{class}: {}, {} of modules",
                counted(parameters, "parameter", "parameters"),
                counted(self.total_modules, "row", "rows")
            ));
        }
        lines.extend(self.no_model.iter().map(|it| format!("no module tree: {it}")));
        if let Some(found) = &self.findings {
            for plan in &found.plans {
                let faults = plan.entries.iter().filter(|it| it.fault.is_some()).count();
                let faults = if faults == 0 {
                    String::new()
                } else {
                    format!(", {} at fault", counted(faults, "entry", "entries"))
                };
                lines.push(format!("{} plan {}{faults}", plan.kind.id(), plan.verdict.word()));
            }
            lines.push(format!("attention backends: {}", found.attention.verdict.words()));
        }
        if let Some(next) = self.next_offset {
            lines.push(format!(
                "next: call inspect_architecture with \"offset\": {next} for more modules"
            ));
        }
        lines.join("\n")
    }
}
