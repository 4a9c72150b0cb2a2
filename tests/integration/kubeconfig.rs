//! Credentials of a kubeconfig: what cannot be sent is refused with its place, what was
//! sent is repeated in no output, and no plugin is waited for without end.

use std::time::{Duration, Instant};

use crate::support::Env;
use crate::support::env::Outcome;
use crate::support::scripted::{Heard, Say, Scripted};

const POD: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: default}\n";

/// A folder with one object and a kubeconfig.
struct Folder {
    env: Env,
}

impl Folder {
    fn new(server: &str, user: &str) -> Self {
        let env = Env::new();
        std::fs::create_dir(env.join("app")).unwrap();
        std::fs::write(env.join("app/a.yaml"), POD).unwrap();
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\n\
             clusters: [{{name: k, cluster: {{server: '{server}'}}}}]\n\
             contexts: [{{name: c, context: {{cluster: k, user: u}}}}]\n\
             users: [{{name: u, user: {{{user}}}}}]\n"
        );
        std::fs::write(env.join("kubeconfig"), text).unwrap();
        Self { env }
    }

    fn validate(&self, more: &[&str]) -> Outcome {
        let fixed = ["validate", "app", "--live", "--kubeconfig", "kubeconfig"];
        self.env
            .gitops(self.env.path(), &[&fixed[..], more].concat())
    }
}

#[track_caller]
fn says_nothing_of(outcome: &Outcome, secrets: &[&str]) {
    let said = format!("{}{}", outcome.stdout, outcome.stderr);
    for secret in secrets {
        assert!(!said.contains(secret), "{secret} in:\n{said}");
    }
}

/// A server that repeats what it was sent wherever it can.
fn echo(status: u16) -> Scripted {
    Scripted::start(Duration::ZERO, move |heard: &Heard| {
        let header = heard.authorization.clone().unwrap_or_default();
        let secret = header.rsplit(' ').next().unwrap_or_default();
        let body = format!(
            r#"{{"kind":"Status","code":{status},"reason":"{secret}","message":"not {header}, not {secret}"}}"#
        );
        Say::new(status, body).header("Warning", format!("299 - \"{secret} is old\""))
    })
}

#[test]
fn what_was_sent_is_repeated_in_no_output() {
    for status in [401, 403, 500] {
        let server = echo(status);
        let address = format!("http://{}", server.host());
        for (address, user) in [
            (address.clone(), "token: hush-hush-token"),
            (address.clone(), "username: ann, password: hush-hush"),
            (address.replace("//", "//ann:hush-hush@"), ""),
        ] {
            let folder = Folder::new(&address, user);
            for format in ["text", "json"] {
                let outcome = folder.validate(&["-o", format]).code(5);
                // base64 of ann:hush-hush
                says_nothing_of(&outcome, &["hush-hush", "YW5uOmh1c2gtaHVzaA"]);
                assert!(outcome.stderr.contains("***"), "{}", outcome.stderr);
            }
        }
        assert!(server.heard().iter().all(|one| one.authorization.is_some()));
    }
}

#[test]
fn the_password_of_a_servers_address_is_not_printed() {
    for address in [
        "http://ann:hush-hush@127.0.0.1:1",
        "ftp://ann:hush-hush@127.0.0.1:1",
        "http://ann:hush-hush@",
    ] {
        let folder = Folder::new(address, "");
        for format in ["text", "json"] {
            let outcome = folder.validate(&["-o", format, "--request-timeout", "3s"]);
            assert!([2, 5].contains(&outcome.status), "{outcome:?}");
            says_nothing_of(&outcome, &["hush-hush"]);
        }
    }
}

#[test]
fn a_token_with_a_line_break_is_used_without_it_or_refused_with_its_place() {
    let server = echo(401);
    let address = format!("http://{}", server.host());
    let folder = Folder::new(&address, "token: \"hush-hush\\n\"");
    let outcome = folder.validate(&[]).code(5);
    says_nothing_of(&outcome, &["hush-hush"]);
    let heard = server.heard();
    assert_eq!(heard[0].authorization.as_deref(), Some("Bearer hush-hush"));
    for user in ["token: \"hush\\nhush\"", "tokenFile: token"] {
        let folder = Folder::new(&address, user);
        std::fs::write(folder.env.join("token"), "hush\u{7}hush\n").unwrap();
        let outcome = folder.validate(&[]).code(2);
        says_nothing_of(&outcome, &["hush"]);
        let place = format!("users[name=u].user.{}", user.split(':').next().unwrap());
        assert!(outcome.stderr.contains(&place), "{}", outcome.stderr);
    }
}

#[cfg(unix)]
#[test]
fn a_plugin_that_does_not_end_is_stopped_after_the_request_timeout() {
    for script in [
        "sleep 60",
        "sleep 60 & wait",
        "while :; do echo x >&2; done",
    ] {
        let user = format!(
            "exec: {{apiVersion: client.authentication.k8s.io/v1, command: sh, args: [-c, '{script}'], interactiveMode: Never}}"
        );
        let folder = Folder::new("http://127.0.0.1:1", &user);
        let began = Instant::now();
        let outcome = folder.validate(&["--request-timeout", "1s"]).code(5);
        assert!(began.elapsed() < Duration::from_secs(20));
        let said = "sh: the credential plugin did not end within 1 s";
        assert!(outcome.stderr.contains(said), "{}", outcome.stderr);
    }
}

#[cfg(unix)]
#[test]
fn a_plugins_credential_is_renewed_once_it_is_refused_and_never_printed() {
    let server = Scripted::start(Duration::ZERO, |heard: &Heard| {
        let header = heard.authorization.clone().unwrap_or_default();
        match header.ends_with("hush-2") {
            true => Say::new(500, format!("broken for {header}")),
            false => Say::new(401, format!("expired {header}")),
        }
    });
    let script = r#"echo x >>"$(dirname "$0")/runs"; n=$(wc -l <"$(dirname "$0")/runs"); echo "status: {token: hush-hush-$((n))}""#;
    let user = "exec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin, interactiveMode: Never}";
    let folder = Folder::new(&format!("http://{}", server.host()), user);
    let plugin = folder.env.join("plugin");
    std::fs::write(&plugin, format!("#!/bin/sh\n{script}\n")).unwrap();
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&plugin, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let outcome = folder.validate(&[]).code(5);
    says_nothing_of(&outcome, &["hush-hush"]);
    assert!(
        outcome.stderr.contains("broken for Bearer ***"),
        "{}",
        outcome.stderr
    );
    let runs = std::fs::read_to_string(folder.env.join("runs")).unwrap();
    assert_eq!(runs.lines().count(), 2);
}
