//! What config.json leaves out: a field that is not there has the definition's default, in a port as well.
//!
//! Every field that can have its class's default gets it, then all that the definition does without are
//! left out. A port that then is another model, or breaks, does not do without some of them: the fewest
//! are found as with values.

use std::fs;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    domain::Domain,
    one::{CONFIG, Expected, Made, Said, Sides},
    shrink,
};
use crate::{
    engine::EngineError,
    varied::{Defaults, Setting, Varied},
};

/// Groups of fields that are told apart; a port that needs more is told by these.
const MOST_GROUPS: usize = 8;

/// A field of config.json that the definition does without.
#[derive(Clone, Debug, Deserialize)]
struct Spare {
    /// Where it stands: its name, behind that of the part that holds it.
    path: Vec<String>,
    value: Value,
}

#[derive(Deserialize)]
struct Spares {
    fields: Vec<Spare>,
}

/// A checkpoint with the definition's logits, and its config.json as it was written.
struct Base {
    made: Made,
    expected: Expected,
    whole: Value,
}

/// Ask a port for what config.json leaves out. `wrong` is what it does at other values: where it does not
/// bear all defaults, those fields keep the base's.
///
/// # Errors
///
/// Those of an engine that ends.
pub(super) fn ask(
    sides: &mut Sides<'_>,
    domain: &Domain,
    wrong: &[Varied],
) -> Result<Option<Defaults>, EngineError> {
    let is_right = |it: &&Setting| {
        wrong.iter().all(|one| one.settings.iter().all(|other| other.field != it.field))
    };
    let right: Vec<Setting> = domain.defaults.iter().filter(is_right).cloned().collect();
    let mut chosen = None;
    // Where the port does not bear these values even when they are written out, fewer will do, or the base's
    // own.
    for settings in [&domain.defaults[..], &right, &[]] {
        if let Some(base) = base(sides, settings, 0)?
            && sides.held(&base.expected, &base.made)? == Said::Right
        {
            chosen = Some((base, settings));
            break;
        }
    }
    let Some((base, settings)) = chosen else { return Ok(None) };
    // What was set is as it was set.
    let kept: Vec<&String> = sides.base.question.overrides.keys().collect();
    let request = json!({"checkpoint": base.made.folder, "kept": kept});
    let mut left = sides.reference.call::<Spares>("spare_fields", request)?.fields;
    let mut found = Defaults { fields: left.iter().map(setting).collect(), deviations: Vec::new() };
    while !left.is_empty() && found.deviations.len() < MOST_GROUPS {
        if !deviates(sides, &base, &left)? {
            break;
        }
        let fewest = shrink::smallest(&left, &mut |them: &[Spare]| deviates(sides, &base, them))?;
        left.retain(|it| fewest.iter().all(|other| other.path != it.path));
        // Again, with other weights and other tokens.
        if let Some(again) = self::base(sides, settings, 1)?
            && let Said::Deviates(deviation) = without(sides, &again, &fewest)?
        {
            let settings = fewest.iter().map(setting).collect();
            found.deviations.push(Varied { settings, deviation });
        }
    }
    Ok(Some(found))
}

fn setting(spare: &Spare) -> Setting {
    Setting { field: spare.path.join("."), value: spare.value.clone() }
}

fn base(
    sides: &mut Sides<'_>,
    settings: &[Setting],
    seed: u64,
) -> Result<Option<Base>, EngineError> {
    let Ok(made) = sides.make(&format!("defaults-{seed}"), settings, seed)? else {
        return Ok(None);
    };
    let Ok(expected) = sides.expected(&made)? else { return Ok(None) };
    let path = made.folder.join(CONFIG);
    let read = fs::read(&path).and_then(|it| Ok(serde_json::from_slice(&it)?));
    let whole = read.map_err(|source| EngineError::Files { path, source })?;
    Ok(Some(Base { made, expected, whole }))
}

fn deviates(sides: &mut Sides<'_>, base: &Base, fields: &[Spare]) -> Result<bool, EngineError> {
    Ok(matches!(without(sides, base, fields)?, Said::Deviates(_)))
}

/// What the port makes of a config.json without these fields.
fn without(sides: &mut Sides<'_>, base: &Base, fields: &[Spare]) -> Result<Said, EngineError> {
    let mut config = base.whole.clone();
    for field in fields {
        let Some((name, parts)) = field.path.split_last() else { continue };
        let holder = parts.iter().try_fold(&mut config, |it, part| it.get_mut(part));
        holder.and_then(Value::as_object_mut).map(|it| it.remove(name));
    }
    let path = base.made.folder.join(CONFIG);
    fs::write(&path, config.to_string()).map_err(|source| EngineError::Files { path, source })?;
    sides.held(&base.expected, &base.made)
}
