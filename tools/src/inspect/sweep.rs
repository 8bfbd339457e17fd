//! Every causal language model of a release, by the defaults of its config class: what it builds, and
//! whether its plans and promises hold. Real transformers is asked the same, as far as it can be.

use std::{
    collections::BTreeMap,
    io::Read,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
};

use portwright_harness::{
    cancel::Cancel,
    environment::{self, Engines, Home, Supply, worker_environment},
    progress::{Progress, Step},
};
use portwright_source::{Library, outline};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    Architecture, Model, Release, Subject,
    attention::AttentionVerdict,
    describe,
    error::InspectError,
    kernels::KernelStatus,
    plans::{PlanKind, PlanVerdict},
};
use crate::{
    error::ToolError,
    modular,
    session::{Door, open},
    table,
};

/// The names of the table in the docs.
pub const TABLE: &str = "inspect.md";
pub const TABLE_JSON: &str = "inspect.json";

/// The library's list of causal language models.
const CAUSAL_LM: &str = "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES";
/// What asks real transformers.
const COUNTS: &str = include_str!("counts.py");
/// Reasons of one row that the table tells.
const MOST_REASONS: usize = 3;

/// What to sweep.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SweepInput {
    /// A checkout or install of transformers; the pinned release when absent.
    pub transformers: Option<PathBuf>,
    /// Also write the table here.
    pub docs: Option<PathBuf>,
}

/// The table: what `docs/coverage/inspect.json` holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Inspections {
    /// The release of transformers.
    pub release: String,
    pub rows: Vec<InspectionRow>,
}

/// One model type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct InspectionRow {
    pub model_type: String,
    pub class: Option<String>,
    /// Elements of the weights that its default config builds here.
    pub parameters: Option<u64>,
    /// The same in real transformers on PyTorch.
    pub torch_parameters: Option<u64>,
    /// Why nothing is built here.
    pub reason: Option<String>,
    /// Why nothing is built by real transformers.
    pub torch_reason: Option<String>,
    /// `tp`, `ep`, `pp`: `absent`, `resolves`, `depends` or `disagrees`.
    pub plans: BTreeMap<String, String>,
    /// Entries that name nothing: the plan, the entry, who says so and what is wrong.
    pub faults: Vec<String>,
    /// Entries that name what only other settings make.
    pub elsewhere: Vec<String>,
    /// Whether real transformers finds the same entries to name nothing.
    pub torch_agrees: Option<bool>,
    pub attention: Option<String>,
    /// Why attention backends cannot be exchanged, or what contradicts the promise.
    pub attention_reasons: Vec<String>,
    /// Kernels that can replace layers.
    pub kernels: Vec<String>,
    /// Layers whose code is that of replaceable ones, and which are not decorated.
    pub could_be: Vec<String>,
}

/// What real transformers says of one model type.
#[derive(Debug, Default, Deserialize)]
struct Told {
    model_type: String,
    parameters: Option<u64>,
    #[serde(default)]
    unmatched: BTreeMap<String, Vec<String>>,
    error: Option<String>,
}

impl InspectionRow {
    fn of(model_type: &str, found: &Architecture, told: Option<&Told>) -> Self {
        let mut row = Self {
            model_type: model_type.to_owned(),
            class: None,
            parameters: None,
            torch_parameters: told.and_then(|it| it.parameters),
            reason: found.no_model.as_deref().map(first_line),
            torch_reason: told.and_then(|it| it.error.clone()),
            plans: BTreeMap::new(),
            faults: Vec::new(),
            elsewhere: Vec::new(),
            torch_agrees: None,
            attention: None,
            attention_reasons: Vec::new(),
            kernels: Vec::new(),
            could_be: Vec::new(),
        };
        if let Some(model) = &found.model {
            row.fill(model);
            row.torch_agrees =
                told.filter(|it| it.parameters.is_some()).map(|it| agrees(model, it));
        }
        row
    }

    fn fill(&mut self, model: &Model) {
        self.class = Some(model.class.clone());
        self.parameters = Some(model.parameters);
        for plan in &model.plans {
            let kind = plan.kind.id();
            self.plans.insert(kind.to_owned(), plan.verdict.word().to_owned());
            for entry in &plan.entries {
                if let Some(fault) = &entry.fault {
                    self.faults
                        .push(format!("{kind}: `{}` ({}) {fault}", entry.pattern, entry.origin));
                } else if entry.elsewhere.is_some() {
                    self.elsewhere.push(format!("{kind}: `{}`", entry.pattern));
                }
            }
        }
        self.attention = Some(model.attention.verdict.words().to_owned());
        let reasons = model.attention.reasons.iter().map(|it| match &it.place {
            Some(place) => format!("{} ({}:{})", it.text, base(&place.file), place.line),
            None => it.text.clone(),
        });
        self.attention_reasons = reasons.take(MOST_REASONS).collect();
        for layer in &model.kernels {
            match (layer.status, &layer.kernel) {
                (KernelStatus::Replaceable, Some(kernel)) if 0 < layer.times => {
                    self.kernels.push(kernel.clone());
                }
                (KernelStatus::CouldBe, _) => self.could_be.push(layer.name.clone()),
                _ => {}
            }
        }
        self.kernels.sort();
        self.kernels.dedup();
    }

    /// The cells of its row, as the command shows them.
    pub fn cells(&self) -> [String; 7] {
        let plan = |kind: PlanKind| self.plans.get(kind.id()).cloned().unwrap_or_default();
        let parameters = match (self.parameters, &self.reason) {
            (Some(number), _) => number.to_string(),
            (None, reason) => reason.clone().unwrap_or_default(),
        };
        [
            self.model_type.clone(),
            parameters,
            plan(PlanKind::Tp),
            plan(PlanKind::Ep),
            plan(PlanKind::Pp),
            self.attention.clone().unwrap_or_default(),
            self.kernels.join(", "),
        ]
    }
}

impl Inspections {
    /// The counts, in sentences.
    pub fn summary(&self) -> Vec<String> {
        let rows = &self.rows;
        let count =
            |holds: &dyn Fn(&InspectionRow) -> bool| rows.iter().filter(|it| holds(it)).count();
        let built = count(&|it| it.parameters.is_some());
        let both = count(&|it| it.parameters.is_some() && it.torch_parameters.is_some());
        let equal = count(&|it| it.parameters.is_some() && it.parameters == it.torch_parameters);
        let agree = count(&|it| it.torch_agrees == Some(true));
        let says = |kind: PlanKind, verdict: PlanVerdict| {
            count(&|it| it.plans.get(kind.id()).is_some_and(|it| it == verdict.word()))
        };
        let attends = |verdict: AttentionVerdict| {
            count(&|it| it.attention.as_deref() == Some(verdict.words()))
        };
        let mut lines = vec![format!(
            "{built} of {} model types are built by the defaults of their config class; real transformers builds {both} of these, {equal} with the same number of parameters, and finds the same plan entries to name nothing in {agree}",
            rows.len()
        )];
        for kind in PlanKind::ALL {
            lines.push(format!(
                "{} plans: {} resolve, {} depend on settings, {} disagree with the modules, {} absent",
                kind.id(),
                says(kind, PlanVerdict::Resolves),
                says(kind, PlanVerdict::Depends),
                says(kind, PlanVerdict::Disagrees),
                says(kind, PlanVerdict::Absent),
            ));
        }
        lines.push(format!(
            "attention backends: {} ready, {} ready and not promised, {} promised and not kept, {} not ready, {} without attention",
            attends(AttentionVerdict::Ready),
            attends(AttentionVerdict::NotPromised),
            attends(AttentionVerdict::PromiseBroken),
            attends(AttentionVerdict::NotReady),
            attends(AttentionVerdict::NoAttention),
        ));
        lines
    }

    /// Rows of which both sides build a model, and do not count the same or do not agree on its plans.
    pub fn contradictions(&self) -> impl Iterator<Item = &InspectionRow> {
        self.rows.iter().filter(|it| {
            it.parameters.is_some()
                && it.torch_parameters.is_some()
                && (it.parameters != it.torch_parameters || it.torch_agrees != Some(true))
        })
    }
}

/// Whether real transformers finds the same entries to name nothing.
fn agrees(model: &Model, told: &Told) -> bool {
    model.plans.iter().all(|plan| {
        let ours: Vec<&str> = plan
            .entries
            .iter()
            .filter(|it| it.matches == 0)
            .map(|it| it.pattern.as_str())
            .collect();
        let theirs = told.unmatched.get(plan.kind.id()).map_or(&[][..], Vec::as_slice);
        ours.len() == theirs.len() && ours.iter().all(|it| theirs.iter().any(|other| other == it))
    })
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

fn base(file: &str) -> &str {
    file.rsplit('/').next().unwrap_or(file)
}

/// Inspect every causal language model; with `docs`, write the table.
///
/// # Errors
///
/// Fails when the engines cannot be set up or the release lists no models. A model that is not built is
/// a row with its reason.
pub fn sweep(
    input: &SweepInput,
    home: &Home,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Inspections, ToolError> {
    // Real transformers is asked too, and it counts on PyTorch.
    let needs = [Supply::Torch, Supply::Transformers];
    let pinned = environment::ensure(home, &needs, progress, cancel)?;
    let library = match &input.transformers {
        Some(path) => modular::open(Some(path), &[], home, progress, cancel)?,
        None => Library::open(pinned.transformers()?)?,
    };
    let types = causal_models(&library)?;
    let real = Real::ask(&types, &library, pinned.engines()?)?;
    let release = Release::read(library)?;
    let mut found = Vec::new();
    {
        let step = Step::start(progress, "inspecting models", types.len() as u64);
        let door = Door::new(home, &release.library);
        for model_type in &types {
            found.push(open(&door, cancel, |session| {
                let subject = Subject::Type(model_type.clone());
                describe(&subject, (Some(0), None), &release, Some(session), &())
            })?);
            step.advance(1);
        }
    }
    let told = real.told(progress, cancel)?;
    let rows = types.iter().zip(&found).map(|(model_type, found)| {
        let told = told.iter().find(|it| it.model_type == *model_type);
        InspectionRow::of(model_type, found, told)
    });
    let release = release.library.version().unwrap_or_default();
    let table = Inspections { release, rows: rows.collect() };
    if let Some(docs) = &input.docs {
        table::write(docs, (TABLE, render(&table)?), (TABLE_JSON, &table))?;
    }
    Ok(table)
}

/// The table as Markdown.
pub fn render(table: &Inspections) -> Result<String, ToolError> {
    let data = json!({
        "release": table.release,
        "rows": table.rows,
        "summary": table.summary(),
    });
    Ok(portwright_prompts::render("inspect-coverage.md", &data)?)
}

/// Read the table's data back.
pub fn load(docs: &Path) -> Result<Inspections, ToolError> {
    table::load(docs, TABLE_JSON)
}

fn causal_models(library: &Library) -> Result<Vec<String>, ToolError> {
    let source = library.load(&library.models().join("auto/modeling_auto.py"))?;
    let tables = outline::tables(&source);
    let table = tables.iter().find(|it| it.name == CAUSAL_LM);
    let types: Vec<String> =
        table.into_iter().flat_map(|it| &it.entries).map(|it| it.key.clone()).collect();
    if types.is_empty() {
        let file = source.path().to_owned();
        return Err(InspectError::NoTable { file, table: CAUSAL_LM }.into());
    }
    Ok(types)
}

/// Real transformers, asked in a process of its own while we look ourselves.
struct Real(Child);

impl Real {
    fn ask(types: &[String], library: &Library, engines: &Engines) -> Result<Self, ToolError> {
        let mut command = Command::new(&engines.python);
        command.env_clear().envs(worker_environment(engines)).env("HF_HUB_OFFLINE", "1");
        if let Some(root) = library.package().parent() {
            command.env("PYTHONPATH", root);
        }
        let child = command
            .args(["-c", COUNTS])
            .args(types)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|source| InspectError::Python { source })?;
        Ok(Self(child))
    }

    fn told(mut self, progress: &dyn Progress, cancel: &Cancel) -> Result<Vec<Told>, ToolError> {
        let _step = Step::start(progress, "waiting for real transformers", None);
        let Some(mut stdout) = self.0.stdout.take() else { return Ok(Vec::new()) };
        let reader = thread::spawn(move || {
            let mut text = String::new();
            stdout.read_to_string(&mut text).map(|_| text)
        });
        while !reader.is_finished() {
            if cancel.is_cancelled() {
                return Err(ToolError::Cancelled);
            }
            thread::sleep(std::time::Duration::from_millis(50));
        }
        let text = reader.join().ok().and_then(Result::ok).unwrap_or_default();
        Ok(text.lines().filter_map(|it| serde_json::from_str(it).ok()).collect())
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        // Fails only when it is over already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
