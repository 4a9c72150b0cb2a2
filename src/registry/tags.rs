//! Tag lists over all their pages. A list that cannot be read to its end is an
//! error, never a shorter list.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use http::header::{HeaderMap, LINK};
use reqwest::{Method, Url};

use super::error::RegistryError;
use super::host::{Ask, Host};
use crate::image::Tag;

/// Tags asked for at once, and after a registry refused that many.
const PAGES: (usize, usize) = (1000, 100);

/// Largest page that is read.
const PAGE_BYTES: usize = 16 << 20;

#[derive(serde::Deserialize)]
struct Page {
    /// Some registries say `null` for none.
    tags: Option<Vec<String>>,
}

/// All tags of a repository. Names that are no tags are left out: nothing can be
/// pulled by them.
pub(super) async fn list(host: &Host, path: &str) -> Result<Vec<Tag>, RegistryError> {
    let malformed = |reason: String| RegistryError::Malformed {
        registry: host.name().to_owned(),
        what: format!("the tags of {path}"),
        reason,
    };
    let mut tags = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut below = first_page(host, path);
    loop {
        if !seen.insert(below.clone()) {
            return Err(malformed("a page names itself as the next one".to_owned()));
        }
        if seen.len() > host.page_limit() {
            let reason = format!("the list has more than {} pages", host.page_limit());
            return Err(malformed(reason));
        }
        let ask = Ask {
            method: Method::GET,
            path,
            below: below.clone(),
            what: path.to_owned(),
            accept: Some("application/json"),
            limit: PAGE_BYTES,
        };
        let reply = host.ask(&ask).await?;
        let refused = matches!(reply.answer.status.as_u16(), 400 | 405 | 413 | 416);
        if refused && seen.len() == 1 && !host.wants_small_pages() {
            host.small_pages.store(true, Ordering::Relaxed);
            seen.clear();
            below = first_page(host, path);
            continue;
        }
        let url = reply.url.clone();
        let answer = reply.success()?;
        let page: Page = serde_json::from_slice(&answer.body)
            .map_err(|error| malformed(format!("no tag list: {error}")))?;
        tags.extend(
            page.tags
                .into_iter()
                .flatten()
                .filter_map(|tag| tag.parse::<Tag>().ok()),
        );
        match next(&answer.headers, &url).map_err(malformed)? {
            Some(next) => below = next,
            None => return Ok(tags.into_iter().collect()),
        }
    }
}

/// As a whole path, so that a page that names the first one is recognised.
fn first_page(host: &Host, path: &str) -> String {
    let size = if host.wants_small_pages() {
        PAGES.1
    } else {
        PAGES.0
    };
    format!("/v2/{path}/tags/list?n={size}")
}

/// Path and query of the next page. Only the page's own scheme and host may be named:
/// the request carries credentials.
fn next(headers: &HeaderMap, page: &Url) -> Result<Option<String>, String> {
    for value in headers.get_all(LINK) {
        let text = value
            .to_str()
            .map_err(|_| "its Link header is no text".to_owned())?;
        let Some(target) = next_target(text) else {
            continue;
        };
        let url = page
            .join(target)
            .map_err(|_| "its Link header names no URL".to_owned())?;
        // Some servers drop their port; the request goes to the port it came from anyway.
        let same_port = url.port().is_none() || url.port() == page.port();
        if url.scheme() != page.scheme() || url.host_str() != page.host_str() || !same_port {
            let host = url.host_str().unwrap_or_default().to_owned();
            return Err(format!(
                "its Link header leads to another place, {}://{host}",
                url.scheme()
            ));
        }
        return Ok(Some(match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        }));
    }
    Ok(None)
}

/// The target of `<…>; rel="next"` among the links of a header.
fn next_target(text: &str) -> Option<&str> {
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        let after = &rest[start + 1..];
        let (target, parameters) = after.split_once('>')?;
        let end = parameters.find('<').unwrap_or(parameters.len());
        let is_next = parameters[..end].split([';', ',']).any(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            name.trim().eq_ignore_ascii_case("rel")
                && value
                    .trim()
                    .trim_matches('"')
                    .split_whitespace()
                    .any(|relation| relation.eq_ignore_ascii_case("next"))
        });
        if is_next {
            return Some(target);
        }
        rest = &parameters[end..];
    }
    None
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn follow(link: &str) -> Result<Option<String>, String> {
        let mut headers = HeaderMap::new();
        headers.insert(LINK, HeaderValue::from_str(link).unwrap());
        let page = Url::parse("https://example.com:5000/v2/a/tags/list?n=1000").unwrap();
        next(&headers, &page)
    }

    #[test]
    fn links_are_followed_in_all_their_spellings() {
        for (link, wanted) in [
            (
                r#"</v2/a/tags/list?last=x&n=2>; rel="next""#,
                "/v2/a/tags/list?last=x&n=2",
            ),
            (
                r#"<https://example.com:5000/v2/a/tags/list?c=%2F%3D>;rel=next"#,
                "/v2/a/tags/list?c=%2F%3D",
            ),
            (
                r#"<https://example.com/v2/a/tags/list?c=1>; rel="next""#,
                "/v2/a/tags/list?c=1",
            ),
            (
                r#"<?c=2>; title="x"; rel="prev next""#,
                "/v2/a/tags/list?c=2",
            ),
            (r#"</p>; rel="prev", </n>; rel="next""#, "/n"),
        ] {
            assert_eq!(follow(link).unwrap().as_deref(), Some(wanted), "{link}");
        }
        assert_eq!(follow(r#"</p>; rel="prev""#), Ok(None));
        assert_eq!(follow("nonsense"), Ok(None));
    }

    #[test]
    fn links_to_other_places_are_refused() {
        for link in [
            "<https://evil.example.org/v2/a/tags/list>; rel=next",
            "<http://example.com:5000/v2/a/tags/list>; rel=next",
            "<https://example.com:5001/v2/a/tags/list>; rel=next",
            "<//evil.example.org/x>; rel=next",
        ] {
            assert!(
                follow(link).unwrap_err().contains("another place"),
                "{link}"
            );
        }
    }
}
