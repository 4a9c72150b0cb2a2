//! Credential plugins: programs of a kubeconfig that print a credential. Refuses to wait
//! for one without end, to read more than a credential can be, and to repeat what it says
//! in full.

use std::io::Read;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kube::config::{ExecConfig, ExecInteractiveMode};
use serde_json::{Value, json};

use crate::confidential::{Sent, is_secret_name, presentable, redact};

/// How long a plugin may take when `--request-timeout` says nothing and no person is
/// there: it asks a server or reads a file, as one request does.
/// See `docs/limits.md`.
const PATIENCE: Duration = Duration::from_secs(60);

/// The same where a person is there: a login in a browser takes minutes.
/// See `docs/limits.md`.
const PATIENCE_WITH_PERSON: Duration = Duration::from_secs(300);

/// The longest answer that is read, in bytes: a token or a certificate with its key, and
/// much room.
/// See `docs/limits.md`.
const MOST_OUTPUT: usize = 1 << 20;

/// How much of its complaints is kept, in bytes; the rest is read and dropped.
const MOST_COMPLAINT: usize = 8 << 10;

/// How much of its complaints is shown, in characters: a line of a terminal or two.
const SHOWN_COMPLAINT: usize = 300;

/// How often a plugin is looked at while it says nothing.
const TICK: Duration = Duration::from_millis(20);

/// How many ticks an ended plugin's output may stay open: a program that it started may
/// hold it for ever.
const TICKS_AFTER_END: u32 = 25;

/// How a plugin is run.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Terms {
    /// `--request-timeout`; zero waits for ever, none for the usual time.
    pub(super) timeout: Option<Duration>,
    /// Whether a person is at a terminal.
    pub(super) interactive: bool,
}

/// A credential.
#[derive(Default)]
pub(super) struct Credential {
    pub(super) token: Option<String>,
    /// Certificate and key in PEM.
    pub(super) certificate: Option<(String, String)>,
}

/// Runs a plugin and reads its answer. Errors are sentences that name the plugin and hold
/// neither its answer nor its arguments and variables.
pub(super) fn run(plugin: &ExecConfig, terms: Terms) -> Result<Credential, String> {
    let Some(program) = plugin.command.as_deref().filter(|name| !name.is_empty()) else {
        return Err("the credential plugin has no command".to_owned());
    };
    let wrong = |problem: String| format!("{program}: {problem}");
    let output = output(plugin, program, terms).map_err(wrong)?;
    read(&output).map_err(|problem| wrong(problem.to_owned()))
}

fn output(plugin: &ExecConfig, program: &str, terms: Terms) -> Result<Vec<u8>, String> {
    let mode = plugin.interactive_mode.as_ref();
    let interactive = terms.interactive && mode != Some(&ExecInteractiveMode::Never);
    if mode == Some(&ExecInteractiveMode::Always) && !interactive {
        return Err("the credential plugin needs a terminal".to_owned());
    }
    let mut child = command(plugin, program, interactive)?
        .spawn()
        .map_err(|error| format!("the credential plugin cannot be started: {error}"))?;
    let (events, heard) = mpsc::channel();
    if let Some(output) = child.stdout.take() {
        let events = events.clone();
        std::thread::spawn(move || listen(output, &events));
    }
    let complaint: Arc<Mutex<Vec<u8>>> = Arc::default();
    if let Some(stream) = child.stderr.take() {
        let complaint = Arc::clone(&complaint);
        let events = events.clone();
        std::thread::spawn(move || keep_first(stream, &complaint, &events));
    }
    let usual = match interactive {
        true => PATIENCE_WITH_PERSON,
        false => PATIENCE,
    };
    let patience = terms.timeout.unwrap_or(usual);
    let (_alive, ended) = mpsc::channel::<()>();
    if !patience.is_zero() {
        let events = events.clone();
        std::thread::spawn(move || {
            if ended.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
                let _ = events.send(Event::TimeIsUp);
            }
        });
    }
    let streams = 1 + u8::from(!interactive);
    let waited = wait(&mut child, streams, &heard);
    // Whatever happened, nothing of it is left running.
    end(&mut child, interactive);
    match waited {
        Ok((status, output)) if status.success() => Ok(output),
        Ok((status, _)) => {
            let complaint = complaint
                .lock()
                .map(|text| text.clone())
                .unwrap_or_default();
            Err(failed(plugin, status, &complaint))
        }
        Err(Stopped::TooMuch) => Err(format!(
            "the credential plugin printed more than {} MiB",
            MOST_OUTPUT >> 20
        )),
        Err(Stopped::TimeIsUp) => Err(format!(
            "the credential plugin did not end within {} s",
            patience.as_secs_f32()
        )),
        Err(Stopped::Lost(error)) => Err(error),
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "credential plugins are programs; this is the one place that starts them"
)]
fn command(plugin: &ExecConfig, program: &str, interactive: bool) -> Result<Command, String> {
    let mut command = Command::new(program);
    command.args(plugin.args.iter().flatten());
    for variable in plugin.env.iter().flatten() {
        if let (Some(name), Some(value)) = (variable.get("name"), variable.get("value")) {
            if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
                return Err("a variable of the credential plugin has an odd name".to_owned());
            }
            command.env(name, value);
        }
    }
    let mut spec = json!({"interactive": interactive});
    if plugin.provide_cluster_info {
        let cluster = plugin.cluster.as_ref();
        let cluster = cluster.and_then(|cluster| serde_json::to_value(cluster).ok());
        spec["cluster"] = cluster.unwrap_or_default();
    }
    let info = json!({
        "apiVersion": plugin.api_version, "kind": "ExecCredential", "spec": spec,
    });
    command.env("KUBERNETES_EXEC_INFO", info.to_string());
    // What it says to a person has to be seen while it waits for an answer.
    let (stdin, stderr) = match interactive {
        true => (Stdio::inherit(), Stdio::inherit()),
        false => (Stdio::null(), Stdio::piped()),
    };
    command.stdin(stdin).stdout(Stdio::piped()).stderr(stderr);
    // A group of its own, so that what it starts can be ended with it. One that asks a
    // person stays in this group: another may not read from the terminal.
    #[cfg(unix)]
    if !interactive {
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
    }
    Ok(command)
}

/// Ends a plugin and what it started, and reaps it.
fn end(child: &mut Child, interactive: bool) {
    #[cfg(unix)]
    if !interactive
        && let Ok(id) = i32::try_from(child.id())
        && let Some(group) = rustix::process::Pid::from_raw(id)
    {
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    #[cfg(not(unix))]
    let _ = interactive;
    let _ = child.kill();
    let _ = child.wait();
}

enum Event {
    Said(Vec<u8>),
    SaidAll,
    TimeIsUp,
}

enum Stopped {
    TooMuch,
    TimeIsUp,
    Lost(String),
}

fn listen(mut output: ChildStdout, events: &Sender<Event>) {
    let mut buffer = vec![0; 16 << 10];
    loop {
        let event = match output.read(&mut buffer) {
            Ok(0) | Err(_) => Event::SaidAll,
            Ok(length) => Event::Said(buffer[..length].to_vec()),
        };
        let last = matches!(event, Event::SaidAll);
        if events.send(event).is_err() || last {
            return;
        }
    }
}

fn keep_first(mut stream: impl Read, kept: &Mutex<Vec<u8>>, events: &Sender<Event>) {
    let mut buffer = vec![0; 4 << 10];
    while let Ok(length) = stream.read(&mut buffer) {
        if length == 0 {
            break;
        }
        if let Ok(mut kept) = kept.lock() {
            let room = MOST_COMPLAINT.saturating_sub(kept.len());
            kept.extend_from_slice(&buffer[..length.min(room)]);
        }
    }
    let _ = events.send(Event::SaidAll);
}

/// Waits for the end of the plugin and of all its streams.
fn wait(
    child: &mut Child,
    mut streams: u8,
    heard: &Receiver<Event>,
) -> Result<(ExitStatus, Vec<u8>), Stopped> {
    let mut output = Vec::new();
    let mut ticks_after_end = 0;
    loop {
        match heard.recv_timeout(TICK) {
            Ok(Event::Said(bytes)) => output.extend(bytes),
            Ok(Event::SaidAll) => streams = streams.saturating_sub(1),
            Ok(Event::TimeIsUp) => return Err(Stopped::TimeIsUp),
            Err(_) => {}
        }
        if output.len() > MOST_OUTPUT {
            return Err(Stopped::TooMuch);
        }
        let ended = child.try_wait();
        if let Some(status) = ended.map_err(|error| Stopped::Lost(error.to_string()))? {
            ticks_after_end += 1;
            if streams == 0 || ticks_after_end > TICKS_AFTER_END {
                return Ok((status, output));
            }
        }
    }
}

/// The first line of the complaints, without what the plugin was given.
fn failed(plugin: &ExecConfig, status: ExitStatus, complaint: &[u8]) -> String {
    let mut given = Sent::default();
    for variable in plugin.env.iter().flatten() {
        if let (Some(name), Some(value)) = (variable.get("name"), variable.get("value"))
            && is_secret_name(name)
        {
            given.add(value);
        }
    }
    let text = presentable(&String::from_utf8_lossy(complaint));
    let first = text.lines().next().unwrap_or_default().trim();
    let first = redact(&given.mask(first));
    let mut shown: String = first.chars().take(SHOWN_COMPLAINT).collect();
    if shown.len() < first.len() {
        shown.push('…');
    }
    match shown.is_empty() {
        true => format!("the credential plugin failed ({status})"),
        false => format!("the credential plugin failed ({status}): {shown}"),
    }
}

/// The credential in an answer, which is JSON, or YAML as kubectl takes it.
fn read(output: &[u8]) -> Result<Credential, &'static str> {
    let wrong = "the credential plugin's answer is not an ExecCredential";
    let text = std::str::from_utf8(output).map_err(|_| wrong)?;
    let documents = crate::yaml::parse_values(text).map_err(|_| wrong)?;
    let status = documents.first().and_then(|answer| answer.get("status"));
    let Some(status) = status.filter(|status| status.is_object()) else {
        return Err(wrong);
    };
    let text = |name: &str| {
        let text = status.get(name).and_then(Value::as_str);
        text.filter(|text| !text.trim().is_empty())
            .map(str::to_owned)
    };
    let credential = Credential {
        token: text("token"),
        certificate: text("clientCertificateData").zip(text("clientKeyData")),
    };
    match (&credential.token, &credential.certificate) {
        (None, None) => Err("the credential plugin's answer has no credential"),
        _ => Ok(credential),
    }
}

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn plugin(script: &str) -> ExecConfig {
        ExecConfig {
            command: Some("sh".to_owned()),
            args: Some(vec!["-c".to_owned(), script.to_owned()]),
            ..ExecConfig::default()
        }
    }

    fn within(script: &str, milliseconds: u64) -> Result<Credential, String> {
        let terms = Terms {
            timeout: Some(Duration::from_millis(milliseconds)),
            interactive: false,
        };
        run(&plugin(script), terms)
    }

    const ANSWER: &str = r#"echo "{\"status\":{\"token\":\"abc\"}}""#;

    #[test]
    fn an_answer_is_read_as_json_and_as_yaml() {
        let token = |script: &str| within(script, 20_000).unwrap().token.unwrap();
        assert_eq!(token(ANSWER), "abc");
        assert_eq!(token("printf 'status:\\n  token: abc\\n'"), "abc");
        let pair = "printf 'status: {clientCertificateData: a, clientKeyData: b}'";
        let found = within(pair, 20_000).unwrap().certificate.unwrap();
        assert_eq!(found, ("a".to_owned(), "b".to_owned()));
    }

    #[test]
    fn a_plugin_that_does_not_end_is_stopped() {
        let error = within("sleep 60", 300).err().unwrap();
        assert_eq!(error, "sh: the credential plugin did not end within 0.3 s");
        let error = within("while :; do echo x >&2; done", 300).err().unwrap();
        assert!(error.contains("did not end within"), "{error}");
    }

    #[test]
    fn a_plugin_that_prints_without_bound_is_stopped() {
        let error = within(
            "while :; do echo 0123456789012345678901234567890123456789; done",
            60_000,
        );
        assert_eq!(
            error.err().unwrap(),
            "sh: the credential plugin printed more than 1 MiB"
        );
    }

    #[test]
    fn a_program_left_behind_holds_nobody_up() {
        let script = format!("{ANSWER}; sleep 30 &");
        assert_eq!(within(&script, 20_000).unwrap().token.unwrap(), "abc");
    }

    #[test]
    fn what_a_plugin_started_is_ended_with_it() {
        let folder = tempfile::tempdir().unwrap();
        for (name, script) in [("late", "wait"), ("done", ANSWER)] {
            let (began, file) = (folder.path().join("began"), folder.path().join(name));
            let script = format!(
                "(touch {}; sleep 2; touch {}) & {script}",
                began.display(),
                file.display()
            );
            assert_eq!(within(&script, 700).is_ok(), name == "done");
            assert!(began.exists(), "{name}");
            std::thread::sleep(Duration::from_millis(2500));
            assert!(!file.exists(), "{name}");
        }
    }

    #[test]
    fn a_complaint_is_shortened_and_masked() {
        let mut plugin =
            plugin("printf '%s %01000d' \"$API_TOKEN ghp_0123456789 no\" 1 >&2; exit 3");
        let variable = [("name", "API_TOKEN"), ("value", "hush-hush")];
        let variable = variable.map(|(key, value)| (key.to_owned(), value.to_owned()));
        plugin.env = Some(vec![variable.into_iter().collect()]);
        let error = run(&plugin, Terms::default()).err().unwrap();
        assert!(error.contains("exit status: 3): *** *** no 000"), "{error}");
        assert!(error.ends_with('…') && error.len() < 400, "{error}");
    }

    #[test]
    fn nonsense_is_no_credential() {
        for script in [
            "true",
            "echo hush",
            "echo '{}'",
            "echo '{\"status\":{}}'",
            "printf '\\377'",
        ] {
            let error = within(script, 20_000).err().unwrap();
            assert!(error.contains("credential plugin's answer"), "{error}");
            assert!(!error.contains("hush"), "{error}");
        }
        let mut always = plugin(ANSWER);
        always.interactive_mode = Some(ExecInteractiveMode::Always);
        assert!(run(&always, Terms::default()).is_err());
    }
}
