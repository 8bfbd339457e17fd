//! The smallest set of checkpoints in which every value of every difference occurs.
//!
//! Each value is the set of candidates that show it; a cover takes at least one of each set. Up to
//! [`MOST_PROVED`] candidates the best cover is found by branch and bound: the fewest candidates, among
//! these the fewest bytes, among these the first by id. Beyond that a greedy choice stands in, and is
//! called what it is. Linear programming would do the same with rounded numbers, which prove nothing.

use std::cmp::Ordering;

/// Up to so many candidates the cover is proved to be the smallest.
pub const MOST_PROVED: usize = 40;
/// Steps after which the search gives up its proof; 40 candidates with real configs take hundreds.
const MOST_STEPS: u64 = 20_000_000;

/// A cover, and whether none is better.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cover {
    /// Which candidates, by their place; in order.
    pub(super) chosen: Vec<usize>,
    /// Whether no other set is smaller, nor as small and cheaper.
    pub(super) proved: bool,
}

/// The best cover of `values`, each the places of the candidates that show it; `costs` says what each
/// candidate costs. Places must be in the order in which ties are broken. A value that nobody shows is
/// left out.
pub(super) fn cover(costs: &[u64], values: &[Vec<usize>]) -> Cover {
    if MOST_PROVED < costs.len() {
        return Cover { chosen: greedy(costs, values), proved: false };
    }
    let masks = values.iter().map(|it| it.iter().fold(0_u64, |mask, &place| mask | 1 << place));
    let masks = necessary(masks.collect());
    let mut search = Search { costs, best: of_places(costs, &greedy(costs, values)), steps: 0 };
    search.branch(&masks, 0, 0);
    Cover { chosen: places(search.best.set), proved: search.steps < MOST_STEPS }
}

/// A set of candidates, and what it costs. Sums are wide: sizes come from strangers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Choice {
    set: u64,
    cost: u128,
}

impl Choice {
    /// Fewer first, then cheaper, then the one whose first difference comes earlier.
    fn order(&self, other: &Self) -> Ordering {
        let by_count = self.set.count_ones().cmp(&other.set.count_ones());
        by_count.then(self.cost.cmp(&other.cost)).then_with(|| {
            let first = self.set ^ other.set;
            // Of two sets, the one that has the lowest place in which they differ.
            let lowest = first & first.wrapping_neg();
            match (self.set & lowest != 0, other.set & lowest != 0) {
                (true, false) => Ordering::Less,
                (false, true) => Ordering::Greater,
                _ => Ordering::Equal,
            }
        })
    }
}

struct Search<'a> {
    costs: &'a [u64],
    best: Choice,
    steps: u64,
}

impl Search<'_> {
    /// Improves on the best, given candidates that are `chosen` and those that are not to be taken.
    fn branch(&mut self, masks: &[u64], chosen: u64, excluded: u64) {
        self.steps += 1;
        if MOST_STEPS <= self.steps {
            return;
        }
        let cost = total(self.costs, chosen);
        let open: Vec<u64> =
            masks.iter().filter(|it| *it & chosen == 0).map(|it| it & !excluded).collect();
        // The value that fewest can show leaves the fewest branches.
        let Some(&rarest) = open.iter().min_by_key(|it| it.count_ones()) else {
            let found = Choice { set: chosen, cost };
            if found.order(&self.best) == Ordering::Less {
                self.best = found;
            }
            return;
        };
        let (more, dearer) = self.at_least(&open);
        let count = chosen.count_ones() + more;
        let least = (count, cost + dearer);
        if (self.best.set.count_ones(), self.best.cost) < least {
            return;
        }
        let mut refused = excluded;
        for place in places(rarest) {
            self.branch(masks, chosen | 1 << place, refused);
            refused |= 1 << place;
        }
    }

    /// How many more candidates, and how many more bytes, any cover of `open` takes: values that no
    /// candidate shows together need one each.
    fn at_least(&self, open: &[u64]) -> (u32, u128) {
        let mut sorted = open.to_vec();
        sorted.sort_unstable_by_key(|it| (it.count_ones(), *it));
        let (mut used, mut count, mut cost) = (0, 0, 0);
        for mask in sorted {
            if mask & used == 0 {
                used |= mask;
                count += 1;
                let cheapest = places(mask).into_iter().map(|it| self.costs[it]).min();
                cost += u128::from(cheapest.unwrap_or_default());
            }
        }
        (count, cost)
    }
}

fn total(costs: &[u64], set: u64) -> u128 {
    places(set).into_iter().map(|it| u128::from(costs[it])).sum()
}

fn of_places(costs: &[u64], chosen: &[usize]) -> Choice {
    let set = chosen.iter().fold(0, |set, place| set | 1 << place);
    Choice { set, cost: total(costs, set) }
}

fn places(set: u64) -> Vec<usize> {
    (0..64).filter(|it| set & 1 << it != 0).collect()
}

/// Without values that are shown wherever another one is.
fn necessary(mut masks: Vec<u64>) -> Vec<u64> {
    masks.retain(|it| *it != 0);
    masks.sort_unstable_by_key(|it| (it.count_ones(), *it));
    masks.dedup();
    let mut kept: Vec<u64> = Vec::new();
    for mask in masks {
        if !kept.iter().any(|it| it & mask == *it) {
            kept.push(mask);
        }
    }
    kept
}

/// Whoever shows most of what is open, the cheaper and earlier among equals; then whoever has become
/// superfluous leaves again, the dearest first.
fn greedy(costs: &[u64], values: &[Vec<usize>]) -> Vec<usize> {
    let values: Vec<&Vec<usize>> = values.iter().filter(|it| !it.is_empty()).collect();
    let mut open = values.clone();
    let mut chosen: Vec<usize> = Vec::new();
    while !open.is_empty() {
        let shows = |place: usize| open.iter().filter(|it| it.contains(&place)).count();
        let rank = |&place: &usize| (std::cmp::Reverse(shows(place)), costs[place], place);
        let best = (0..costs.len()).filter(|it| !chosen.contains(it)).min_by_key(rank);
        let Some(best) = best else { break };
        chosen.push(best);
        open.retain(|it| !it.contains(&best));
    }
    let mut dearest = chosen.clone();
    dearest.sort_unstable_by_key(|&it| std::cmp::Reverse((costs[it], it)));
    for place in dearest {
        let others: Vec<usize> = chosen.iter().copied().filter(|it| *it != place).collect();
        if values.iter().all(|it| it.iter().any(|it| others.contains(it))) {
            chosen = others;
        }
    }
    chosen.sort_unstable();
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that are the same on every run (xorshift, seeded).
    struct Numbers(u64);

    impl Numbers {
        fn below(&mut self, bound: u64) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0 % bound
        }
    }

    /// The best of all subsets.
    fn by_force(costs: &[u64], values: &[Vec<usize>]) -> Vec<usize> {
        let covers = |set: u64| values.iter().all(|it| it.iter().any(|it| set & 1 << it != 0));
        let all = (0..1_u64 << costs.len()).filter(|it| covers(*it));
        let choices = all.map(|set| Choice { set, cost: total(costs, set) });
        places(choices.min_by(Choice::order).unwrap().set)
    }

    fn drawn(numbers: &mut Numbers, most: u64) -> (Vec<u64>, Vec<Vec<usize>>) {
        let candidates = 1 + usize::try_from(numbers.below(most)).unwrap();
        // Small costs make many ties.
        let costs = (0..candidates).map(|_| numbers.below(6)).collect();
        let values = (0..=numbers.below(12)).map(|_| {
            let density = 1 + numbers.below(4);
            let mut shown: Vec<usize> =
                (0..candidates).filter(|_| numbers.below(5) < density).collect();
            if shown.is_empty() {
                shown.push(usize::try_from(numbers.below(candidates as u64)).unwrap());
            }
            shown
        });
        let values = values.collect();
        (costs, values)
    }

    #[test]
    fn no_subset_is_better_than_what_is_found() {
        let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
        for round in 0..2000 {
            let (costs, values) = drawn(&mut numbers, 11);
            let found = cover(&costs, &values);
            assert!(found.proved);
            assert_eq!(
                found.chosen,
                by_force(&costs, &values),
                "round {round}: {costs:?} {values:?}"
            );
        }
    }

    #[test]
    fn the_greedy_choice_covers_and_nothing_in_it_is_superfluous() {
        let mut numbers = Numbers(7);
        for _ in 0..500 {
            let (costs, values) = drawn(&mut numbers, 70);
            let chosen = greedy(&costs, &values);
            let covers =
                |set: &[usize]| values.iter().all(|it| it.iter().any(|it| set.contains(it)));
            assert!(covers(&chosen));
            for place in &chosen {
                let without: Vec<usize> = chosen.iter().copied().filter(|it| it != place).collect();
                assert!(!covers(&without), "{place} is superfluous in {chosen:?}");
            }
        }
    }

    #[test]
    fn greed_is_not_enough() {
        // The one that shows most is not in the smallest set.
        let values = [vec![0, 1], vec![0, 1], vec![0, 2], vec![0, 2], vec![1], vec![2]];
        assert_eq!(cover(&[1, 1, 1], &values).chosen, [1, 2]);
    }

    #[test]
    fn the_cheaper_of_two_smallest_sets_is_taken_then_the_first_by_id() {
        assert_eq!(cover(&[9, 3, 5], &[vec![0, 1, 2]]).chosen, [1]);
        assert_eq!(cover(&[3, 3, 3], &[vec![1, 2], vec![0, 2], vec![0, 1]]).chosen, [0, 1]);
    }

    #[test]
    fn sizes_of_any_magnitude_are_summed() {
        let costs = [u64::MAX; 3];
        assert_eq!(cover(&costs, &[vec![0], vec![1], vec![2]]).chosen, [0, 1, 2]);
    }

    #[test]
    fn forty_candidates_are_proved_and_more_are_not() {
        let mut numbers = Numbers(11);
        let shown = |numbers: &mut Numbers, most: u64| -> Vec<Vec<usize>> {
            (0..60)
                .map(|_| (0..3).map(|_| usize::try_from(numbers.below(most)).unwrap()).collect())
                .collect()
        };
        let costs: Vec<u64> = (0..40).map(|_| numbers.below(1000)).collect();
        let values = shown(&mut numbers, 40);
        let found = cover(&costs, &values);
        assert!(found.proved);
        assert!(values.iter().all(|it| it.iter().any(|it| found.chosen.contains(it))));
        assert!(!cover(&[1; 41], &[vec![40]]).proved);
    }
}
