//! Planted bugs: real port bugs as patches on good ports. A harness is worth what it catches.
//!
//! `harness/mutants/mutants.toml` is the table; each row has a patch beside it. To add one, write
//! the patch, add the row, and see `portwright mutants ID` catch it.

use std::{collections::BTreeMap, fs, path::Path};

use include_dir::{Dir, include_dir};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    check::{CHECKS, Group, deciding_at_one_config, deviations, is_refusal},
    engine::EngineError,
    evidence::Evidence,
    figure::{Figure, Real},
    gather::{GatherError, Lane, Question},
    measure::logits::max_or_nan,
    outcome::{CheckRecord, Outcome, Verdict},
    overlay::{self, OverlayError},
    progress::{Progress, Step},
    verify::verify,
};

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/mutants");

/// One planted bug.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mutant {
    /// Kebab-case; the patch is `<id>.patch`.
    pub id: String,
    /// The good port.
    pub model_type: String,
    /// The class of bug: positions, masks, caches, experts, dtype, constants, weights.
    pub class: String,
    /// What goes wrong, in one sentence.
    pub bug: String,
    /// The real bug it is made after, e.g. `mlx-lm#628`.
    pub after: String,
    /// Config fields that make it visible.
    #[serde(default)]
    pub set: BTreeMap<String, Value>,
    /// The group that must fail.
    pub group: String,
    /// What the module of the first divergence must contain; absent where the plain forward is right.
    pub module: Option<String>,
    /// For the group `variations`: the field of config.json that the port does not honour. Good ports have
    /// values of other fields written in; only this one counts.
    pub field: Option<String>,
    /// A check that is asked beside those that decide, as it is asked where it is named.
    pub check: Option<String>,
}

impl Mutant {
    fn is_of(&self, group: Group) -> bool {
        self.group == group.id()
    }

    /// What is asked of the good port and of this one.
    fn checks(&self) -> Vec<&'static str> {
        let varied = CHECKS.iter().filter(|it| it.group == Group::Variations).map(|it| it.id);
        let mut checks = deciding_at_one_config();
        checks.extend(varied.filter(|_| self.is_of(Group::Variations)));
        let named = CHECKS.iter().filter(|it| self.check.as_deref() == Some(it.id));
        checks.extend(named.map(|it| it.id));
        checks
    }

    /// Whether the port of a run is another model where the field has another value or none.
    fn is_named_in(&self, evidence: &Evidence) -> bool {
        let name = self.field.as_ref().map(|it| format!("`{it}`"));
        let varied = evidence.checks.iter().filter(|it| it.group == Group::Variations.id());
        let said = varied.flat_map(deviations).filter(|it| !is_refusal(it));
        name.is_some_and(|name| said.into_iter().any(|it| it.contains(&name)))
    }

    /// The good port's verdict: what it does at other values of other fields is not asked here.
    fn good(&self, evidence: &Evidence) -> Verdict {
        if self.is_named_in(evidence) {
            return Verdict::Fail;
        }
        Verdict::of(evidence.checks.iter().filter(|it| it.group != Group::Variations.id()))
    }
}

/// What became of a mutant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Catch {
    pub id: String,
    pub model_type: String,
    pub class: String,
    pub bug: String,
    pub after: String,
    /// The unpatched port's verdict: anything but a pass is a false alarm.
    pub unpatched: Verdict,
    pub verdict: Verdict,
    /// Deciding checks that failed.
    pub failed: Vec<String>,
    /// The module of the first divergence.
    pub module: Option<String>,
    /// Failed, in the right group, and in the right module where one is expected.
    pub caught: bool,
    /// The worst multiple of its noise floor of a failed figure; absent where only counts failed.
    pub margin: Option<Real>,
}

#[derive(Debug, thiserror::Error)]
pub enum MutantError {
    #[error("harness/mutants/mutants.toml: {0}")]
    Table(String),
    #[error("no mutant `{0}`")]
    Unknown(String),
    #[error("mutant `{id}`")]
    Overlay {
        id: String,
        #[source]
        source: OverlayError,
    },
    #[error(transparent)]
    Gather(#[from] GatherError),
    #[error(transparent)]
    Engine(#[from] EngineError),
}

#[derive(Deserialize)]
struct Table {
    mutant: Vec<Mutant>,
}

/// Every mutant, in the table's order.
pub fn table() -> Result<Vec<Mutant>, MutantError> {
    let text = FILES.get_file("mutants.toml").and_then(|it| it.contents_utf8()).unwrap_or_default();
    let table: Table = toml::from_str(text).map_err(|err| MutantError::Table(err.to_string()))?;
    Ok(table.mutant)
}

/// The patch of a mutant.
pub fn patch(id: &str) -> Result<&'static str, MutantError> {
    FILES
        .get_file(format!("{id}.patch"))
        .and_then(|it| it.contents_utf8())
        .ok_or_else(|| MutantError::Table(format!("`{id}` has no patch `{id}.patch`")))
}

/// Plant each mutant on a copy of its port and verify it; files go to `work`.
pub fn run(
    lane: &mut Lane,
    ids: &[String],
    work: &Path,
    progress: &dyn Progress,
) -> Result<Vec<Catch>, MutantError> {
    let table = table()?;
    if let Some(unknown) = ids.iter().find(|id| table.iter().all(|it| it.id != **id)) {
        return Err(MutantError::Unknown(unknown.clone()));
    }
    let chosen: Vec<&Mutant> =
        table.iter().filter(|it| ids.is_empty() || ids.contains(&it.id)).collect();
    let step = Step::start(progress, "mutants", chosen.len() as u64);
    let package = lane.port_package()?;
    let mut unpatched: BTreeMap<String, Verdict> = BTreeMap::new();
    let mut catches = Vec::new();
    for mutant in chosen {
        let question = Question {
            overrides: mutant.set.clone(),
            checks: mutant.checks(),
            regime: lane.pair().regime(),
            ..Question::synthetic(&mutant.model_type)
        };
        let folder = work.join(&mutant.id);
        let asked = (&mutant.set, &mutant.field, &mutant.check);
        let key = format!("{} {asked:?}", mutant.model_type);
        let good = if let Some(&verdict) = unpatched.get(&key) {
            verdict
        } else {
            lane.set_port(None)?;
            mutant.good(&verify(lane, &question, &folder.join("good"), String::new(), &())?)
        };
        unpatched.insert(key, good);
        let overlay = |source| MutantError::Overlay { id: mutant.id.clone(), source };
        let port =
            overlay::make(&package, patch(&mutant.id)?, &folder.join("port")).map_err(overlay)?;
        lane.set_port(Some(&port))?;
        let evidence = verify(lane, &question, &folder.join("bad"), String::new(), &())?;
        catches.push(judge(mutant, good, &evidence));
        // Best effort: the caller clears the whole folder.
        let _ = fs::remove_dir_all(&folder);
        step.advance(1);
    }
    lane.set_port(None)?;
    Ok(catches)
}

fn judge(mutant: &Mutant, unpatched: Verdict, evidence: &Evidence) -> Catch {
    let failed: Vec<&CheckRecord> =
        evidence.checks.iter().filter(|it| it.gate && it.outcome == Outcome::Fail).collect();
    let module =
        evidence.checks.iter().find_map(|it| it.place.as_ref()).map(|it| it.module.clone());
    let right_group = failed.iter().any(|it| it.group == mutant.group)
        && (!mutant.is_of(Group::Variations) || mutant.is_named_in(evidence));
    let right_module = match (&mutant.module, &module) {
        (Some(expected), Some(found)) => found.contains(expected.as_str()),
        (Some(_), None) => false,
        (None, _) => true,
    };
    let margin = failed
        .iter()
        .flat_map(|it| &it.figures)
        .filter(|it| !it.holds())
        .filter_map(Figure::multiple)
        .reduce(max_or_nan)
        .map(Real);
    Catch {
        id: mutant.id.clone(),
        model_type: mutant.model_type.clone(),
        class: mutant.class.clone(),
        bug: mutant.bug.clone(),
        after: mutant.after.clone(),
        unpatched,
        verdict: evidence.verdict_of_asked(),
        failed: failed.iter().map(|it| it.id.clone()).collect(),
        module,
        caught: evidence.verdict_of_asked() == Verdict::Fail && right_group && right_module,
        margin,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_mutant_has_a_patch_and_a_known_group() {
        let table = table().unwrap();
        let ids: BTreeSet<_> = table.iter().map(|it| it.id.as_str()).collect();
        assert_eq!(ids.len(), table.len());
        for mutant in &table {
            let patch = patch(&mutant.id).unwrap();
            assert!(overlay::patched_file(patch).is_some(), "{}", mutant.id);
            assert!(CHECKS.iter().any(|it| it.group.id() == mutant.group), "{}", mutant.id);
            assert_eq!(mutant.field.is_some(), mutant.is_of(Group::Variations), "{}", mutant.id);
        }
        let patches =
            FILES.files().filter(|it| it.path().extension().is_some_and(|it| it == "patch"));
        assert_eq!(patches.count(), table.len());
    }
}
