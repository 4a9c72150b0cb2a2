//! `Link` headers: where the next page of a list is. Pure. Refuses pages at another origin
//! or path: the request for one may carry a login.

use http::header::{HeaderMap, LINK};
use reqwest::Url;

use super::origin;

/// The address of the next page. It has to be at the origin of its page: the request may
/// carry a login. The error is a sentence.
pub(super) fn next(headers: &HeaderMap, page: &Url) -> Result<Option<Url>, String> {
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
