//! `verify`: one model, end to end, into one run folder.

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
    time::Instant,
};

use portwright_harness::{
    cancel::Cancel,
    case::Spelling,
    check,
    engine::{self, Launch, Pair, Runs, Sources},
    environment::{self, Home, Pinned},
    evidence::{CoverMember, Evidence},
    figure::Real,
    gather::{GatherError, Lane, Question, model_type_of},
    keep,
    outcome::{Outcome, Verdict},
    progress::{Progress, Step},
    rundir::{EVIDENCE, RunDir},
    verify as harness,
};
use portwright_targets as targets;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tempfile::NamedTempFile;

pub use crate::verify_input::{
    DEFAULT_DEADLINE, VerifyInput, check_engines, check_sources, command, deadline, pair,
};
pub(crate) use crate::verify_input::{regime, sources};
use crate::{
    background,
    candidates::CoverSet,
    checkpoint,
    error::ToolError,
    port::found::{self, architectures},
    report, runs,
    verify_error::VerifyError,
    verify_input::existing,
};

/// What came of it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct VerifyOutput {
    pub verdict: Verdict,
    /// One sentence of counts.
    pub summary: String,
    /// What nothing in this run speaks about; the report says why.
    pub untested: Vec<String>,
    /// What to do next.
    pub next_step: String,
    pub run: PathBuf,
    pub evidence: PathBuf,
    pub report: PathBuf,
    pub digest: String,
    /// Seconds by phase: setup, engines, asking, checks, writing.
    pub seconds: BTreeMap<String, Real>,
}

/// Verify one model. The evidence is on disk when this returns, and comes back as well.
///
/// # Errors
///
/// Fails when the question could not be put: unknown model type or check, no port, no engines, no
/// checkpoint, a folder in use. A port that is wrong, or does not load, is a verdict.
pub fn verify(
    input: &VerifyInput,
    home: &Home,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<(VerifyOutput, Evidence), ToolError> {
    let checkpoint = match &input.checkpoint {
        Some(text) => Some(checkpoint::resolve(text, progress, cancel)?),
        None => None,
    };
    let mut input = with_model_type(input, checkpoint.as_deref())?;
    let member = member(&input)?;
    if input.model_type.is_empty() {
        return Err(VerifyError::NoModelType.into());
    }
    let checks = check::select(&input.checks)?.iter().map(|it| it.id).collect();
    let pair = pair(&input)?;
    let regime = regime(&input, pair)?;
    let setup = Instant::now();
    let sources = sources(&mut input, &pair.engines(), home, progress, cancel)?;
    let input = &input;
    let needs = engine::needs(&pair.engines(), &sources);
    let pinned = environment::ensure(home, &needs, progress, cancel)?;
    let transformers = match &sources.definition {
        Some(folder) => folder.as_path(),
        None => pinned.transformers()?,
    };
    let launch = Launch::new(home, pinned.clone()).in_regime(regime);
    let config = match &member {
        Some(member) => Some(member.config.path().to_owned()),
        None => existing("--config", input.config.as_deref())?,
    };
    let of_checkpoint = checkpoint.as_ref().map(|it| it.join("config.json"));
    let named = of_checkpoint.as_deref().or(config.as_deref());
    require_port(&input.model_type, named, pair, &sources, &pinned, transformers)?;
    let setup = setup.elapsed();
    let out = input.out.clone().unwrap_or_else(|| default_out(&input.model_type));
    let dir = RunDir::open(&out)?;
    let question = Question {
        spelling: input.spelling.unwrap_or(Spelling::RopeTheta),
        insists: input.spelling.is_some(),
        regime,
        seed: input.seed,
        checkpoint,
        base_config: config,
        overrides: input.overrides.clone(),
        checks,
        ..Question::synthetic(&input.model_type)
    };
    let deadline = deadline(input.deadline)?;
    let verified = {
        let name = format!("verifying {}", input.model_type);
        let _step = Step::start(progress, &name, None);
        Lane::start(&launch, pair, &sources, deadline, cancel).map_err(GatherError::from).and_then(
            |mut lane| harness::verify(&mut lane, &question, &dir.work(), command(input), progress),
        )
    };
    let mut evidence = match verified {
        Ok(evidence) => evidence,
        Err(err) => {
            if input.out.is_none() {
                dir.discard();
            }
            return Err(err.into());
        }
    };
    if let Some(member) = member {
        evidence.subject.cover = Some(member.stamp);
    }
    let writing = Instant::now();
    let engines = pinned.engines().ok().map(|it| it.site_packages.as_path());
    evidence = background::add(evidence, transformers, engines);
    if let Some(tensors) = keep::divergence(&evidence, &dir.work())? {
        dir.write("tensors/first-divergence.safetensors", &tensors)?;
    }
    evidence.clock.seconds.insert("setup".into(), Real(setup.as_secs_f64()));
    report::write(&dir, &evidence)?;
    evidence.clock.seconds.insert("writing".into(), Real(writing.elapsed().as_secs_f64()));
    // Last: a folder with evidence is a finished run.
    let json = serde_json::to_string_pretty(&evidence).expect("evidence is plain data");
    let path = dir.write(EVIDENCE, json.as_bytes())?;
    let output = VerifyOutput {
        verdict: evidence.verdict,
        summary: report::sentence(&evidence),
        untested: report::untested(&evidence),
        next_step: next_step(&evidence, dir.path()),
        run: dir.path().to_owned(),
        evidence: path,
        report: dir.path().join(report::REPORT),
        digest: evidence.digest.clone(),
        seconds: evidence.clock.seconds.clone(),
    };
    Ok((output, evidence))
}

/// The input with its model type: a cover or a checkpoint says which it is about, and a checkpoint is
/// about no other.
fn with_model_type(
    input: &VerifyInput,
    checkpoint: Option<&Path>,
) -> Result<VerifyInput, ToolError> {
    let mut input = input.clone();
    if let Some(path) = checkpoint {
        let (found, asked) = (model_type_of(path)?, input.model_type);
        if !asked.is_empty() && asked != found {
            let path = path.to_owned();
            return Err(GatherError::OtherModel { path, asked, found }.into());
        }
        input.model_type = found;
    }
    if let (true, Some(cover)) = (input.model_type.is_empty(), &input.cover) {
        input.model_type = CoverSet::load(cover)?.model_type;
    }
    Ok(input)
}

/// Refuses a model that the judged side has no port of, before anything is started.
fn require_port(
    model_type: &str,
    config: Option<&Path>,
    pair: Pair,
    sources: &Sources,
    pinned: &Pinned,
    definitions: &Path,
) -> Result<(), ToolError> {
    let judged = pair.judged();
    if judged.runs() != Runs::Port {
        return Ok(());
    }
    let tree = match &sources.port {
        Some(tree) => tree,
        None => pinned.mlx_lm()?,
    };
    // What config.json names decides; one that cannot be read is told by the engine that needs it.
    let text = config.and_then(|it| fs::read_to_string(it).ok());
    let config: Option<Map<String, Value>> = text.and_then(|it| serde_json::from_str(&it).ok());
    let classes = config.as_ref().map(architectures).unwrap_or_default();
    match targets::of_package(judged.row().package) {
        Some(target) => found::require(target, tree, definitions, model_type, &classes),
        None => Ok(()),
    }
}

/// A member of a cover, its config on disk for as long as engines may read it.
struct Member {
    stamp: CoverMember,
    config: NamedTempFile,
}

/// The member of a cover that the input names.
fn member(input: &VerifyInput) -> Result<Option<Member>, ToolError> {
    let (path, id) = match (&input.cover, &input.candidate) {
        (Some(path), Some(id)) => (path, id),
        (None, None) => return Ok(None),
        (Some(_), None) => {
            return Err(VerifyError::NoCandidate.into());
        }
        (None, Some(_)) => {
            return Err(VerifyError::NoCover.into());
        }
    };
    if input.config.is_some() || input.checkpoint.is_some() {
        return Err(VerifyError::CoverWithConfig.into());
    }
    let set = CoverSet::load(path)?;
    if set.model_type != input.model_type {
        let (found, asked) = (set.model_type, input.model_type.clone());
        return Err(VerifyError::OtherCover { asked, found }.into());
    }
    let member = set.member(id)?;
    let write = |source| ToolError::Write { path: PathBuf::from("config.json"), source };
    let mut config = tempfile::Builder::new().suffix(".json").tempfile().map_err(write)?;
    config.write_all(member.config_text().as_bytes()).map_err(write)?;
    Ok(Some(Member { stamp: set.stamp(member), config }))
}

/// `portwright-runs/olmo3-20260131T120000Z`.
pub(crate) fn default_out(model_type: &str) -> PathBuf {
    let now = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S%3fZ");
    runs::below(format!("{model_type}-{now}"))
}

/// Whether nothing fails but what other configs show.
fn only_other_configs(evidence: &Evidence) -> bool {
    let mut failing =
        evidence.checks.iter().filter(|it| it.gate && it.recompute() == Outcome::Fail);
    failing.all(|it| it.group == check::Group::Variations.id())
}

fn next_step(evidence: &Evidence, run: &Path) -> String {
    let run = run.display();
    match evidence.verdict {
        Verdict::Pass => {
            format!("open {run}/report.html; `portwright report --check {run}` recomputes it")
        }
        Verdict::Partial => {
            "only some checks were asked; without `--checks` there is a verdict on the model".into()
        }
        Verdict::Fail if only_other_configs(evidence) => {
            "the port is right at this config: read the named fields, or raise `ValueError` for what \
             the port does not know; `--config FILE` asks of one config alone"
                .into()
        }
        Verdict::Fail => format!("`portwright explain {run}` shows where they diverge"),
        Verdict::NotRun => {
            format!("see the reasons under `not run` in {run}/report.md, then verify again")
        }
    }
}
