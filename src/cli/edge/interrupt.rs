//! Signals that end this process: what it has started ends with it, and the terminal is
//! left as it was found. Refuses to hear a signal that who started us had ignored.

use std::io::{self, Write as _};
use std::sync::Once;

use super::failure::INTERRUPTED;
use super::waiting;
use crate::git::end_programs;

/// From now on, Ctrl-C and the like also end the programs that this process has started.
///
/// Prompts hide the cursor, and the terminal library raises SIGINT on Ctrl-C, which by
/// default would end the process with the cursor still hidden, with half a line of
/// progress left behind, and with a `git` that goes on.
pub(in crate::cli) fn end_with_children() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // A failure to prepare leaves things as they are without this.
        let _ = std::thread::Builder::new()
            .name("interrupt".to_owned())
            .spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_io()
                    .build()?;
                let code = runtime.block_on(signal())?;
                tidy_up();
                end_programs();
                end(code)
            });
    });
}

/// Waits for a signal that ends this process; the exit code for it, as shells report it.
#[cfg(unix)]
async fn signal() -> io::Result<u8> {
    use tokio::signal::unix::{SignalKind, signal};
    use tokio::sync::mpsc;

    let ignored = ignored_signals();
    let (sender, mut receiver) = mpsc::channel(1);
    for (kind, number) in [
        (SignalKind::interrupt(), 2),
        (SignalKind::terminate(), 15),
        (SignalKind::hangup(), 1),
    ] {
        // `nohup` and shells that start something in the background mean it.
        if ignored >> (number - 1) & 1 == 1 {
            continue;
        }
        let (mut stream, sender) = (signal(kind)?, sender.clone());
        tokio::spawn(async move {
            if stream.recv().await.is_some() {
                let _ = sender.send(number).await;
            }
        });
    }
    let number = receiver.recv().await;
    Ok(number.map_or(INTERRUPTED, |number| 128 + number))
}

#[cfg(not(unix))]
async fn signal() -> io::Result<u8> {
    tokio::signal::ctrl_c().await?;
    Ok(INTERRUPTED)
}

/// The signals that this process was started with ignored, one bit each; none where the
/// system does not tell.
#[cfg(unix)]
fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}

/// Ctrl-C reaches the prompt and the signal's own thread; whichever is first says so.
pub(in crate::cli) fn tidy_up() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let terminal = console::Term::stderr();
        let is_clear = waiting::clear() || !terminal.features().is_attended();
        let half_a_line = if is_clear { "" } else { "\n" };
        if terminal.features().is_attended() {
            let _ = terminal.show_cursor();
        }
        let _ = writeln!(io::stderr(), "{half_a_line}interrupted");
    });
}

#[expect(
    clippy::disallowed_methods,
    clippy::exit,
    reason = "a signal ends the process, whatever its other threads wait for"
)]
fn end(code: u8) -> io::Result<()> {
    std::process::exit(code.into())
}
