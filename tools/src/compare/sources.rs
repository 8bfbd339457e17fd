//! Whether two runs ask the same, and which sources stand behind their answers.

use std::{borrow::Cow, collections::BTreeSet};

use portwright_harness::{
    evidence::{Evidence, SourceFile, Subject},
    hint::Hint,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Failure;

/// The two runs answer different questions.
#[derive(Debug, thiserror::Error)]
#[error(
    "the two runs cannot be compared: {what} is `{before}` in the one and `{after}` in the other"
)]
pub struct NotComparable {
    /// E.g. "the regime".
    pub what: &'static str,
    pub before: String,
    pub after: String,
}

impl Failure for NotComparable {}

impl Hint for NotComparable {
    fn hint(&self) -> Option<Cow<'static, str>> {
        Some("verify both with the same `--precision`, `--engines` and model type".into())
    }
}

/// A file or a library that is another one in the second run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SourceChange {
    /// E.g. `port mlx_lm/models/olmo3.py` or `torch`.
    pub what: String,
    pub before: Option<String>,
    pub after: Option<String>,
}

/// What must be the same, and where the evidence has it.
type Question = (&'static str, fn(&Evidence) -> String);

/// # Errors
///
/// The question itself differs, so that no figure of the one says anything about the other.
pub(super) fn comparable(old: &Evidence, new: &Evidence) -> Result<(), NotComparable> {
    let questions: [Question; 3] = [
        ("the model type", |it| it.subject.model_type.clone()),
        ("the regime", |it| it.regime.id().to_owned()),
        ("the pair of engines", |it| format!("{},{}", it.roles.reference(), it.roles.judged())),
    ];
    for (what, of) in questions {
        let (before, after) = (of(old), of(new));
        if before != after {
            return Err(NotComparable { what, before, after });
        }
    }
    Ok(())
}

/// What else should be the same when only the port was to change, one sentence each.
pub(super) fn warnings(old: &Evidence, new: &Evidence) -> Vec<String> {
    let (a, b) = (&old.subject, &new.subject);
    let mut warnings = Vec::new();
    let mut differs = |what: &str, before: String, after: String| {
        if before != after {
            warnings.push(format!("{what} differs: {before} before, {after} after"));
        }
    };
    differs("the seed", a.seed.to_string(), b.seed.to_string());
    differs("the spelling of the RoPE settings", a.spelling.id().into(), b.spelling.id().into());
    let checkpoint = |it: &Subject| {
        it.checkpoint.as_ref().map_or_else(|| "synthetic".to_owned(), |it| it.display().to_string())
    };
    differs("the checkpoint", checkpoint(a), checkpoint(b));
    differs("portwright", old.portwright.clone(), new.portwright.clone());
    let fields = other_fields(old, new);
    if !fields.is_empty() {
        warnings.push(format!("the config differs in {}", fields.join(", ")));
    } else if a.checkpoint_files != b.checkpoint_files {
        warnings.push("the weights differ though the config is the same".to_owned());
    }
    let sha = |it: &Evidence| it.subject.definition.as_ref().map(|it| it.sha256.clone());
    if sha(old) != sha(new) {
        warnings.push(
            "the definition itself is another file: the port is held to another model".to_owned(),
        );
    }
    let machine = |it: &Evidence| it.clock.machine.clone();
    if machine(old) != machine(new) {
        warnings.push(format!(
            "the machine differs: {} before, {} after",
            machine(old),
            machine(new)
        ));
    }
    warnings
}

fn other_fields(old: &Evidence, new: &Evidence) -> Vec<String> {
    let (a, b) = (&old.subject.config, &new.subject.config);
    let names = |it: &serde_json::Value| -> BTreeSet<String> {
        it.as_object().map(|it| it.keys().cloned().collect()).unwrap_or_default()
    };
    let all: BTreeSet<String> = names(a).union(&names(b)).cloned().collect();
    all.into_iter().filter(|it| a.get(it) != b.get(it)).map(|it| format!("`{it}`")).collect()
}

/// Every file and library that changed: the judged side first.
pub(super) fn changes(old: &Evidence, new: &Evidence) -> Vec<SourceChange> {
    let mut changes = Vec::new();
    for (side, of) in [
        ("port", (|it: &Evidence| it.subject.port.clone()) as fn(&Evidence) -> _),
        ("definition", |it: &Evidence| it.subject.definition.clone()),
    ] {
        let (before, after) = (of(old), of(new));
        if before == after {
            continue;
        }
        let path =
            after.as_ref().or(before.as_ref()).map_or_else(String::new, |it| it.path.clone());
        let sha = |it: Option<SourceFile>| it.map(|it| it.sha256);
        changes.push(SourceChange {
            what: format!("{side} {path}"),
            before: sha(before),
            after: sha(after),
        });
    }
    let libraries = |it: &Evidence| -> Vec<(String, String)> {
        let versions = it.engines.values().flat_map(|about| about.versions.clone());
        versions.collect()
    };
    let (before, after) = (libraries(old), libraries(new));
    let names: BTreeSet<&String> = before.iter().chain(&after).map(|(name, _)| name).collect();
    for name in names {
        let version = |side: &[(String, String)]| {
            side.iter().find(|(it, _)| it == name).map(|(_, version)| version.clone())
        };
        let (before, after) = (version(&before), version(&after));
        if before != after {
            changes.push(SourceChange { what: name.clone(), before, after });
        }
    }
    changes
}
