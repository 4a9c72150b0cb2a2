//! How a registry wants to be logged in to: the challenges of `WWW-Authenticate` (RFC
//! 9110, section 11). Pure; whether a challenge counts is up to who asked.

use std::collections::BTreeMap;

use http::header::HeaderMap;

/// What a registry answers to a request without a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    /// Nothing: it serves everyone.
    None,
    Basic,
    Bearer {
        realm: String,
        service: Option<String>,
    },
}

impl Challenge {
    /// Reads `WWW-Authenticate`; bearer tokens are preferred to passwords.
    pub(super) fn read(headers: &HeaderMap) -> Option<Challenge> {
        let mut basic = false;
        for value in headers.get_all(http::header::WWW_AUTHENTICATE) {
            let Ok(text) = value.to_str() else {
                continue;
            };
            for (scheme, parameters) in challenges(text) {
                if scheme == "bearer"
                    && let Some(realm) = parameters.get("realm")
                {
                    return Some(Challenge::Bearer {
                        realm: realm.clone(),
                        service: parameters.get("service").cloned(),
                    });
                }
                basic |= scheme == "basic";
            }
        }
        basic.then_some(Challenge::Basic)
    }
}

/// The challenges of one header: `Scheme key="value", key=value, Scheme …`.
fn challenges(text: &str) -> Vec<(String, BTreeMap<String, String>)> {
    let mut found: Vec<(String, BTreeMap<String, String>)> = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let end = rest
            .find(|c: char| c.is_whitespace() || matches!(c, '=' | ','))
            .unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let after = after.trim_start();
        if let Some(value) = after.strip_prefix('=') {
            let (value, after) = parameter(value.trim_start());
            if let Some((_, parameters)) = found.last_mut() {
                parameters.insert(word.to_ascii_lowercase(), value);
            }
            rest = after;
        } else {
            if !word.is_empty() {
                found.push((word.to_ascii_lowercase(), BTreeMap::new()));
            }
            rest = after;
        }
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
    }
    found
}

/// A quoted or bare value, and what follows it.
fn parameter(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ']).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut escaped = false;
    for (at, character) in quoted.char_indices() {
        match character {
            _ if escaped => {
                value.push(character);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => return (value, &quoted[at + 1..]),
            _ => value.push(character),
        }
    }
    (value, "")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn read(values: &[&str]) -> Option<Challenge> {
        let mut headers = HeaderMap::new();
        for value in values {
            let value = HeaderValue::from_str(value).unwrap();
            headers.append(http::header::WWW_AUTHENTICATE, value);
        }
        Challenge::read(&headers)
    }

    #[test]
    fn challenges_are_read_in_all_their_spellings() {
        let bearer = |realm: &str, service: Option<&str>| {
            Some(Challenge::Bearer {
                realm: realm.into(),
                service: service.map(Into::into),
            })
        };
        assert_eq!(
            read(&[
                r#"Bearer realm="https://a/token?x=1,2",service="s, \"t\"",scope="repository:a:pull""#
            ]),
            bearer("https://a/token?x=1,2", Some("s, \"t\""))
        );
        assert_eq!(
            read(&["bearer realm=https://a/t"]),
            bearer("https://a/t", None)
        );
        assert_eq!(
            read(&[r#"Basic realm="x", Bearer realm="https://a""#]),
            bearer("https://a", None)
        );
        assert_eq!(
            read(&["Basic realm=x", r#"Bearer realm="https://a""#]),
            bearer("https://a", None)
        );
        assert_eq!(read(&[r#"BASIC realm="x""#]), Some(Challenge::Basic));
        assert_eq!(read(&["Negotiate"]), None);
        assert_eq!(read(&["Bearer"]), None);
        for odd in ["=", ",,,", "a=", "Bearer realm=\"", "= , ="] {
            let _ = read(&[odd]);
        }
        assert_eq!(read(&[]), None);
    }
}
