//! Which of many changes matter: the fewest that still fail.

/// The fewest of `changes` that `fails` still holds for, found by halving, as in delta debugging (Zeller
/// and Hildebrandt, 2002). `changes` fail together.
///
/// # Errors
///
/// Those of `fails`.
pub(super) fn smallest<T: Clone, E>(
    changes: &[T],
    fails: &mut dyn FnMut(&[T]) -> Result<bool, E>,
) -> Result<Vec<T>, E> {
    let mut changes = changes.to_vec();
    while 1 < changes.len() {
        let (left, right) = changes.split_at(changes.len() / 2);
        if fails(left)? {
            changes = left.to_vec();
        } else if fails(right)? {
            changes = right.to_vec();
        } else {
            return one_by_one(changes, fails);
        }
    }
    Ok(changes)
}

/// Changes that fail only together, without those that are not needed for it.
fn one_by_one<T: Clone, E>(
    mut changes: Vec<T>,
    fails: &mut dyn FnMut(&[T]) -> Result<bool, E>,
) -> Result<Vec<T>, E> {
    let mut at = 0;
    while at < changes.len() && 1 < changes.len() {
        let mut fewer = changes.clone();
        fewer.remove(at);
        if fails(&fewer)? {
            changes = fewer;
        } else {
            at += 1;
        }
    }
    Ok(changes)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn of(guilty: &[u32]) -> (Vec<u32>, usize) {
        let all: Vec<u32> = (0..13).collect();
        let mut asked = 0;
        let mut fails = |them: &[u32]| -> Result<bool, Infallible> {
            asked += 1;
            Ok(guilty.iter().all(|it| them.contains(it)))
        };
        let Ok(found) = smallest(&all, &mut fails);
        (found, asked)
    }

    #[test]
    fn one_guilty_change_is_found_by_halving() {
        for guilty in 0..13 {
            let (found, asked) = of(&[guilty]);
            assert_eq!(found, [guilty]);
            assert!(asked <= 8, "{asked} questions");
        }
    }

    #[test]
    fn changes_that_are_guilty_together_are_found_together() {
        assert_eq!(of(&[2, 11]).0, [2, 11]);
        assert_eq!(of(&[0, 6, 12]).0, [0, 6, 12]);
    }

    #[test]
    fn the_errors_of_asking_end_the_search() {
        let mut fails = |_: &[u8]| Err("the engine ended");
        assert_eq!(smallest(&[1, 2], &mut fails), Err("the engine ended"));
    }
}
