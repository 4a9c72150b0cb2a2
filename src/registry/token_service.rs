//! Asking a token service in the name of a login. Refuses services that are neither
//! behind TLS nor allowed on this machine, addresses with a login in them, and tokens
//! that no header can hold.

use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Method, Url};

use super::credentials::{Found, Login};
use super::error::{Refusal, RegistryError};
use super::host::Host;
use super::http::Outgoing;
use super::origin;
use super::reading;
use super::token::{basic, bearer};

/// Largest answer of a token service that is read, in bytes: tokens have a few thousand.
/// See `docs/limits.md`.
const ANSWER_BYTES: usize = 256 << 10;

/// Longest token that is sent, in bytes: servers take headers of 8 to 64 kilobytes.
/// See `docs/limits.md`.
const TOKEN_BYTES: usize = 64 << 10;

/// A token service, asked in the name of a login.
pub(super) struct Service<'a> {
    pub(super) host: &'a Host,
    pub(super) realm: &'a str,
    pub(super) service: Option<&'a str>,
    pub(super) found: &'a Found,
}

impl Service<'_> {
    /// A token for these repositories, as the header that it is sent in.
    pub(super) async fn token(&self, paths: &[String]) -> Result<HeaderValue, RegistryError> {
        let what = match paths {
            [path] => path.clone(),
            paths => format!("{} repositories", paths.len()),
        };
        let outgoing = self.request(paths, &what)?;
        let lost = |lost| {
            let realm = self.host.words().shown(self.realm);
            let what = format!("a token for {what} ({realm})");
            self.host.lost(&what, lost)
        };
        let answer = self.host.send(&outgoing).await.map_err(lost)?;
        let words = self.host.words();
        if !answer.status.is_success() {
            return Err(RegistryError::Refused(Box::new(Refusal {
                registry: self.host.name().to_owned(),
                token_service: Some(words.shown(self.realm)),
                what,
                status: answer.status.as_u16(),
                message: words.reason(&answer.body),
                credentials: self.found.source.clone(),
                elsewhere: None,
            })));
        }
        let none = || self.malformed(&what, "its token service sent no token");
        let answer = reading::tokens(&answer.body).ok_or_else(none)?;
        for secret in answer.secrets() {
            words.add(secret);
        }
        let token = answer.access().ok_or_else(none)?;
        if token.len() > TOKEN_BYTES {
            let reason = format!("its token service sent a token of {} bytes", token.len());
            return Err(self.malformed(&what, &reason));
        }
        let header = bearer(token);
        header.ok_or_else(|| self.malformed(&what, "its token service sent an unusable token"))
    }

    fn request(&self, paths: &[String], what: &str) -> Result<Outgoing, RegistryError> {
        let mut url = Url::parse(self.realm).map_err(|_| {
            self.malformed(what, "the address of its token service is not an address")
        })?;
        url.set_fragment(None);
        if origin::has_login(&url) {
            let reason = "the address of its token service has a login in it";
            return Err(self.malformed(what, reason));
        }
        if !self.host.may_ask_for_tokens(&url, &self.found.login) {
            return Err(RegistryError::PlainTokens {
                registry: self.host.name().to_owned(),
                what: what.to_owned(),
                service: self.host.words().shown(&origin::shown(&url)),
                host: origin::authority(&url).filter(|_| url.scheme() == "http"),
            });
        }
        let scopes = paths.iter().map(|path| format!("repository:{path}:pull"));
        let mut outgoing = Outgoing {
            method: Method::GET,
            url: url.clone(),
            headers: HeaderMap::new(),
            form: None,
            stays: true,
            limit: ANSWER_BYTES,
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
