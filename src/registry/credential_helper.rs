//! Credential helpers: programs named `docker-credential-NAME` that know logins.
//! Refuses to wait for one without end, whether it does not answer or does not end, and
//! to start what a name leads out of `PATH`.

use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use serde_json::Value;

use super::credentials::{Login, password_or_identity, unusable};
use super::error::RegistryError;
use super::settings::Settings;

/// The largest answer that is read, in bytes: a login has some thousand.
/// See `docs/limits.md`.
const ANSWER_BYTES: u64 = 1 << 20;

/// The most pieces that an answer is put together from: who sends it byte by byte is not
/// listened to for long.
const CHUNKS: usize = 4096;

/// How soon it is looked whether a helper has ended; later less often, up to
/// [`LATEST_LOOK`], so that sleeping longer than asked does not add up.
const LOOK: Duration = Duration::from_millis(5);

/// The longest pause between two looks.
const LATEST_LOOK: Duration = Duration::from_millis(200);

/// How long the output of a helper that has ended is waited for: what it started, such as
/// an agent, may keep it open for ever.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Asks `docker-credential-NAME`; `None` when it knows no login for the host.
pub(super) fn ask(
    settings: &Settings,
    name: &str,
    host: &str,
) -> Result<Option<Login>, RegistryError> {
    let program = format!("docker-credential-{name}");
    let wrong = |reason: String| unusable(host, &program, reason);
    if name.contains(['/', '\\']) {
        return Err(wrong("the name of a helper is not a path".to_owned()));
    }
    let server = match host {
        "docker.io" => "https://index.docker.io/v1/",
        _ => host,
    };
    let (succeeded, output) = run(
        &program,
        server,
        settings.helper_path.as_ref(),
        settings.helper_timeout,
    )
    .map_err(wrong)?;
    if !succeeded {
        let text = String::from_utf8_lossy(&output).to_ascii_lowercase();
        if text.contains("credentials not found") {
            return Ok(None);
        }
        return Err(wrong("it failed".to_owned()));
    }
    let answer: Value =
        serde_json::from_slice(&output).map_err(|_| wrong("its answer is not JSON".to_owned()))?;
    match (answer["Username"].as_str(), answer["Secret"].as_str()) {
        (Some(""), Some("")) => Ok(None),
        (Some(user), Some(secret)) => Ok(Some(password_or_identity(user, secret))),
        _ => Err(wrong("its answer has no Username and Secret".to_owned())),
    }
}

/// Runs a helper and gives its success and output. Errors are already sentences.
#[allow(
    clippy::disallowed_methods,
    reason = "credential helpers are programs; this is the one place that starts them"
)]
fn run(
    program: &str,
    server: &str,
    path: Option<&OsString>,
    timeout: Duration,
) -> Result<(bool, Vec<u8>), String> {
    let mut command = Command::new(program);
    if let Some(path) = path {
        command.env("PATH", path);
    }
    // A group of its own, so that what it starts can be ended with it.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| error.to_string())?;
    let output = talk(&mut child, server);
    match wait(&mut child, timeout) {
        Ok(Some(status)) => Ok((status.success(), collect(&output))),
        Ok(None) => {
            end(&mut child);
            let seconds = timeout.as_secs_f32();
            Err(format!("it did not end within {seconds} s"))
        }
        Err(error) => {
            end(&mut child);
            Err(error.to_string())
        }
    }
}

/// Hands the server's name over and collects the answer; neither is waited for here.
fn talk(child: &mut Child, server: &str) -> Receiver<Vec<u8>> {
    let (input, output) = (child.stdin.take(), child.stdout.take());
    let server = server.to_owned();
    std::thread::spawn(move || {
        // A helper that does not read its input says so by its exit.
        let _ = input.map(|mut input| input.write_all(server.as_bytes()));
    });
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let Some(output) = output else { return };
        let mut output = output.take(ANSWER_BYTES);
        let mut chunk = [0; 4096];
        while let Ok(read) = output.read(&mut chunk) {
            if read == 0 || sender.send(chunk[..read].to_vec()).is_err() {
                return;
            }
        }
    });
    receiver
}

/// The status of a helper that ends in time.
fn wait(child: &mut Child, timeout: Duration) -> std::io::Result<Option<ExitStatus>> {
    let (mut waited, mut pause) = (Duration::ZERO, LOOK);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if waited >= timeout {
            return Ok(None);
        }
        let rest = timeout.saturating_sub(waited);
        std::thread::sleep(pause.min(rest));
        waited += pause.min(rest);
        pause = (waited / 8).clamp(LOOK, LATEST_LOOK);
    }
}

/// What a helper that has ended wrote.
fn collect(output: &Receiver<Vec<u8>>) -> Vec<u8> {
    let (mut bytes, mut idle) = (Vec::new(), Duration::ZERO);
    for _ in 0..CHUNKS {
        match output.recv_timeout(LOOK) {
            Ok(chunk) => bytes.extend(chunk),
            Err(RecvTimeoutError::Timeout) if idle < LAST_WORDS => idle += LOOK,
            Err(_) => break,
        }
    }
    bytes
}

/// Ends a helper and what it started, and reaps it.
fn end(child: &mut Child) {
    #[cfg(unix)]
    if let Some(group) = i32::try_from(child.id())
        .ok()
        .and_then(rustix::process::Pid::from_raw)
    {
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use std::time::Instant;

    /// Runs a script as a helper, with this patience.
    #[expect(
        clippy::disallowed_methods,
        reason = "the time that it takes is tested"
    )]
    fn helper(script: &str, patience: Duration) -> (Result<(bool, Vec<u8>), String>, Duration) {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("docker-credential-x");
        std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        let started = Instant::now();
        let found = run(file.to_str().unwrap(), "example.com", None, patience);
        (found, started.elapsed())
    }

    const SHORT: Duration = Duration::from_millis(400);
    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn a_helper_that_answers_and_stays_is_ended() {
        for script in [
            "echo '{}'; exec >&- 2>&-; exec sleep 60",
            "echo '{}'; exec sleep 60",
            "exec <&- >&-; trap '' TERM HUP; sleep 60; sleep 60",
            "cat >/dev/null; yes | tr -d '\\n'",
        ] {
            let (found, took) = helper(script, SHORT);
            if let Err(reason) = &found {
                assert_eq!(reason, "it did not end within 0.4 s", "{script}");
            }
            assert!(!matches!(found, Ok((true, _))), "{script}");
            assert!(took < LONG, "{script}: {took:?}");
        }
    }

    #[test]
    fn what_a_helper_started_is_ended_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let (pid, file) = (folder.path().join("pid"), folder.path().join("alive"));
        let script = format!(
            "(sleep 2; touch {}) & echo $! >{}; wait",
            file.display(),
            pid.display()
        );
        let (found, _) = helper(&script, SHORT);
        assert!(found.is_err(), "{found:?}");
        let pid: i32 = std::fs::read_to_string(pid)
            .unwrap()
            .trim()
            .parse()
            .unwrap();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        for _ in 0..100 {
            // An orphan is reaped by whoever inherits it, sooner or later.
            if rustix::process::test_kill_process(pid).is_err() {
                break;
            }
            std::thread::sleep(Duration::from_millis(30));
        }
        assert!(!file.exists());
    }

    #[test]
    fn an_answer_counts_though_an_agent_keeps_the_output_open() {
        let (found, took) = helper("sleep 8 & echo '{}'", LONG);
        assert_eq!(found, Ok((true, b"{}\n".to_vec())));
        assert!(took < LONG, "{took:?}");
    }
}
