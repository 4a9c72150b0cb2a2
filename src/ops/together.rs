//! Two things at once: what reading and planning mostly are is work for two hands.

use std::hint::black_box;

/// What a large plan takes of memory, about, in bytes.
const ROOM: usize = 16 << 20;

/// Gets ready for a plan, which needs time but no files: for when somebody waits for a
/// remote. The first thread to start after that finds the room that one here has made.
pub fn get_ready() {
    // Nobody waits for it; what is not done by then is done by who needs it.
    std::thread::spawn(|| {
        crate::template::get_ready();
        let _ = crate::schema::embedded(None);
        drop(black_box(vec![1u8; ROOM / 2]));
    });
    make_room();
    drop(black_box(vec![1u8; ROOM]));
}

/// Prepares for work that takes much memory in small pieces. Where the C library is
/// glibc, each thread asks the system for it page by page, and all threads wait
/// meanwhile; who gives a large piece back keeps it at hand instead.
pub(super) fn make_room() {
    // Larger than what stays with the thread: from now on pieces below that do.
    drop(black_box(Vec::<u8>::with_capacity(ROOM + ROOM / 4)));
    make_room_here();
}

fn make_room_here() {
    drop(black_box(Vec::<u8>::with_capacity(ROOM)));
}

/// Does `one` on a thread of its own and `other` here; both are done in the end.
pub(super) fn both<A: Send, B>(
    one: impl FnOnce() -> A + Send,
    other: impl FnOnce() -> B,
) -> (A, B) {
    std::thread::scope(|scope| {
        let beside = scope.spawn(|| {
            make_room_here();
            one()
        });
        let other = other();
        match beside.join() {
            Ok(one) => (one, other),
            // The same as if it had been done here.
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}
