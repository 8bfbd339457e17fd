//! A checkpoint's folder on its way in: `config.json` parsed, its safetensors files found.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::engine::Failure;

const SINGLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";

/// Puts the parsed `config` of a request's `checkpoint` beside it, and gives the files of its weights.
/// A request without one stays as it is.
pub(super) fn read(request: &mut Value) -> Result<Option<Vec<PathBuf>>, Failure> {
    if request["checkpoint"].is_null() {
        return Ok(None);
    }
    let Some(folder) = request["checkpoint"].as_str().map(PathBuf::from) else {
        return Err(refused("config", "`checkpoint` is not a path".to_owned()));
    };
    let path = folder.join("config.json");
    let config = json(&path, "config")?;
    if !config.is_object() {
        return Err(refused("config", format!("`{}` is not a JSON object", path.display())));
    }
    give(request, &path, config.clone());
    let named = config["transformers_weights"].as_str().map(str::to_owned);
    request["config"] = config;
    files(&folder, named.as_deref()).map(Some)
}

/// Gives a request the `base_config` that it names.
pub(super) fn read_base(request: &mut Value) -> Result<(), Failure> {
    if let Some(path) = request["base_config"].as_str().map(PathBuf::from) {
        let config = json(&path, "config")?;
        give(request, &path, config);
    }
    Ok(())
}

/// What the file at a path holds, for code that cannot read it.
fn give(request: &mut Value, path: &Path, content: Value) {
    request["files"][path.to_string_lossy().as_ref()] = content;
}

/// The safetensors files of a checkpoint, in the order of transformers: what config.json names as
/// `transformers_weights`, else the single one, else those of the index.
fn files(folder: &Path, named: Option<&str>) -> Result<Vec<PathBuf>, Failure> {
    let index = match named {
        Some(name) if !is_plain(name) => {
            let message = format!("`transformers_weights` names no file of its folder: `{name}`");
            return Err(refused("weights", message));
        }
        Some(name) if name.ends_with(".index.json") => folder.join(name),
        Some(name) => return one(folder.join(name)),
        None if folder.join(SINGLE).is_file() => return one(folder.join(SINGLE)),
        None => folder.join(INDEX),
    };
    if !index.is_file() {
        let message = match named {
            Some(name) => format!("`{}` has no {name}, which config.json names", folder.display()),
            None => format!("`{}` has neither {SINGLE} nor {INDEX}", folder.display()),
        };
        return Err(refused("weights", message));
    }
    let map = json(&index, "weights")?;
    let shown = index.display();
    let Some(map) = map["weight_map"].as_object() else {
        return Err(refused("weights", format!("`{shown}` has no `weight_map`")));
    };
    let mut names = BTreeSet::new();
    for (tensor, file) in map {
        match file.as_str() {
            // An index must not reach out of its folder.
            Some(name) if is_plain(name) => {
                names.insert(name);
            }
            _ => {
                let message = format!("`{shown}` names no file of its folder for `{tensor}`");
                return Err(refused("weights", message));
            }
        }
    }
    let files: Vec<PathBuf> = names.into_iter().map(|it| folder.join(it)).collect();
    match files.iter().find(|it| !it.is_file()) {
        Some(missing) => {
            let message = format!("`{shown}` names `{}`, which is not there", missing.display());
            Err(refused("weights", message))
        }
        None => Ok(files),
    }
}

fn one(file: PathBuf) -> Result<Vec<PathBuf>, Failure> {
    if file.is_file() {
        return Ok(vec![file]);
    }
    Err(refused("weights", format!("`{}` is not there", file.display())))
}

/// Whether a name is one of a file in its folder.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && !name.contains(['/', '\\']) && name != ".."
}

fn json(path: &Path, kind: &str) -> Result<Value, Failure> {
    let shown = path.display();
    let text = fs::read_to_string(path)
        .map_err(|error| refused(kind, format!("cannot read `{shown}`: {error}")))?;
    serde_json::from_str(&text)
        .map_err(|error| refused(kind, format!("`{shown}` is no JSON: {error}")))
}

fn refused(kind: &str, message: String) -> Failure {
    Failure {
        kind: kind.to_owned(),
        message,
        hint: (kind == "weights")
            .then(|| "the files may be cut short; fetch or make them again".to_owned()),
        ..Failure::default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ask(folder: &Path) -> Result<Option<Vec<PathBuf>>, Failure> {
        read(&mut json!({"checkpoint": folder}))
    }

    #[test]
    fn a_sharded_checkpoint_opens_every_shard_once() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        assert_eq!(ask(folder.path()).unwrap_err().kind, "config");
        write("config.json", r#"{"model_type": "llama"}"#);
        assert_eq!(ask(folder.path()).unwrap_err().kind, "weights");
        write("a.safetensors", "");
        write(INDEX, r#"{"weight_map": {"x": "a.safetensors", "y": "a.safetensors"}}"#);
        assert_eq!(ask(folder.path()).unwrap().unwrap(), [folder.path().join("a.safetensors")]);
    }

    #[test]
    fn weights_are_taken_in_the_order_of_transformers() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        let found = || ask(folder.path()).map(|it| it.unwrap());
        write("config.json", "{}");
        for name in ["a.safetensors", "b.safetensors", SINGLE] {
            write(name, "");
        }
        write(INDEX, r#"{"weight_map": {"x": "a.safetensors"}}"#);
        assert_eq!(found().unwrap(), [folder.path().join(SINGLE)]);
        write("config.json", r#"{"transformers_weights": "b.safetensors"}"#);
        assert_eq!(found().unwrap(), [folder.path().join("b.safetensors")]);
        write("config.json", r#"{"transformers_weights": "model.safetensors.index.json"}"#);
        assert_eq!(found().unwrap(), [folder.path().join("a.safetensors")]);
        for (name, words) in [("../b.safetensors", "no file of its folder"), ("c", "is not there")]
        {
            write("config.json", &json!({"transformers_weights": name}).to_string());
            assert!(found().unwrap_err().message.contains(words), "{name}");
        }
    }

    #[test]
    fn an_index_that_lies_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("config.json"), "{}").unwrap();
        for (index, words) in [
            (r#"{"weight_map": {"x": "../../etc/passwd"}}"#, "names no file of its folder"),
            (r#"{"weight_map": {"x": 3}}"#, "names no file of its folder"),
            (r#"{"weight_map": {"x": "b.safetensors"}}"#, "is not there"),
            ("{}", "weight_map"),
            ("{", "is no JSON"),
        ] {
            fs::write(folder.path().join(INDEX), index).unwrap();
            let failure = ask(folder.path()).unwrap_err();
            assert!(failure.message.contains(words), "{}", failure.message);
        }
    }

    #[test]
    fn a_request_without_a_checkpoint_is_left_alone() {
        let mut request = json!({"handle": "a", "config": {"model_type": "llama"}});
        let before = request.clone();
        assert_eq!(read(&mut request).unwrap(), None);
        assert_eq!(request, before);
    }
}
