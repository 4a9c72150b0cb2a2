//! Faults in front of a real server: a small HTTP proxy that passes requests on, except those that a test spoils.

use super::http::{self, Arrives, Asked, Server, Told};
use super::process::free_port;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What happens to one request.
#[derive(Clone)]
pub enum Fault {
    /// It is passed on.
    Pass,
    /// It is answered with this status, headers and body, without asking the server.
    Answer(u16, Vec<(String, String)>, String),
    /// It is passed on, but the answer never arrives: the connection closes first.
    CutAnswer,
    /// It is passed on, and the connection closes after half of the answer's body.
    HalfAnswer,
    /// The connection closes before the server hears of it.
    Cut,
    /// It is passed on after a while.
    Delay(Duration),
}

impl Fault {
    /// An empty answer of that status.
    pub fn status(code: u16) -> Self {
        Self::Answer(code, Vec::new(), String::new())
    }
}

type Decide = dyn FnMut(&str, &str) -> Fault + Send;

/// A proxy on a port of its own; it ends with this value.
pub struct FaultProxy {
    server: Server,
    seen: Arc<Mutex<Vec<String>>>,
    busiest: Arc<AtomicUsize>,
}

impl FaultProxy {
    /// Stands in front of `upstream`; `decide` gets method and target (path and query) of each request.
    pub fn start(
        upstream: SocketAddr,
        decide: impl FnMut(&str, &str) -> Fault + Send + 'static,
    ) -> Self {
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let (running, busiest) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
        let (log, most) = (Arc::clone(&seen), Arc::clone(&busiest));
        let decide: Mutex<Box<Decide>> = Mutex::new(Box::new(decide));
        let server = Server::start(move |asked| {
            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            let line = format!("{} {}", asked.method, asked.target);
            log.lock().expect("log").push(line);
            let fault = (decide.lock().expect("decide"))(&asked.method, &asked.target);
            let told = pass(&asked, upstream, fault);
            // Before it is sent: who has the answer may ask again at once.
            running.fetch_sub(1, Ordering::SeqCst);
            told
        });
        Self {
            server,
            seen,
            busiest,
        }
    }

    /// The socket that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Every request so far, `METHOD target`.
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().expect("log").clone()
    }

    /// How many requests were under way at once, at most.
    pub fn busiest(&self) -> usize {
        self.busiest.load(Ordering::SeqCst)
    }
}

/// The connection closes.
const CUT: Told = Told {
    status: 0,
    headers: Vec::new(),
    body: Vec::new(),
    arrives: Arrives::Nothing,
};

fn pass(asked: &Asked, upstream: SocketAddr, fault: Fault) -> Told {
    let arrives = match fault {
        Fault::Cut => return CUT,
        Fault::Answer(status, headers, body) => {
            return Told {
                status,
                headers,
                body: body.into_bytes(),
                arrives: Arrives::Whole,
            };
        }
        Fault::Delay(time) => {
            std::thread::sleep(time);
            Arrives::Whole
        }
        Fault::Pass => Arrives::Whole,
        Fault::HalfAnswer => Arrives::Half,
        Fault::CutAnswer => Arrives::Nothing,
    };
    let headers: Vec<(&str, &str)> = asked
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .filter(|(name, _)| !hop_by_hop(name))
        .collect();
    let answer = http::send(
        upstream,
        &asked.method,
        &asked.target,
        &headers,
        &asked.body,
    );
    let mut answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            eprintln!("{} was not passed on: {error}", asked.target);
            return CUT;
        }
    };
    answer.headers.retain(|(name, _)| !hop_by_hop(name));
    Told {
        status: answer.status,
        headers: answer.headers,
        body: answer.body,
        arrives,
    }
}

fn hop_by_hop(name: &str) -> bool {
    [
        "connection",
        "keep-alive",
        "transfer-encoding",
        "content-length",
        "te",
        "upgrade",
        "expect",
    ]
    .iter()
    .any(|other| name.eq_ignore_ascii_case(other))
}

/// An address on this machine where nobody listens.
pub fn dead_address() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], free_port()))
}
