//! The entry of a model in the target's tests: the tiny config of the synthetic checkpoint that
//! `verify` makes of it.

use std::time::Duration;

use portwright_harness::{
    cancel::Cancel,
    case::{Precision, Spelling},
    engine::{
        self, EngineKind, Holds, Host, Launch, Runs, Sources, Synthesis, Synthesised, Worker,
    },
    environment::{self, Home},
};
use portwright_source::Library;
use serde_json::{Map, Value};

use super::error::PortError;
use crate::{error::ToolError, verify_input};

/// What a config.json says of the checkpoint and not of the model.
const OF_THE_FILE: &[&str] =
    &["architectures", "dtype", "torch_dtype", "transformers_version", "_name_or_path"];

/// What makes the config: the embedded engine, which is always there, where the build has it.
fn maker() -> EngineKind {
    let host = if cfg!(feature = "candle") { Host::Embedded } else { Host::Native };
    EngineKind::that_runs(Runs::Definition, host)
}

/// The tiny config of a model type of `library`, as config.json.
pub(super) fn config(
    model_type: &str,
    library: &Library,
    home: &Home,
    cancel: &Cancel,
) -> Result<Map<String, Value>, ToolError> {
    let sources = Sources { definition: Some(library.package().to_owned()), ..Sources::default() };
    let maker = maker();
    let needs = engine::needs(&[maker], &sources);
    let pinned = environment::installed(home, &needs).unwrap_or_default();
    let launch = Launch::new(home, pinned);
    let deadline: Duration = verify_input::deadline(None)?;
    let mut worker = Worker::spawn(maker, &launch, &sources, deadline, cancel.clone())?;
    let folder = tempfile::tempdir()
        .map_err(|source| ToolError::Write { path: std::env::temp_dir(), source })?;
    let synthesis = Synthesis {
        model_type: model_type.to_owned(),
        spelling: Spelling::RopeTheta,
        tie: None,
        overrides: std::collections::BTreeMap::new(),
        base_config: None,
        dtype: Precision::Float32,
        seed: 0,
        holds: Holds::Published,
        head: None,
        out: folder.path().to_owned(),
    };
    let request = serde_json::to_value(&synthesis)
        .map_err(|source| PortError::Request { folder: folder.path().to_owned(), source })?;
    worker.session()?.call::<Synthesised>("synthesize", request)?;
    let path = folder.path().join("config.json");
    let text = std::fs::read_to_string(&path)
        .map_err(|source| ToolError::Read { path: path.clone(), source })?;
    let mut config: Map<String, Value> =
        serde_json::from_str(&text).map_err(|source| PortError::TinyConfig { path, source })?;
    // As transformers writes it, whoever made it.
    config.sort_keys();
    config.values_mut().for_each(Value::sort_all_objects);
    Ok(config)
}

/// The lines of the entry: what `fields` of the port's config class take of `config`; all of it where
/// the port's fields are not known.
pub(super) fn lines(
    model_type: &str,
    config: &Map<String, Value>,
    fields: &[String],
) -> Vec<String> {
    let taken = |name: &str| {
        name != "model_type"
            && !OF_THE_FILE.contains(&name)
            && (fields.is_empty() || fields.iter().any(|it| it == name))
    };
    let rows = config.iter().filter(|(name, value)| taken(name) && !value.is_null());
    let mut lines = vec!["{".to_owned(), format!("    \"model_type\": \"{model_type}\",")];
    lines.extend(rows.map(|(name, value)| format!("    \"{name}\": {},", python(value))));
    if let Some(layers) = config.get("num_hidden_layers").filter(|_| !fields.is_empty())
        && !fields.iter().any(|it| it == "num_hidden_layers")
    {
        // The target's test asks each entry how many layers it has.
        lines.push(format!("    \"num_hidden_layers\": {},", python(layers)));
    }
    lines.push("}".to_owned());
    lines
}

/// A JSON value as Python writes it.
fn python(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Array(list) => {
            format!("[{}]", list.iter().map(python).collect::<Vec<_>>().join(", "))
        }
        Value::Object(map) => {
            let rows = map
                .iter()
                .map(|(name, it)| format!("{}: {}", Value::from(name.as_str()), python(it)));
            format!("{{{}}}", rows.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_holds_what_the_port_takes() {
        let config = serde_json::json!({
            "dtype": "float32", "hidden_size": 64, "kind": ["a"], "model_type": "x", "none": null,
            "other": 1, "tie": false,
        });
        let fields = ["hidden_size", "tie", "kind", "none"].map(str::to_owned);
        let Value::Object(config) = config else { panic!("an object") };
        assert_eq!(
            lines("x", &config, &fields),
            [
                "{",
                "    \"model_type\": \"x\",",
                "    \"hidden_size\": 64,",
                "    \"kind\": [\"a\"],",
                "    \"tie\": False,",
                "}"
            ]
        );
    }
}
