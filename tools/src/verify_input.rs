//! What a verification is asked for, and the command that asks the same again.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use portwright_harness::{
    cancel::Cancel,
    case::{Regime, Spelling},
    engine::{EngineKind, Host, Pair, Runs, Sources, release_in},
    environment::{self, Home},
    progress::Progress,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shell_words::quote;

use crate::{error::ToolError, transformers, verify_error::VerifyError};

/// The flag for the pair of native engines.
const NATIVE: &str = "--native";
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
    /// The engine of the definition and the engine that is judged: `embedded,embedded-mlx` (both in this
    /// program) when absent, `torch,mlx` (both on their own libraries), `embedded,mlx`, `torch,embedded` or
    /// `embedded,torch` (the definition on both).
    pub engines: Option<String>,
    /// Check ids or groups, e.g. `["state", "rope-tables"]`; all when empty.
    pub checks: Vec<String>,
    /// `exact` (is it the same model, every float in 64 bits? where both engines are embedded, and then the
    /// default), `logic` (is it, in float32?) or `native` (does it behave in the checkpoint's dtype?).
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

/// Whether the checkouts that the input names are there; a release by name is not looked for.
pub fn check_sources(input: &VerifyInput) -> Result<(), ToolError> {
    transformers::check(input.transformers.as_deref())?;
    existing("--port", input.port.as_deref()).map(|_| ())
}

/// The sources that the input names: checkouts, which must exist, and a release of transformers, which
/// is fetched and whose exact version takes the place of its name; also what that release needs where one
/// of `engines` runs it natively.
pub(crate) fn sources(
    input: &mut VerifyInput,
    engines: &[EngineKind],
    home: &Home,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Sources, ToolError> {
    let port = existing("--port", input.port.as_deref())?;
    let given = transformers::find(input.transformers.as_deref(), home, progress, cancel)?;
    input.transformers = given.as_ref().map(|it| it.name.clone());
    let definition = given.map(|it| it.folder);
    let native = |it: &EngineKind| it.row().host == Host::Native && it.runs() == Runs::Definition;
    let release = definition.as_deref().and_then(release_in);
    let beside = match release.filter(|_| engines.iter().any(native)) {
        Some(release) => environment::beside(home, &release, progress, cancel)?,
        None => None,
    };
    Ok(Sources { definition, port, beside })
}

pub(crate) fn existing(
    flag: &'static str,
    path: Option<&Path>,
) -> Result<Option<PathBuf>, ToolError> {
    path.map(|it| {
        it.canonicalize().map_err(|_| ToolError::NoSuchPath { flag, path: it.to_owned() })
    })
    .transpose()
}

/// The engines that the input names; the embedded ones when it names none.
pub fn pair(input: &VerifyInput) -> Result<Pair, ToolError> {
    let named = input.engines.as_deref().map(str::parse).transpose();
    let pair = named.map_err(VerifyError::from)?;
    Ok(pair.unwrap_or_default())
}

/// What the input asks of these engines.
///
/// # Errors
///
/// They cannot answer in that.
pub(crate) fn regime(input: &VerifyInput, pair: Pair) -> Result<Regime, ToolError> {
    match input.precision {
        Some(Regime::Exact) if !pair.is_embedded() => Err(VerifyError::NotExact(pair).into()),
        asked => Ok(asked.unwrap_or(pair.regime())),
    }
}

/// Whether the engines can be asked what the input asks of them.
pub fn check_engines(input: &VerifyInput) -> Result<(), ToolError> {
    regime(input, pair(input)?).map(|_| ())
}

/// Seconds as a deadline; the default when absent.
pub fn deadline(seconds: Option<f64>) -> Result<Duration, ToolError> {
    match Duration::try_from_secs_f64(seconds.unwrap_or(DEFAULT_DEADLINE)) {
        Ok(deadline) if !deadline.is_zero() => Ok(deadline),
        _ => Err(VerifyError::Deadline.into()),
    }
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
    let native = input.engines.as_deref().is_some_and(|it| it.parse() == Ok(Pair::native()));
    flag("--engines", input.engines.clone().filter(|_| !native));
    flag("--checks", (!input.checks.is_empty()).then(|| input.checks.join(",")));
    flag("--precision", input.precision.map(|it| it.id().to_owned()));
    flag("--spelling", input.spelling.map(|it| it.id().to_owned()));
    flag("--seed", (input.seed != 0).then(|| input.seed.to_string()));
    if native {
        words.push(NATIVE.to_owned());
    }
    words.join(" ")
}

/// What a stored command asks, as far as its words say it: the other way of [`command`].
///
/// # Errors
///
/// Where it is no command line of `verify`, or a value in it cannot be read.
pub(crate) fn asked(command: &str) -> Result<VerifyInput, String> {
    let words = shell_words::split(command).map_err(|err| err.to_string())?;
    let mut words = words.into_iter().skip_while(|it| it != "verify").skip(1).peekable();
    if words.peek().is_none() {
        return Err(format!("`{command}` is not a command of `verify`"));
    }
    let mut input = VerifyInput::default();
    while let Some(word) = words.next() {
        if word == NATIVE {
            input.engines = Some(Pair::native().to_string());
            continue;
        }
        let Some(flag) = word.strip_prefix("--") else {
            input.model_type = word;
            continue;
        };
        let value = words.next().ok_or_else(|| format!("`{word}` has no value"))?;
        match flag {
            "checkpoint" => input.checkpoint = Some(value),
            "set" => {
                let (name, value) = value.split_once('=').ok_or("`--set` has no `=`")?;
                // As the command line takes it: what is no JSON is a text.
                let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
                input.overrides.insert(name.to_owned(), value);
            }
            "engines" => input.engines = Some(value),
            "checks" => input.checks = value.split(',').map(str::to_owned).collect(),
            "precision" => {
                let read = serde_json::from_value(value.into());
                input.precision = Some(read.map_err(|err| format!("{word}: {err}"))?);
            }
            "spelling" => {
                let spelling = Spelling::ALL.into_iter().find(|it| it.id() == value);
                input.spelling = Some(spelling.ok_or_else(|| format!("no spelling `{value}`"))?);
            }
            "seed" => input.seed = value.parse().map_err(|err| format!("{word}: {err}"))?,
            // Where sources lie says nothing of the question.
            _ => {}
        }
    }
    Ok(input)
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
            precision: Some(Regime::Native),
            spelling: Some(Spelling::RopeTheta),
            seed: 7,
            ..VerifyInput::default()
        };
        let command_of_all = command(&input);
        assert_eq!(
            command_of_all,
            r"portwright verify olmo3 --port '/my checkout/it'\''s' --set 'rope_theta=5000.0' --engines embedded,mlx --checks state,logits --precision native --spelling rope_theta --seed 7"
        );
        let read = asked(&command(&input)).unwrap();
        assert_eq!(command(&VerifyInput { port: input.port, ..read }), command_of_all);
    }

    #[test]
    fn unknown_fields_are_refused() {
        let err = serde_json::from_str::<VerifyInput>(r#"{"model_type": "a", "tolerance": 1}"#);
        assert!(err.unwrap_err().to_string().contains("tolerance"));
    }
}
