//! How small a wrong constant may be and still be seen: constants of ports that are right are moved by ever
//! smaller shares of themselves, and asked of the embedded engines and of the native ones.
//!
//! In float32 a constant that is off by less than what rounding costs cannot be told from rounding. Where
//! every float has 64 bits it can, down to the bound of that regime ([`crate::tolerance`]).

use std::{fs, path::Path};

use include_dir::{Dir, include_dir};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    engine::Pair,
    gather::{Lane, Question},
    outcome::Verdict,
    trials::{Planted, TrialError},
    verify::verify,
};

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/constants");

/// Constants that most ports have. Each is code that is added to the port's file, behind a line that says by
/// which share of itself the constant is moved.
pub const CONSTANTS: [(&str, &str); 3] = [
    ("epsilon", "the epsilon of every RMS norm"),
    ("theta", "the base of the rotations"),
    ("scale", "the scale of the scores"),
];

/// Shares are powers of ten, down to this one.
const SMALLEST: u32 = 14;

/// What shows a constant: the plain forward, and the rotations by themselves.
const ASKED: [&str; 3] = ["rope-tables", "logits-differences", "logits-distribution"];

/// One constant of one port, as one pair of engines sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Seen {
    pub model_type: String,
    /// An id of [`CONSTANTS`].
    pub constant: String,
    pub engines: Pair,
    /// The smallest share that fails is ten to the minus this; absent where a tenth is not seen.
    pub smallest: Option<u32>,
}

/// Every constant of one port. Files go to `work`.
///
/// # Errors
///
/// Where a question cannot be put, or the unmoved port fails itself.
pub fn of_port(lane: &mut Lane, model_type: &str, work: &Path) -> Result<Vec<Seen>, TrialError> {
    let question = Question {
        regime: lane.pair().regime(),
        checks: ASKED.to_vec(),
        ..Question::synthetic(model_type)
    };
    let evidence = verify(lane, &question, &work.join("right"), String::new(), &())?;
    if evidence.verdict_of_asked() != Verdict::Pass {
        return Err(TrialError::NotRight { model_type: model_type.to_owned() });
    }
    let Some(file) = evidence.subject.port.as_ref().map(|it| it.path.clone()) else {
        return Err(TrialError::NotRight { model_type: model_type.to_owned() });
    };
    let mut all = Vec::new();
    for (constant, _) in CONSTANTS {
        let code = FILES.get_file(format!("{constant}.py")).and_then(|it| it.contents_utf8());
        let code = code.unwrap_or_default();
        let what = Planted { model_type, file: &file, plant: constant };
        let mut fails = |power: u32| -> Result<bool, TrialError> {
            let folder = work.join(format!("{constant}-{power}"));
            let moved = format!("_SHARE = 1e-{power}\n{code}");
            what.plant(lane, &moved, &folder.join("port"))?;
            let evidence = verify(lane, &question, &folder.join("run"), String::new(), &())?;
            // Best effort: the caller clears the whole folder.
            let _ = fs::remove_dir_all(&folder);
            Ok(evidence.verdict_of_asked() == Verdict::Fail)
        };
        all.push(Seen {
            model_type: model_type.to_owned(),
            constant: constant.to_owned(),
            engines: evidence.roles,
            smallest: smallest(&mut fails)?,
        });
    }
    lane.set_port(None)?;
    Ok(all)
}

/// The largest power whose share still fails: a larger share fails as well.
fn smallest<E>(fails: &mut impl FnMut(u32) -> Result<bool, E>) -> Result<Option<u32>, E> {
    if !fails(1)? {
        return Ok(None);
    }
    let (mut seen, mut unseen) = (1, SMALLEST + 1);
    while seen + 1 < unseen {
        let middle = seen.midpoint(unseen);
        if fails(middle)? { seen = middle } else { unseen = middle }
    }
    Ok(Some(seen))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_constant_has_its_code() {
        for (constant, _) in CONSTANTS {
            let file = FILES.get_file(format!("{constant}.py")).unwrap();
            assert!(file.contents_utf8().unwrap().contains("_SHARE"), "{constant}");
        }
        assert_eq!(FILES.files().count(), CONSTANTS.len());
    }

    #[test]
    fn the_smallest_share_that_fails_is_found_by_halving() {
        for wanted in [None, Some(1), Some(6), Some(SMALLEST)] {
            let mut asked = 0;
            let found = smallest(&mut |power| {
                asked += 1;
                Ok::<_, ()>(wanted.is_some_and(|it| power <= it))
            });
            assert_eq!(found, Ok(wanted));
            assert!(asked <= 6, "{asked}");
        }
    }
}
