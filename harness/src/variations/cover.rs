//! Which configs to ask: a covering array of strength 2.
//!
//! Every value of every field stands in some row, and so do every two values of two fields. Values come
//! first, so that a number of rows that does not suffice for all pairs still shows all values. Rows are
//! made one at a time, because what is learned from one changes the next: a value that a side refuses or
//! computes wrongly is barred, so that it hides nothing else.
//!
//! The generator is greedy, as AETG's (Cohen, Dalal, Fredman and Patton, 1997), and draws nothing by
//! chance: the same fields give the same rows.

use std::collections::{BTreeMap, BTreeSet};

/// A value of a field, by their places in the domain; value 0 is the one that the base config has.
pub(super) type Choice = (usize, usize);

/// The rows still to be asked for.
#[derive(Debug)]
pub(super) struct Cover {
    /// How many values each field has, the base's among them.
    sizes: Vec<usize>,
    /// Pairs of choices, the lower field first, that no row has shown yet.
    open: BTreeSet<(Choice, Choice)>,
    /// Values that no row has shown yet.
    unseen: BTreeSet<Choice>,
    total: usize,
    shown: usize,
    barred: BTreeSet<Choice>,
    barred_pairs: BTreeSet<(Choice, Choice)>,
}

impl Cover {
    /// The cover of fields with so many values each. What the base config shows counts as shown.
    pub(super) fn new(sizes: Vec<usize>) -> Self {
        let mut open = BTreeSet::new();
        for (a, &of_a) in sizes.iter().enumerate() {
            for (b, &of_b) in sizes.iter().enumerate().skip(a + 1) {
                let pairs = (0..of_a).flat_map(|i| (0..of_b).map(move |j| ((a, i), (b, j))));
                open.extend(pairs.filter(|it| (it.0.1, it.1.1) != (0, 0)));
            }
        }
        let total = open.len();
        let values = sizes.iter().enumerate().flat_map(|(it, &of)| (1..of).map(move |at| (it, at)));
        let unseen = values.collect();
        let (barred, barred_pairs) = (BTreeSet::new(), BTreeSet::new());
        Self { sizes, open, unseen, total, shown: 0, barred, barred_pairs }
    }

    /// No row takes this value again.
    pub(super) fn bar(&mut self, choice: Choice) {
        self.barred.insert(choice);
        self.unseen.remove(&choice);
        self.open.retain(|it| it.0 != choice && it.1 != choice);
    }

    /// No row takes all of these together again. One alone is barred whole.
    pub(super) fn bar_together(&mut self, choices: &[Choice]) {
        match *choices {
            [one] => self.bar(one),
            [a, b, ..] => {
                let pair = if a < b { (a, b) } else { (b, a) };
                self.barred_pairs.insert(pair);
                self.open.remove(&pair);
            }
            [] => {}
        }
    }

    /// The next row, a value for each field; `None` when everything has been shown or barred.
    pub(super) fn next_row(&self) -> Option<Vec<usize>> {
        let mut row: Vec<Option<usize>> = vec![None; self.sizes.len()];
        let news = |it: &&(Choice, Choice)| {
            usize::from(self.unseen.contains(&it.0)) + usize::from(self.unseen.contains(&it.1))
        };
        // Of equals the first.
        let pair = self.open.iter().rev().max_by_key(news);
        for choice in
            pair.map_or_else(|| self.unseen.first().into_iter().collect(), |it| vec![&it.0, &it.1])
        {
            row[choice.0] = Some(choice.1);
        }
        if row.iter().all(Option::is_none) {
            return None;
        }
        // Fields with much left to show first: they have the least room.
        let mut left: BTreeMap<usize, usize> = BTreeMap::new();
        for (a, b) in &self.open {
            *left.entry(a.0).or_default() += 1;
            *left.entry(b.0).or_default() += 1;
        }
        let mut order: Vec<usize> = (0..self.sizes.len()).filter(|&it| row[it].is_none()).collect();
        order.sort_by_key(|it| (std::cmp::Reverse(left.get(it).copied().unwrap_or(0)), *it));
        for field in order {
            let gain = |value: usize| {
                let chosen = row.iter().enumerate().filter_map(|(it, at)| Some((it, (*at)?)));
                let pairs = chosen.filter(|&it| self.open.contains(&ordered(it, (field, value))));
                (self.unseen.contains(&(field, value)), pairs.count())
            };
            let allowed = (0..self.sizes[field]).filter(|&it| self.allows(&row, (field, it)));
            // Of equals the base's value, which is the first.
            let best = allowed.max_by_key(|&it| (gain(it), std::cmp::Reverse(it)));
            row[field] = Some(best.unwrap_or(0));
        }
        Some(row.into_iter().map(|it| it.unwrap_or(0)).collect())
    }

    /// A value was shown by itself.
    pub(super) fn seen(&mut self, choice: Choice) {
        self.unseen.remove(&choice);
    }

    /// A row was asked: its pairs are shown.
    pub(super) fn shown(&mut self, row: &[usize]) {
        for (a, &i) in row.iter().enumerate() {
            self.unseen.remove(&(a, i));
            for (b, &j) in row.iter().enumerate().skip(a + 1) {
                self.shown += usize::from(self.open.remove(&((a, i), (b, j))));
            }
        }
    }

    /// Pairs that were shown, and how many there are in all.
    pub(super) fn pairs(&self) -> (usize, usize) {
        (self.shown, self.total)
    }

    fn allows(&self, row: &[Option<usize>], choice: Choice) -> bool {
        let chosen = row.iter().enumerate().filter_map(|(it, at)| Some((it, (*at)?)));
        !self.barred.contains(&choice)
            && chosen.into_iter().all(|it| !self.barred_pairs.contains(&ordered(it, choice)))
    }
}

fn ordered(a: Choice, b: Choice) -> (Choice, Choice) {
    if a < b { (a, b) } else { (b, a) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(cover: &mut Cover) -> Vec<Vec<usize>> {
        let mut rows = Vec::new();
        while let Some(row) = cover.next_row() {
            cover.shown(&row);
            rows.push(row);
            assert!(rows.len() < 200, "the cover never ends");
        }
        rows
    }

    #[test]
    fn every_pair_of_values_stands_in_some_row() {
        let sizes = vec![2, 3, 4, 2, 2, 3, 5, 2, 2, 2, 3, 2];
        let mut rows = rows(&mut Cover::new(sizes.clone()));
        // Two fields of 5 and 4 values alone need 20; one change at a time would be 22 without a pair.
        assert!(rows.len() <= 30, "{} rows", rows.len());
        rows.push(vec![0; sizes.len()]);
        for (a, &of_a) in sizes.iter().enumerate() {
            for (b, &of_b) in sizes.iter().enumerate().skip(a + 1) {
                for (i, j) in (0..of_a).flat_map(|i| (0..of_b).map(move |j| (i, j))) {
                    let shown = rows.iter().any(|it| (it[a], it[b]) == (i, j));
                    assert!(shown, "fields {a} and {b} never have {i} and {j}");
                }
            }
        }
    }

    #[test]
    fn what_is_barred_stands_in_no_row_and_hides_nothing_else() {
        let mut cover = Cover::new(vec![2, 3, 3]);
        cover.bar((1, 2));
        cover.bar_together(&[(2, 1), (0, 1)]);
        let rows = rows(&mut cover);
        assert!(rows.iter().all(|it| it[1] != 2 && (it[0], it[2]) != (1, 1)));
        assert!(rows.iter().any(|it| it[1] == 1 && it[2] == 2));
        assert!(rows.iter().any(|it| it[0] == 1 && it[2] == 2));
    }

    #[test]
    fn the_first_rows_show_every_value() {
        let sizes = vec![2, 3, 4, 2, 2, 3, 5, 2, 2, 2, 3, 2];
        let mut cover = Cover::new(sizes);
        for _ in 0..4 {
            let row = cover.next_row().unwrap();
            cover.shown(&row);
        }
        assert!(cover.unseen.is_empty(), "{:?} were not shown", cover.unseen);
    }

    #[test]
    fn one_field_has_values_and_no_pairs() {
        assert_eq!(rows(&mut Cover::new(vec![])), Vec::<Vec<usize>>::new());
        let mut cover = Cover::new(vec![3]);
        assert_eq!(cover.pairs(), (0, 0));
        assert_eq!(rows(&mut cover), [[1], [2]]);
    }
}
