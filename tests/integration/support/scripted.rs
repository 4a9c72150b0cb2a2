//! A server that answers what a test tells it to, for what no real server can be
//! made to do: odd pagination, token services, broken answers.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::http::{Arrives, Server, Told};

/// A request as a test looks at it.
#[derive(Clone, Debug)]
pub struct Heard {
    pub method: String,
    pub target: String,
    /// Whom it was sent to, as the client calls it.
    pub host: String,
    pub authorization: Option<String>,
    pub proxy_authorization: Option<String>,
    pub body: String,
}

/// What it is answered.
#[derive(Clone, Debug)]
pub struct Say {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Say {
    pub fn new(status: u16, body: impl Into<String>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.into(),
        }
    }

    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

/// The server; it ends with this value.
pub struct Scripted {
    server: Server,
    heard: Arc<Mutex<Vec<Heard>>>,
    busiest: Arc<AtomicUsize>,
}

impl Scripted {
    /// Starts on a free port; every answer takes `delay`.
    pub fn start(delay: Duration, answer: impl Fn(&Heard) -> Say + Send + Sync + 'static) -> Self {
        Self::start_on("127.0.0.1", delay, answer)
    }

    /// The same on another address of this machine, which is another host.
    pub fn start_on(
        host: &str,
        delay: Duration,
        answer: impl Fn(&Heard) -> Say + Send + Sync + 'static,
    ) -> Self {
        let heard: Arc<Mutex<Vec<Heard>>> = Arc::default();
        let (running, busiest) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
        let (log, most) = (Arc::clone(&heard), Arc::clone(&busiest));
        let server = Server::start_on(host, move |asked| {
            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            let said = Heard {
                host: asked.header("host").unwrap_or_default().to_owned(),
                authorization: asked.header("authorization").map(str::to_owned),
                proxy_authorization: asked.header("proxy-authorization").map(str::to_owned),
                method: asked.method,
                target: asked.target,
                body: String::from_utf8_lossy(&asked.body).into_owned(),
            };
            log.lock().expect("log").push(said.clone());
            std::thread::sleep(delay);
            let say = answer(&said);
            running.fetch_sub(1, Ordering::SeqCst);
            Told {
                status: say.status,
                headers: say.headers,
                body: say.body.into_bytes(),
                arrives: Arrives::Whole,
            }
        });
        Self {
            server,
            heard,
            busiest,
        }
    }

    /// `127.0.0.1:PORT`
    pub fn host(&self) -> String {
        self.server.address().to_string()
    }

    /// The socket that it listens on.
    pub fn address(&self) -> std::net::SocketAddr {
        self.server.address()
    }

    /// Every request so far.
    pub fn heard(&self) -> Vec<Heard> {
        self.heard.lock().expect("log").clone()
    }

    /// How many requests were being answered at once, at most.
    pub fn busiest(&self) -> usize {
        self.busiest.load(Ordering::SeqCst)
    }
}
