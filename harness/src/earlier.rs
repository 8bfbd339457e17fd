//! Evidence on disk, as this release or the one before wrote it.
//!
//! Schema 2 had figures without ids, bounds that did not say how they grow with the error, and engines
//! and roles under other names ([`EngineKind`](crate::engine::EngineKind) and
//! [`Pair`](crate::engine::Pair) read those themselves).

use serde_json::{Value, json};

use crate::{
    check::logits::{KL_MAX, MAX_ABS, WINDOW_ABS},
    digest,
    evidence::{Evidence, SCHEMA_VERSION, VOLATILE},
    figure::Order,
    tolerance::LINEAR_FACTOR,
};

/// The oldest schema that is read.
pub const OLDEST: u64 = 2;

/// Names of schema 2 by which code finds a figure; every other id follows from its name.
const IDS: &[(&str, &str)] = &[
    ("max |Δ|", MAX_ABS),
    ("max KL of a position (nats)", KL_MAX),
    ("median |Δ| of the worst window", WINDOW_ABS),
];

/// Why a text is no evidence.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("it is not evidence: {0}")]
    Json(#[from] serde_json::Error),
    #[error("it has no schema version")]
    NoVersion,
    #[error("its schema version is {0}; this release reads {OLDEST} to {SCHEMA_VERSION}")]
    Version(u64),
}

/// Read evidence of any known schema. That of an earlier one is brought to today's, and its digest is
/// made again where the stored one was right; a wrong one stays, and so stays wrong.
///
/// # Errors
///
/// The text is not JSON, not evidence, or of another schema.
pub fn read(text: &str) -> Result<Evidence, ReadError> {
    let mut value: Value = serde_json::from_str(text)?;
    let version = value["schema_version"].as_u64().ok_or(ReadError::NoVersion)?;
    if version == u64::from(SCHEMA_VERSION) {
        return Ok(serde_json::from_value(value)?);
    }
    if !(OLDEST..u64::from(SCHEMA_VERSION)).contains(&version) {
        return Err(ReadError::Version(version));
    }
    let is_sealed = value["digest"].as_str() == Some(&digest_of(&value));
    upgrade(&mut value);
    let mut evidence: Evidence = serde_json::from_value(value)?;
    if is_sealed {
        evidence.digest = evidence.compute_digest();
    }
    Ok(evidence)
}

/// The digest of evidence as it lies on disk.
fn digest_of(value: &Value) -> String {
    let mut value = value.clone();
    if let Some(map) = value.as_object_mut() {
        for name in VOLATILE {
            map.remove(*name);
        }
    }
    digest::of_json(&value)
}

fn upgrade(value: &mut Value) {
    value["schema_version"] = SCHEMA_VERSION.into();
    let checks = value["checks"].as_array_mut().into_iter().flatten();
    for figure in checks.filter_map(|it| it["figures"].as_array_mut()).flatten() {
        let name = figure["name"].as_str().unwrap_or_default();
        let id = IDS.iter().find(|it| it.0 == name).map_or_else(|| slug(name), |it| it.1.into());
        figure["id"] = id.into();
        if figure["bound"]["rule"] == "times-floor" {
            // Schema 2 told the orders apart by the size of their factors.
            let factor = figure["bound"]["factor"].as_f64().unwrap_or(LINEAR_FACTOR);
            let order = if factor <= LINEAR_FACTOR { Order::Linear } else { Order::Quadratic };
            figure["bound"]["order"] = json!(order);
        }
    }
}

/// `gap lost in the top 5` as `gap-lost-in-the-top-5`.
fn slug(name: &str) -> String {
    let words = name.split(|it: char| !it.is_ascii_alphanumeric()).filter(|it| !it.is_empty());
    words.collect::<Vec<_>>().join("-").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::EngineKind;

    /// A run of the embedded engine, in the words of schema 2.
    fn earlier() -> Value {
        let mut value = json!({
            "schema_version": 2, "portwright": "0.1.0", "regime": "logic",
            "roles": {"reference": "candle", "port": "mlx"},
            "engines": {"candle": {}, "mlx": {}},
            "subject": {
                "model_type": "llama", "spelling": "rope_theta", "definition": null, "port": null,
                "synthetic": null, "checkpoint": null, "checkpoint_files": {}, "config": {}, "seed": 0,
            },
            "checks": [{
                "id": "logits-differences", "group": "logits", "gate": true, "outcome": "pass",
                "figures": [
                    {"name": "max |Δ|", "measured": 2.0, "bound":
                        {"rule": "times-floor", "factor": 4.0, "floor": 1.0}},
                    {"name": "NMSE", "measured": 4.0, "bound":
                        {"rule": "times-floor", "factor": 16.0, "floor": 1.0}},
                ],
            }],
            "per_position": {"max_abs": [], "kl": []}, "taps": [], "verdict": "pass",
            "command": "portwright verify llama", "clock": {
                "finished": "", "machine": "", "seconds": {},
            },
        });
        value["digest"] = digest_of(&value).into();
        value
    }

    #[test]
    fn evidence_of_the_schema_before_says_the_same_in_todays_words() {
        let evidence = read(&earlier().to_string()).unwrap();
        assert_eq!(evidence.roles.reference(), EngineKind::Embedded);
        assert!(evidence.engines.contains_key(&EngineKind::Embedded));
        let check = evidence.check("logits-differences").unwrap();
        assert_eq!(check.figure(MAX_ABS).unwrap().multiple(), Some(2.0));
        assert_eq!(check.figure("nmse").unwrap().multiple(), Some(2.0));
        assert_eq!(evidence.disagreements(), Vec::<String>::new());
    }

    #[test]
    fn a_digest_that_was_wrong_in_the_schema_before_stays_wrong() {
        let mut forged = earlier();
        forged["checks"][0]["figures"][0]["measured"] = 1.0.into();
        let evidence = read(&forged.to_string()).unwrap();
        assert!(evidence.disagreements().iter().any(|it| it.contains("digest")));
    }

    #[test]
    fn what_is_no_evidence_and_what_a_later_release_wrote_is_refused_with_the_reason() {
        let mut later = earlier();
        later["schema_version"] = 99.into();
        let told = |text: &str| read(text).unwrap_err().to_string();
        assert!(told(&later.to_string()).contains("schema version is 99"));
        assert!(told("{}").contains("no schema version"));
        assert!(told("{").contains("not evidence"));
    }
}
