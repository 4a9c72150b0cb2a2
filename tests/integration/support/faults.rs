//! Faults in front of a real server: a small HTTP proxy that passes requests on, except those that a test spoils.

use super::http;
use super::process::free_port;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tiny_http::{Header, Request, Response, Server};

/// What happens to one request.
#[derive(Clone)]
pub enum Fault {
    /// It is passed on.
    Pass,
    /// It is answered with this status, headers and body, without asking the server.
    Answer(u16, Vec<(String, String)>, String),
    /// It is passed on, but the answer never arrives: the connection closes first.
    CutAnswer,
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
    server: Arc<Server>,
    address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
}

impl FaultProxy {
    /// Stands in front of `upstream`; `decide` gets method and target (path and query) of each request.
    pub fn start(
        upstream: SocketAddr,
        decide: impl FnMut(&str, &str) -> Fault + Send + 'static,
    ) -> Self {
        let server = Arc::new(Server::http("127.0.0.1:0").expect("a free port"));
        let address = server.server_addr().to_ip().expect("an IP address");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (listening, log) = (Arc::clone(&server), Arc::clone(&seen));
        let decide: Arc<Mutex<Box<Decide>>> = Arc::new(Mutex::new(Box::new(decide)));
        std::thread::spawn(move || {
            for request in listening.incoming_requests() {
                let (decide, log) = (Arc::clone(&decide), Arc::clone(&log));
                std::thread::spawn(move || {
                    let method = request.method().as_str().to_owned();
                    let target = request.url().to_owned();
                    log.lock().expect("log").push(format!("{method} {target}"));
                    let fault = (decide.lock().expect("decide"))(&method, &target);
                    pass(request, upstream, fault);
                });
            }
        });
        Self {
            server,
            address,
            seen,
        }
    }

    /// The socket that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every request so far, `METHOD target`.
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().expect("log").clone()
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.server.unblock();
    }
}

fn cut(request: Request) {
    // The library keeps the connection open, so silence would hang the client:
    // two line ends instead of a status are the end of it for every client.
    let mut writer = request.into_writer();
    let _ = writer.write_all(b"\0\r\n\r\n");
    let _ = writer.flush();
}

fn pass(mut request: Request, upstream: SocketAddr, fault: Fault) {
    match fault {
        Fault::Cut => return cut(request),
        Fault::Answer(status, headers, body) => {
            let mut response = Response::from_string(body).with_status_code(status);
            for (name, value) in headers {
                if let Ok(header) = Header::from_bytes(name, value) {
                    response.add_header(header);
                }
            }
            let _ = request.respond(response);
            return;
        }
        Fault::Delay(time) => std::thread::sleep(time),
        Fault::Pass | Fault::CutAnswer => {}
    }
    let mut body = Vec::new();
    if request.as_reader().read_to_end(&mut body).is_err() {
        return;
    }
    let headers: Vec<(String, String)> = request
        .headers()
        .iter()
        .map(|header| (header.field.to_string(), header.value.to_string()))
        .filter(|(name, _)| !hop_by_hop(name))
        .collect();
    let headers: Vec<(&str, &str)> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let method = request.method().as_str().to_owned();
    let target = request.url().to_owned();
    let Ok(answer) = http::send(upstream, &method, &target, &headers, &body) else {
        return cut(request);
    };
    if matches!(fault, Fault::CutAnswer) {
        return cut(request);
    }
    let mut response = Response::from_data(answer.body.clone()).with_status_code(answer.status);
    for (name, value) in answer.headers.iter().filter(|(name, _)| !hop_by_hop(name)) {
        if let Ok(header) = Header::from_bytes(name.as_str(), value.as_str()) {
            response.add_header(header);
        }
    }
    let _ = request.respond(response);
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
