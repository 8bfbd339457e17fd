//! Which of a checkpoint's tensors an engine found no place for, and which it missed.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;

use crate::{answers::Asked, outcome::Absence};

/// Names that are said of a longer list.
const NAMED: usize = 3;

/// An engine's own account of how it loaded a checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Loaded {
    /// Weights of the model that the checkpoint does not fill.
    missing: BTreeSet<String>,
    /// Tensors of the checkpoint that the model has no place for.
    unexpected: BTreeSet<String>,
}

impl Loaded {
    /// Reads it in the answer of `open`, where it has a key of its own, or of `open_model`.
    pub(super) fn in_answer(answer: &Value) -> Asked<Self> {
        let account = answer.get("load").unwrap_or(answer);
        Self::deserialize(account)
            .map_err(|err| Absence::Blocked { reason: format!("no account of the loading: {err}") })
    }

    /// How this loading differs from `reference`'s, if it does.
    pub(super) fn beside(&self, reference: &Self) -> Option<String> {
        let lists = [
            ("misses", &self.missing, &reference.missing),
            ("leaves over", &self.unexpected, &reference.unexpected),
        ];
        let mut parts = Vec::new();
        for (verb, ours, theirs) in lists {
            for (who, more, fewer) in [("", ours, theirs), ("PyTorch ", theirs, ours)] {
                let names: Vec<&str> = more.difference(fewer).map(String::as_str).collect();
                if !names.is_empty() {
                    parts.push(format!("{who}{verb} {}", some(&names)));
                }
            }
        }
        (!parts.is_empty())
            .then(|| format!("the checkpoint is loaded in another way: {}", parts.join(", ")))
    }
}

fn some(names: &[&str]) -> String {
    let shown: Vec<String> = names.iter().take(NAMED).map(|it| format!("`{it}`")).collect();
    let more = names.len() - shown.len();
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("{}{more}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_weight_that_only_one_side_finds_is_named() {
        let theirs = Loaded::in_answer(&json!({"load": {"missing": ["a"], "unexpected": []}}));
        let ours = Loaded::in_answer(&json!({"missing": ["a", "b"], "unexpected": ["c"]}));
        let (theirs, ours) = (theirs.unwrap(), ours.unwrap());
        assert_eq!(
            ours.beside(&theirs).unwrap(),
            "the checkpoint is loaded in another way: misses `b`, leaves over `c`"
        );
        assert_eq!(
            theirs.beside(&ours).unwrap(),
            "the checkpoint is loaded in another way: PyTorch misses `b`, PyTorch leaves over `c`"
        );
        assert_eq!(ours.beside(&ours), None);
    }

    #[test]
    fn an_engine_that_gives_no_account_is_refused() {
        assert!(Loaded::in_answer(&json!({"class": "LlamaForCausalLM"})).is_err());
    }
}
