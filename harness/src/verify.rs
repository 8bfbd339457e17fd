//! One subject from question to sealed evidence.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    time::Instant,
};

use crate::{
    answers::{Answers, Fields},
    case::Spelling,
    check::{CHECKS, Group, logits},
    digest,
    engine::{EngineError, package_path},
    evidence::{Clock, Evidence, SCHEMA_VERSION, SourceFile, Subject, TapRecord},
    facts,
    figure::{Figure, Real},
    gather::{GatherError, Lane, Question, gather},
    measure::logits::max_or_nan,
    need::Need,
    outcome::{Absence, Verdict},
    progress::{Progress, Step},
    tensors::TensorFile,
    variations,
};

/// Gather, check, seal. Files of the engines are left in `work` for the caller to keep or clear.
pub fn verify(
    lane: &mut Lane,
    question: &Question,
    work: &Path,
    command: String,
    progress: &dyn Progress,
) -> Result<Evidence, GatherError> {
    let mut seconds = BTreeMap::new();
    let mut phase = |name: &str, started: Instant| {
        seconds.insert(name.to_owned(), Real(started.elapsed().as_secs_f64()));
        Instant::now()
    };
    let started = Instant::now();
    let step = Step::start(progress, "starting the engines", None);
    let about = lane.about()?;
    drop(step);
    let started = phase("engines", started);
    let step = Step::start(progress, "asking both engines", None);
    let mut answers = gather(lane, question, work)?;
    answers.config_is_named = question.base_config.is_some();
    drop(step);
    let mut started = phase("asking", started);
    if question.wants(Need::Variations) {
        let varied = if logits::is_right(&answers) {
            match variations::ask(lane, question, work, progress) {
                Ok(varied) => varied,
                Err(EngineError::Cancelled) => return Err(EngineError::Cancelled.into()),
                // What was measured before stands.
                Err(err) => Err(Absence::Blocked { reason: err.to_string() }),
            }
        } else {
            let reason = "the port is not right at the config as it is: others say no more".into();
            Err(Absence::NotApplicable { reason })
        };
        answers.put_variations(varied);
        started = phase("variations", started);
    }
    if let Ok(fields) = answers.fields()
        && !logits::is_right(&answers)
    {
        let suspects = fields.suspects();
        let bystanders = variations::bystanders(lane, question, work, &suspects)?;
        let fields = Fields { bystanders, ..fields.clone() };
        answers.put_fields(Ok(fields));
        started = phase("dropped fields", started);
    }
    let checks = question.asked().into_iter().map(|it| it.record(&answers)).collect();
    phase("checks", started);
    let evidence = Evidence {
        schema_version: SCHEMA_VERSION,
        portwright: env!("CARGO_PKG_VERSION").to_owned(),
        regime: question.regime,
        roles: lane.pair(),
        engines: about,
        subject: subject(question, &answers, work)?,
        checks,
        left_out: CHECKS
            .iter()
            .filter(|it| it.by_default && it.is_asked_in(question.regime))
            .filter(|it| it.decides(answers.config_is_named))
            .filter(|it| !question.checks.contains(&it.id))
            .map(|it| it.id.to_owned())
            .collect(),
        per_position: facts::per_position(&answers),
        long_text: answers.long().ok().and_then(facts::long_text),
        taps: taps(&answers),
        rotations: answers
            .rotations()
            .map(|it| facts::rotations(it, &layer_kinds(&answers), question.regime))
            .unwrap_or_default(),
        dtypes: answers.dtypes().map(|it| facts::dtypes(it)).unwrap_or_default(),
        generation: answers.generation().ok().map(facts::generation),
        battery: None,
        known_causes: Vec::new(),
        verdict: Verdict::NotRun,
        command,
        clock: Clock {
            finished: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            machine: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            seconds,
            cost: answers.cost.clone(),
            hardware: None,
        },
        digest: String::new(),
    };
    Ok(evidence.seal())
}

fn subject(question: &Question, answers: &Answers, work: &Path) -> Result<Subject, GatherError> {
    let checkpoint = question.checkpoint.clone().unwrap_or_else(|| work.join("checkpoint"));
    let mut synthetic = answers.synthetic.clone();
    if let Some(made) = &mut synthetic {
        made.definition_file = PathBuf::from(package_path(&made.definition_file));
    }
    Ok(Subject {
        model_type: question.model_type.clone(),
        // A type that has one way only is written in that one, whatever was asked.
        spelling: match synthetic.as_ref().and_then(|it| it.spelling.as_deref()) {
            Some("rope_parameters") => Spelling::RopeParameters,
            Some("rope_theta") => Spelling::RopeTheta,
            _ => question.spelling,
        },
        definition: answers.reference().ok().and_then(|it| source_file(it.opened.file.as_deref()?)),
        port: answers.judged().ok().and_then(|it| source_file(it.file.as_deref()?)),
        synthetic,
        checkpoint: question.checkpoint.clone(),
        checkpoint_files: digests(&checkpoint)
            .map_err(|source| GatherError::Write { path: checkpoint.clone(), source })?,
        tensor_dtypes: tensor_dtypes(&checkpoint)
            .map_err(|source| GatherError::Write { path: checkpoint, source })?,
        ancestors: Vec::new(),
        config: answers.config.clone(),
        seed: question.seed,
        cover: None,
    })
}

fn source_file(path: &Path) -> Option<SourceFile> {
    Some(SourceFile { path: package_path(path), sha256: digest::of_file(path).ok()? })
}

/// sha256 of config.json and of every weight file.
fn digests(checkpoint: &Path) -> io::Result<BTreeMap<String, String>> {
    let mut digests = BTreeMap::new();
    for entry in fs::read_dir(checkpoint)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let counts = name == "config.json"
            || Path::new(&name).extension().is_some_and(|it| it == "safetensors");
        if counts {
            digests.insert(name, digest::of_file(&path)?);
        }
    }
    Ok(digests)
}

/// How many tensors of the weight files have which dtype; a file that is none says nothing here.
fn tensor_dtypes(checkpoint: &Path) -> io::Result<BTreeMap<String, u64>> {
    let mut dtypes = BTreeMap::new();
    for entry in fs::read_dir(checkpoint)? {
        let path = entry?.path();
        if path.extension().is_none_or(|it| it != "safetensors") {
            continue;
        }
        for dtype in TensorFile::open(&path).map(|it| it.dtypes()).unwrap_or_default() {
            *dtypes.entry(dtype).or_default() += 1;
        }
    }
    Ok(dtypes)
}

/// What the config calls each layer; empty where it names none.
fn layer_kinds(answers: &Answers) -> Vec<String> {
    let synthetic = answers.synthetic.as_ref().and_then(|it| it.layer_types.clone());
    synthetic.unwrap_or_else(|| {
        serde_json::from_value(answers.config["layer_types"].clone()).unwrap_or_default()
    })
}

fn taps(answers: &Answers) -> Vec<TapRecord> {
    let Ok(taps) = answers.taps() else { return Vec::new() };
    let record = |it: &crate::measure::taps::TapFigure| TapRecord {
        reference: it.reference.clone(),
        port: it.port.clone(),
        error: Real(it.error),
        floor: Real(it.floor),
        bound: Real(it.bound),
        position: it.position.map(|it| it as u64),
        shape: it.shape.iter().map(|&it| it as u64).collect(),
    };
    taps.pairs.iter().map(record).collect()
}

/// A figure of a check by its id, for tables.
pub fn figure(evidence: &Evidence, check: &str, id: &str) -> Option<f64> {
    evidence.check(check)?.figure(id).map(|it| it.measured.0)
}

/// How far above its floor the worst figure of logits, however fed, lies. Rotations have a floor of
/// another kind and are left out.
pub fn worst_multiple(evidence: &Evidence) -> Option<Real> {
    evidence
        .checks
        .iter()
        .filter(|it| it.gate && it.group != Group::Positions.id())
        .flat_map(|it| &it.figures)
        .filter_map(Figure::multiple)
        .reduce(max_or_nan)
        .map(Real)
}
