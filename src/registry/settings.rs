//! What the client is told about its surroundings: nothing here reads them itself.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::credentials::{CredentialDocument, CredentialSource};
use super::error::RegistryError;
use super::http::authorities;
use super::origin::InsecureHost;
use super::progress::Observer;

/// How long a credential helper may take to answer and to end: those that ask a person
/// for a password need some time.
/// See `docs/limits.md`.
const HELPER_TIME: Duration = Duration::from_secs(30);

/// How long a connection, and the next bytes of an answer, are waited for. A whole answer
/// may take six times as long.
/// See `docs/limits.md`.
const ANSWER_TIME: Duration = Duration::from_secs(20);

/// How often a request is sent before its failure counts.
/// See `docs/limits.md`.
const ATTEMPTS: u32 = 4;

/// The longest pause before a request is sent again: who asks for more is not waited for.
/// See `docs/limits.md`.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Pages of one tag list: two hundred thousand tags where a page has a hundred.
/// See `docs/limits.md`.
const PAGES: usize = 2_000;

/// How long one tag list may take: a thousand pages of 0.3 s each.
/// See `docs/limits.md`.
const LIST_TIME: Duration = Duration::from_secs(5 * 60);

/// The variable with a configuration document that Docker and GitLab's runners read.
const DOCUMENT: &str = "DOCKER_AUTH_CONFIG";

/// How registries are reached.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Hosts that an OCI image layout directory answers for.
    pub layouts: BTreeMap<String, PathBuf>,
    /// Configuration documents that are asked before the files, such as pull secrets.
    pub documents: Vec<CredentialDocument>,
    /// Docker and Podman configuration files, the first one with an answer wins.
    pub credential_files: Vec<PathBuf>,
    /// Where credential helpers are looked for; the process's own path without it.
    pub helper_path: Option<OsString>,
    /// How long a credential helper may take.
    pub helper_timeout: Duration,
    /// Hosts (with port) asked without TLS and without a login, because a repository says
    /// so; loopback addresses are asked without TLS anyway.
    pub plain_http: BTreeSet<String>,
    /// Hosts asked without TLS and with a login, because this machine allows it.
    pub insecure: BTreeSet<InsecureHost>,
    /// Proxies, as the usual variables name them.
    pub proxies: Proxies,
    /// Files with further certificate authorities (PEM), and folders of such files.
    pub certificate_authorities: Vec<PathBuf>,
    /// How long the client waits for a connection, and for the next bytes of an answer.
    pub timeout: Duration,
    /// How often a request is sent before its failure counts.
    pub attempts: u32,
    /// The pause before the second attempt; it triples each time, with jitter.
    pub backoff: Duration,
    /// The longest pause, also when a registry's `Retry-After` asks for more.
    pub longest_pause: Duration,
    /// Pages of one tag list before it counts as endless.
    pub page_limit: usize,
    /// How long one tag list may take, all its pages together.
    pub list_time: Duration,
    /// Whether what registries say is kept, for [`Registries::recorded`].
    ///
    /// [`Registries::recorded`]: super::Registries::recorded
    pub record: bool,
    /// Who is told how far a batch of questions has come.
    pub observer: Observer,
}

/// Proxies for outgoing requests.
#[derive(Clone, Default)]
pub struct Proxies {
    /// For `http` addresses.
    pub http: Option<String>,
    /// For `https` addresses.
    pub https: Option<String>,
    /// Hosts reached directly, comma-separated.
    pub no_proxy: Option<String>,
}

impl std::fmt::Debug for Proxies {
    /// Proxy addresses may carry passwords.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Proxies").finish_non_exhaustive()
    }
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            layouts: BTreeMap::new(),
            documents: Vec::new(),
            credential_files: Vec::new(),
            helper_path: None,
            helper_timeout: HELPER_TIME,
            plain_http: BTreeSet::new(),
            insecure: BTreeSet::new(),
            proxies: Proxies::default(),
            certificate_authorities: Vec::new(),
            timeout: ANSWER_TIME,
            attempts: ATTEMPTS,
            backoff: Duration::from_millis(300),
            longest_pause: LONGEST_PAUSE,
            page_limit: PAGES,
            list_time: LIST_TIME,
            record: false,
            observer: Observer::default(),
        }
    }
}

impl Settings {
    /// Settings from environment variables, asked through `variable`: the credential
    /// files of Podman and Docker and the document in a variable, proxies, and certificate authorities.
    pub fn from_variables(variable: &dyn Fn(&str) -> Option<OsString>) -> Settings {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let path = |name: &str| set(name).map(PathBuf::from);
        // A proxy that cannot be read is not the same as none, so nothing is dropped here.
        let text = |name: &str| set(name).map(|value| value.to_string_lossy().into_owned());
        let either = |name: &str| text(name).or_else(|| text(&name.to_ascii_uppercase()));
        let home = path("HOME").or_else(|| path("USERPROFILE"));
        let all = either("all_proxy");
        Settings {
            documents: text(DOCUMENT)
                .as_deref()
                .map(document)
                .into_iter()
                .collect(),
            credential_files: credential_files(&path, home.as_deref()),
            proxies: Proxies {
                // Upper-case HTTP_PROXY could be a request header where programs serve CGI.
                http: text("http_proxy").or_else(|| all.clone()),
                https: either("https_proxy").or(all),
                no_proxy: either("no_proxy"),
            },
            certificate_authorities: certificate_authorities(&set),
            ..Settings::default()
        }
    }
}

impl Settings {
    /// Trusts the certificate authorities of one more file.
    ///
    /// # Errors
    /// It cannot be read or holds no certificate.
    pub fn trust(&mut self, file: PathBuf) -> Result<(), RegistryError> {
        authorities(&file).map_err(RegistryError::Setup)?;
        self.certificate_authorities.push(file);
        Ok(())
    }
}

/// A document that is not JSON becomes null, which is an error for whoever needs a login.
fn document(text: &str) -> CredentialDocument {
    let config = serde_json::from_str(text);
    CredentialDocument {
        source: CredentialSource::Variable(DOCUMENT),
        config: config.unwrap_or_default(),
    }
}

/// What OpenSSL and Go go by; folders that are listed but absent are no mistake there.
fn certificate_authorities(set: &dyn Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    let folders = set("SSL_CERT_DIR").unwrap_or_default();
    let folders = std::env::split_paths(&folders).filter(|folder| folder.is_dir());
    let file = set("SSL_CERT_FILE").map(PathBuf::from);
    file.into_iter().chain(folders).collect()
}

fn credential_files(path: &dyn Fn(&str) -> Option<PathBuf>, home: Option<&Path>) -> Vec<PathBuf> {
    let mut files = Vec::new();
    files.extend(path("REGISTRY_AUTH_FILE"));
    files.extend(path("DOCKER_CONFIG").map(|dir| dir.join("config.json")));
    if let Some(runtime) = path("XDG_RUNTIME_DIR") {
        files.push(runtime.join("containers/auth.json"));
    }
    let config = path("XDG_CONFIG_HOME").or_else(|| home.map(|home| home.join(".config")));
    files.extend(config.map(|dir| dir.join("containers/auth.json")));
    files.extend(home.map(|home| home.join(".docker/config.json")));
    let mut seen = BTreeSet::new();
    files.retain(|file| seen.insert(file.clone()));
    files
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> Settings {
        let pairs: BTreeMap<String, OsString> = pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), OsString::from(v)))
            .collect();
        Settings::from_variables(&|name| pairs.get(name).cloned())
    }

    #[test]
    fn credential_files_stand_in_the_order_of_the_tools_that_write_them() {
        let found = settings(&[
            ("HOME", "/h"),
            ("DOCKER_CONFIG", "/d"),
            ("REGISTRY_AUTH_FILE", "/r/auth.json"),
            ("XDG_RUNTIME_DIR", "/run/1"),
        ]);
        let files: Vec<String> = found
            .credential_files
            .iter()
            .map(|f| f.display().to_string())
            .collect();
        assert_eq!(
            files,
            [
                "/r/auth.json",
                "/d/config.json",
                "/run/1/containers/auth.json",
                "/h/.config/containers/auth.json",
                "/h/.docker/config.json",
            ]
        );
        assert!(settings(&[]).credential_files.is_empty());
    }

    #[test]
    fn proxies_come_from_either_spelling_but_http_from_lower_case_only() {
        let found = settings(&[
            ("HTTPS_PROXY", "http://p:1"),
            ("HTTP_PROXY", "http://evil"),
            ("no_proxy", "a,b"),
        ]);
        assert_eq!(found.proxies.https.as_deref(), Some("http://p:1"));
        assert_eq!(found.proxies.http, None);
        assert_eq!(found.proxies.no_proxy.as_deref(), Some("a,b"));
        assert!(!format!("{found:?}").contains("p:1"));
    }
}
