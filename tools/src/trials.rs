//! `trials`: the harness itself on trial, and the table of the docs.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Instant,
};

use portwright_harness::{
    cancel::Cancel,
    case::Regime,
    engine::{self, Launch, Pair, Sources},
    environment::{self, Home},
    outcome::Verdict,
    progress::Progress,
    trials::{self as harness, PLANTS, Trial, Trials},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{error::ToolError, runs, table, verify_input};

/// The names of the table in the docs.
pub const TABLE: &str = "trials.md";
pub const TABLE_JSON: &str = "trials.json";

/// Ports that are right at their synthetic config: plain and grouped attention, norms before, behind and
/// around a block, windows, experts, low-rank attention, convolutions, scales and caps.
pub const TYPES: [&str; 15] = [
    "apertus",
    "cohere2",
    "glm4",
    "granite",
    "helium",
    "lfm2",
    "llama",
    "mixtral",
    "olmo3",
    "olmoe",
    "qwen3",
    "qwen3_moe",
    "seed_oss",
    "smollm3",
    "stablelm",
];

/// With how many seeds each right port is asked.
pub const SEEDS: u64 = 5;

/// What to try.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TrialsInput {
    /// Only these model types; those of [`TYPES`] when empty.
    pub model_types: Vec<String>,
    /// With how many seeds; [`SEEDS`] when absent.
    pub seeds: Option<u64>,
    /// Model types at a time; one for each core when absent.
    pub jobs: Option<usize>,
    /// Where finished model types are kept; `portwright-runs/trials` when absent.
    pub out: Option<PathBuf>,
    /// Also write the table here.
    pub docs: Option<PathBuf>,
    pub deadline: Option<f64>,
}

/// What `docs/coverage/trials.json` holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Tried {
    /// Library versions of the engines.
    pub versions: BTreeMap<String, String>,
    pub trials: Vec<Trial>,
}

impl Tried {
    /// Read the table's data back.
    ///
    /// # Errors
    ///
    /// Where there is none, or another program wrote it.
    pub fn load(docs: &Path) -> Result<Self, ToolError> {
        table::load(docs, TABLE_JSON)
    }

    /// What is not as it should be: right ports that fail, wrong ones that pass.
    pub fn surprises(&self) -> impl Iterator<Item = &Trial> {
        self.trials.iter().filter(|it| !it.is_as_it_should_be())
    }

    fn of(&self, model_type: &str, regime: Regime, plant: Option<&str>) -> Vec<&Trial> {
        let is = |it: &&Trial| {
            it.model_type == model_type && it.regime == regime && it.plant.as_deref() == plant
        };
        self.trials.iter().filter(is).collect()
    }

    /// The table as Markdown.
    ///
    /// # Errors
    ///
    /// Where the template fails.
    pub fn render(&self) -> Result<String, ToolError> {
        let mut types: Vec<&str> = self.trials.iter().map(|it| it.model_type.as_str()).collect();
        types.dedup();
        let right = |name: &str, regime| {
            let runs = self.of(name, regime, None);
            let with = |verdict| runs.iter().filter(|it| it.verdict == verdict).count();
            let worst = runs.iter().filter_map(|it| it.worst_multiple).map(|it| it.0);
            let mut powerless: Vec<&String> = runs.iter().flat_map(|it| &it.not_run).collect();
            powerless.sort_unstable();
            powerless.dedup();
            json!({
                "failed": with(Verdict::Fail), "not_run": with(Verdict::NotRun), "powerless": powerless,
                "worst": worst.fold(0.0, f64::max), "runs": runs.len(),
            })
        };
        let planted =
            |name: &str| -> Vec<Value> {
                let cell = |plant: &str, regime| {
                    let runs = self.of(name, regime, Some(plant));
                    runs.first().map_or("", |it| it.verdict.word()).to_lowercase()
                };
                PLANTS.iter().map(|(plant, _)| json!({
                "logic": cell(plant, Regime::Logic), "native": cell(plant, Regime::Native),
            })).collect()
            };
        let rows = types.iter().map(|name| {
            json!({
                "model_type": name, "logic": right(name, Regime::Logic),
                "native": right(name, Regime::Native), "planted": planted(name),
            })
        });
        let rows: Vec<Value> = rows.collect();
        let seeds = self.trials.iter().map(|it| it.seed + 1).max();
        let surprises: Vec<&Trial> = self.surprises().collect();
        let plants: Vec<Value> =
            PLANTS.iter().map(|(id, what)| json!({"id": id, "what": what})).collect();
        let of_plants: Vec<&Trial> = self.trials.iter().filter(|it| it.plant.is_some()).collect();
        let data = json!({
            "versions": self.versions, "rows": rows, "seeds": seeds, "surprises": surprises,
            "plants": plants, "planted": of_plants.len(),
            "failed": of_plants.iter().filter(|it| it.verdict == Verdict::Fail).count(),
        });
        Ok(portwright_prompts::render(TABLE, &data)?)
    }
}

/// What came of it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct TrialsOutput {
    pub tried: Tried,
    pub seconds: f64,
}

/// Run the trials; with `docs`, write the table.
///
/// # Errors
///
/// Where the engines cannot be started, or a question cannot be put.
pub fn trials(
    input: &TrialsInput,
    home: &Home,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<TrialsOutput, ToolError> {
    let started = Instant::now();
    let needs = engine::needs(&Pair::native().engines(), &Sources::default());
    let pinned = environment::ensure(home, &needs, progress, cancel)?;
    let plan = Trials {
        model_types: if input.model_types.is_empty() {
            TYPES.iter().map(|it| (*it).to_owned()).collect()
        } else {
            input.model_types.clone()
        },
        seeds: input.seeds.unwrap_or(SEEDS),
        jobs: input.jobs.unwrap_or_else(environment::cores),
        deadline: verify_input::deadline(input.deadline)?,
        out: input.out.clone().unwrap_or_else(|| runs::below("trials")),
    };
    let launch = Launch::new(home, pinned.clone());
    let trials = harness::run(&plan, &launch, progress, cancel)?;
    let tried = Tried { versions: table::versions(&pinned)?, trials };
    if let Some(docs) = &input.docs {
        table::write(docs, (TABLE, tried.render()?), (TABLE_JSON, &tried))?;
    }
    Ok(TrialsOutput { tried, seconds: started.elapsed().as_secs_f64() })
}
