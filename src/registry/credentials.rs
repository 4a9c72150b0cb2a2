//! Credentials from documents that were handed in, from Docker's and Podman's
//! configuration files and from credential helpers. Refuses to keep them anywhere else,
//! to start a helper for a document's sake, and never prints one.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::Value;

use super::credential_helper;
use super::error::RegistryError;
use super::settings::Settings;
use super::words::Words;
use crate::files;

/// The largest configuration file that is read, in bytes: one with a login for each of a
/// thousand registries has a tenth of it.
/// See `docs/limits.md`.
const FILE_BYTES: u64 = 4 << 20;

/// Docker pads what it encodes, and other tools do not; the kubelet reads both.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Where the credentials of a request came from, for error messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CredentialSource {
    /// There were none.
    Anonymous,
    /// None were looked for: the registry is asked over plain HTTP, and this machine does
    /// not allow to send any that way.
    PlainHttp,
    /// A configuration file.
    File(PathBuf),
    /// A credential helper, named by a configuration file.
    Helper(String),
    /// A document that was handed in, by the name of its place.
    Document(String),
    /// A document in an environment variable.
    Variable(&'static str),
}

impl fmt::Display for CredentialSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CredentialSource::Anonymous => formatter.write_str("without credentials"),
            CredentialSource::PlainHttp => {
                formatter.write_str("without credentials because it is asked over plain HTTP")
            }
            CredentialSource::File(path) => {
                write!(formatter, "with the credentials of {}", path.display())
            }
            CredentialSource::Helper(name) => {
                write!(
                    formatter,
                    "with the credentials of docker-credential-{name}"
                )
            }
            CredentialSource::Document(place) => {
                write!(formatter, "with the credentials of {place}")
            }
            CredentialSource::Variable(name) => {
                write!(formatter, "with the credentials of the variable {name}")
            }
        }
    }
}

/// A configuration document that is in no file on this machine. Only the logins that it
/// holds count: what came from elsewhere starts no program here.
#[derive(Clone)]
pub struct CredentialDocument {
    /// Where it comes from: [`CredentialSource::Document`] or
    /// [`CredentialSource::Variable`].
    pub source: CredentialSource,
    /// The document, as Docker writes it.
    pub config: Value,
}

impl CredentialDocument {
    /// What messages call it.
    fn place(&self) -> String {
        match &self.source {
            CredentialSource::Document(place) => place.clone(),
            CredentialSource::Variable(name) => (*name).to_owned(),
            other => other.to_string(),
        }
    }
}

impl fmt::Debug for CredentialDocument {
    /// It holds secrets.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "CredentialDocument({})", self.place())
    }
}

/// What is known about a login.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Login {
    Anonymous,
    Password {
        user: String,
        password: String,
    },
    /// A refresh token, to be traded for an access token.
    Identity(String),
    /// A bearer token for the registry itself.
    Registry(String),
}

impl fmt::Debug for Login {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Login::Anonymous => "Anonymous",
            Login::Password { .. } => "Password(…)",
            Login::Identity(_) => "Identity(…)",
            Login::Registry(_) => "Registry(…)",
        })
    }
}

impl Login {
    /// Notes what no message may contain.
    pub(super) fn note(&self, words: &Words) {
        match self {
            Login::Anonymous => {}
            Login::Password { user, password } => words.add_login(user, password),
            Login::Identity(token) | Login::Registry(token) => words.add(token),
        }
    }
}

/// A login with its origin and the key it was found under: equal keys share tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) login: Login,
    pub(super) source: CredentialSource,
    pub(super) key: String,
}

/// What helpers answered, by helper and host: a person who is asked for a password by
/// a helper is asked once.
type Answers = HashMap<(String, String), Result<Option<Login>, RegistryError>>;

/// Looks logins up and remembers what helpers said.
pub(super) struct Store {
    settings: Arc<Settings>,
    answers: Mutex<Answers>,
}

impl Store {
    pub(super) fn new(settings: Arc<Settings>) -> Store {
        Store {
            settings,
            answers: Mutex::new(HashMap::new()),
        }
    }

    /// Looks a repository's login up: in each document, then in each file, the most
    /// specific key first, then the file's credential store. Nothing found is an
    /// anonymous login. Blocks.
    pub(super) fn look_up(&self, host: &str, path: &str) -> Result<Found, RegistryError> {
        for document in &self.settings.documents {
            if !document.config.is_object() {
                return Err(unusable(host, document.place(), "it is not a JSON object"));
            }
            for key in keys(host, path) {
                if let Some(login) = stored(&document.config, &key, &document.place(), host)? {
                    return Ok(found(login, document.source.clone(), key));
                }
            }
        }
        for file in &self.settings.credential_files {
            let Some(config) = read(file, host)? else {
                continue;
            };
            for key in keys(host, path) {
                if let Some(helper) = config["credHelpers"][key.as_str()].as_str()
                    && let Some(login) = self.ask(helper, host)?
                {
                    return Ok(found(
                        login,
                        CredentialSource::Helper(helper.to_owned()),
                        key,
                    ));
                }
                if let Some(login) = stored(&config, &key, &file.display(), host)? {
                    return Ok(found(login, CredentialSource::File(file.clone()), key));
                }
            }
            if let Some(helper) = config["credsStore"]
                .as_str()
                .filter(|name| !name.is_empty())
                && let Some(login) = self.ask(helper, host)?
            {
                let source = CredentialSource::Helper(helper.to_owned());
                return Ok(found(login, source, host.to_owned()));
            }
        }
        Ok(found(
            Login::Anonymous,
            CredentialSource::Anonymous,
            host.to_owned(),
        ))
    }

    fn ask(&self, helper: &str, host: &str) -> Result<Option<Login>, RegistryError> {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers
            .entry((helper.to_owned(), host.to_owned()))
            .or_insert_with(|| credential_helper::ask(&self.settings, helper, host))
            .clone()
    }
}

fn found(login: Login, source: CredentialSource, key: String) -> Found {
    Found { login, source, key }
}

fn read(file: &Path, host: &str) -> Result<Option<Value>, RegistryError> {
    let bytes = match files::read_regular(file, FILE_BYTES) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unusable(host, file.display(), error)),
    };
    // Docker takes an empty file for an empty configuration.
    if bytes.trim_ascii().is_empty() {
        return Ok(None);
    }
    serde_json::from_slice(&bytes)
        .map(Some)
        // The error's own text quotes the file, which holds secrets.
        .map_err(|error| {
            let place = format!(
                "not JSON at line {}, column {}",
                error.line(),
                error.column()
            );
            unusable(host, file.display(), place)
        })
}

pub(super) fn unusable(host: &str, place: impl ToString, reason: impl ToString) -> RegistryError {
    RegistryError::Credentials {
        registry: host.to_owned(),
        place: place.to_string(),
        reason: reason.to_string(),
    }
}

/// `host/a/b`, `host/a`, `host`: the longest path first.
fn keys(host: &str, path: &str) -> Vec<String> {
    let whole = format!("{host}/{path}");
    let mut keys = vec![whole.clone()];
    let mut rest = whole.as_str();
    while let Some((shorter, _)) = rest.rsplit_once('/') {
        keys.push(shorter.to_owned());
        rest = shorter;
    }
    keys
}

/// A key of `auths`, brought to `host[/path]`: tools write schemes and API versions too.
fn normal_key(key: &str) -> String {
    let key = key
        .strip_prefix("https://")
        .or_else(|| key.strip_prefix("http://"))
        .unwrap_or(key)
        .trim_end_matches('/');
    let key = key
        .strip_suffix("/v1")
        .or_else(|| key.strip_suffix("/v2"))
        .unwrap_or(key);
    let (host, path) = key
        .split_once('/')
        .map_or((key, None), |(h, p)| (h, Some(p)));
    let host = match host {
        "index.docker.io" | "registry-1.docker.io" => "docker.io",
        _ => host,
    };
    match path {
        Some(path) => format!("{host}/{path}"),
        None => host.to_owned(),
    }
}

/// Whether a key with `*` in its host means this one, as the kubelet reads it: each
/// label of the host is a pattern of its own, and the path is compared as it is.
fn fits(written: &str, key: &str) -> bool {
    let written = normal_key(written);
    let parts = |text: &str| -> (String, Option<String>) {
        match text.split_once('/') {
            Some((host, path)) => (host.to_owned(), Some(path.to_owned())),
            None => (text.to_owned(), None),
        }
    };
    let ((pattern, path), (host, wanted)) = (parts(&written), parts(key));
    let (patterns, labels) = (pattern.split('.'), host.split('.'));
    pattern.contains('*')
        && path == wanted
        && patterns.clone().count() == labels.clone().count()
        && patterns.zip(labels).all(|(one, label)| like(one, label))
}

/// Whether a text is what a pattern describes, in which `*` stands for any text.
fn like(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, rest)) => text.strip_prefix(head).is_some_and(|text| {
            let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            ends.rev().any(|at| like(rest, &text[at..]))
        }),
    }
}

/// A login that the file or document itself holds.
fn stored(
    config: &Value,
    key: &str,
    place: &dyn fmt::Display,
    host: &str,
) -> Result<Option<Login>, RegistryError> {
    let Some(auths) = config["auths"].as_object() else {
        return Ok(None);
    };
    let exact = || auths.iter().find(|(written, _)| normal_key(written) == key);
    let by_pattern = || auths.iter().find(|(written, _)| fits(written, key));
    let Some((_, entry)) = exact().or_else(by_pattern) else {
        return Ok(None);
    };
    let text = |name: &str| entry[name].as_str().filter(|text| !text.is_empty());
    if let Some(token) = text("registrytoken") {
        return Ok(Some(Login::Registry(token.to_owned())));
    }
    if let Some(token) = text("identitytoken") {
        return Ok(Some(Login::Identity(token.to_owned())));
    }
    if let Some(auth) = text("auth") {
        let decoded = BASE64
            .decode(auth.trim())
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok());
        let login = decoded.as_deref().and_then(|text| text.split_once(':'));
        let Some((user, password)) = login else {
            let reason = format!("the auth of {key} is not base64 of user:password");
            return Err(unusable(host, place, reason));
        };
        return Ok(Some(password_or_identity(
            user,
            password.trim_end_matches('\0'),
        )));
    }
    match (text("username"), text("password")) {
        (Some(user), Some(password)) => Ok(Some(password_or_identity(user, password))),
        _ => Ok(None),
    }
}

pub(super) fn password_or_identity(user: &str, password: &str) -> Login {
    if user == "<token>" {
        return Login::Identity(password.to_owned());
    }
    Login::Password {
        user: user.to_owned(),
        password: password.to_owned(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn look_up(settings: &Settings, host: &str, path: &str) -> Result<Found, RegistryError> {
        Store::new(Arc::new(settings.clone())).look_up(host, path)
    }

    fn with(config: &str) -> (tempfile::TempDir, Settings) {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config.json");
        std::fs::write(&file, config).unwrap();
        let settings = Settings {
            credential_files: vec![dir.path().join("absent.json"), file],
            helper_path: Some(dir.path().as_os_str().to_owned()),
            helper_timeout: Duration::from_millis(500),
            ..Settings::default()
        };
        (dir, settings)
    }

    fn helper(dir: &tempfile::TempDir, name: &str, script: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        let path = dir.path().join(format!("docker-credential-{name}"));
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn password(user: &str, password: &str) -> Login {
        Login::Password {
            user: user.into(),
            password: password.into(),
        }
    }

    fn auth(text: &str) -> String {
        base64::engine::general_purpose::STANDARD.encode(text)
    }

    #[test]
    fn the_longest_path_wins_and_schemes_do_not_matter() {
        let (_dir, settings) = with(&format!(
            r#"{{"auths":{{"https://example.com/v2/":{{"auth":"{}"}},"example.com/shop/team":{{"auth":"{}"}}}}}}"#,
            auth("all:p1"),
            auth("team:p:2"),
        ));
        let found = look_up(&settings, "example.com", "shop/team/cart").unwrap();
        assert_eq!(
            (found.login, found.key.as_str()),
            (password("team", "p:2"), "example.com/shop/team")
        );
        let found = look_up(&settings, "example.com", "other").unwrap();
        assert_eq!(found.login, password("all", "p1"));
        assert!(matches!(found.source, CredentialSource::File(_)));
        let found = look_up(&settings, "example.org", "other").unwrap();
        assert_eq!(
            (found.login, found.source),
            (Login::Anonymous, CredentialSource::Anonymous)
        );
    }

    #[test]
    fn documents_come_before_files_and_start_no_program() {
        let (dir, mut settings) = with(&format!(
            r#"{{"auths":{{"a.example.com":{{"auth":"{0}"}},"b.example.com":{{"auth":"{0}"}}}}}}"#,
            auth("file:p")
        ));
        helper(&dir, "evil", &format!("touch {}/ran", dir.path().display()));
        settings.documents = vec![CredentialDocument {
            source: CredentialSource::Document("secret pull".into()),
            config: serde_json::json!({
                "auths": {
                    "a.example.com": {"username": "document", "password": "hunter2"},
                    "*.mirror.example.com/team": {"auth": auth("team:q")},
                    "broken.example.com": {"auth": "hunter2!"},
                },
                "credHelpers": {"b.example.com": "evil"}, "credsStore": "evil",
            }),
        }];
        let user = |host: &str, path: &str| {
            let found = look_up(&settings, host, path).unwrap();
            match found.login {
                Login::Password { user, .. } => format!("{user} {}", found.source),
                _ => found.source.to_string(),
            }
        };
        let secret = "with the credentials of secret pull";
        assert_eq!(user("a.example.com", "x"), format!("document {secret}"));
        assert!(user("b.example.com", "x").starts_with("file with the credentials of /"));
        let team = user("eu.mirror.example.com", "team/cart");
        assert_eq!(team, format!("team {secret}"));
        for (host, path) in [
            ("eu.mirror.example.com", "other/cart"),
            ("a.eu.mirror.example.com", "team/cart"),
            ("mirror.example.com", "team/cart"),
        ] {
            assert_eq!(user(host, path), "without credentials", "{host}");
        }
        let error = look_up(&settings, "broken.example.com", "x").unwrap_err();
        let text = format!("{error} {:?}", settings.documents);
        assert!(text.contains("from secret pull: the auth of"), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
        assert!(!dir.path().join("ran").exists());
    }

    #[test]
    fn stars_stand_for_any_text() {
        for (pattern, text, fits) in [
            ("*", "", true),
            ("a*c", "abbc", true),
            ("*:5000", "example:5000", true),
            ("a*b*c", "aXbYc", true),
            ("a*b", "ac", false),
            ("a", "ab", false),
        ] {
            assert_eq!(like(pattern, text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn docker_hub_is_found_under_its_old_address() {
        let (_dir, settings) = with(&format!(
            r#"{{"auths":{{"https://index.docker.io/v1/":{{"auth":"{}"}}}}}}"#,
            auth("me:x")
        ));
        assert_eq!(
            look_up(&settings, "docker.io", "library/nginx")
                .unwrap()
                .login,
            password("me", "x")
        );
    }

    #[test]
    fn logins_are_read_in_the_forms_that_other_tools_write() {
        let (dir, settings) = with(
            r#"{"auths":{"bearer.example.com":{"auth":"bWU6cHA=","registrytoken":"hush"},"bare.example.com":{"auth":"bWU6cHA"}}}"#,
        );
        let login = |host: &str| look_up(&settings, host, "x").unwrap().login;
        assert_eq!(login("bearer.example.com"), Login::Registry("hush".into()));
        assert_eq!(login("bare.example.com"), password("me", "pp"));
        // As Docker leaves it behind when a disk is full, and as an editor saves nothing.
        for empty in ["", "\n"] {
            std::fs::write(dir.path().join("config.json"), empty).unwrap();
            assert_eq!(login("bare.example.com"), Login::Anonymous);
        }
        let large = " ".repeat(usize::try_from(FILE_BYTES).unwrap() + 1);
        std::fs::write(dir.path().join("config.json"), large).unwrap();
        let error = look_up(&settings, "a", "x").unwrap_err().to_string();
        assert!(error.contains("larger than"), "{error}");
    }

    #[test]
    fn a_document_in_a_variable_holds_logins_or_is_an_error() {
        let variable = |text: &'static str| {
            let known = move |name: &str| (name == "DOCKER_AUTH_CONFIG").then(|| text.into());
            look_up(&Settings::from_variables(&known), "a.example.com", "x")
        };
        let found = variable(r#"{"auths":{"a.example.com":{"auth":"bWU6cHA="}}}"#).unwrap();
        assert_eq!(found.login, password("me", "pp"));
        assert!(
            found
                .source
                .to_string()
                .ends_with("the variable DOCKER_AUTH_CONFIG")
        );
        for wrong in ["hunter2", "{\"auths\": hunter2}", "[]"] {
            let error = variable(wrong).unwrap_err().to_string();
            assert!(
                error.contains("from DOCKER_AUTH_CONFIG: it is not"),
                "{error}"
            );
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn helpers_are_asked_and_their_not_found_is_anonymous() {
        let (dir, settings) = with(
            r#"{"credHelpers":{"a.example.com":"one"},"credsStore":"two","auths":{"b.example.com":{}}}"#,
        );
        helper(
            &dir,
            "one",
            r#"read server; printf '{"Username":"<token>","Secret":"id-%s"}' "$server""#,
        );
        helper(
            &dir,
            "two",
            "echo 'credentials not found in native keychain'; exit 1",
        );
        let found = look_up(&settings, "a.example.com", "x").unwrap();
        assert_eq!(found.login, Login::Identity("id-a.example.com".into()));
        assert_eq!(found.source, CredentialSource::Helper("one".into()));
        assert_eq!(
            look_up(&settings, "b.example.com", "x").unwrap().login,
            Login::Anonymous
        );
    }

    #[test]
    fn broken_helpers_and_files_are_errors_without_secrets() {
        let (dir, settings) =
            with(r#"{"credHelpers":{"a":"fails","b":"hangs","c":"absent","d":"../x","e":"odd"}}"#);
        helper(&dir, "fails", "echo hunter2; exit 1");
        helper(&dir, "hangs", "exec /bin/sleep 5");
        helper(&dir, "odd", "echo hunter2");
        for (host, reason) in [
            ("a", "docker-credential-fails: it failed"),
            ("b", "it did not end within 0.5 s"),
            ("c", "docker-credential-absent: No such file"),
            ("d", "the name of a helper is not a path"),
            ("e", "not JSON"),
        ] {
            let error = look_up(&settings, host, "x").unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
        for config in [
            r#"{"auths": hunter2}"#,
            r#"{"auths":{"a":{"auth":"hunter2!"}}}"#,
        ] {
            let (_dir, settings) = with(config);
            let error = look_up(&settings, "a", "x").unwrap_err().to_string();
            assert!(
                error.contains("config.json") && !error.contains("hunter2"),
                "{error}"
            );
        }
        assert!(!format!("{:?}", password("u", "hunter2")).contains("hunter2"));
    }
}
