//! One queue of work for several lanes at a time; each lane has engines of its own.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    thread,
};

/// Do `work` on every item, `jobs` lanes at a time, and give the results in the order of the items.
///
/// `first` is the lane that there is already; `start` makes the others, each on a thread of its own.
///
/// # Errors
///
/// The first error of a lane, which ends that lane; the others finish what is left of the queue.
pub fn each<Item, Lane, Output, Error>(
    items: Vec<Item>,
    jobs: usize,
    first: Lane,
    start: impl Fn() -> Result<Lane, Error> + Sync,
    work: impl Fn(&mut Lane, Item) -> Result<Output, Error> + Sync,
) -> Result<Vec<Output>, Error>
where
    Item: Send,
    Output: Send,
    Error: Send,
{
    let lanes = jobs.clamp(1, items.len().max(1));
    let queue: Mutex<VecDeque<(usize, Item)>> = Mutex::new(items.into_iter().enumerate().collect());
    let done: Mutex<Vec<(usize, Output)>> = Mutex::default();
    let lane = |mut lane: Lane| -> Result<(), Error> {
        loop {
            let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            let Some((at, item)) = next else { return Ok(()) };
            let output = work(&mut lane, item)?;
            done.lock().unwrap_or_else(PoisonError::into_inner).push((at, output));
        }
    };
    thread::scope(|scope| {
        let others: Vec<_> = (1..lanes).map(|_| scope.spawn(|| lane(start()?))).collect();
        let mut result = lane(first);
        for other in others {
            let other = other.join().expect("a lane does not panic");
            result = result.and(other);
        }
        result
    })?;
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|it| it.0);
    Ok(done.into_iter().map(|it| it.1).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_items_whichever_lane_did_them() {
        let work = |lane: &mut u32, item: u32| -> Result<u32, String> {
            *lane += 1;
            Ok(item * 2)
        };
        let all: Vec<u32> = (0..50).collect();
        let done = each(all.clone(), 4, 0, || Ok(0), work).unwrap();
        assert_eq!(done, all.iter().map(|it| it * 2).collect::<Vec<_>>());
        assert_eq!(each(Vec::new(), 4, 0, || Ok(0), work), Ok(vec![]));
    }

    #[test]
    fn an_error_of_any_lane_is_the_answer() {
        let refuse = |(): &mut (), item: u32| if item == 7 { Err("seven") } else { Ok(item) };
        assert_eq!(each((0..20).collect(), 3, (), || Ok(()), refuse), Err("seven"));
        let ok = |(): &mut (), item: u32| Ok(item);
        assert_eq!(each((0..20).collect(), 2, (), || Err("no engine"), ok), Err("no engine"));
    }
}
