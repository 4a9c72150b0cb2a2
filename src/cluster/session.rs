//! The HTTP client with its credential. One that a plugin or a file gave is asked for
//! again when the server no longer takes it, once for each.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use kube::client::ClientBuilder;
use kube::config::Config;

use super::credentials::{Origin, Ready, ready};
use super::error::ConnectError;
use super::plugin::Terms;
use crate::confidential::{Sent, mask};

/// A client that may be another one after a while.
pub(super) struct Session {
    state: Mutex<Current>,
    /// One renewal at a time: the last generation that was to be renewed.
    renewing: tokio::sync::Mutex<Option<u32>>,
    /// The last generation that the server took, and one.
    proven: AtomicU32,
    /// What a new client is made of; none where it would be the same one again.
    again: Option<(Config, Origin, Terms)>,
}

/// The client at a time.
#[derive(Clone)]
pub(super) struct Current {
    pub(super) client: kube::Client,
    sent: Arc<Sent>,
    /// How often it was renewed.
    generation: u32,
}

impl Session {
    /// Makes the first client ready, and the server's address as it may be shown.
    pub(super) fn start(
        config: Config,
        origin: Origin,
        terms: Terms,
    ) -> Result<(Self, String), ConnectError> {
        let first = ready(&config, &origin, terms)?;
        let server = first.config.cluster_url.to_string();
        let server = server.trim_end_matches('/').to_owned();
        let again = first.is_renewable.then_some((config, origin, terms));
        let sent = Arc::new(first.sent.clone());
        let client = client(first).map_err(|error| ConnectError::Setup {
            server: server.clone(),
            problem: sent.mask(&mask(&innermost(&error))),
        })?;
        let session = Self {
            state: Mutex::new(Current {
                client,
                sent,
                generation: 0,
            }),
            renewing: tokio::sync::Mutex::new(None),
            proven: AtomicU32::new(0),
            again,
        };
        Ok((session, server))
    }

    pub(super) fn current(&self) -> Current {
        let state = self.state.lock();
        state.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What went to the server so far.
    pub(super) fn sent(&self) -> Arc<Sent> {
        self.current().sent
    }

    /// Remembers that the server took a credential.
    pub(super) fn accept(&self, current: &Current) {
        self.proven
            .fetch_max(current.generation + 1, Ordering::Relaxed);
    }

    /// Whether there is another credential than that of a refused request.
    pub(super) async fn renew(&self, refused: &Current) -> bool {
        let Some((config, origin, terms)) = &self.again else {
            return false;
        };
        let mut renewed = self.renewing.lock().await;
        let known = self.current();
        if known.generation != refused.generation {
            return true;
        }
        // A new one that was refused at once says that no other will do.
        let is_proven = self.proven.load(Ordering::Relaxed) > known.generation;
        let is_first = known.generation == 0;
        if renewed.replace(known.generation) == Some(known.generation) || !(is_first || is_proven) {
            return false;
        }
        let (config, origin, terms) = (config.clone(), origin.clone(), *terms);
        let made = tokio::task::spawn_blocking(move || ready(&config, &origin, terms)).await;
        let Ok(Ok(made)) = made else {
            return false;
        };
        let mut sent = (*known.sent).clone();
        sent.add_all(&made.sent);
        if made.sent.is_same(&known.sent) {
            return false;
        }
        let Ok(client) = client(made) else {
            return false;
        };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state = Current {
            client,
            sent: Arc::new(sent),
            generation: known.generation + 1,
        };
        true
    }
}

fn client(ready: Ready) -> Result<kube::Client, kube::Error> {
    Ok(ClientBuilder::try_from(ready.config)?.build())
}

/// The cause at the bottom says what happened; the layers above it only that something did.
pub(super) fn innermost(error: &dyn std::error::Error) -> String {
    let mut bottom = error;
    while let Some(source) = bottom.source() {
        bottom = source;
    }
    bottom.to_string()
}
