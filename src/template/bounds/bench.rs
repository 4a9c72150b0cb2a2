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

/// The longest that this process may work, in processor time, for one file of one component.
/// A file within its steps takes a tenth of a second; what takes longer is in a single step
/// that the engine does not count. A machine that is busy with something else costs nothing.
/// See `docs/limits.md`.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// How often the time is looked at.
const LOOK: Duration = Duration::from_millis(200);

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
        let begun = worked();
        let mut waited = Duration::ZERO;
        let result = loop {
            match self.done.recv_timeout(LOOK) {
                Err(RecvTimeoutError::Timeout) => {
                    waited += LOOK;
                    if worked().map_or(waited, |now| now.saturating_sub(begun.unwrap_or(now)))
                        > PATIENCE
                    {
                        return Err(Stuck::Time);
                    }
                }
                Err(RecvTimeoutError::Disconnected) => break Err(()),
                Ok(result) => break Ok(result),
            }
        };
        match result {
            Ok(result) => Ok(result),
            Err(_) => {
                if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join) {
                    // A bug over there is reported as one here.
                    std::panic::resume_unwind(panic);
                }
                Err(Stuck::NoThread("it ended".to_owned()))
            }
        }
    }
}

/// The processor time that this process has had so far; `None`: the system does not say.
fn worked() -> Option<Duration> {
    #[cfg(unix)]
    {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        let seconds = u64::try_from(time.tv_sec).ok()?;
        let nanoseconds = u32::try_from(time.tv_nsec).ok()?;
        Some(Duration::new(seconds, nanoseconds))
    }
    #[cfg(not(unix))]
    None
}
