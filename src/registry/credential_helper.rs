//! Credential helpers: programs named `docker-credential-NAME` that know logins.
//! Refuses to wait for one without end, and to start what a name leads out of `PATH`.

use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;

use super::credentials::{Login, password_or_identity, unusable};
use super::error::RegistryError;
use super::settings::Settings;

/// Asks `docker-credential-NAME`; `None` when it knows no login for the host.
pub(super) fn ask(
    settings: &Settings,
    name: &str,
    host: &str,
) -> Result<Option<Login>, RegistryError> {
    let program = format!("docker-credential-{name}");
    let wrong = |reason: String| unusable(host, &program, reason);
    if name.contains(['/', '\\']) {
        return Err(wrong("a helper's name is no path".to_owned()));
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
        serde_json::from_slice(&output).map_err(|_| wrong("its answer is no JSON".to_owned()))?;
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
    let mut child = command
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| error.to_string())?;
    if let Some(mut input) = child.stdin.take() {
        // A helper that does not read its input says so by its exit.
        let _ = input.write_all(server.as_bytes());
    }
    let (sender, receiver) = mpsc::channel();
    let output = child.stdout.take();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(output) = output {
            let _ = output.take(1 << 20).read_to_end(&mut bytes);
        }
        let _ = sender.send(bytes);
    });
    match receiver.recv_timeout(timeout) {
        Ok(bytes) => {
            let status = child.wait().map_err(|error| error.to_string())?;
            Ok((status.success(), bytes))
        }
        Err(_) => {
            let _ = child.kill();
            let _ = child.wait();
            Err(format!("no answer within {} s", timeout.as_secs_f32()))
        }
    }
}
