//! The tokens that a login brought, and who gets them.
//!
//! One token serves as many repositories as possible: all that a batch announced are
//! asked for together. Token services that cannot do that are asked one by one. Refuses
//! to ask again for a token that was not taken when it was new: another one would be the
//! same, and a password that is sent over and over locks an account.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use base64::Engine as _;
use http::header::HeaderValue;
use tokio::sync::{Mutex, MutexGuard};

use super::challenge::Challenge;
use super::credentials::{Found, Login};
use super::error::RegistryError;
use super::host::Host;
use super::http::sensitive;
use super::token_service::Service;

/// Longest list of scopes in one request: URLs have limits.
const SCOPES_AT_ONCE: usize = 60;

/// New tokens that a registry refuses before it counts as one that takes none. A token
/// for several repositories may be good for the first of them only, so the first refusal
/// leaves room for one that is asked for alone.
const REFUSED: usize = 2;

/// One login at one registry, with the tokens that it brought.
pub(super) struct Account {
    pub(super) found: Found,
    tokens: Mutex<Tokens>,
    /// Who asks for another token because of a refusal goes alone until one was taken.
    turn: Mutex<()>,
    taken: AtomicBool,
    refused: AtomicUsize,
}

#[derive(Default)]
struct Tokens {
    by_path: BTreeMap<String, Token>,
    /// The newest one.
    last: Option<HeaderValue>,
    one_by_one: bool,
    /// A failure that would only repeat itself: whoever waits for a token hears of it at
    /// once. A wrong password sent fifty times locks an account.
    failed: Option<RegistryError>,
}

struct Token {
    header: HeaderValue,
    /// The registry refused it when it was new.
    refused: bool,
}

/// What a request is sent with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Pass {
    /// Nothing.
    Nobody,
    /// The login itself.
    Login(HeaderValue),
    /// A token that was asked for just now.
    New(HeaderValue),
    /// A token that other requests were sent with, or will be.
    Known(HeaderValue),
}

impl Pass {
    /// The `Authorization` header.
    pub(super) fn header(&self) -> Option<&HeaderValue> {
        match self {
            Pass::Nobody => None,
            Pass::Login(header) | Pass::New(header) | Pass::Known(header) => Some(header),
        }
    }
}

/// Another pass after a refusal, and the right to be the only one who tries.
pub(super) struct Again<'a> {
    pub(super) pass: Pass,
    _turn: Option<MutexGuard<'a, ()>>,
}

impl Account {
    pub(super) fn new(found: Found) -> Account {
        Account {
            found,
            tokens: Mutex::default(),
            turn: Mutex::default(),
            taken: AtomicBool::new(false),
            refused: AtomicUsize::new(0),
        }
    }

    /// What a request for a repository is sent with.
    pub(super) async fn pass(
        &self,
        host: &Host,
        challenge: &Challenge,
        path: &str,
    ) -> Result<Pass, RegistryError> {
        match (challenge, &self.found.login) {
            (Challenge::None, _) => Ok(Pass::Nobody),
            (_, Login::Registry(token)) => Ok(login(bearer(token))),
            (Challenge::Basic, known) => Ok(login(basic(known))),
            (Challenge::Bearer { .. }, _) => {
                // Held over the request: whoever waits here finds the token afterwards.
                let mut tokens = self.tokens.lock().await;
                if let Some(token) = tokens.by_path.get(path) {
                    return Ok(Pass::Known(token.header.clone()));
                }
                if self.takes_none()
                    && let Some(last) = &tokens.last
                {
                    return Ok(Pass::Known(last.clone()));
                }
                let all = self.wanted(host, path, &tokens).await;
                self.ask(host, challenge, all, &mut tokens).await
            }
        }
    }

    /// What a request is sent with that was refused with `refused`; `None` where asking
    /// once more is of no use.
    pub(super) async fn again(
        &self,
        host: &Host,
        challenge: &Challenge,
        path: &str,
        refused: &Pass,
    ) -> Result<Option<Again<'_>>, RegistryError> {
        let alone = |pass: Pass| {
            let again = Again { pass, _turn: None };
            Ok(again.pass.header().is_some().then_some(again))
        };
        match (refused, challenge, &self.found.login) {
            (_, Challenge::None, _) | (Pass::New(_), _, _) => return Ok(None),
            // Others may know more than the door said.
            (Pass::Nobody, Challenge::Basic, _) | (Pass::Nobody, _, Login::Registry(_)) => {
                return alone(self.pass(host, challenge, path).await?);
            }
            (_, Challenge::Basic, _) | (_, _, Login::Registry(_)) => return Ok(None),
            (_, Challenge::Bearer { .. }, _) => {}
        }
        let turn = match self.taken.load(Ordering::SeqCst) {
            true => None,
            false => Some(self.turn.lock().await),
        };
        let mut tokens = self.tokens.lock().await;
        if let Some(token) = tokens.by_path.get(path) {
            if Some(&token.header) != refused.header() {
                return alone(Pass::Known(token.header.clone()));
            }
            if token.refused {
                return Ok(None);
            }
        }
        if self.takes_none() {
            return Ok(None);
        }
        let paths = match refused {
            Pass::Nobody => self.wanted(host, path, &tokens).await,
            _ => vec![path.to_owned()],
        };
        let pass = self.ask(host, challenge, paths, &mut tokens).await?;
        let turn = turn.filter(|_| !self.taken.load(Ordering::SeqCst));
        Ok(Some(Again { pass, _turn: turn }))
    }

    /// Notes whether the registry took what a request for a repository was sent with.
    pub(super) async fn judge(&self, path: &str, pass: &Pass, taken: bool) {
        match (pass, taken) {
            (Pass::New(_) | Pass::Known(_), true) => self.taken.store(true, Ordering::SeqCst),
            (Pass::New(header), false) => {
                self.refused.fetch_add(1, Ordering::SeqCst);
                let mut tokens = self.tokens.lock().await;
                if let Some(token) = tokens.by_path.get_mut(path)
                    && token.header == *header
                {
                    token.refused = true;
                }
            }
            _ => {}
        }
    }

    /// Whether the registry has refused all that it was shown, and that more than once.
    fn takes_none(&self) -> bool {
        let taken = self.taken.load(Ordering::SeqCst);
        !taken && self.refused.load(Ordering::SeqCst) >= REFUSED
    }

    /// The repositories that a token is asked for: the one that it is wanted for first,
    /// because some services grant no more, then others that a batch announced.
    async fn wanted(&self, host: &Host, path: &str, tokens: &Tokens) -> Vec<String> {
        let mut paths = vec![path.to_owned()];
        if !tokens.one_by_one {
            let announced = host.announced(&self.found.key).await;
            let fresh = announced
                .into_iter()
                .filter(|other| other != path && !tokens.by_path.contains_key(other));
            paths.extend(fresh.take(SCOPES_AT_ONCE - 1));
        }
        paths
    }

    async fn ask(
        &self,
        host: &Host,
        challenge: &Challenge,
        mut paths: Vec<String>,
        tokens: &mut Tokens,
    ) -> Result<Pass, RegistryError> {
        let Challenge::Bearer { realm, service } = challenge else {
            return Ok(Pass::Nobody);
        };
        if let Some(error) = &tokens.failed {
            return Err(error.clone());
        }
        let service = Service {
            host,
            realm,
            service: service.as_deref(),
            found: &self.found,
        };
        let mut answer = service.token(&paths).await;
        if paths.len() > 1 && answer.as_ref().is_err_and(|error| !self.is_final(error)) {
            tokens.one_by_one = true;
            paths.truncate(1);
            answer = service.token(&paths).await;
        }
        if let Err(error) = &answer
            && self.is_final(error)
        {
            tokens.failed = Some(error.clone());
        }
        let header = answer?;
        tokens.last = Some(header.clone());
        for path in paths {
            let token = Token {
                header: header.clone(),
                refused: false,
            };
            tokens.by_path.insert(path, token);
        }
        Ok(Pass::New(header))
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
}

fn login(header: Option<HeaderValue>) -> Pass {
    header.map_or(Pass::Nobody, Pass::Login)
}

/// A token as a header; `None` where no header can hold it.
pub(super) fn bearer(token: &str) -> Option<HeaderValue> {
    sensitive(&format!("Bearer {token}"))
}

/// A login as a header; `None` where it is not a password.
pub(super) fn basic(login: &Login) -> Option<HeaderValue> {
    let Login::Password { user, password } = login else {
        return None;
    };
    let encoded = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    sensitive(&format!("Basic {encoded}"))
}
