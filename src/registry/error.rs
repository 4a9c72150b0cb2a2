//! What can go wrong between this tool and a registry: facts only, never a secret.

use std::path::PathBuf;

use super::credentials::CredentialSource;
use crate::image::Digest;

/// Why a registry gave no usable answer. Cheap to clone, because one failure
/// (a dead host, a rejected login) is the answer to many questions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// The registry, or its token service, answered with a status that is not a success.
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
    /// The token service is asked over plain HTTP, which this machine does not allow.
    #[error(
        "no token for {what} was asked for: the token service of {registry}, {service}, is not behind https"
    )]
    PlainTokens {
        /// The registry's host.
        registry: String,
        /// What the token was for.
        what: String,
        /// Scheme, host and port of the token service.
        service: String,
        /// Its host and port, where plain HTTP is all that stands in the way.
        host: Option<String>,
    },
    /// The bytes of a manifest are not those of its digest.
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
    /// Scheme, host and port of who answered, where the registry had redirected there.
    pub elsewhere: Option<String>,
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
        if let Some(place) = &self.elsewhere {
            write!(formatter, " redirected to {place}, which")?;
        }
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
    /// 401: there is no login, or a wrong one.
    Unauthorized,
    /// 403: the login has no right to it.
    Forbidden,
    /// 404: the repository or manifest does not exist, or is hidden.
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
    /// Plain HTTP, which this machine does not allow.
    PlainHttp,
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
            RegistryError::PlainTokens { host: Some(_), .. } => Fault::PlainHttp,
            RegistryError::PlainTokens { host: None, .. }
            | RegistryError::Malformed { .. }
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
            | RegistryError::PlainTokens { registry, .. }
            | RegistryError::Digest { registry, .. }
            | RegistryError::Credentials { registry, .. }
            | RegistryError::NotInLayout { registry, .. }
            | RegistryError::NotRecorded { registry, .. }
            | RegistryError::Layout { registry, .. } => Some(registry),
            RegistryError::Setup(_) => None,
        }
    }

    /// Who answered in the place of the registry, where it had redirected there.
    pub fn elsewhere(&self) -> Option<&str> {
        match self {
            RegistryError::Refused(refusal) => refusal.elsewhere.as_deref(),
            _ => None,
        }
    }

    /// Host and port that this machine would have to allow plain HTTP to.
    pub fn plain_host(&self) -> Option<&str> {
        match self {
            RegistryError::PlainTokens { host, .. } => host.as_deref(),
            _ => None,
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
