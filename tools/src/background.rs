//! What stands behind a run that its engines do not know: whom the definition inherits from, what the
//! checks caught when bugs were planted, and the machine.

use std::{path::Path, sync::LazyLock};

use portwright_harness::{
    causes, digest,
    evidence::Evidence,
    outcome::Verdict,
    records::{Ancestor, Battery, Hardware},
};
use portwright_source::{
    Library,
    lineage::{Lineage, lineage},
};

use crate::catches::Catches;

/// The published table of planted bugs, as this release was built with it.
static MUTANTS: LazyLock<Option<Catches>> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../docs/coverage/mutants.json")).ok());

/// The evidence with its background, sealed again: the digest covers all but the machine.
///
/// `engines` is where the pinned engines' packages lie, where there are any.
pub(crate) fn add(mut evidence: Evidence, transformers: &Path, engines: Option<&Path>) -> Evidence {
    evidence.subject.ancestors = ancestors(transformers, &evidence);
    evidence.known_causes = engines.map(|it| known_causes(&evidence, it)).unwrap_or_default();
    evidence.battery = battery(&evidence.subject.model_type);
    evidence.clock.hardware = Some(Hardware::look());
    evidence.seal()
}

/// The models between the definition and the originals, nearest first; none where the sources cannot
/// be read as modular files, which is then no fact about the model.
fn ancestors(transformers: &Path, evidence: &Evidence) -> Vec<Ancestor> {
    let folder = evidence.subject.definition.as_ref().and_then(|it| {
        // `transformers/models/olmo3/modeling_olmo3.py`: the folder is not always the model type.
        Some(Path::new(&it.path).parent()?.file_name()?.to_string_lossy().into_owned())
    });
    let Some(folder) = folder else { return Vec::new() };
    let tree = Library::open(transformers).and_then(|it| lineage(&it, &folder));
    let mut found = Vec::new();
    if let Ok(tree) = &tree {
        collect(tree, &mut found);
    }
    found
}

fn collect(lineage: &Lineage, found: &mut Vec<Ancestor>) {
    for descent in &lineage.parents {
        let heirs = descent.classes.iter().map(|it| format!("{}({})", it.class, it.base));
        found.push(Ancestor {
            model: descent.parent.model.clone(),
            of: lineage.model.clone(),
            classes: heirs.chain(descent.imported.clone()).collect(),
        });
    }
    for descent in &lineage.parents {
        collect(&descent.parent, found);
    }
}

/// What is proved to be wrong with the port of the pinned release, if this is its file.
fn known_causes(evidence: &Evidence, engines: &Path) -> Vec<String> {
    let Some(port) = &evidence.subject.port else { return Vec::new() };
    let pinned = digest::of_file(&engines.join(&port.path));
    if evidence.verdict == Verdict::Pass || !pinned.is_ok_and(|it| it == port.sha256) {
        return Vec::new();
    }
    let table = causes::table().unwrap_or_default();
    let own = table.into_iter().filter(|it| it.model_types.contains(&evidence.subject.model_type));
    own.map(|it| format!("{} (proved by: {})", it.cause, it.change)).collect()
}

fn battery(model_type: &str) -> Option<Battery> {
    let catches = MUTANTS.as_ref()?;
    let own = catches.catches.iter().filter(|it| it.model_type == model_type);
    Some(Battery {
        command: "portwright mutants".to_owned(),
        planted: catches.catches.len() as u64,
        caught: catches.caught() as u64,
        false_alarms: catches.false_alarms() as u64,
        on_this_port: own.map(|it| (it.id.clone(), it.caught)).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_catches_are_readable_and_counted() {
        let battery = battery("olmo3").unwrap();
        assert!(0 < battery.caught && battery.caught <= battery.planted, "{battery:?}");
        assert_eq!(battery.on_this_port.get("olmo3-swapped-ropes"), Some(&true));
        assert!(super::battery("no such model").unwrap().on_this_port.is_empty());
    }
}
