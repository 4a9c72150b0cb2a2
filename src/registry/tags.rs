//! Tag lists over all their pages. A list that cannot be read to its end is an
//! error, never a shorter list; so is one that is too long for any repository.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use http::header::{HeaderMap, LINK};
use reqwest::{Method, Url};

use super::error::RegistryError;
use super::host::{Ask, Host, Target};
use super::origin;
use crate::image::Tag;

/// Tags asked for at once, and after a registry refused that many.
const PAGES: (usize, usize) = (1000, 100);

/// Largest page that is read, in bytes; a page of a thousand tags has some ten thousand.
const PAGE_BYTES: usize = 16 << 20;

/// Largest list over all its pages, in bytes: half a million tags of 60 characters.
const LIST_BYTES: usize = 32 << 20;

#[derive(serde::Deserialize)]
struct Page {
    /// Some registries say `null` for none.
    tags: Option<Vec<String>>,
}

/// All tags of a repository. Names that are not tags are left out: nothing can be
/// pulled by them.
pub(super) async fn list(host: &Host, path: &str) -> Result<Vec<Tag>, RegistryError> {
    let time = host.settings().list_time;
    let late = |_| {
        let seconds = time.as_secs_f32();
        let reason = format!("the list has not come to its end within {seconds} s");
        malformed(host, path, reason)
    };
    let list = tokio::time::timeout(time, pages(host, path)).await;
    list.map_err(late)?
}

fn malformed(host: &Host, path: &str, reason: String) -> RegistryError {
    RegistryError::Malformed {
        registry: host.name().to_owned(),
        what: format!("the tags of {path}"),
        reason,
    }
}

async fn pages(host: &Host, path: &str) -> Result<Vec<Tag>, RegistryError> {
    let malformed = |reason: String| malformed(host, path, reason);
    let most = host.settings().page_limit;
    let mut tags = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut bytes = 0;
    let mut target = first_page(host);
    loop {
        if seen.len() >= most {
            return Err(malformed(format!("the list has more than {most} pages")));
        }
        let first = seen.is_empty();
        let ask = Ask {
            method: Method::GET,
            path,
            target,
            what: path.to_owned(),
            accept: Some("application/json"),
            limit: PAGE_BYTES,
        };
        let reply = host.ask(&ask).await?;
        let refused = matches!(reply.answer.status.as_u16(), 400 | 405 | 413 | 416);
        if refused && first && !host.wants_small_pages() {
            host.small_pages.store(true, Ordering::Relaxed);
            target = first_page(host);
            continue;
        }
        let answer = reply.success()?;
        bytes += answer.body.len();
        if bytes > LIST_BYTES {
            return Err(malformed(format!(
                "the list is larger than {LIST_BYTES} bytes"
            )));
        }
        // Without the words of the error, which quote the text.
        let page: Page = serde_json::from_slice(&answer.body).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            malformed(format!("not a tag list at line {line}, column {column}"))
        })?;
        tags.extend(
            page.tags
                .into_iter()
                .flatten()
                .filter_map(|tag| tag.parse::<Tag>().ok()),
        );
        let next = next(&answer.headers, &answer.url);
        let next = next.map_err(|reason| malformed(host.words().shown(&reason)))?;
        seen.insert(answer.url);
        match next {
            Some(next) if seen.contains(&next) => {
                return Err(malformed("a page names itself as the next one".to_owned()));
            }
            Some(next) => target = Target::Whole(next),
            None => return Ok(tags.into_iter().collect()),
        }
    }
}

fn first_page(host: &Host) -> Target {
    let size = match host.wants_small_pages() {
        true => PAGES.1,
        false => PAGES.0,
    };
    Target::Below(format!("tags/list?n={size}"))
}

/// The address of the next page. It has to be at the origin of its page: the request may
/// carry a login. The error is a sentence.
fn next(headers: &HeaderMap, page: &Url) -> Result<Option<Url>, String> {
    for value in headers.get_all(LINK) {
        let text = value.to_str();
        let text = text.map_err(|_| "its Link header is not text".to_owned())?;
        let Some(target) = next_target(text) else {
            continue;
        };
        let named = page.join(target);
        let named = named.map_err(|_| "its Link header is not an address".to_owned())?;
        // Some servers leave their port out, or do not know that TLS ends in front of
        // them: the request goes where the page came from anyway, but never out of TLS.
        let same_port = named.port().is_none() || named.port() == page.port();
        let same_scheme = named.scheme() == page.scheme() || named.scheme() == "https";
        if !same_scheme || named.host_str() != page.host_str() || !same_port {
            let place = origin::shown(&named);
            return Err(format!("its Link header leads to another place, {place}"));
        }
        // Behind a proxy, a registry may not know the path that it is asked by.
        if !named.path().ends_with("/tags/list") {
            let path = named.path();
            return Err(format!("its Link header leads to another path, {path}"));
        }
        let mut next = page.clone();
        next.set_query(named.query());
        return Ok(Some(next));
    }
    Ok(None)
}

/// The target of `<…>; rel="next"` among the links of a header. A single link without the
/// brackets is read as well.
fn next_target(text: &str) -> Option<&str> {
    if !text.contains('<') {
        let (target, parameters) = text.split_once(';')?;
        return is_next(parameters).then_some(target.trim());
    }
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        let after = &rest[start + 1..];
        let (target, parameters) = after.split_once('>')?;
        let end = parameters.find('<').unwrap_or(parameters.len());
        if is_next(&parameters[..end]) {
            return Some(target);
        }
        rest = &parameters[end..];
    }
    None
}

/// Whether the parameters of a link have `rel=next`.
fn is_next(parameters: &str) -> bool {
    parameters.split([';', ',']).any(|parameter| {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        name.trim().eq_ignore_ascii_case("rel")
            && value
                .trim()
                .trim_matches('"')
                .split_whitespace()
                .any(|relation| relation.eq_ignore_ascii_case("next"))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn follow_from(page: &str, link: &str) -> Result<Option<String>, String> {
        let mut headers = HeaderMap::new();
        headers.insert(LINK, HeaderValue::from_str(link).unwrap());
        let next = next(&headers, &Url::parse(page).unwrap())?;
        Ok(next.map(|url| url.to_string()))
    }

    fn follow(link: &str) -> Result<Option<String>, String> {
        follow_from("https://example.com:5000/v2/a/tags/list?n=1000", link)
    }

    #[test]
    fn links_are_followed_in_all_their_spellings() {
        for (link, query) in [
            (r#"</v2/a/tags/list?last=x&n=2>; rel="next""#, "last=x&n=2"),
            (
                r"<https://example.com:5000/v2/a/tags/list?c=%2F%3D>;rel=next",
                "c=%2F%3D",
            ),
            (
                r#"<https://example.com/v2/a/tags/list?c=1>; rel="next""#,
                "c=1",
            ),
            (r#"<?c=2>; title="x"; rel="prev next""#, "c=2"),
            (r#"</p>; rel="prev", <?c=3>; rel="next""#, "c=3"),
            (r#"/v2/a/tags/list?c=4; rel="next""#, "c=4"),
            // Another name of the same list, as a proxy's registry knows it.
            (r#"</repository/x/v2/a/tags/list?c=5>; rel="next""#, "c=5"),
        ] {
            let wanted = format!("https://example.com:5000/v2/a/tags/list?{query}");
            assert_eq!(follow(link).unwrap(), Some(wanted), "{link}");
        }
        for none in [r#"</p>; rel="prev""#, "nonsense", "/p; rel=prev"] {
            assert_eq!(follow(none), Ok(None), "{none}");
        }
        let behind = follow_from(
            "http://example.com:5000/v2/a/tags/list?n=1",
            "<https://example.com:5000/v2/a/tags/list?c=1>; rel=next",
        );
        let wanted = "http://example.com:5000/v2/a/tags/list?c=1";
        assert_eq!(behind.unwrap().as_deref(), Some(wanted));
    }

    #[test]
    fn links_to_other_places_are_refused() {
        for link in [
            "<https://evil.example.org/v2/a/tags/list>; rel=next",
            "<http://example.com:5000/v2/a/tags/list>; rel=next",
            "<https://example.com:5001/v2/a/tags/list>; rel=next",
            "<//evil.example.org/v2/a/tags/list>; rel=next",
            "<https://example.com:5000@evil.example.org/v2/a/tags/list>; rel=next",
            "</v2/a/manifests/v1>; rel=next",
        ] {
            let error = follow(link).unwrap_err();
            assert!(error.contains("leads to another p"), "{link}: {error}");
        }
    }
}
