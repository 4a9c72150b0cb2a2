//! How a registry wants to be logged in to, and the tokens that it was given.
//!
//! One token serves as many repositories as possible: all that a batch announced are
//! asked for together. Token services that cannot do that are asked one by one.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Method, Url};

use super::credentials::{Found, Login};
use super::error::{Refusal, RegistryError, message};
use super::host::Host;
use super::http::{Outgoing, sensitive};

/// Longest list of scopes in one request: URLs have limits.
const SCOPES_AT_ONCE: usize = 60;

/// What a registry answers to somebody it does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    /// Nothing: it serves everybody.
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
            for (scheme, parameters) in challenges(value.to_str().ok()?) {
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

/// One login at one registry, with the tokens that it brought.
pub(super) struct Account {
    pub(super) found: Found,
    tokens: tokio::sync::Mutex<Tokens>,
}

#[derive(Default)]
struct Tokens {
    by_path: BTreeMap<String, HeaderValue>,
    one_by_one: bool,
    /// A failure that would only repeat itself: whoever waits for a token is told at
    /// once. A wrong password sent fifty times locks an account.
    failed: Option<RegistryError>,
}

impl Account {
    pub(super) fn new(found: Found) -> Account {
        Account {
            found,
            tokens: tokio::sync::Mutex::default(),
        }
    }

    /// The `Authorization` header for a repository. `refused` is one that the registry
    /// did not take: expired, or for fewer repositories than were asked for.
    pub(super) async fn authorization(
        &self,
        host: &Host,
        challenge: &Challenge,
        path: &str,
        refused: Option<&HeaderValue>,
    ) -> Result<Option<HeaderValue>, RegistryError> {
        let (realm, service) = match challenge {
            Challenge::None => return Ok(None),
            Challenge::Basic => return Ok(self.basic()),
            Challenge::Bearer { realm, service } => (realm, service.as_deref()),
        };
        // Held over the request: whoever waits here finds the token when it is his turn.
        let mut tokens = self.tokens.lock().await;
        if let Some(token) = tokens.by_path.get(path)
            && Some(token) != refused
        {
            return Ok(Some(token.clone()));
        }
        if let Some(error) = &tokens.failed {
            return Err(error.clone());
        }
        let alone = BTreeSet::from([path.to_owned()]);
        let mut paths = alone.clone();
        if refused.is_none() && !tokens.one_by_one {
            let announced = host.announced(&self.found.key).await;
            let fresh = announced
                .into_iter()
                .filter(|path| !tokens.by_path.contains_key(path));
            paths.extend(fresh.take(SCOPES_AT_ONCE - 1));
        }
        let service = Service {
            host,
            realm,
            service,
            found: &self.found,
        };
        let mut answer = service.token(&paths).await;
        if paths.len() > 1 && answer.as_ref().is_err_and(|error| !self.is_final(error)) {
            tokens.one_by_one = true;
            paths = alone;
            answer = service.token(&paths).await;
        }
        if let Err(error) = &answer
            && self.is_final(error)
        {
            tokens.failed = Some(error.clone());
        }
        let token = answer?;
        for path in paths {
            tokens.by_path.insert(path, token.clone());
        }
        Ok(Some(token))
    }

    /// Whether a failure of the token service is about this login or the service itself,
    /// and not about one of the repositories.
    fn is_final(&self, error: &RegistryError) -> bool {
        match error {
            RegistryError::Refused(refusal) => match refusal.status {
                401 => self.found.login != Login::Anonymous,
                429 => true,
                status => status >= 500,
            },
            _ => true,
        }
    }

    fn basic(&self) -> Option<HeaderValue> {
        basic(&self.found.login)
    }
}

fn basic(login: &Login) -> Option<HeaderValue> {
    let Login::Password { user, password } = login else {
        return None;
    };
    let encoded = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    sensitive(&format!("Basic {encoded}"))
}

/// A token service, asked in the name of somebody.
struct Service<'a> {
    host: &'a Host,
    realm: &'a str,
    service: Option<&'a str>,
    found: &'a Found,
}

#[derive(serde::Deserialize)]
struct TokenAnswer {
    token: Option<String>,
    access_token: Option<String>,
}

impl Service<'_> {
    async fn token(&self, paths: &BTreeSet<String>) -> Result<HeaderValue, RegistryError> {
        let what = match paths.first() {
            Some(path) if paths.len() == 1 => path.clone(),
            _ => format!("{} repositories", paths.len()),
        };
        let outgoing = self.request(paths, &what)?;
        let lost = |lost| {
            let what = format!("a token for {what} ({})", self.realm);
            self.host.lost(&what, lost)
        };
        let answer = self.host.send(&outgoing).await.map_err(lost)?;
        if !answer.status.is_success() {
            return Err(RegistryError::Refused(Box::new(Refusal {
                registry: self.host.name().to_owned(),
                token_service: Some(self.realm.to_owned()),
                what,
                status: answer.status.as_u16(),
                message: message(&answer.body, &[self.found.login.secret()]),
                credentials: self.found.source.clone(),
            })));
        }
        let parsed: Option<TokenAnswer> = serde_json::from_slice(&answer.body).ok();
        parsed
            .and_then(|answer| answer.token.or(answer.access_token))
            .filter(|token| !token.is_empty())
            .and_then(|token| sensitive(&format!("Bearer {token}")))
            .ok_or_else(|| self.malformed(&what, "its token service sent no token"))
    }

    fn request(&self, paths: &BTreeSet<String>, what: &str) -> Result<Outgoing, RegistryError> {
        let mut url = Url::parse(self.realm)
            .map_err(|_| self.malformed(what, "the address of its token service is no URL"))?;
        if !self.host.may_speak_to(&url) {
            return Err(self.malformed(what, "its token service is not behind https"));
        }
        let scopes = paths.iter().map(|path| format!("repository:{path}:pull"));
        let mut outgoing = Outgoing {
            method: Method::GET,
            url: url.clone(),
            headers: HeaderMap::new(),
            form: None,
            limit: 1 << 20,
        };
        if let Login::Identity(token) = &self.found.login {
            let scope = scopes.collect::<Vec<_>>().join(" ");
            let mut form = url.clone();
            form.query_pairs_mut()
                .clear()
                .append_pair("grant_type", "refresh_token")
                .append_pair("client_id", "kubectl-gitops")
                .append_pair("service", self.service.unwrap_or_default())
                .append_pair("scope", &scope)
                .append_pair("refresh_token", token);
            outgoing.method = Method::POST;
            outgoing.form = form.query().map(str::to_owned);
            return Ok(outgoing);
        }
        {
            let mut query = url.query_pairs_mut();
            if let Some(service) = self.service {
                query.append_pair("service", service);
            }
            for scope in scopes {
                query.append_pair("scope", &scope);
            }
        }
        if let Some(value) = basic(&self.found.login) {
            outgoing.headers.insert(AUTHORIZATION, value);
        }
        outgoing.url = url;
        Ok(outgoing)
    }

    fn malformed(&self, what: &str, reason: &str) -> RegistryError {
        RegistryError::Malformed {
            registry: self.host.name().to_owned(),
            what: what.to_owned(),
            reason: reason.to_owned(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

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
