//! The cover in terms of candidates: who may be in it, who is chosen and for what, and what is out of
//! its reach.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    cover::cover,
    matrix::{Difference, Matrix},
};

/// What a checkpoint of unknown size is taken to cost: more than any of known size.
const UNKNOWN: u64 = 1 << 60;

/// A candidate as the choice sees it.
#[derive(Clone, Debug)]
pub(super) struct Choosable<'a> {
    pub(super) id: &'a str,
    /// Bytes to download.
    pub(super) bytes: Option<u64>,
    /// Why it cannot be in the cover.
    pub(super) barred: Option<String>,
    /// Whether it was asked for by name, so that it is in the set whatever it shows.
    pub(super) added: bool,
}

/// A value of a field.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct FieldValue {
    pub field: String,
    pub value: String,
}

/// A candidate in the set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Chosen {
    pub id: String,
    /// Bytes to download; nothing where that is not known.
    pub bytes: Option<u64>,
    /// Values that no other candidate in the set shows.
    pub only: Vec<FieldValue>,
    /// Whether it was added by name: it is not needed for the cover.
    pub added: bool,
}

/// A value that no candidate in the set shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OutOfReach {
    pub field: String,
    pub value: String,
    /// Who shows it, each with what bars it.
    pub candidates: BTreeMap<String, String>,
}

/// The set, and what it leaves open.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Choice {
    pub chosen: Vec<Chosen>,
    /// Whether no other set is smaller, nor as small and cheaper; false where there are too many
    /// candidates for a proof.
    pub proved_minimal: bool,
    pub out_of_reach: Vec<OutOfReach>,
}

/// The smallest set of candidates in which every value occurs that any of them may show, the cheapest of
/// the smallest; and with it those that were added. Adding one never takes another away.
pub(super) fn choose(matrix: &Matrix, candidates: &[Choosable<'_>]) -> Choice {
    let mut free: Vec<&Choosable> =
        candidates.iter().filter(|it| it.barred.is_none() && !it.added).collect();
    free.sort_by_key(|it| (it.bytes.unwrap_or(UNKNOWN), it.id));
    let costs: Vec<u64> = free.iter().map(|it| it.bytes.unwrap_or(UNKNOWN)).collect();
    let place = |id: &String| free.iter().position(|it| it.id == id);
    let mut values: Vec<Vec<usize>> = shown(&matrix.differences)
        .map(|(_, _, ids)| ids.iter().filter_map(place).collect())
        .collect();
    // Where all are alike, one is still needed.
    values.push((0..free.len()).collect());
    let found = cover(&costs, &values);
    let mut set: Vec<&Choosable> = found.chosen.iter().map(|it| free[*it]).collect();
    set.extend(candidates.iter().filter(|it| it.added));
    Choice {
        chosen: set.iter().map(|it| chosen(it, &set, &matrix.differences)).collect(),
        proved_minimal: found.proved,
        out_of_reach: out_of_reach(&matrix.differences, candidates, &set),
    }
}

/// Field, value, and who shows it.
fn shown(differences: &[Difference]) -> impl Iterator<Item = (&str, &str, &[String])> {
    differences.iter().flat_map(|it| {
        it.values.iter().map(|shown| (it.field.as_str(), shown.value.as_str(), &*shown.candidates))
    })
}

fn chosen(one: &Choosable<'_>, set: &[&Choosable<'_>], differences: &[Difference]) -> Chosen {
    let others =
        |ids: &[String]| set.iter().any(|it| it.id != one.id && ids.iter().any(|id| id == it.id));
    let only =
        shown(differences).filter(|(_, _, ids)| ids.iter().any(|it| it == one.id) && !others(ids));
    Chosen {
        id: one.id.to_owned(),
        bytes: one.bytes,
        only: only
            .map(|(field, value, _)| FieldValue { field: field.into(), value: value.into() })
            .collect(),
        added: one.added,
    }
}

fn out_of_reach(
    differences: &[Difference],
    candidates: &[Choosable<'_>],
    set: &[&Choosable<'_>],
) -> Vec<OutOfReach> {
    let unseen = |ids: &[String]| !set.iter().any(|it| ids.iter().any(|id| id == it.id));
    let row = |(field, value, ids): (&str, &str, &[String])| {
        let who = candidates.iter().filter(|it| ids.iter().any(|id| id == it.id));
        let candidates =
            who.filter_map(|it| Some((it.id.to_owned(), it.barred.clone()?))).collect();
        OutOfReach { field: field.into(), value: value.into(), candidates }
    };
    shown(differences).filter(|(_, _, ids)| unseen(ids)).map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::candidates::{matrix::Shown, rules::Rule};

    fn difference(field: &str, values: &[(&str, &[&str])]) -> Difference {
        let values = values.iter().map(|(value, ids)| Shown {
            value: (*value).into(),
            candidates: ids.iter().map(|it| (*it).to_owned()).collect(),
        });
        Difference { field: field.into(), rule: Rule::Word, values: values.collect(), with: vec![] }
    }

    fn candidate(id: &str, bytes: Option<u64>) -> Choosable<'_> {
        Choosable { id, bytes, barred: None, added: false }
    }

    fn ids(choice: &Choice) -> Vec<&str> {
        choice.chosen.iter().map(|it| it.id.as_str()).collect()
    }

    fn family() -> Matrix {
        let differences = vec![
            difference("tied", &[("true", &["small", "tiny"]), ("false", &["large", "huge"])]),
            difference("rope", &[("default", &["tiny", "large"]), ("yarn", &["small", "huge"])]),
        ];
        Matrix { differences, ..Matrix::default() }
    }

    #[test]
    fn every_value_occurs_and_each_says_what_it_is_for() {
        let candidates = [("tiny", 1), ("small", 3), ("large", 9), ("huge", 90)]
            .map(|(id, it)| candidate(id, Some(it)));
        let choice = choose(&family(), &candidates);
        assert_eq!(ids(&choice), ["small", "large"]);
        assert!(choice.proved_minimal && choice.out_of_reach.is_empty());
        let fields: Vec<&str> = choice.chosen[0].only.iter().map(|it| it.field.as_str()).collect();
        assert_eq!(fields, ["tied", "rope"]);
    }

    #[test]
    fn what_only_a_barred_candidate_shows_is_named() {
        let mut candidates = [("tiny", 1), ("small", 3), ("large", 9), ("huge", 90)]
            .map(|(id, it)| candidate(id, Some(it)));
        for it in &mut candidates[2..] {
            it.barred = Some("90 bytes, more than 4".into());
        }
        let choice = choose(&family(), &candidates);
        assert_eq!(ids(&choice), ["tiny", "small"]);
        let out = &choice.out_of_reach[0];
        assert_eq!((out.field.as_str(), out.value.as_str()), ("tied", "false"));
        assert_eq!(out.candidates.keys().collect::<Vec<_>>(), ["huge", "large"]);
    }

    #[test]
    fn an_added_candidate_takes_nobody_away() {
        let mut candidates = [("tiny", 1), ("small", 3), ("large", 9), ("huge", 90)]
            .map(|(id, it)| candidate(id, Some(it)));
        candidates[3].added = true;
        let choice = choose(&family(), &candidates);
        assert_eq!(ids(&choice), ["small", "large", "huge"]);
        assert!(choice.chosen[2].added && choice.chosen[2].only.is_empty());
    }

    #[test]
    fn of_configs_that_are_alike_the_cheapest_is_taken() {
        let candidates = [candidate("b", None), candidate("c", Some(7)), candidate("a", Some(7))];
        let choice = choose(&Matrix::default(), &candidates);
        assert_eq!(ids(&choice), ["a"]);
        assert_eq!(ids(&choose(&Matrix::default(), &candidates[..1])), ["b"]);
        assert_eq!(choose(&Matrix::default(), &[]).chosen, []);
    }
}
