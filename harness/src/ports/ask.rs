//! What both sides are asked of a port: one checkpoint, the same cases.

use std::{collections::BTreeMap, path::Path};

use serde::Deserialize;
use serde_json::{Value, json};

use super::row::Way;
use crate::{
    answers::Asked,
    case::{Inputs, Side},
    engine::{Forward, Open},
    gather::{ask::Ask, read::read_batch},
    outcome::Absence,
    tensors::Tensor,
};

/// The text that is read; every tiny vocabulary has these ids.
const TOKENS: [u32; 12] = [1, 5, 9, 33, 2, 77, 8, 100, 41, 6, 90, 12];
/// How many of them the second row of a batch has.
const SHORT: usize = 7;
const HANDLE: &str = "port";
/// Decoding, and then going back by so many.
const CHUNKS: [usize; 4] = [9, 1, 1, 1];
const TRIM: usize = 3;

/// One case: its name, its question, and which places of each row count.
pub(super) struct Case {
    pub(super) name: &'static str,
    forward: Forward,
    pub(super) kept: Option<Vec<Vec<usize>>>,
}

/// What is asked of every port that is not packed.
pub(super) fn cases() -> Vec<Case> {
    let row = || Inputs::text(vec![TOKENS.to_vec()]);
    let padded: Vec<u32> =
        std::iter::repeat_n(0, TOKENS.len() - SHORT).chain(TOKENS[..SHORT].to_vec()).collect();
    let case = |name, forward| Case { name, forward, kept: None };
    let batch = Forward {
        padding: Some(Side::Left),
        lengths: Some(vec![TOKENS.len(), SHORT]),
        ..Forward::of(Inputs::text(vec![TOKENS.to_vec(), padded]))
    };
    let length = TOKENS.len();
    vec![
        case("full", Forward::of(row())),
        case("decode", Forward { chunks: Some(CHUNKS.to_vec()), ..Forward::of(row()) }),
        case(
            "trim",
            Forward { chunks: Some(CHUNKS.to_vec()), trim: Some(TRIM), ..Forward::of(row()) },
        ),
        Case {
            name: "batch",
            forward: batch,
            kept: Some(vec![(0..length).collect(), (length - SHORT..length).collect()]),
        },
    ]
}

/// The one case of a packed port.
pub(super) const PACKED: &str = "packed";

/// The answers of one side in one way, by case.
pub(super) type Answers = BTreeMap<String, Asked<Tensor>>;

#[derive(Deserialize)]
struct Opened {
    opened: bool,
}

/// Asks a side everything in one way.
///
/// # Errors
///
/// When the port does not open.
pub(super) fn answers(
    ask: &mut Ask<'_, '_>,
    side: &str,
    checkpoint: &Path,
    way: Way,
    folder: &Path,
) -> Asked<Answers> {
    if let Some(by) = way.packing() {
        let out = ask.file(PACKED);
        let request = json!({
            "checkpoint": checkpoint, "dtype": way.precision(), "bits": by.bits, "group": by.group,
            "tokens": [TOKENS], "folder": folder.join(format!("{side}-{PACKED}")), "out": out,
        });
        ask.call::<Value>("quantised", request)?;
        return Ok([(PACKED.to_owned(), read_batch(&out))].into());
    }
    let opened: Opened = ask.open(&Open::new(HANDLE, checkpoint, way.precision()))?;
    if !opened.opened {
        let reason = "the tiny model's own weights do not fit the port".to_owned();
        return Err(Absence::Blocked { reason });
    }
    let mut answers = Answers::new();
    for case in cases() {
        let ran = ask.forward(HANDLE, &case.forward, case.name);
        answers.insert(case.name.to_owned(), ran.and_then(|(_, path)| read_batch(&path)));
    }
    ask.close(HANDLE);
    ask.ended()?;
    Ok(answers)
}
