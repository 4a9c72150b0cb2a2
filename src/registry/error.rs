//! What can go wrong between this tool and a registry: facts only, never a secret.

use std::path::PathBuf;

use super::credentials::CredentialSource;
use crate::image::Digest;

/// Why a registry gave no usable answer. Cheap to clone, because one failure
/// (a dead host, a rejected login) is the answer to many questions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// The registry, or its token service, answered with a status that is no success.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// No answer: name not found, connection refused, TLS failure, time is up.
    #[error("{registry} could not be asked for {what}: {reason}")]
    Unreachable {
        /// The registry's host.
        registry: String,
        /// What was asked for.
        what: String,
        /// The innermost cause.
        reason: String,
    },
    /// Whoever answers cannot prove to be the registry, so it was not asked.
    #[error("{registry} was not asked for {what}, it cannot be trusted: {reason}")]
    Untrusted {
        /// The registry's host.
        registry: String,
        /// What was to be asked for.
        what: String,
        /// What is wrong with its certificate.
        reason: String,
    },
    /// An answer that breaks the distribution specification.
    #[error("{registry} gave an unusable answer for {what}: {reason}")]
    Malformed {
        /// The registry's host.
        registry: String,
        /// What was asked for.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The bytes of a manifest are not those its digest stands for.
    #[error("{registry} sent {what} with digest {found} instead of {wanted}")]
    Digest {
        /// The registry's host.
        registry: String,
        /// What was asked for.
        what: String,
        /// The digest that was asked for or announced.
        wanted: Digest,
        /// The digest of the bytes.
        found: Digest,
    },
    /// Stored credentials or a credential helper could not be used.
    #[error("credentials for {registry} could not be read from {place}: {reason}")]
    Credentials {
        /// The registry's host.
        registry: String,
        /// The file or helper.
        place: String,
        /// What went wrong.
        reason: String,
    },
    /// An image layout directory lacks what was asked for.
    #[error("{} has no {what}", dir.display())]
    NotInLayout {
        /// The registry's host.
        registry: String,
        /// The directory.
        dir: PathBuf,
        /// What was asked for.
        what: String,
    },
    /// An image layout directory cannot be read.
    #[error("the image layout {} cannot be read: {reason}", dir.display())]
    Layout {
        /// The registry's host.
        registry: String,
        /// The directory.
        dir: PathBuf,
        /// What went wrong.
        reason: String,
    },
    /// The document that is asked in the place of all registries does not say.
    #[error("{file} lacks {what}")]
    NotRecorded {
        /// The registry's host.
        registry: String,
        /// The document.
        file: String,
        /// What was asked for.
        what: String,
        /// Whether it says that there is no such thing.
        absent: bool,
    },
    /// The client itself could not be set up.
    #[error("requests cannot be made: {0}")]
    Setup(String),
}

/// An answer that is no success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The registry's host.
    pub registry: String,
    /// The token service, when it was that.
    pub token_service: Option<String>,
    /// What was asked for: a repository, with tag or digest where one was asked.
    pub what: String,
    /// The HTTP status.
    pub status: u16,
    /// What was said about it, cut short.
    pub message: Option<String>,
    /// Where the credentials of the request came from.
    pub credentials: CredentialSource,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.token_service {
            Some(realm) => {
                write!(
                    formatter,
                    "the token service of {} ({realm})",
                    self.registry
                )?;
            }
            None => formatter.write_str(&self.registry)?,
        }
        let Refusal {
            status,
            what,
            credentials,
            ..
        } = self;
        write!(formatter, " answered {status} for {what}, {credentials}")?;
        match &self.message {
            Some(text) => write!(formatter, ": {text}"),
            None => Ok(()),
        }
    }
}

/// The kind of a failure, for exit codes and hints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Fault {
    /// 401: who are you?
    Unauthorized,
    /// 403: not you.
    Forbidden,
    /// 404: the repository or manifest is not there, or hidden.
    NotFound,
    /// 429: too many requests.
    RateLimited,
    /// 5xx, or an answer that cannot be used.
    Failed,
    /// No answer.
    Unreachable,
    /// A certificate that no known authority signed.
    Untrusted,
    /// The credentials on this machine could not be used.
    Credentials,
    /// The document that is asked in the place of all registries does not say.
    NotRecorded,
}

impl RegistryError {
    /// The kind of the failure.
    pub fn fault(&self) -> Fault {
        match self {
            RegistryError::Refused(refusal) => match refusal.status {
                401 => Fault::Unauthorized,
                403 => Fault::Forbidden,
                404 => Fault::NotFound,
                429 => Fault::RateLimited,
                _ => Fault::Failed,
            },
            RegistryError::NotInLayout { .. } | RegistryError::NotRecorded { absent: true, .. } => {
                Fault::NotFound
            }
            RegistryError::NotRecorded { absent: false, .. } => Fault::NotRecorded,
            RegistryError::Unreachable { .. } => Fault::Unreachable,
            RegistryError::Untrusted { .. } => Fault::Untrusted,
            RegistryError::Credentials { .. } => Fault::Credentials,
            RegistryError::Malformed { .. }
            | RegistryError::Digest { .. }
            | RegistryError::Layout { .. }
            | RegistryError::Setup(_) => Fault::Failed,
        }
    }

    /// The registry's host, where one is involved.
    pub fn registry(&self) -> Option<&str> {
        match self {
            RegistryError::Refused(refusal) => Some(&refusal.registry),
            RegistryError::Unreachable { registry, .. }
            | RegistryError::Untrusted { registry, .. }
            | RegistryError::Malformed { registry, .. }
            | RegistryError::Digest { registry, .. }
            | RegistryError::Credentials { registry, .. }
            | RegistryError::NotInLayout { registry, .. }
            | RegistryError::NotRecorded { registry, .. }
            | RegistryError::Layout { registry, .. } => Some(registry),
            RegistryError::Setup(_) => None,
        }
    }

    /// Where the credentials of a refused request came from.
    pub fn credentials(&self) -> Option<&CredentialSource> {
        match self {
            RegistryError::Refused(refusal) => Some(&refusal.credentials),
            _ => None,
        }
    }
}

/// What an error body says, fit for one line: the messages of the distribution
/// specification's error list, without control characters, secrets or novels.
pub(super) fn message(body: &[u8], secrets: &[&str]) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Body {
        #[serde(default)]
        errors: Vec<Entry>,
        details: Option<String>,
        error_description: Option<String>,
    }
    #[derive(serde::Deserialize)]
    struct Entry {
        code: Option<String>,
        message: Option<String>,
    }
    let body: Body = serde_json::from_slice(body).ok()?;
    let mut parts: Vec<String> = body
        .errors
        .into_iter()
        .filter_map(|entry| entry.message.filter(|m| !m.is_empty()).or(entry.code))
        .collect();
    parts.extend(body.details);
    parts.extend(body.error_description);
    let mut text = parts.join("; ");
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        text = text.replace(secret, "***");
    }
    let text: String = text.chars().filter(|c| !c.is_control()).take(200).collect();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_short_clean_and_without_secrets() {
        let body =
            br#"{"errors":[{"code":"DENIED","message":"no\u001b[2J for hunter2"},{"code":"X"}]}"#;
        assert_eq!(message(body, &["hunter2", ""]).unwrap(), "no[2J for ***; X");
        assert_eq!(message(b"<html>", &[]), None);
        assert_eq!(message(b"{}", &[]), None);
        let long = format!(r#"{{"errors":[{{"message":"{}"}}]}}"#, "a".repeat(1000));
        assert_eq!(message(long.as_bytes(), &[]).unwrap().len(), 200);
    }
}
