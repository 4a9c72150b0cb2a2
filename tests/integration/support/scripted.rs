//! A server that answers what a test tells it to, for what no real server can be
//! made to do: odd pagination, token services, broken answers.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tiny_http::{Header, Response, Server};

/// A request as a test looks at it.
#[derive(Clone, Debug)]
pub struct Heard {
    pub method: String,
    pub target: String,
    pub authorization: Option<String>,
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
    server: Arc<Server>,
    address: SocketAddr,
    heard: Arc<Mutex<Vec<Heard>>>,
    busiest: Arc<AtomicUsize>,
}

impl Scripted {
    /// Starts on a free port; every answer takes `delay`.
    pub fn start(delay: Duration, answer: impl Fn(&Heard) -> Say + Send + Sync + 'static) -> Self {
        let server = Arc::new(Server::http("127.0.0.1:0").expect("a free port"));
        let address = server.server_addr().to_ip().expect("an IP address");
        let heard: Arc<Mutex<Vec<Heard>>> = Arc::default();
        let (running, busiest) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (listening, log, most) = (server.clone(), heard.clone(), busiest.clone());
        let answer = Arc::new(answer);
        std::thread::spawn(move || {
            for mut request in listening.incoming_requests() {
                let (answer, log) = (answer.clone(), log.clone());
                let (running, most) = (running.clone(), most.clone());
                std::thread::spawn(move || {
                    most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    let mut body = String::new();
                    let _ = request.as_reader().read_to_string(&mut body);
                    let authorization = request
                        .headers()
                        .iter()
                        .find(|header| header.field.equiv("Authorization"))
                        .map(|header| header.value.to_string());
                    let said = Heard {
                        method: request.method().as_str().to_owned(),
                        target: request.url().to_owned(),
                        authorization,
                        body,
                    };
                    log.lock().expect("log").push(said.clone());
                    std::thread::sleep(delay);
                    let say = answer(&said);
                    running.fetch_sub(1, Ordering::SeqCst);
                    let mut response = Response::from_string(say.body).with_status_code(say.status);
                    for (name, value) in say.headers {
                        if let Ok(header) = Header::from_bytes(name, value) {
                            response.add_header(header);
                        }
                    }
                    let _ = request.respond(response);
                });
            }
        });
        Self {
            server,
            address,
            heard,
            busiest,
        }
    }

    /// `127.0.0.1:PORT`
    pub fn host(&self) -> String {
        self.address.to_string()
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

impl Drop for Scripted {
    fn drop(&mut self) {
        self.server.unblock();
    }
}
