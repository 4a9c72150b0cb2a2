//! One registry: its address, its login, and requests to its repositories.
//!
//! The ping that asks how to log in is sent once, whoever needs it first; so is
//! each token. At most eight requests are under way at a time. What another origin says
//! after a redirect is an answer, never a question for the login.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex as Lock, MutexGuard, PoisonError};

use http::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Method, Url};
use tokio::sync::{Mutex, OnceCell, Semaphore};

use super::challenge::Challenge;
use super::credentials::{CredentialSource, Found, Login, Store};
use super::error::{Refusal, RegistryError};
use super::http::{Answer, Client, Lost, Outgoing};
use super::origin;
use super::settings::Settings;
use super::token::{Account, Pass};
use super::words::Words;

/// Requests under way at one registry.
const AT_ONCE: usize = 8;

/// The largest answer to the ping that is read, in bytes. Most are empty.
const PING_BYTES: usize = 256 << 10;

/// A registry and what is known about it.
pub(super) struct Host {
    name: String,
    client: Arc<Client>,
    store: Arc<Store>,
    slots: Semaphore,
    ping: OnceCell<Result<Ping, RegistryError>>,
    /// How repositories want to be logged in to where a ping needs no login.
    asked_later: Lock<Option<Challenge>>,
    /// Whether a first request with a login has come back from behind an open door.
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

/// Where something of a repository is.
pub(super) enum Target {
    /// Below the repository, such as `tags/list?n=10`.
    Below(String),
    /// At this address. One of another origin is asked without a login.
    Whole(Url),
}

/// A question about a repository.
pub(super) struct Ask<'a> {
    pub(super) method: Method,
    /// The repository's path in the registry.
    pub(super) path: &'a str,
    pub(super) target: Target,
    /// What it is called in messages.
    pub(super) what: String,
    pub(super) accept: Option<&'static str>,
    /// How many bytes of an answer are read at most.
    pub(super) limit: usize,
}

/// An answer, with what a message about it needs.
pub(super) struct Reply {
    pub(super) answer: Answer,
    source: CredentialSource,
    words: Words,
    registry: String,
    what: String,
    /// Who answered in the place of the registry.
    elsewhere: Option<String>,
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
            message: self.words.reason(&self.answer.body),
            credentials: match self.elsewhere {
                Some(_) => CredentialSource::Anonymous,
                None => self.source,
            },
            elsewhere: self.elsewhere,
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

    pub(super) fn settings(&self) -> &Settings {
        self.client.settings()
    }

    /// What was sent, and what others say.
    pub(super) fn words(&self) -> &Words {
        self.client.words()
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

    /// Whether a token service may be asked: behind TLS, on this machine, or over plain
    /// HTTP where this machine allows it or nothing secret is sent.
    pub(super) fn may_ask_for_tokens(&self, realm: &Url, login: &Login) -> bool {
        let plain = origin::authority(realm).filter(|_| realm.scheme() == "http");
        realm.scheme() == "https"
            || plain.is_some_and(|host| match login {
                Login::Anonymous => self.is_plain(&host),
                _ => self.is_trusted(&host),
            })
    }

    /// Whether a host is spoken to without TLS.
    fn is_plain(&self, authority: &str) -> bool {
        self.is_trusted(authority) || origin::is_listed(&self.settings().plain_http, authority)
    }

    /// Whether a login may go to a host without TLS.
    fn is_trusted(&self, authority: &str) -> bool {
        let allowed = &self.settings().insecure;
        origin::is_loopback(authority)
            || origin::is_allowed(allowed, authority)
            || origin::is_allowed(allowed, &self.name) && authority == self.authority()
    }

    /// Where the registry is asked; not all bear the name of their host.
    fn authority(&self) -> &str {
        match self.name.as_str() {
            "docker.io" => "registry-1.docker.io",
            name => name,
        }
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
        let url = self.url(&ping.base, ask)?;
        if !origin::is_same(&ping.base, &url) {
            let answer = self.request(ask, &url, &Pass::Nobody).await?;
            return Ok(self.reply(&ping.base, ask, answer, CredentialSource::Anonymous));
        }
        let account = self.account(&ping.base, ask.path).await?;
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
        let pass = account.pass(self, &challenge, ask.path).await?;
        let mut answer = self.request(ask, &url, &pass).await?;
        let refused = |answer: &Answer| {
            // A challenge counts where the registry itself says it, and not who it
            // redirects to (CVE-2020-15157).
            answer.status == 401 && origin::is_same(&ping.base, &answer.url)
        };
        account.judge(ask.path, &pass, !refused(&answer)).await;
        if refused(&answer) {
            // A token ran out or covers less than was asked for, or this repository is
            // private in a registry where a ping needs no login.
            if let Some(found) = Challenge::read(&answer.headers) {
                *self.later() = Some(found.clone());
                challenge = found;
            }
            let again = account.again(self, &challenge, ask.path, &pass).await?;
            if let Some(again) = again {
                answer = self.request(ask, &url, &again.pass).await?;
                let taken = !refused(&answer);
                account.judge(ask.path, &again.pass, taken).await;
            }
        }
        Ok(self.reply(&ping.base, ask, answer, account.found.source.clone()))
    }

    fn reply(&self, base: &Url, ask: &Ask<'_>, answer: Answer, source: CredentialSource) -> Reply {
        let elsewhere = (!origin::is_same(base, &answer.url))
            .then(|| self.words().shown(&origin::shown(&answer.url)));
        Reply {
            answer,
            source,
            words: self.words().clone(),
            registry: self.name.clone(),
            what: ask.what.clone(),
            elsewhere,
        }
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
        pass: &Pass,
    ) -> Result<Answer, RegistryError> {
        let mut headers = HeaderMap::new();
        if let Some(accept) = ask.accept {
            headers.insert(ACCEPT, HeaderValue::from_static(accept));
        }
        if let Some(value) = pass.header() {
            headers.insert(AUTHORIZATION, value.clone());
        }
        let outgoing = Outgoing {
            method: ask.method.clone(),
            url: url.clone(),
            headers,
            form: None,
            stays: false,
            limit: ask.limit,
        };
        let failed = |lost| self.lost(&ask.what, lost);
        self.send(&outgoing).await.map_err(failed)
    }

    fn url(&self, base: &Url, ask: &Ask<'_>) -> Result<Url, RegistryError> {
        let relative = match &ask.target {
            Target::Below(below) => format!("/v2/{}/{below}", ask.path),
            Target::Whole(url) => return Ok(url.clone()),
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

    /// The login for a repository; all announced ones are looked up together. None is
    /// looked for where it would have to go in the clear.
    async fn account(&self, base: &Url, path: &str) -> Result<Arc<Account>, RegistryError> {
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
        let safe = base.scheme() == "https" || self.is_trusted(self.authority());
        let look_up = move || -> Vec<_> {
            let found = paths.into_iter().map(|path| {
                let found = match safe {
                    true => store.look_up(&name, &path),
                    false => Ok(Found {
                        login: Login::Anonymous,
                        source: CredentialSource::PlainHttp,
                        key: name.clone(),
                    }),
                };
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
                found.login.note(self.words());
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
        let authority = self.authority();
        let plain = self.is_plain(authority);
        let scheme = if plain { "http" } else { "https" };
        let ping = self.ping_by(scheme, authority).await;
        match ping {
            // What a server behind TLS says to a client without.
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
            stays: false,
            limit: PING_BYTES,
        };
        let failed = |lost| self.lost(what, lost);
        let answer = self.send(&outgoing).await.map_err(failed)?;
        let own = origin::is_same(&base, &answer.url);
        let challenge = match answer.status.as_u16() {
            // The registry itself wants no login here: it redirects to one that does.
            401 if !own => Challenge::None,
            401 => Challenge::read(&answer.headers)
                .ok_or_else(|| malformed("401 without a way to log in".to_owned()))?,
            _ if answer.status.is_success() => Challenge::None,
            status => {
                return Err(RegistryError::Refused(Box::new(Refusal {
                    registry: self.name.clone(),
                    token_service: None,
                    what: what.to_owned(),
                    status,
                    message: self.words().reason(&answer.body),
                    credentials: CredentialSource::Anonymous,
                    elsewhere: (!own).then(|| self.words().shown(&origin::shown(&answer.url))),
                })));
            }
        };
        Ok(Ping { base, challenge })
    }
}
