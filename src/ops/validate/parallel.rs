//! The same work on many items, on all processors, answers in the items' order.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Items below this number are not worth a thread.
const FEW: usize = 16;

/// Items that a thread takes at once.
const BATCH: usize = 8;

/// Maps every item; `work` runs on several threads when there are many items.
pub(super) fn in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let threads = processors.min(items.len() / FEW);
    if threads < 2 {
        return items.iter().map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let take = || {
        let mut done = Vec::new();
        loop {
            let start = next.fetch_add(BATCH, Ordering::Relaxed);
            let Some(batch) = items
                .get(start..items.len().min(start + BATCH))
                .filter(|batch| !batch.is_empty())
            else {
                return done;
            };
            done.push((start, batch.iter().map(&work).collect::<Vec<R>>()));
        }
    };
    let mut batches = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(take)).collect();
        let mut batches = Vec::new();
        for worker in workers {
            match worker.join() {
                Ok(done) => batches.extend(done),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        batches
    });
    batches.sort_by_key(|(start, _)| *start);
    batches.into_iter().flat_map(|(_, done)| done).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_keep_the_order_of_the_items() {
        for count in [0, 1, 31, 32, 33, 1000] {
            let items: Vec<usize> = (0..count).collect();
            let doubled: Vec<usize> = items.iter().map(|item| item * 2).collect();
            assert_eq!(in_parallel(&items, |item| item * 2), doubled);
        }
    }
}
