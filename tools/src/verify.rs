//! `verify`: one model, end to end, into one run folder.

use std::{
    collections::BTreeMap,
    io::Write,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use portwright_harness::{
    cancel::Cancel,
    case::{Regime, Spelling},
    check,
    engine::{self, Launch, Pair, Sources},
    environment::{self, Home},
    evidence::{CoverMember, Evidence},
    figure::Real,
    gather::{GatherError, Lane, Question, model_type_of},
    keep,
    outcome::Verdict,
    progress::{Progress, Step},
    rundir::{EVIDENCE, RunDir},
    verify as harness,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shell_words::quote;
use tempfile::NamedTempFile;

use crate::{
    background, candidates::CoverSet, checkpoint, error::ToolError, report, runs, transformers,
    verify_error::VerifyError,
};

/// Seconds that one request to an engine may take.
pub const DEFAULT_DEADLINE: f64 = 120.0;

/// What to verify.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct VerifyInput {
    /// The model type of the definition, e.g. `olmo3`.
    pub model_type: String,
    /// A checkout or install of transformers, or a release such as `5.24.0` or `5.24` (the newest
    /// 5.24.x); the pinned release when absent.
    pub transformers: Option<PathBuf>,
    /// The target's tree, a checkout or an install, with the port; the pinned release when absent.
    #[serde(alias = "mlx_lm")]
    pub port: Option<PathBuf>,
    /// A real checkpoint: a folder, or a Hub id with an optional revision such as `org/name@main`.
    pub checkpoint: Option<String>,
    /// A real config.json whose settings a synthetic checkpoint keeps at a tiny size.
    pub config: Option<PathBuf>,
    /// A set that `portwright candidates` chose, e.g. `cover.json`; the run is about one of its configs.
    pub cover: Option<PathBuf>,
    /// Which member of the set, e.g. `org/name`.
    pub candidate: Option<String>,
    /// Config fields set on top of a synthetic checkpoint's, e.g. `{"rms_norm_eps": 0.001}`.
    pub overrides: BTreeMap<String, Value>,
    /// The engine of the definition and the engine that is judged: `torch,mlx` when absent,
    /// `embedded,mlx` (the definition on the embedded runtime), `torch,embedded` or `embedded,torch`
    /// (the definition on both).
    pub engines: Option<String>,
    /// Check ids or groups, e.g. `["state", "rope-tables"]`; all when empty.
    pub checks: Vec<String>,
    /// `logic` (is it the same model?) or `native` (does it behave in the checkpoint's dtype?).
    pub precision: Option<Regime>,
    /// How config.json writes the RoPE settings of a synthetic checkpoint.
    pub spelling: Option<Spelling>,
    /// Seed of weights and tokens.
    pub seed: u64,
    /// The run's folder; a new one under `portwright-runs` when absent.
    pub out: Option<PathBuf>,
    /// Seconds that one request to an engine may take; 120 when absent.
    pub deadline: Option<f64>,
}

/// What came of it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct VerifyOutput {
    pub verdict: Verdict,
    /// One sentence of counts.
    pub summary: String,
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
    let setup = Instant::now();
    let sources = sources(&mut input, home, progress, cancel)?;
    let input = &input;
    let needs = engine::needs(&pair.engines(), &sources);
    let pinned = environment::ensure(home, &needs, progress, cancel)?;
    let setup = setup.elapsed();
    let launch = Launch::new(home, pinned.clone());
    let out = input.out.clone().unwrap_or_else(|| default_out(&input.model_type));
    let dir = RunDir::open(&out)?;
    let question = Question {
        model_type: input.model_type.clone(),
        spelling: input.spelling.unwrap_or(Spelling::RopeTheta),
        regime: input.precision.unwrap_or(Regime::Logic),
        seed: input.seed,
        checkpoint,
        base_config: match &member {
            Some(member) => Some(member.config.path().to_owned()),
            None => existing("--config", input.config.as_deref())?,
        },
        overrides: input.overrides.clone(),
        checks,
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
    let transformers = match &sources.definition {
        Some(folder) => folder,
        None => pinned.transformers()?,
    };
    evidence = background::add(evidence, transformers);
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

/// Whether the checkouts that the input names are there; a release by name is not looked for.
pub fn check_sources(input: &VerifyInput) -> Result<(), ToolError> {
    transformers::check(input.transformers.as_deref())?;
    existing("--port", input.port.as_deref()).map(|_| ())
}

/// The sources that the input names: checkouts, which must exist, and a release of transformers, which
/// is fetched and whose exact version takes the place of its name.
pub(crate) fn sources(
    input: &mut VerifyInput,
    home: &Home,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Sources, ToolError> {
    let port = existing("--port", input.port.as_deref())?;
    let given = transformers::find(input.transformers.as_deref(), home, progress, cancel)?;
    input.transformers = given.as_ref().map(|it| it.name.clone());
    Ok(Sources { definition: given.map(|it| it.folder), port })
}

/// The engines that the input names; PyTorch and MLX when it names none.
pub fn pair(input: &VerifyInput) -> Result<Pair, ToolError> {
    let named = input.engines.as_deref().map(str::parse).transpose();
    let pair = named.map_err(VerifyError::from)?;
    Ok(pair.unwrap_or_default())
}

/// Seconds as a deadline; the default when absent.
pub fn deadline(seconds: Option<f64>) -> Result<Duration, ToolError> {
    match Duration::try_from_secs_f64(seconds.unwrap_or(DEFAULT_DEADLINE)) {
        Ok(deadline) if !deadline.is_zero() => Ok(deadline),
        _ => Err(VerifyError::Deadline.into()),
    }
}

fn existing(flag: &'static str, path: Option<&Path>) -> Result<Option<PathBuf>, ToolError> {
    path.map(|it| {
        it.canonicalize().map_err(|_| ToolError::NoSuchPath { flag, path: it.to_owned() })
    })
    .transpose()
}

/// `portwright-runs/olmo3-20260131T120000Z`.
pub(crate) fn default_out(model_type: &str) -> PathBuf {
    let now = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S%3fZ");
    Path::new(runs::RUNS).join(format!("{model_type}-{now}"))
}

/// The command line that asks the same.
pub fn command(input: &VerifyInput) -> String {
    let mut words = vec!["portwright".to_owned(), "verify".to_owned(), input.model_type.clone()];
    let mut flag = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            words.extend([name.to_owned(), quote(&value).into_owned()]);
        }
    };
    let path = |it: &Option<PathBuf>| it.as_ref().map(|it| it.display().to_string());
    flag("--transformers", path(&input.transformers));
    flag("--port", path(&input.port));
    flag("--checkpoint", input.checkpoint.clone());
    flag("--config", path(&input.config));
    flag("--cover", path(&input.cover));
    flag("--candidate", input.candidate.clone());
    for (name, value) in &input.overrides {
        flag("--set", Some(format!("{name}={value}")));
    }
    flag("--engines", input.engines.clone());
    flag("--checks", (!input.checks.is_empty()).then(|| input.checks.join(",")));
    flag(
        "--precision",
        input.precision.map(|it| match it {
            Regime::Logic => "logic".to_owned(),
            Regime::Native => "native".to_owned(),
        }),
    );
    flag("--spelling", input.spelling.map(|it| it.id().to_owned()));
    flag("--seed", (input.seed != 0).then(|| input.seed.to_string()));
    words.join(" ")
}

fn next_step(evidence: &Evidence, run: &Path) -> String {
    let run = run.display();
    match evidence.verdict {
        Verdict::Pass => {
            format!("open {run}/report.html; `portwright report --check {run}` recomputes it")
        }
        Verdict::Fail => format!("`portwright explain {run}` shows where they diverge"),
        Verdict::NotRun => {
            format!("see the reasons under `not run` in {run}/report.md, then verify again")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_asks_the_same_again() {
        let input = VerifyInput {
            model_type: "olmo3".into(),
            port: Some("/my checkout/it's".into()),
            overrides: [("rope_theta".to_owned(), Value::from(5000.0))].into(),
            engines: Some("embedded,mlx".into()),
            checks: vec!["state".into(), "logits".into()],
            ..VerifyInput::default()
        };
        assert_eq!(
            command(&input),
            r"portwright verify olmo3 --port '/my checkout/it'\''s' --set 'rope_theta=5000.0' --engines embedded,mlx --checks state,logits"
        );
    }

    #[test]
    fn unknown_fields_are_refused() {
        let err = serde_json::from_str::<VerifyInput>(r#"{"model_type": "a", "tolerance": 1}"#);
        assert!(err.unwrap_err().to_string().contains("tolerance"));
    }
}
