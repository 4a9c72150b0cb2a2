//! One registry: its address, its login, and requests to its repositories.
//!
//! The ping that asks how to log in is sent once, whoever needs it first; so is
//! each token. At most eight requests are under way at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex as Lock, MutexGuard, PoisonError};

use http::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Method, Url};
use tokio::sync::{Mutex, OnceCell, Semaphore};

use super::credentials::{CredentialSource, Login, Store};
use super::error::{Refusal, RegistryError, message};
use super::http::{Answer, Client, Lost, Outgoing};
use super::token::{Account, Challenge};

/// Requests under way at one registry.
const AT_ONCE: usize = 8;

/// A registry and what is known about it.
pub(super) struct Host {
    name: String,
    client: Arc<Client>,
    store: Arc<Store>,
    slots: Semaphore,
    ping: OnceCell<Result<Ping, RegistryError>>,
    /// How repositories want to be logged in to where everybody may ping.
    asked_later: Lock<Option<Challenge>>,
    /// Whether somebody with a login has come back from behind an open door.
    scouted: Mutex<bool>,
    announced: Lock<BTreeSet<String>>,
    accounts: Mutex<BTreeMap<String, Result<Arc<Account>, RegistryError>>>,
    /// Set when the registry refused large pages.
    pub(super) small_pages: AtomicBool,
}

#[derive(Clone)]
struct Ping {
    base: Url,
    challenge: Challenge,
}

/// A question about a repository.
pub(super) struct Ask<'a> {
    pub(super) method: Method,
    /// The repository's path in the registry.
    pub(super) path: &'a str,
    /// What is asked for below the repository, such as `tags/list?n=10`, or a whole
    /// path with its query when it starts with `/`.
    pub(super) below: String,
    /// What it is called in messages.
    pub(super) what: String,
    pub(super) accept: Option<&'static str>,
    /// How many bytes of an answer are read at most.
    pub(super) limit: usize,
}

/// An answer, with what a message about it needs.
pub(super) struct Reply {
    pub(super) answer: Answer,
    pub(super) url: Url,
    source: CredentialSource,
    secret: String,
    registry: String,
    what: String,
}

impl Reply {
    /// The answer, if it is a success.
    pub(super) fn success(self) -> Result<Answer, RegistryError> {
        if self.answer.status.is_success() {
            return Ok(self.answer);
        }
        Err(RegistryError::Refused(Box::new(Refusal {
            registry: self.registry,
            token_service: None,
            what: self.what,
            status: self.answer.status.as_u16(),
            message: message(&self.answer.body, &[&self.secret]),
            credentials: self.source,
        })))
    }
}

impl Host {
    pub(super) fn new(name: &str, client: Arc<Client>, store: Arc<Store>) -> Host {
        Host {
            name: name.to_owned(),
            client,
            store,
            slots: Semaphore::new(AT_ONCE),
            ping: OnceCell::new(),
            asked_later: Lock::default(),
            scouted: Mutex::default(),
            announced: Lock::default(),
            accounts: Mutex::default(),
            small_pages: AtomicBool::new(false),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn page_limit(&self) -> usize {
        self.client.settings().page_limit
    }

    pub(super) fn wants_small_pages(&self) -> bool {
        self.small_pages.load(Ordering::Relaxed)
    }

    /// Says that a repository will be asked for soon, so that one token can serve many.
    pub(super) fn announce(&self, path: &str) {
        let mut announced = self
            .announced
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        announced.insert(path.to_owned());
    }

    /// The announced repositories that share a login.
    pub(super) async fn announced(&self, key: &str) -> Vec<String> {
        let accounts = self.accounts.lock().await;
        let shares = |account: &Arc<Account>| account.found.key == key;
        let mine = accounts
            .iter()
            .filter(|(_, account)| account.as_ref().is_ok_and(shares));
        mine.map(|(path, _)| path.clone()).collect()
    }

    /// Whether requests to this address are safe: TLS, this machine, or asked for.
    pub(super) fn may_speak_to(&self, url: &Url) -> bool {
        let authority = url.host_str().map(|host| match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        });
        url.scheme() == "https" || authority.is_some_and(|host| self.is_plain(&host))
    }

    /// Whether this registry is spoken to without TLS.
    fn is_plain(&self, authority: &str) -> bool {
        self.client.settings().plain_http.contains(authority) || is_loopback(authority)
    }

    /// Sends a request when one of the eight slots is free.
    pub(super) async fn send(&self, outgoing: &Outgoing) -> Result<Answer, Lost> {
        let Ok(_slot) = self.slots.acquire().await else {
            return Err(Lost::Hopeless("the client was closed".to_owned()));
        };
        self.client.send(outgoing).await
    }

    /// Asks, logging in where the registry wants it.
    pub(super) async fn ask(&self, ask: &Ask<'_>) -> Result<Reply, RegistryError> {
        let ping = self.ping().await?;
        let account = self.account(ask.path).await?;
        let url = self.url(&ping.base, ask)?;
        // Who has a login at a registry that asks for none at the door goes ahead alone:
        // if it is wanted further inside, the others know.
        let open = ping.challenge == Challenge::None;
        let _scout = match open && account.found.login != Login::Anonymous {
            true => self.scout().await,
            false => None,
        };
        let mut challenge = match &ping.challenge {
            Challenge::None => self.later().clone().unwrap_or(Challenge::None),
            known => known.clone(),
        };
        let mut authorization = account
            .authorization(self, &challenge, ask.path, None)
            .await?;
        let mut answer = self.request(ask, &url, authorization.as_ref()).await?;
        if answer.status == 401 {
            // A token ran out or covers less than was asked for, or this repository is
            // private in a registry that lets everybody ping.
            if let Some(found) = Challenge::read(&answer.headers) {
                *self.later() = Some(found.clone());
                challenge = found;
            }
            let renewed = account
                .authorization(self, &challenge, ask.path, authorization.as_ref())
                .await?;
            if renewed.is_some() && renewed != authorization {
                authorization = renewed;
                answer = self.request(ask, &url, authorization.as_ref()).await?;
            }
        }
        Ok(Reply {
            answer,
            url,
            source: account.found.source.clone(),
            secret: account.found.login.secret().to_owned(),
            registry: self.name.clone(),
            what: ask.what.clone(),
        })
    }

    /// For the first one: what the others wait for. It comes back but once, whatever it
    /// finds.
    async fn scout(&self) -> Option<tokio::sync::MutexGuard<'_, bool>> {
        let mut scouted = self.scouted.lock().await;
        let first = !std::mem::replace(&mut *scouted, true);
        first.then_some(scouted)
    }

    fn later(&self) -> MutexGuard<'_, Option<Challenge>> {
        let later = self.asked_later.lock();
        later.unwrap_or_else(PoisonError::into_inner)
    }

    async fn request(
        &self,
        ask: &Ask<'_>,
        url: &Url,
        authorization: Option<&HeaderValue>,
    ) -> Result<Answer, RegistryError> {
        let mut headers = HeaderMap::new();
        if let Some(accept) = ask.accept {
            headers.insert(ACCEPT, HeaderValue::from_static(accept));
        }
        if let Some(value) = authorization {
            headers.insert(AUTHORIZATION, value.clone());
        }
        let outgoing = Outgoing {
            method: ask.method.clone(),
            url: url.clone(),
            headers,
            form: None,
            limit: ask.limit,
        };
        let failed = |lost| self.lost(&ask.what, lost);
        self.send(&outgoing).await.map_err(failed)
    }

    fn url(&self, base: &Url, ask: &Ask<'_>) -> Result<Url, RegistryError> {
        let relative = match ask.below.starts_with('/') {
            true => ask.below.clone(),
            false => format!("/v2/{}/{}", ask.path, ask.below),
        };
        base.join(&relative)
            .map_err(|error| RegistryError::Malformed {
                registry: self.name.clone(),
                what: ask.what.clone(),
                reason: error.to_string(),
            })
    }

    /// A request without an answer, as an error.
    pub(super) fn lost(&self, what: &str, lost: Lost) -> RegistryError {
        let (registry, what) = (self.name.clone(), what.to_owned());
        match lost {
            Lost::Untrusted(reason) => RegistryError::Untrusted {
                registry,
                what,
                reason,
            },
            lost => RegistryError::Unreachable {
                registry,
                what,
                reason: lost.reason(),
            },
        }
    }

    /// The login for a repository; all announced ones are looked up together.
    async fn account(&self, path: &str) -> Result<Arc<Account>, RegistryError> {
        let mut accounts = self.accounts.lock().await;
        if let Some(account) = accounts.get(path) {
            return account.clone();
        }
        let mut paths = {
            let announced = self
                .announced
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            announced.clone()
        };
        paths.insert(path.to_owned());
        paths.retain(|path| !accounts.contains_key(path));
        let (store, name) = (self.store.clone(), self.name.clone());
        let look_up = move || -> Vec<_> {
            let found = paths.into_iter().map(|path| {
                let found = store.look_up(&name, &path);
                (path, found)
            });
            found.collect()
        };
        // Files and helpers block, so they get a thread of their own.
        let found = tokio::task::spawn_blocking(look_up).await;
        let found = found.map_err(|error| RegistryError::Setup(error.to_string()))?;
        let mut by_key: BTreeMap<String, Arc<Account>> = accounts
            .values()
            .flatten()
            .map(|account| (account.found.key.clone(), account.clone()))
            .collect();
        for (path, found) in found {
            let account = found.map(|found| {
                let key = found.key.clone();
                let account = by_key
                    .entry(key)
                    .or_insert_with(|| Arc::new(Account::new(found)));
                account.clone()
            });
            accounts.insert(path, account);
        }
        match accounts.get(path) {
            Some(account) => account.clone(),
            None => Err(RegistryError::Setup(format!(
                "no login was looked up for {path}"
            ))),
        }
    }

    async fn ping(&self) -> Result<Ping, RegistryError> {
        let ping = self.ping.get_or_init(|| self.ask_how_to_log_in()).await;
        ping.clone()
    }

    async fn ask_how_to_log_in(&self) -> Result<Ping, RegistryError> {
        let authority = match self.name.as_str() {
            "docker.io" => "registry-1.docker.io",
            name => name,
        };
        let plain = self.is_plain(authority);
        let scheme = if plain { "http" } else { "https" };
        let ping = self.ping_by(scheme, authority).await;
        match ping {
            // What a server behind TLS says to somebody without.
            Err(RegistryError::Refused(refusal)) if plain && refusal.status == 400 => {
                self.ping_by("https", authority).await
            }
            other => other,
        }
    }

    async fn ping_by(&self, scheme: &str, authority: &str) -> Result<Ping, RegistryError> {
        let what = "its API (/v2/)";
        let malformed = |reason: String| RegistryError::Malformed {
            registry: self.name.clone(),
            what: what.to_owned(),
            reason,
        };
        let base = Url::parse(&format!("{scheme}://{authority}/v2/"))
            .map_err(|error| malformed(error.to_string()))?;
        let outgoing = Outgoing {
            method: Method::GET,
            url: base.clone(),
            headers: HeaderMap::new(),
            form: None,
            limit: 1 << 20,
        };
        let failed = |lost| self.lost(what, lost);
        let answer = self.send(&outgoing).await.map_err(failed)?;
        let challenge = match answer.status.as_u16() {
            401 => Challenge::read(&answer.headers)
                .ok_or_else(|| malformed("401 without a way to log in".to_owned()))?,
            _ if answer.status.is_success() => Challenge::None,
            status => {
                return Err(RegistryError::Refused(Box::new(Refusal {
                    registry: self.name.clone(),
                    token_service: None,
                    what: what.to_owned(),
                    status,
                    message: message(&answer.body, &[]),
                    credentials: CredentialSource::Anonymous,
                })));
            }
        };
        Ok(Ping { base, challenge })
    }
}

/// Whether `host[:port]` is this machine.
fn is_loopback(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost"
        || host.parse::<Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
        || host.parse::<Ipv6Addr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_spoken_to_without_tls() {
        for here in [
            "localhost",
            "localhost:5000",
            "127.0.0.1:80",
            "127.9.9.9",
            "[::1]:5000",
            "[::1]",
        ] {
            assert!(is_loopback(here), "{here}");
        }
        for there in [
            "example.com",
            "localhost.example.com:80",
            "128.0.0.1",
            "[::2]:5000",
            "10.0.0.1",
        ] {
            assert!(!is_loopback(there), "{there}");
        }
    }
}
