//! What a run did not test, and why: read off the evidence, so that no report can leave it out.

use portwright_harness::{
    case::Regime,
    check::CHECKS,
    evidence::Evidence,
    outcome::{Absence, Outcome},
};
use serde::Serialize;

/// One thing that nothing in this run speaks about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Untested {
    pub(super) what: String,
    pub(super) why: String,
}

/// What no check asks yet, whatever a run is asked for.
const NEVER: [(&str, &str); 3] = [
    ("drafts: speculative decoding and layers that predict further tokens", "no check decodes so"),
    ("adapters and fine-tuning", "no check trains"),
    ("packed checkpoints of others (MXFP8, AWQ, GPTQ)", "no synthetic checkpoint is packed so"),
];

/// Everything that was not tested, from what was left out to what cannot be asked.
pub(super) fn of(evidence: &Evidence) -> Vec<Untested> {
    let row = |what: &str, why: &str| Untested { what: what.to_owned(), why: why.to_owned() };
    let mut rows: Vec<Untested> = CHECKS
        .iter()
        .filter(|it| it.is_asked_in(evidence.regime) && evidence.check(it.id).is_none())
        .map(|it| match it.by_default {
            true => row(it.id, "it was not asked"),
            false => row(it.id, &format!("asked where it is named: `--checks {}`", it.id)),
        })
        .collect();
    for check in &evidence.checks {
        let why = match (check.outcome, &check.absence) {
            (Outcome::NotRun, Some(Absence::Blocked { reason })) => {
                format!("could not run: {reason}")
            }
            (Outcome::NotApplicable, Some(Absence::NotApplicable { reason })) => {
                format!("does not apply: {reason}")
            }
            _ => continue,
        };
        rows.push(Untested { what: check.id.clone(), why });
    }
    let made = evidence.subject.synthetic.as_ref();
    for (class, within) in made.iter().flat_map(|it| &it.unbuilt) {
        let why = format!("`{within}` of the definition has it, no layer of this config does");
        rows.push(row(&format!("`{class}`"), &why));
    }
    if evidence.roles.is_embedded() {
        rows.push(row(
            "what PyTorch and MLX themselves compute",
            "both sides ran in this program: `--native` asks the libraries that users have",
        ));
    }
    let (other, flag) = match evidence.regime {
        Regime::Exact | Regime::Logic => ("how the port behaves in bfloat16", "native"),
        Regime::Native => ("whether it is the same model in float32", "logic"),
    };
    rows.push(row(other, &format!("a run asks one of both: `--precision {flag}` asks this")));
    if evidence.subject.checkpoint.is_none() {
        rows.push(row(
            "released weights, tokenizer and chat template",
            "the checkpoint was synthetic: `--checkpoint org/name` takes a released one",
        ));
        rows.push(row(
            "the model at its full size",
            "a synthetic checkpoint is tiny, with every kind of layer of the config",
        ));
    }
    rows.extend(NEVER.iter().map(|(what, why)| row(what, why)));
    rows
}

/// How many of them one line has room for.
const SHOWN: usize = 3;

/// The first of them in one line, and how many more the report has.
pub fn shortly(untested: &[String]) -> String {
    let shown = untested.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join("; ");
    match untested.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown}; and {more} more, which the report lists"),
    }
}

/// What nothing in this run speaks about, without the reasons.
pub fn untested(evidence: &Evidence) -> Vec<String> {
    of(evidence).into_iter().map(|it| it.what).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_has_the_first_of_them_and_counts_the_others() {
        let all: Vec<String> = ["a", "b", "c", "d", "e"].map(str::to_owned).into();
        assert_eq!(shortly(&all), "a; b; c; and 2 more, which the report lists");
        assert_eq!(shortly(&all[..2]), "a; b");
    }
}
