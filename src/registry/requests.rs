//! Single requests for manifests and blobs, and the proof of what came back. Refuses
//! bytes that are not those of their digest.

use http::header::HeaderMap;
use reqwest::Method;

use super::error::RegistryError;
use super::host::{Ask, Host, Target};
use super::http::Answer;
use super::manifest::{ACCEPT, MANIFEST_BYTES};
use crate::image::{Digest, Reference, Tag};

/// The header in which registries say what they send.
const DIGEST: &str = "Docker-Content-Digest";

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
        target: Target::Below(below),
        what,
        accept: Some(&ACCEPT),
        limit: MANIFEST_BYTES,
    }
}

/// The digest by `HEAD`, which nothing proves; `None` where the registry does not give it
/// that way.
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
    // What is not a digest, or of another algorithm than the one that was asked for,
    // shows when the manifest is read.
    let Ok(Some(found)) = announced(host, &what, &answer.headers) else {
        return Ok(None);
    };
    match wanted {
        Wanted::Digest(digest) if digest.algorithm() != found.algorithm() => Ok(None),
        Wanted::Digest(digest) if *digest != found => Err(RegistryError::Digest {
            registry: host.name().to_owned(),
            what,
            wanted: digest.clone(),
            found,
        }),
        _ => Ok(Some(found)),
    }
}

/// The digest that an answer gives itself.
fn announced(
    host: &Host,
    what: &str,
    headers: &HeaderMap,
) -> Result<Option<Digest>, RegistryError> {
    let malformed = |reason: String| RegistryError::Malformed {
        registry: host.name().to_owned(),
        what: what.to_owned(),
        reason: host.words().shown(&format!("its header {DIGEST} {reason}")),
    };
    let mut found: Option<Digest> = None;
    for value in headers.get_all(DIGEST) {
        let text = String::from_utf8_lossy(value.as_bytes());
        let digest = text.trim().parse();
        let digest = digest.map_err(|error| malformed(format!("is not one: {error}")))?;
        if found.as_ref().is_some_and(|other| *other != digest) {
            return Err(malformed("has two different digests".to_owned()));
        }
        found = Some(digest);
    }
    Ok(found)
}

/// Proves bytes by the digest that was asked for, if any, and by the one that their own
/// answer gives them. Gives the digest that they are known by: the one that was asked
/// for, else the one of the answer, else SHA-256.
pub(super) fn prove(
    host: &Host,
    what: &str,
    asked: Option<&Digest>,
    answer: &Answer,
) -> Result<Digest, RegistryError> {
    let announced = announced(host, what, &answer.headers)?;
    for wanted in [asked, announced.as_ref()].into_iter().flatten() {
        wanted
            .check(&answer.body)
            .map_err(|found| RegistryError::Digest {
                registry: host.name().to_owned(),
                what: what.to_owned(),
                wanted: wanted.clone(),
                found,
            })?;
    }
    let known = asked.cloned().or(announced);
    Ok(known.unwrap_or_else(|| Digest::sha256(&answer.body)))
}
