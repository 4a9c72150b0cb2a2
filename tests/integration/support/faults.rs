//! Faults in front of a real server: a small HTTP proxy that passes requests on, except those that a test spoils.

use super::http::{self, Arrives, Asked, Server, Told};
use super::process::free_port;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
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
    /// Both connections close when the server has heard a half of the body.
    CutHalfway,
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
type Tell = dyn Fn(Asked) -> Told + Send + Sync;

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
        Self::with(upstream, decide, Server::start)
    }

    /// The same, spoken to over TLS with the certificate of the tests.
    pub fn start_tls(
        upstream: SocketAddr,
        decide: impl FnMut(&str, &str) -> Fault + Send + 'static,
    ) -> Self {
        Self::with(upstream, decide, Server::start_tls)
    }

    fn with(
        upstream: SocketAddr,
        decide: impl FnMut(&str, &str) -> Fault + Send + 'static,
        server: impl FnOnce(Box<Tell>) -> Server,
    ) -> Self {
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let (running, busiest) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
        let (log, most) = (Arc::clone(&seen), Arc::clone(&busiest));
        let decide: Mutex<Box<Decide>> = Mutex::new(Box::new(decide));
        let server = server(Box::new(move |asked: Asked| {
            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            let line = format!("{} {}", asked.method, asked.target);
            log.lock().expect("log").push(line);
            let fault = (decide.lock().expect("decide"))(&asked.method, &asked.target);
            let told = pass(&asked, upstream, fault);
            // Before it is sent: who has the answer may ask again at once.
            running.fetch_sub(1, Ordering::SeqCst);
            told
        }));
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
        Fault::CutAnswer | Fault::CutHalfway => Arrives::Nothing,
    };
    let headers: Vec<(&str, &str)> = asked
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .filter(|(name, _)| !hop_by_hop(name))
        .collect();
    if matches!(fault, Fault::CutHalfway) {
        let (method, target) = (&asked.method, &asked.target);
        let _ = http::send_half(upstream, method, target, &headers, &asked.body);
        return CUT;
    }
    let answer = http::send(
        upstream,
        &asked.method,
        &asked.target,
        &headers,
        &asked.body,
    );
    let Ok(mut answer) = answer else {
        return CUT;
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

/// A proxy for TLS, by CONNECT or SOCKS 5: whatever host is asked for, the bytes go to
/// one address.
pub struct Tunnel {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Tunnel {
    /// Every connection leads to `end`.
    pub fn start(end: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let log = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let log = Arc::clone(&log);
                std::thread::spawn(move || dig(stream, end, &log));
            }
        });
        Self { address, asked }
    }

    /// The socket that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The first line of every connection so far.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("log").clone()
    }
}

fn dig(mut near: TcpStream, end: SocketAddr, log: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut one = [0];
    near.read_exact(&mut one)?;
    let (first, agreed) = match one {
        [5] => (socks(&mut near)?, &b"\x05\0\0\x01\0\0\0\0\0\0"[..]),
        _ => {
            let mut head = one.to_vec();
            while !head.ends_with(b"\r\n\r\n") {
                near.read_exact(&mut one)?;
                head.push(one[0]);
            }
            let head = String::from_utf8_lossy(&head).into_owned();
            let first = head.lines().next().unwrap_or_default().to_owned();
            (first, &b"HTTP/1.1 200 Connected\r\n\r\n"[..])
        }
    };
    log.lock().expect("log").push(first);
    let mut far = TcpStream::connect(end)?;
    near.write_all(agreed)?;
    let (mut from, mut to) = (near.try_clone()?, far.try_clone()?);
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
    std::io::copy(&mut far, &mut near)?;
    near.shutdown(Shutdown::Both)
}

/// The rest of a greeting in SOCKS 5, and the host that is wanted (RFC 1928).
fn socks(near: &mut TcpStream) -> std::io::Result<String> {
    let mut count = [0];
    near.read_exact(&mut count)?;
    let mut methods = vec![0; count[0].into()];
    near.read_exact(&mut methods)?;
    near.write_all(&[5, 0])?;
    // Version, command, reserved, "a name follows", its length.
    let mut wanted = [0; 5];
    near.read_exact(&mut wanted)?;
    let mut name = vec![0; usize::from(wanted[4]) + 2];
    near.read_exact(&mut name)?;
    name.truncate(wanted[4].into());
    Ok(format!("SOCKS {}", String::from_utf8_lossy(&name)))
}

/// An address on this machine where nobody listens.
pub fn dead_address() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], free_port()))
}
