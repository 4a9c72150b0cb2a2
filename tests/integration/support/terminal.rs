//! A person at a terminal: `script`, of util-linux, gives our executable one, and keys
//! are pressed when the screen shows what they answer.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::env::Env;

pub const DOWN: &str = "\u{1b}[B";
pub const ESCAPE: &str = "\u{1b}";
pub const CTRL_C: &str = "\u{3}";
pub const HIDE_CURSOR: &str = "\u{1b}[?25l";
pub const SHOW_CURSOR: &str = "\u{1b}[?25h";

/// A program that runs on a terminal.
pub struct Terminal {
    script: Child,
    keyboard: ChildStdin,
    screen: Arc<Mutex<String>>,
    reader: JoinHandle<()>,
    seen: usize,
}

/// Starts a program that hears signals, though whoever started the tests may ignore them,
/// as shells do for what they start in the background.
#[cfg(target_os = "linux")]
pub const HEARING: &str = "env --default-signal=HUP,INT,TERM";
#[cfg(not(target_os = "linux"))]
pub const HEARING: &str = "env";

impl Terminal {
    /// Runs our executable with these words in a folder.
    pub fn run(env: &Env, folder: &Path, words: &str) -> Terminal {
        Terminal::run_with(env, folder, words, &[])
    }

    /// The same with further variables.
    pub fn run_with(env: &Env, folder: &Path, words: &str, variables: &[(&str, &str)]) -> Terminal {
        let program = env!("CARGO_BIN_EXE_kubectl-gitops");
        let mut command = env.command("script", folder);
        let mut script = command
            .args([
                "-qefc",
                &format!("exec {HEARING} {program} {words}"),
                "/dev/null",
            ])
            .env("TERM", "xterm")
            .env("SHELL", "/bin/sh")
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("script, of util-linux");
        let keyboard = script.stdin.take().expect("a keyboard");
        let mut output = script.stdout.take().expect("a screen");
        let screen = Arc::new(Mutex::new(String::new()));
        let shown = screen.clone();
        let reader = std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(length @ 1..) = output.read(&mut bytes) {
                let text = String::from_utf8_lossy(&bytes[..length]);
                shown.lock().expect("the screen").push_str(&text);
            }
        });
        Terminal {
            script,
            keyboard,
            screen,
            reader,
            seen: 0,
        }
    }

    /// Everything that was written to the screen so far.
    pub fn screen(&self) -> String {
        self.screen.lock().expect("the screen").clone()
    }

    /// Waits until this is written, after whatever was waited for before.
    #[track_caller]
    pub fn shows(&mut self, text: &str) -> &mut Terminal {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let screen = self.screen();
            if let Some(place) = screen[self.seen..].find(text) {
                self.seen += place + text.len();
                return self;
            }
            let ended = self.reader.is_finished();
            assert!(
                !ended && Instant::now() < deadline,
                "{text:?} is not shown after:\n{}\nbut:\n{}",
                &screen[..self.seen],
                &screen[self.seen..]
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Presses keys.
    #[track_caller]
    pub fn press(&mut self, keys: &str) -> &mut Terminal {
        let typed = self.keyboard.write_all(keys.as_bytes());
        typed
            .and_then(|()| self.keyboard.flush())
            .expect("a terminal");
        self
    }

    /// Waits for the end; the exit code, and all that the screen showed.
    pub fn end(mut self) -> (i32, String) {
        let status = self.script.wait().expect("script ends");
        self.reader.join().expect("a screen");
        let screen = self.screen.lock().expect("the screen").clone();
        (status.code().unwrap_or(-1), screen)
    }
}
