use super::*;
use crate::cluster::{Cluster, ConnectOptions};
use proptest::prelude::*;
use std::fs;

/// A kubeconfig with these entries, in a folder of its own.
struct Kubeconfig {
    dir: tempfile::TempDir,
}

impl Kubeconfig {
    fn new(text: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("kubeconfig"), text).unwrap();
        Self { dir }
    }

    fn of(cluster: &str, user: &str) -> Self {
        Self::new(&format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\n\
             clusters: [{{name: k, cluster: {{{cluster}}}}}]\n\
             contexts: [{{name: c, context: {{cluster: k, user: u}}}}]\n\
             users: [{{name: u, user: {{{user}}}}}]\n"
        ))
    }

    fn user(user: &str) -> Self {
        Self::of("server: 'http://127.0.0.1:1'", user)
    }

    fn options(&self) -> ConnectOptions {
        ConnectOptions {
            kubeconfig: Some(self.dir.path().join("kubeconfig")),
            request_timeout: Some(std::time::Duration::from_secs(5)),
            ..ConnectOptions::default()
        }
    }

    fn connect(&self) -> Result<Cluster, ConnectError> {
        Cluster::connect(&self.options())
    }

    fn error(&self) -> String {
        match self.connect() {
            Ok(cluster) => panic!("connects to {}", cluster.server()),
            Err(error) => error.to_string(),
        }
    }
}

#[test]
fn blanks_around_a_token_are_no_part_of_it() {
    for user in ["token: \"t0ken\\n\"", "token: ' t0ken '"] {
        Kubeconfig::user(user).connect().unwrap();
    }
    let config = Kubeconfig::user("tokenFile: token");
    fs::write(config.dir.path().join("token"), "t0ken\r\n").unwrap();
    config.connect().unwrap();
}

#[test]
fn what_cannot_be_sent_is_named_with_its_place_and_not_shown() {
    for (user, place) in [
        ("token: \"hush\\nhush\"", "users[name=u].user.token holds"),
        ("token: \"hush\\u0000\"", "users[name=u].user.token holds"),
        ("token: \"hush hush\"", "users[name=u].user.token holds"),
        ("tokenFile: missing", "users[name=u].user.tokenFile ("),
        ("tokenFile: /dev/zero", "a device, not a file"),
        ("tokenFile: .", "a folder, not a file"),
        ("client-key: /dev/zero", "a device, not a file"),
        (
            "client-key-data: '!hush'",
            "users[name=u].user.client-key-data is not base64",
        ),
        (
            "client-certificate-data: 'a', client-key-data: 'aHVzaA=='",
            "is not base64",
        ),
        ("token: t, as: \"a\\nb\"", "to impersonate"),
        ("token: t, as: a, as-groups: [\"a\\nb\"]", "to impersonate"),
        (
            "token: t, as: a, as-user-extra: {x: [\"a\\nb\"]}",
            "as-user-extra",
        ),
        (
            "auth-provider: {name: gcp, config: {cmd-path: /bin/false}}",
            "auth-provider",
        ),
    ] {
        let config = Kubeconfig::user(user);
        let error = config.error();
        assert!(error.contains(place), "{user}: {error}");
        assert!(!error.contains("hush"), "{error}");
    }
}

#[test]
fn odd_addresses_are_refused_and_logins_in_them_are_not_shown() {
    for server in [
        "",
        "unix:/run/api.sock",
        "unix:///run/api.sock",
        "127.0.0.1:6443",
        "api.example.com:6443",
        "/path",
        "ftp://ann:hush@example.com",
        "http://",
        "http:///path",
        "http://ann:hush@",
        "https://ann:hush@example.com:port",
        "http://[::1",
        "mailto:ann@example.com",
        "*",
    ] {
        let error = Kubeconfig::of(&format!("server: '{server}'"), "").error();
        assert!(!error.contains("hush"), "{server}: {error}");
    }
    let long = format!("server: 'https://example.com/{}'", "a".repeat(100_000));
    assert!(Kubeconfig::of(&long, "").error().len() < 1000);
    for server in [
        "http://ann:hush@127.0.0.1:1/path?query=1",
        "https://ann:hush@example.com",
    ] {
        let cluster = Kubeconfig::of(&format!("server: '{server}'"), "").connect();
        let cluster = cluster.unwrap();
        assert!(!cluster.server().contains("hush"), "{}", cluster.server());
    }
}

#[test]
fn the_login_of_a_proxy_is_not_shown() {
    for proxy in [
        "htp://ann:hush@example.com",
        "ann:hush@example.com:80",
        "http://ann:hush@",
    ] {
        let cluster = format!("server: 'http://127.0.0.1:1', proxy-url: '{proxy}'");
        let error = Kubeconfig::of(&cluster, "").error();
        assert!(!error.contains("hush"), "{proxy}: {error}");
    }
}

#[test]
fn files_without_end_are_not_read() {
    let options = ConnectOptions {
        kubeconfig: Some("/dev/zero".into()),
        ..ConnectOptions::default()
    };
    let error = Cluster::connect(&options).err().unwrap().to_string();
    assert!(error.contains("a device, not a file"), "{error}");
    let cluster = "server: 'https://example.com', certificate-authority: /dev/zero";
    let error = Kubeconfig::of(cluster, "").error();
    assert!(error.contains("not a regular file"), "{error}");
}

/// Pieces of which odd kubeconfigs are made.
const PIECES: [&str; 28] = [
    "''",
    "\"\\n\"",
    "\"a\\nb\"",
    "\"\\u0000\"",
    "\"\\u202e\"",
    "'ü'",
    "[]",
    "{}",
    "null",
    "true",
    "4711",
    "-1",
    "1e999",
    "'a b'",
    "'*'",
    "'http://127.0.0.1:1'",
    "'https://a:b@[::1]:99999'",
    "'unix:/x'",
    "'://'",
    "'/dev/null'",
    "'.'",
    "aGVsbG8=",
    "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t",
    "[a, \"\\n\"]",
    "{a: [\"\\r\"]}",
    "'%zz'",
    "'socks5://a:b@'",
    "'sk-hush0000'",
];

const FIELDS: [&str; 22] = [
    "server",
    "tls-server-name",
    "proxy-url",
    "certificate-authority",
    "certificate-authority-data",
    "insecure-skip-tls-verify",
    "disable-compression",
    "token",
    "tokenFile",
    "username",
    "password",
    "client-certificate",
    "client-certificate-data",
    "client-key",
    "client-key-data",
    "as",
    "as-uid",
    "as-groups",
    "as-user-extra",
    "namespace",
    "auth-provider",
    "extensions",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever a kubeconfig holds, it is used or refused; nothing panics.
    #[test]
    fn no_kubeconfig_is_a_bug(
        fields in prop::collection::vec((0..FIELDS.len(), 0..PIECES.len()), 0..6),
        valid_server in any::<bool>(),
        cut in 0usize..2000,
    ) {
        let mut clusters = Vec::new();
        let mut users = Vec::new();
        let mut contexts = vec!["cluster: k".to_owned(), "user: u".to_owned()];
        let mut seen = std::collections::BTreeSet::new();
        if valid_server {
            seen.insert("server");
            clusters.push("server: 'https://127.0.0.1:1'".to_owned());
        }
        for (field, piece) in fields {
            let field = FIELDS[field];
            if !seen.insert(field) {
                continue;
            }
            let entry = format!("{field}: {}", PIECES[piece]);
            match field {
                "namespace" => contexts.push(entry),
                "server" | "tls-server-name" | "proxy-url" | "certificate-authority"
                | "certificate-authority-data" | "insecure-skip-tls-verify"
                | "disable-compression" => clusters.push(entry),
                _ => users.push(entry),
            }
        }
        let mut text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\n\
             clusters: [{{name: k, cluster: {{{}}}}}]\n\
             contexts: [{{name: c, context: {{{}}}}}]\n\
             users: [{{name: u, user: {{{}}}}}]\n",
            clusters.join(", "), contexts.join(", "), users.join(", "),
        );
        if cut < text.len() && text.is_char_boundary(cut) && cut % 3 == 0 {
            text.truncate(cut);
        }
        let connected = Kubeconfig::new(&text).connect();
        if let Err(error) = connected {
            // The names of files are shown as any text is.
            let shown = crate::confidential::redact_shapes(&error.to_string()).into_owned();
            prop_assert!(!shown.contains("sk-hush0000"), "{}", error);
        }
    }
}
