//! Real text for a real checkpoint: through its own tokenizer and chat template. Random ids are nothing that a
//! trained model has seen, and say little of it.

use std::path::Path;

use serde::Deserialize;
use serde_json::json;

use crate::engine::{EngineKind, Operation, Session};

/// What is read, and what is asked.
const PASSAGE: &str = include_str!("passage.txt");
const QUESTION: &str =
    "Name the planets from the sun outwards, and say one thing about each of them.";

/// Ids of both, as the checkpoint's tokenizer makes them.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Words {
    /// The passage. Never empty.
    text: Vec<u32>,
    /// The question, as the chat template writes it where there is one.
    pub(super) question: Vec<u32>,
}

/// The answer of an engine.
#[derive(Deserialize)]
struct Encoded {
    /// Absent where the checkpoint has no tokenizer.
    words: Option<Words>,
}

impl Words {
    /// The words of a checkpoint; or why there are none, where a tokenizer is there and cannot be used.
    pub(super) fn of(
        checkpoint: &Path,
        engine: EngineKind,
        session: &mut Session<'_>,
    ) -> Result<Option<Self>, String> {
        if engine.offers(Operation::Texts).is_err() {
            return Ok(None);
        }
        let request = json!({"checkpoint": checkpoint, "text": PASSAGE, "question": QUESTION});
        match session.call::<Encoded>("encode", request) {
            Ok(Encoded { words: Some(words) }) if words.text.is_empty() => {
                Err("its tokenizer makes nothing of a text".to_owned())
            }
            Ok(encoded) => Ok(encoded.words),
            Err(err) => Err(format!("its tokenizer cannot be used: {err}")),
        }
    }

    /// `length` ids from the passage, which begins anew at its end.
    pub(super) fn read(&self, from: usize, length: usize) -> Vec<u32> {
        self.text.iter().cycle().skip(from % self.text.len()).take(length).copied().collect()
    }

    /// Rows of these lengths, one after the other.
    pub(super) fn rows(&self, lengths: &[usize]) -> Vec<Vec<u32>> {
        let mut from = 0;
        let row = |&length: &usize| {
            from += length;
            self.read(from - length, length)
        };
        lengths.iter().map(row).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_follow_each_other_and_a_short_passage_begins_anew() {
        let words = Words { text: vec![5, 6, 7], question: vec![9] };
        assert_eq!(words.rows(&[2, 3]), [vec![5, 6], vec![7, 5, 6]]);
        assert_eq!(words.read(0, 7), [5, 6, 7, 5, 6, 7, 5]);
    }
}
