//! Where templates are worked on: threads with a stack of known size, whose work is given
//! up when it takes too long.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, Builder, JoinHandle};
use std::time::Duration;

/// The stack that templates are read and rendered on, in bytes. The deepest that the other
/// bounds let through takes a third of it in a build without optimisation; memory that is
/// not touched is not used.
/// See `docs/limits.md`.
pub(crate) const STACK: usize = 96 << 20;

/// The longest that one file may take for one component. A file within its steps takes a
/// tenth of a second; what takes longer is in a single step that the engine does not count.
/// See `docs/limits.md`.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// Why nothing came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stuck {
    /// It takes longer than [`PATIENCE`].
    Time,
    /// The system gives no thread, for a reason.
    NoThread(String),
}

/// Does work on a known stack, and waits for it.
pub(in crate::template) fn on_known_stack<T: Send>(
    work: impl FnOnce() -> T + Send,
) -> Result<T, Stuck> {
    thread::scope(|scope| {
        let running = Builder::new()
            .stack_size(STACK)
            .spawn_scoped(scope, work)
            .map_err(|error| Stuck::NoThread(error.to_string()))?;
        // A bug over there is reported as one here.
        Ok(running
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

/// One who works jobs off in their order, on a known stack.
pub(in crate::template) struct Bench<J, R> {
    jobs: Sender<J>,
    done: Receiver<R>,
    thread: Option<JoinHandle<()>>,
}

impl<J: Send + 'static, R: Send + 'static> Bench<J, R> {
    pub(in crate::template) fn new(work: impl Fn(J) -> R + Send + 'static) -> Result<Self, Stuck> {
        let (jobs, waiting) = channel::<J>();
        let (finished, done) = channel();
        let thread = Builder::new()
            .stack_size(STACK)
            .spawn(move || {
                for job in waiting {
                    if finished.send(work(job)).is_err() {
                        return;
                    }
                }
            })
            .map_err(|error| Stuck::NoThread(error.to_string()))?;
        Ok(Self {
            jobs,
            done,
            thread: Some(thread),
        })
    }

    /// Puts a job behind those that wait.
    pub(in crate::template) fn give(&self, job: J) {
        // When nobody works any more, taking says so.
        let _ = self.jobs.send(job);
    }

    /// The result of the first job whose result was not taken yet. After [`Stuck::Time`] the
    /// one who works is left to himself, and nothing more comes from him.
    pub(in crate::template) fn take(&mut self) -> Result<R, Stuck> {
        match self.done.recv_timeout(PATIENCE) {
            Ok(result) => Ok(result),
            Err(RecvTimeoutError::Timeout) => Err(Stuck::Time),
            Err(RecvTimeoutError::Disconnected) => {
                if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join) {
                    // A bug over there is reported as one here.
                    std::panic::resume_unwind(panic);
                }
                Err(Stuck::NoThread("it ended".to_owned()))
            }
        }
    }
}
