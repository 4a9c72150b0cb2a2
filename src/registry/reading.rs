//! What registries and token services answer, read from its bytes alone. Pure: nothing is
//! asked here, so that whatever a server may send can be tried without one.

use http::header::{HeaderMap, HeaderValue, LINK, WWW_AUTHENTICATE};
use reqwest::Url;

use super::challenge::Challenge;
use super::link;
use super::manifest::{self, Content, ImageFacts};
use super::words::Words;
use crate::image::{Digest, Tag};

#[derive(serde::Deserialize)]
struct Page {
    /// Some registries say `null` for none.
    tags: Option<Vec<String>>,
}

/// Reads a page of tags. Names that are not tags are left out.
///
/// # Errors
/// A sentence without the words of the server.
pub fn tags(body: &[u8]) -> Result<Vec<Tag>, String> {
    let page: Page = serde_json::from_slice(body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        format!("not a tag list at line {line}, column {column}")
    })?;
    let names = page.tags.into_iter().flatten();
    Ok(names.filter_map(|name| name.parse().ok()).collect())
}

/// What a token service answers.
#[derive(serde::Deserialize)]
pub struct Tokens {
    token: Option<String>,
    access_token: Option<String>,
    refresh_token: Option<String>,
}

impl Tokens {
    /// The token for requests: the first of `token` and `access_token` that is not empty.
    pub fn access(&self) -> Option<&str> {
        let tokens = [&self.token, &self.access_token].into_iter().flatten();
        tokens.map(String::as_str).find(|token| !token.is_empty())
    }

    /// All that no output may show.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        let all = [&self.token, &self.access_token, &self.refresh_token];
        all.into_iter().flatten().map(String::as_str)
    }
}

/// Reads the answer of a token service; `None` where it is something else.
pub fn tokens(body: &[u8]) -> Option<Tokens> {
    serde_json::from_slice(body).ok()
}

/// Reads `WWW-Authenticate`: the address of the token service where there is one, and
/// `None` within for a password.
pub fn challenge(header: &[u8]) -> Option<Option<String>> {
    match Challenge::read(&with(&WWW_AUTHENTICATE, header)?)? {
        Challenge::Bearer { realm, .. } => Some(Some(realm)),
        Challenge::Basic => Some(None),
        Challenge::None => None,
    }
}

/// Reads `Link`: the address of the page after this one.
///
/// # Errors
/// A sentence: the next page is elsewhere.
pub fn next_page(page: &str, header: &[u8]) -> Result<Option<String>, String> {
    let (Ok(page), Some(headers)) = (Url::parse(page), with(&LINK, header)) else {
        return Ok(None);
    };
    Ok(link::next(&headers, &page)?.map(|url| url.to_string()))
}

/// Reads a manifest: the digests of the images of an index, or that of an image's
/// configuration.
///
/// # Errors
/// A sentence.
pub fn manifest(body: &[u8]) -> Result<Vec<Digest>, String> {
    Ok(match manifest::content(body)? {
        Content::Index(entries) => entries.into_iter().map(|(digest, _)| digest).collect(),
        Content::Image { config } => vec![config],
    })
}

/// Reads an image's configuration.
///
/// # Errors
/// A sentence.
pub fn configuration(body: &[u8]) -> Result<ImageFacts, String> {
    manifest::facts(body)
}

/// Reads why a request was refused, as it is shown to a person whose password was sent.
pub fn refusal(password: &str, body: &[u8]) -> Option<String> {
    let words = Words::default();
    words.add_login("user", password);
    words.reason(body)
}

fn with(name: &http::HeaderName, value: &[u8]) -> Option<HeaderMap> {
    let value = HeaderValue::from_bytes(value).ok()?;
    Some(HeaderMap::from_iter([(name.clone(), value)]))
}
