//! Single requests for manifests and blobs, and the proof of what came back. Refuses
//! bytes that are not those of their digest.

use reqwest::Method;

use super::error::RegistryError;
use super::host::{Ask, Host};
use super::manifest::{ACCEPT, MANIFEST_BYTES};
use crate::image::{Digest, Reference, Tag};

/// A tag or a digest, whichever a manifest is asked for by.
pub(super) enum Wanted {
    Tag(Tag),
    Digest(Digest),
}

impl Wanted {
    fn of(reference: &Reference) -> Option<Wanted> {
        match (reference.digest(), reference.tag()) {
            (Some(digest), _) => Some(Wanted::Digest(digest.clone())),
            (None, Some(tag)) => Some(Wanted::Tag(tag.clone())),
            (None, None) => None,
        }
    }

    pub(super) fn as_str(&self) -> &str {
        match self {
            Wanted::Tag(tag) => tag.as_str(),
            Wanted::Digest(digest) => digest.as_str(),
        }
    }

    pub(super) fn named(&self, path: &str) -> String {
        match self {
            Wanted::Tag(tag) => format!("{path}:{tag}"),
            Wanted::Digest(digest) => format!("{path}@{}", digest.short()),
        }
    }
}

pub(super) fn wanted(reference: &Reference) -> Result<Wanted, RegistryError> {
    Wanted::of(reference).ok_or_else(|| RegistryError::Malformed {
        registry: reference.repository().host().to_owned(),
        what: reference.to_string(),
        reason: "neither tag nor digest was asked for".to_owned(),
    })
}

pub(super) fn ask(method: Method, path: &str, below: String, what: String) -> Ask<'_> {
    Ask {
        method,
        path,
        below,
        what,
        accept: Some(ACCEPT),
        limit: MANIFEST_BYTES,
    }
}

/// The digest by `HEAD`; `None` where the registry does not tell it that way.
pub(super) async fn head(
    host: &Host,
    path: &str,
    wanted: &Wanted,
) -> Result<Option<Digest>, RegistryError> {
    let what = wanted.named(path);
    let below = format!("manifests/{}", wanted.as_str());
    let reply = host
        .ask(&ask(Method::HEAD, path, below, what.clone()))
        .await?;
    if matches!(reply.answer.status.as_u16(), 400 | 405 | 501) {
        return Ok(None);
    }
    let answer = reply.success()?;
    let Some(found) = announced(&answer.headers) else {
        return Ok(None);
    };
    match wanted {
        Wanted::Digest(digest) if *digest != found => Err(RegistryError::Digest {
            registry: host.name().to_owned(),
            what,
            wanted: digest.clone(),
            found,
        }),
        _ => Ok(Some(found)),
    }
}

pub(super) fn announced(headers: &http::HeaderMap) -> Option<Digest> {
    headers
        .get("Docker-Content-Digest")?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

/// Checks bytes against the digest that was promised for them; without a promise the
/// digest is theirs.
pub(super) fn prove(
    host: &Host,
    what: &str,
    promised: Option<Digest>,
    bytes: &[u8],
) -> Result<Digest, RegistryError> {
    let Some(wanted) = promised else {
        return Ok(Digest::sha256(bytes));
    };
    match wanted.check(bytes) {
        Ok(()) => Ok(wanted),
        Err(found) => Err(RegistryError::Digest {
            registry: host.name().to_owned(),
            what: what.to_owned(),
            wanted,
            found,
        }),
    }
}
