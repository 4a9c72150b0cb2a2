//! Programs that were started, until they end: heard out, given up when they fall
//! silent, and ended together with all that they started. Refuses to wait without end
//! where nobody is there who would notice.

use std::collections::BTreeMap;
use std::io::{Read, Write as _};
use std::process::{Child, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread;
use std::time::Duration;

use super::family::{Family, bytes_read, marked, memory};
use super::words::{Messages, Words};

/// How long a program may answer nothing that asks a remote what it has: fetch and
/// ls-remote. In seconds of silence, not of work: while something arrives, Git says how
/// far it is at least once a second.
/// See `docs/limits.md`.
pub(super) const LONGEST_SILENCE: Duration = Duration::from_secs(60);

/// How long a push may be silent: hooks of the remote that build or scan what was pushed
/// say nothing for minutes, and a push whose verdict nobody heard has to be asked after.
/// See `docs/limits.md`.
pub(super) const LONGEST_SILENCE_OF_A_PUSH: Duration = Duration::from_secs(5 * 60);

/// How long a program may be silent that asks no remote: what signs a commit waits for a
/// key to be touched, and a large work tree on a slow disk takes its time.
/// See `docs/limits.md`.
pub(super) const LONGEST_SILENCE_HERE: Duration = Duration::from_secs(5 * 60);

/// How much a program may answer, in bytes: the references of a remote with half a
/// million of them.
/// See `docs/limits.md`.
pub(super) const LONGEST_ANSWER: usize = 32 << 20;

/// How much of an answer is kept that may be mixed with the words of hooks, in bytes:
/// the verdict on a thousand references comes last.
pub(super) const VERDICT: usize = 256 << 10;

/// How long a program's children may keep its streams open once it has ended: what goes
/// on in the background, as the shared connection of ssh, is not waited for.
const LEFT_OPEN: Duration = Duration::from_millis(500);

/// The same for its answer, which is the whole of it only at its end: a busy machine may
/// be late in reading what is there.
const ANSWER_LEFT_OPEN: Duration = Duration::from_secs(5);

/// How long a program that was told to end may tidy up, locks of a repository for one,
/// before it is killed.
const TIDYING_UP: Duration = Duration::from_secs(2);

/// How much Git must have read for that to be a sign of life, in bytes, in half of the
/// time that it may be silent: it says nothing while it receives one large file, and a
/// server that only waits for its hook sends five bytes every five seconds.
const A_LITTLE: u64 = 4 << 10;

/// How much Git may read while it says nothing, in bytes, each byte counted as often as it
/// is handed on: a file of some forty megabytes. References without an end would fill
/// the memory.
/// See `docs/limits.md`.
pub(super) const MOST_UNHEARD: u64 = 128 << 20;

/// How much the memory of a program and its children may grow while it says nothing, in
/// bytes. An answer that is read into memory ends before this; packs are received with
/// words about their progress, which begin anew.
/// See `docs/limits.md`.
const MOST_GROWN: u64 = 256 << 20;

/// How often is looked what a silent program reads.
const LOOK: Duration = Duration::from_secs(1);

/// How often is looked whether a program has ended.
const GLANCE: Duration = Duration::from_millis(20);

/// How long a program's end by a signal waits for the same signal to end this one.
const SAME_SIGNAL: Duration = Duration::from_millis(300);

/// How many bytes are read at once.
const AT_ONCE: usize = 64 << 10;

/// A program that was started.
pub(super) struct Running {
    child: Child,
    signs: Receiver<Sign>,
    answer: Arc<Mutex<Option<Words>>>,
    /// Whether the answer was read to its end.
    is_answered: Arc<AtomicBool>,
    messages: Arc<Mutex<Option<Messages>>>,
    /// How long it may be silent.
    patience: Option<Duration>,
    is_over: bool,
}

/// What a program left behind, as it came.
pub(super) struct Heard {
    /// The exit code; `None` when a signal ended it.
    pub(super) code: Option<i32>,
    pub(super) answer: Vec<u8>,
    pub(super) messages: Vec<u8>,
    pub(super) end: End,
}

/// How a program came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// By itself.
    Own,
    /// It was ended: it said nothing for so long.
    Silent(Duration),
    /// It was ended: it said more than is kept.
    TooMuch,
    /// It was ended: it read more than it may while it says nothing.
    Unheard,
}

enum Sign {
    /// Something was said.
    Word,
    TooMuch,
}

/// Which of its two ends counts in an answer that is too long to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// All of it or nothing.
    Whole,
    /// The beginning and the end.
    Ends,
}

impl Running {
    /// Goes on with a program that was just started, with all streams piped.
    pub(super) fn new(
        mut child: Child,
        input: Option<Vec<u8>>,
        (patience, answer): (Option<Duration>, Answer),
    ) -> std::io::Result<Self> {
        if let (Some(bytes), Some(mut pipe)) = (input, child.stdin.take()) {
            // A program that ends early closes the pipe; its exit code tells. One that
            // reads nothing must not keep us from hearing it.
            spawn(move || {
                let _ = pipe.write_all(&bytes);
            })?;
        }
        let (sender, signs) = mpsc::sync_channel(1);
        let most = match answer {
            Answer::Whole => (LONGEST_ANSWER, 0),
            Answer::Ends => (VERDICT, VERDICT),
        };
        let running = Self {
            answer: Arc::new(Mutex::new(Some(Words::keeping(most.0, most.1)))),
            is_answered: Arc::new(AtomicBool::new(false)),
            messages: Arc::new(Mutex::new(Some(Messages::new()))),
            signs,
            patience,
            is_over: false,
            child,
        };
        running.listen(sender, answer)
    }

    fn listen(mut self, sender: SyncSender<Sign>, answer: Answer) -> std::io::Result<Self> {
        if let Some(pipe) = self.child.stdout.take() {
            let (kept, ended) = (Arc::clone(&self.answer), Arc::clone(&self.is_answered));
            let take = move |bytes: &[u8]| {
                let mut kept = lock(&kept);
                let Some(words) = kept.as_mut() else {
                    return Heed::Enough;
                };
                words.push(bytes);
                match answer == Answer::Whole && !words.is_whole() {
                    true => Heed::TooMuch,
                    false => Heed::More,
                }
            };
            hear(pipe, sender.clone(), take, move || {
                ended.store(true, Ordering::Release);
            })?;
        }
        if let Some(pipe) = self.child.stderr.take() {
            let kept = Arc::clone(&self.messages);
            let take = move |bytes: &[u8]| match lock(&kept).as_mut() {
                Some(messages) => {
                    messages.push(bytes);
                    Heed::More
                }
                None => Heed::Enough,
            };
            hear(pipe, sender, take, || {})?;
        }
        Ok(self)
    }

    /// Waits for its end, and brings it about where it would not come.
    pub(super) fn finish(mut self) -> std::io::Result<Heard> {
        let (end, status) = match self.wait()? {
            Ok(status) => (End::Own, status),
            Err(end) => (end, self.end()?),
        };
        self.be_over();
        let answer = lock(&self.answer).take();
        let messages = lock(&self.messages).take();
        Ok(Heard {
            code: status.code(),
            answer: answer.map(Words::into_bytes).unwrap_or_default(),
            messages: messages.map(Messages::into_bytes).unwrap_or_default(),
            end,
        })
    }

    /// Waits until it has ended and its streams are closed. `Err`: it has to be ended.
    fn wait(&mut self) -> std::io::Result<Result<ExitStatus, End>> {
        let (mut open, mut words) = (Duration::ZERO, 0_u32);
        let (mut pause, mut closed) = (Duration::ZERO, false);
        let mut silence = Silence::of(self.child.id(), self.patience);
        loop {
            match self.signs.recv_timeout(GLANCE) {
                Ok(Sign::TooMuch) => return Ok(Err(End::TooMuch)),
                Ok(Sign::Word) => {
                    silence.end();
                    words = words.wrapping_add(1);
                    // Whatever talks on in the background is looked after as well.
                    if !words.is_multiple_of(64) {
                        continue;
                    }
                }
                Err(RecvTimeoutError::Timeout) => silence.goes_on(GLANCE),
                Err(RecvTimeoutError::Disconnected) => {
                    closed = true;
                    thread::sleep(pause);
                    silence.goes_on(pause);
                    pause = GLANCE.min(pause * 2 + Duration::from_micros(100));
                }
            }
            match self.child.try_wait()? {
                Some(status) if closed || open >= self.left_open() => return Ok(Ok(status)),
                Some(_) => open += GLANCE,
                None => {
                    if let Some(end) = silence.judged() {
                        return Ok(Err(end));
                    }
                }
            }
        }
    }

    fn left_open(&self) -> Duration {
        match self.is_answered.load(Ordering::Acquire) {
            true => LEFT_OPEN,
            false => ANSWER_LEFT_OPEN,
        }
    }

    /// Ends it with all that it started, and waits for it.
    fn end(&mut self) -> std::io::Result<ExitStatus> {
        let family = Family::of(&[self.child.id()]);
        family.ask_to_end();
        let mut waited = Duration::ZERO;
        let mut status = self.child.try_wait()?;
        while status.is_none() && waited < TIDYING_UP {
            thread::sleep(GLANCE);
            waited += GLANCE;
            status = self.child.try_wait()?;
        }
        family.kill();
        match status {
            Some(status) => Ok(status),
            None => {
                let _ = self.child.kill();
                self.child.wait()
            }
        }
    }

    fn be_over(&mut self) {
        self.is_over = true;
        forget(self.child.id());
    }
}

impl Drop for Running {
    /// Nobody waits for it any more.
    fn drop(&mut self) {
        if !self.is_over {
            let _ = self.end();
            self.be_over();
        }
    }
}

/// The silence of a program, and what it reads meanwhile.
struct Silence {
    id: u32,
    patience: Option<Duration>,
    /// For how long it has said nothing, and read next to nothing.
    quiet: Duration,
    /// Since when nobody looked what it read.
    unseen: Duration,
    /// What it had read when it was looked at first, in this silence.
    first: Option<u64>,
    /// The same when half of the patience was over.
    half: Option<u64>,
    /// How much memory it took when it was looked at first, in this silence.
    memory: Option<u64>,
}

impl Silence {
    fn of(id: u32, patience: Option<Duration>) -> Self {
        Self {
            id,
            patience,
            quiet: Duration::ZERO,
            unseen: Duration::ZERO,
            first: None,
            half: None,
            memory: None,
        }
    }

    fn end(&mut self) {
        *self = Self::of(self.id, self.patience);
    }

    fn goes_on(&mut self, time: Duration) {
        self.quiet += time;
        self.unseen += time;
    }

    /// Whether the program has to be ended.
    fn judged(&mut self) -> Option<End> {
        let half = self.patience.map(|patience| patience / 2);
        if self.unseen < LOOK.min(half.unwrap_or(LOOK)) {
            return None;
        }
        self.unseen = Duration::ZERO;
        let read = bytes_read(self.id);
        if read.saturating_sub(*self.first.get_or_insert(read)) > MOST_UNHEARD {
            return Some(End::Unheard);
        }
        // What comes over the network is not counted as read.
        let memory = memory(self.id);
        if memory.saturating_sub(*self.memory.get_or_insert(memory)) > MOST_GROWN {
            return Some(End::Unheard);
        }
        let (patience, half) = self.patience.zip(half)?;
        if self.quiet >= half {
            self.half.get_or_insert(read);
        }
        if self.quiet < patience {
            return None;
        }
        // What its children read goes with them when they end.
        let moved = self
            .half
            .is_some_and(|before| read.abs_diff(before) >= A_LITTLE);
        if !moved {
            return Some(End::Silent(patience));
        }
        (self.quiet, self.half) = (half, Some(read));
        None
    }
}

/// What becomes of a stream after some of it was heard.
#[derive(PartialEq, Eq)]
enum Heed {
    More,
    Enough,
    TooMuch,
}

/// Hears a stream to its end, on a thread of its own.
fn hear(
    mut pipe: impl Read + Send + 'static,
    sender: SyncSender<Sign>,
    mut take: impl FnMut(&[u8]) -> Heed + Send + 'static,
    at_end: impl FnOnce() + Send + 'static,
) -> std::io::Result<()> {
    spawn(move || {
        let mut buffer = vec![0; AT_ONCE];
        loop {
            let length = match pipe.read(&mut buffer) {
                Ok(0) => return at_end(),
                Ok(length) => length,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(_) => return at_end(),
            };
            match take(&buffer[..length]) {
                // One sign that waits to be seen is as good as two.
                Heed::More => drop(sender.try_send(Sign::Word)),
                Heed::Enough => return,
                Heed::TooMuch => {
                    let _ = sender.send(Sign::TooMuch);
                    return;
                }
            }
        }
    })
}

fn spawn(work: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    thread::Builder::new().spawn(work).map(drop)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The programs that run now. The process has one set of children, whatever holds them.
static RUNNING: Mutex<BTreeMap<u32, ()>> = Mutex::new(BTreeMap::new());

/// Whether all of them are being ended, so that none is started any more.
static ENDING: RwLock<bool> = RwLock::new(false);

/// Starts a program; not while all are being ended.
pub(super) fn start<T>(spawn: impl FnOnce() -> std::io::Result<(T, u32)>) -> std::io::Result<T> {
    let ending = ENDING.read().unwrap_or_else(PoisonError::into_inner);
    if *ending {
        drop(ending);
        stand_still();
    }
    let (started, id) = spawn()?;
    lock(&RUNNING).insert(id, ());
    Ok(started)
}

/// One of them has ended, and was waited for.
fn forget(id: u32) {
    lock(&RUNNING).remove(&id);
    if *ENDING.read().unwrap_or_else(PoisonError::into_inner) {
        stand_still();
    }
}

/// Whether a signal may be about to end this process, which ended a program of ours: a
/// terminal sends it to all that run on it.
pub(super) fn let_signals_pass(code: Option<i32>) {
    if code.is_none() {
        thread::sleep(SAME_SIGNAL);
    }
}

/// The process is about to end: there is nothing left to do, or to say.
fn stand_still() -> ! {
    loop {
        thread::park();
    }
}

/// Ends every program that this process has started through Git, with all that those
/// have started, and waits for them. Afterwards none is started any more: this is for a
/// process that is about to end.
pub fn end_programs() {
    *ENDING.write().unwrap_or_else(PoisonError::into_inner) = true;
    let running = || lock(&RUNNING).keys().copied().collect::<Vec<u32>>();
    let mut heads = running();
    // A terminal has told all of them to end. One that ended at once left behind those
    // that did not.
    heads.extend(marked());
    let family = Family::of(&heads);
    family.ask_to_end();
    // Those who started them wait for them.
    let wait = |longest: Duration| {
        let mut waited = Duration::ZERO;
        while !running().is_empty() && waited < longest {
            thread::sleep(GLANCE);
            waited += GLANCE;
        }
    };
    wait(TIDYING_UP);
    family.kill();
    Family::of(&running()).kill();
    wait(TIDYING_UP);
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::disallowed_methods)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};
    use std::time::Instant;

    fn shell(script: &str, patience: Option<Duration>, answer: Answer) -> Running {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let child = command.stderr(Stdio::piped()).spawn().unwrap();
        Running::new(child, Some(b"input\n".to_vec()), (patience, answer)).unwrap()
    }

    const SHORT: Option<Duration> = Some(Duration::from_millis(400));

    #[test]
    fn words_of_a_program_are_kept_and_its_code() {
        let heard = shell("cat; echo no >&2; exit 3", SHORT, Answer::Whole);
        let heard = heard.finish().unwrap();
        assert_eq!((heard.code, heard.end), (Some(3), End::Own));
        assert_eq!(heard.answer, b"input\n");
        assert_eq!(heard.messages, b"no\n");
    }

    #[test]
    fn a_silent_program_is_ended_with_its_children() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("id");
        // The child is deaf to a kind word.
        let script = format!(
            "echo begin >&2; sh -c 'trap \"\" TERM; echo $$ >{0}.new; mv {0}.new {0}; sleep 600'; true",
            file.display()
        );
        let heard = shell(&script, SHORT, Answer::Whole).finish().unwrap();
        assert_eq!(heard.end, End::Silent(Duration::from_millis(400)));
        assert_eq!(heard.messages, b"begin\n");
        let id: u32 = std::fs::read_to_string(&file)
            .unwrap()
            .trim()
            .parse()
            .unwrap();
        for _ in 0..200 {
            let alive = Command::new("kill").args(["-0", &id.to_string()]).output();
            if !alive.unwrap().status.success() {
                return;
            }
            thread::sleep(GLANCE);
        }
        panic!("{id} lives on");
    }

    #[test]
    fn a_program_that_talks_is_waited_for() {
        let script = "for i in 1 2 3 4 5 6; do echo $i >&2; sleep 0.2; done";
        let heard = shell(script, SHORT, Answer::Whole).finish().unwrap();
        assert_eq!((heard.code, heard.end), (Some(0), End::Own));
    }

    #[test]
    fn an_answer_has_a_bound() {
        let heard = shell("yes", None, Answer::Whole).finish().unwrap();
        assert_eq!(heard.end, End::TooMuch);
        let heard = shell(
            "echo first; yes | head -c 2000000; echo last",
            None,
            Answer::Ends,
        );
        let heard = heard.finish().unwrap();
        assert_eq!((heard.code, heard.end), (Some(0), End::Own));
        assert!(heard.answer.starts_with(b"first\n") && heard.answer.ends_with(b"last\n"));
        assert!(heard.answer.len() < 3 * VERDICT);
    }

    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "the time that it takes is tested"
    )]
    fn what_stays_in_the_background_is_not_waited_for() {
        // As the shared connection of ssh does, which keeps the messages open only.
        let script = "echo done; (exec >&-; sleep 60) & exit 0";
        let started = Instant::now();
        let heard = shell(script, None, Answer::Whole).finish().unwrap();
        assert!(started.elapsed() < Duration::from_secs(40));
        assert_eq!((heard.code, heard.end), (Some(0), End::Own));
        assert_eq!(heard.answer, b"done\n");
    }
}
