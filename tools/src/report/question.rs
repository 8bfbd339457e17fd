//! Whether the facts of a run are about what its command asks: one that was asked of another model, or in
//! another way, answers nothing.

use std::collections::BTreeMap;

use portwright_harness::{check, engine::Pair, evidence::Evidence};
use serde_json::Value;

use crate::verify_input::asked;

/// Every way in which the subject of the evidence is not what the stored command asks for.
pub(super) fn contradictions(evidence: &Evidence) -> Vec<String> {
    let question = match asked(&evidence.command) {
        Ok(it) => it,
        Err(why) => return vec![format!("the stored command cannot be read: {why}")],
    };
    let mut found = Vec::new();
    let mut differs = |what: &str, asked: String, answered: String| {
        if asked != answered {
            found.push(format!("the command asks for {what} {asked}, the facts are of {answered}"));
        }
    };
    let subject = &evidence.subject;
    if !question.model_type.is_empty() {
        differs("the model type", question.model_type.clone(), subject.model_type.clone());
    }
    if let Some(regime) = question.precision {
        differs("the precision", format!("{regime:?}"), format!("{:?}", evidence.regime));
    }
    if let Some(spelling) = question.spelling {
        differs("the spelling", spelling.id().into(), subject.spelling.id().into());
    }
    if let Some(Ok(pair)) = question.engines.as_deref().map(str::parse::<Pair>) {
        differs("the engines", format!("{pair}"), format!("{}", evidence.roles));
    }
    differs("the seed", question.seed.to_string(), subject.seed.to_string());
    let is_real = |real: bool| if real { "real" } else { "synthetic" };
    differs(
        "the kind of checkpoint",
        is_real(question.checkpoint.is_some()).into(),
        is_real(subject.checkpoint.is_some()).into(),
    );
    found.extend(checks(&question.checks, evidence));
    found.extend(fields(&question.overrides, &subject.config));
    found
}

/// Checks that the command asks for and that nothing was recorded of.
fn checks(asked: &[String], evidence: &Evidence) -> Option<String> {
    if asked.is_empty() {
        let left_out = evidence.left_out.join(", ");
        return (!left_out.is_empty())
            .then(|| format!("the command asks every check, the facts leave out {left_out}"));
    }
    // What this program does not know as a check, an earlier one may have.
    let known = check::select(asked).ok()?;
    let lacking: Vec<&str> = check::asked_in(evidence.regime, known)
        .iter()
        .map(|it| it.id)
        .filter(|it| evidence.check(it).is_none())
        .collect();
    (!lacking.is_empty()).then(|| format!("the facts say nothing of {}", lacking.join(", ")))
}

/// Plain fields that were set, and stand in the config with another value. What has parts, the library
/// writes in its own way.
fn fields(set: &BTreeMap<String, Value>, config: &Value) -> Vec<String> {
    let plain = |it: &&Value| it.is_boolean() || it.is_number() || it.is_string();
    let same = |a: &Value, b: &Value| match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a.to_bits() == b.to_bits(),
        _ => a == b,
    };
    let mut found = Vec::new();
    for (name, value) in set.iter().filter(|it| plain(&it.1)) {
        let written = config["text_config"].get(name).or_else(|| config.get(name));
        if let Some(written) = written.filter(plain).filter(|it| !same(value, it)) {
            found.push(format!("the command sets `{name}` to {value}, the facts are of {written}"));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_field_that_was_set_to_another_value_is_named() {
        let set = |value: Value| BTreeMap::from([("rms_norm_eps".to_owned(), value)]);
        let config = json!({"text_config": {"rms_norm_eps": 0.001}});
        assert_eq!(fields(&set(json!(1e-3)), &config), Vec::<String>::new());
        let [found] = &fields(&set(json!(0.1)), &config)[..] else { panic!("it was not named") };
        assert!(found.contains("`rms_norm_eps` to 0.1") && found.ends_with("of 0.001"), "{found}");
        assert!(fields(&set(json!(1)), &json!({})).is_empty());
        assert!(fields(&set(json!({"a": 1})), &json!({"rms_norm_eps": {"a": 2}})).is_empty());
    }
}
