//! Where an answer sends a request on to, and what of it may go there: a login and a
//! token stay at the origin that they are for. Pure.

use http::header::{AUTHORIZATION, HeaderMap, LOCATION};
use reqwest::{Method, StatusCode, Url};

use super::origin;

/// Redirects that are followed for one answer. Registries need one, to where blobs are.
/// See `docs/limits.md`.
pub(super) const REDIRECTS: usize = 5;

/// A request on its way.
#[derive(Debug, Clone)]
pub(super) struct Hop {
    pub(super) method: Method,
    pub(super) url: Url,
    /// With `Authorization` where there is a login.
    pub(super) headers: HeaderMap,
    /// A form, already encoded. It may hold a token.
    pub(super) form: Option<String>,
    /// Whether what is asked for has to come from the origin that was asked.
    pub(super) stays: bool,
}

/// The next request, or none where the answer is the last one. The error is a sentence.
pub(super) fn next(
    hop: &Hop,
    status: StatusCode,
    headers: &HeaderMap,
) -> Result<Option<Hop>, String> {
    let leads_on = matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308);
    let Some(location) = headers.get(LOCATION).filter(|_| leads_on) else {
        return Ok(None);
    };
    let location = location.to_str().ok();
    let url = location.and_then(|location| hop.url.join(location).ok());
    let Some(mut url) = url else {
        return Err(format!("a redirect ({status}) to what is not an address"));
    };
    url.set_fragment(None);
    let place = origin::shown(&url);
    if !matches!(url.scheme(), "http" | "https") {
        let scheme = url.scheme();
        return Err(format!("a redirect to an address of the scheme {scheme}"));
    }
    if origin::has_login(&url) {
        return Err("a redirect to an address with a login in it".to_owned());
    }
    if hop.url.scheme() == "https" && url.scheme() == "http" {
        return Err(format!("a redirect from https to {place}"));
    }
    let mut next = Hop { url, ..hop.clone() };
    if !origin::is_same(&hop.url, &next.url) {
        let secret = hop.form.is_some() || hop.headers.contains_key(AUTHORIZATION);
        if hop.form.is_some() || hop.stays && secret {
            return Err(format!("a redirect to {place}, where no login is sent"));
        }
        next.headers.remove(AUTHORIZATION);
    }
    if hop.form.is_some() && !matches!(status.as_u16(), 307 | 308) {
        return Err(format!(
            "a redirect ({status}) that leaves out what was sent"
        ));
    }
    Ok(Some(next))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use http::HeaderValue;

    const ALL: [u16; 5] = [301, 302, 303, 307, 308];

    fn hop(url: &str) -> Hop {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_static("Bearer t"));
        headers.insert("accept", HeaderValue::from_static("application/json"));
        Hop {
            method: Method::GET,
            url: Url::parse(url).unwrap(),
            headers,
            form: None,
            stays: false,
        }
    }

    fn to(hop: &Hop, status: u16, location: &str) -> Result<Option<Hop>, String> {
        let mut headers = HeaderMap::new();
        headers.insert(LOCATION, HeaderValue::from_str(location).unwrap());
        next(hop, StatusCode::from_u16(status).unwrap(), &headers)
    }

    #[test]
    fn a_login_stays_at_its_origin_whatever_the_status() {
        let from = hop("https://example.com/v2/a");
        for status in ALL {
            let there = |location: &str| to(&from, status, location).unwrap().unwrap();
            for same in ["/b", "//example.com/b", "https://example.com:443/b#x"] {
                let next = there(same);
                assert_eq!(
                    next.url.as_str(),
                    "https://example.com/b",
                    "{status} {same}"
                );
                assert!(next.headers.contains_key(AUTHORIZATION), "{status} {same}");
            }
            for other in [
                "https://other.example.com/b",
                "https://example.com:444/b",
                "//other.example.com/b",
            ] {
                let next = there(other);
                assert!(
                    !next.headers.contains_key(AUTHORIZATION),
                    "{status} {other}"
                );
                assert!(next.headers.contains_key("accept"));
                // Once gone it does not come back.
                let back = to(&next, status, "https://example.com/c").unwrap().unwrap();
                assert!(!back.headers.contains_key(AUTHORIZATION));
            }
        }
        let plain = hop("http://example.com/a");
        let tls = to(&plain, 301, "https://example.com/a").unwrap().unwrap();
        assert!(!tls.headers.contains_key(AUTHORIZATION));
        assert!(to(&from, 200, "/b").unwrap().is_none());
        assert!(to(&from, 304, "/b").unwrap().is_none());
        assert!(
            next(&from, StatusCode::FOUND, &HeaderMap::new())
                .unwrap()
                .is_none()
        );
    }

    #[test]
    fn tokens_and_their_service_s_logins_go_nowhere_else() {
        let mut form = hop("https://example.com/token");
        form.headers.remove(AUTHORIZATION);
        form.form = Some("refresh_token=t".to_owned());
        let login = Hop {
            stays: true,
            ..hop("https://example.com/token")
        };
        for status in ALL {
            for from in [&form, &login] {
                let error = to(from, status, "https://other.example.com/token").unwrap_err();
                assert!(error.contains("https://other.example.com"), "{error}");
            }
            let same = to(&form, status, "/token/");
            match status {
                307 | 308 => assert_eq!(same.unwrap().unwrap().form, form.form),
                _ => assert!(same.unwrap_err().contains("leaves out"), "{status}"),
            }
        }
        let mut nobody = login.clone();
        nobody.headers.remove(AUTHORIZATION);
        assert!(
            to(&nobody, 307, "https://other.example.com/")
                .unwrap()
                .is_some()
        );
    }

    #[test]
    fn what_is_no_safe_address_is_not_followed() {
        let from = hop("https://example.com/a");
        for (location, said) in [
            ("http://example.com/a", "from https to http://example.com"),
            ("http://127.0.0.1/a", "from https"),
            ("https://u:p@example.com/", "with a login in it"),
            ("ftp://example.com/a", "scheme ftp"),
            ("file:///etc/passwd", "scheme file"),
            ("https://[/", "not an address"),
        ] {
            let error = to(&from, 307, location).unwrap_err();
            assert!(error.contains(said), "{location}: {error}");
            assert!(!error.contains("u:p"), "{error}");
        }
    }
}
