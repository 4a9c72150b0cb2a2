//! As much of HTTP as seeding a server, passing requests on and answering them oddly needs.
//! The client opens a connection for each request; the server keeps them, and has a thread for each.

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// An answer, read whole.
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    /// The first header of that name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// Sends one request and reads the whole answer.
pub fn send(
    to: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> std::io::Result<Answer> {
    let mut stream = begin(to, (method, target), headers, body, body.len())?;
    let mut all = Vec::new();
    stream.read_to_end(&mut all)?;
    parse(&all, method).ok_or_else(|| std::io::Error::other("not an HTTP answer"))
}

/// Sends one request and ends in the middle of its body.
pub fn send_half(
    to: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> std::io::Result<()> {
    begin(to, (method, target), headers, body, body.len() / 2).map(drop)
}

/// Sends a request with that much of its body.
fn begin(
    to: SocketAddr,
    (method, target): (&str, &str),
    headers: &[(&str, &str)],
    body: &[u8],
    sent: usize,
) -> std::io::Result<TcpStream> {
    let mut stream = TcpStream::connect(to)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let mut head = format!("{method} {target} HTTP/1.1\r\nConnection: close\r\n");
    if !headers
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("host"))
    {
        head.push_str(&format!("Host: {to}\r\n"));
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() || matches!(method, "POST" | "PUT" | "PATCH") {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");
    // In one piece: a second one would wait for the first one's acknowledgement.
    stream.write_all(&[head.as_bytes(), &body[..sent]].concat())?;
    Ok(stream)
}

fn parse(all: &[u8], method: &str) -> Option<Answer> {
    let end = all.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&all[..end]).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect();
    let mut answer = Answer {
        status,
        headers,
        body: all[end + 4..].to_vec(),
    };
    if method == "HEAD" {
        answer.body.clear();
    } else if answer
        .header("transfer-encoding")
        .is_some_and(|value| value.eq_ignore_ascii_case("chunked"))
    {
        answer.body = unchunk(&answer.body)?;
    }
    Some(answer)
}

fn unchunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|window| window == b"\r\n")?;
        let size = std::str::from_utf8(&rest[..end]).ok()?;
        let size = usize::from_str_radix(size.split(';').next()?.trim(), 16).ok()?;
        rest = &rest[end + 2..];
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size + 2..)?;
    }
}

/// A request, read whole.
pub struct Asked {
    pub method: String,
    /// Path and query; a whole address where this is a proxy.
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Asked {
    /// The first header of that name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// How much of an answer arrives.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Arrives {
    Whole,
    /// Half of the body, then the connection closes.
    Half,
    /// Nothing: the connection closes.
    Nothing,
}

/// What a request is answered.
pub struct Told {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub arrives: Arrives,
}

/// A server on a port of its own; it ends with this value.
pub struct Server {
    address: SocketAddr,
    over: Arc<AtomicBool>,
}

impl Server {
    pub fn start(answer: impl Fn(Asked) -> Told + Send + Sync + 'static) -> Self {
        Self::start_on("127.0.0.1", answer)
    }

    /// The same on another address of this machine, which is another host.
    pub fn start_on(host: &str, answer: impl Fn(Asked) -> Told + Send + Sync + 'static) -> Self {
        let answer = Arc::new(answer);
        Self::serve(host, move |stream, over| {
            let whole = stream.try_clone()?;
            let ended = converse(stream, &*answer, over);
            let _ = whole.shutdown(Shutdown::Both);
            ended
        })
    }

    /// The same over TLS, with the certificate of the tests.
    pub fn start_tls(answer: impl Fn(Asked) -> Told + Send + Sync + 'static) -> Self {
        let (answer, config) = (Arc::new(answer), Arc::new(tls()));
        Self::serve("127.0.0.1", move |stream, over| {
            let session = rustls::ServerConnection::new(Arc::clone(&config));
            let session = session.map_err(std::io::Error::other)?;
            converse(rustls::StreamOwned::new(session, stream), &*answer, over)
        })
    }

    fn serve(
        host: &str,
        meet: impl Fn(TcpStream, &AtomicBool) -> std::io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((host, 0)).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let over = Arc::new(AtomicBool::new(false));
        let (meet, ends) = (Arc::new(meet), Arc::clone(&over));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if ends.load(Ordering::SeqCst) {
                    return;
                }
                let (meet, ends) = (Arc::clone(&meet), Arc::clone(&ends));
                // Who goes away in the middle has no use for an error.
                std::thread::spawn(move || {
                    let _ = stream.set_nodelay(true);
                    let _ = meet(stream, &ends);
                });
            }
        });
        Self { address, over }
    }

    /// The socket that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

fn tls() -> rustls::ServerConfig {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/testenv/tls");
    let chain = CertificateDer::pem_file_iter(folder.join("server.crt"));
    let chain = chain.and_then(Iterator::collect).expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(folder.join("server.key")).expect("a key");
    let config = rustls::ServerConfig::builder().with_no_client_auth();
    config.with_single_cert(chain, key).expect("a pair")
}

/// Answers one request after the other.
fn converse(
    stream: impl Read + Write,
    answer: &dyn Fn(Asked) -> Told,
    over: &AtomicBool,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    while let Some(asked) = read_request(&mut reader)? {
        let closes = asked
            .header("connection")
            .is_some_and(|value| value.eq_ignore_ascii_case("close"));
        let head_only = asked.method == "HEAD";
        if over.load(Ordering::SeqCst) {
            return Ok(());
        }
        let told = answer(asked);
        if told.arrives == Arrives::Nothing {
            return Ok(());
        }
        let mut text = format!("HTTP/1.1 {} Told\r\n", told.status);
        for (name, value) in &told.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        if !head_only {
            text.push_str(&format!("Content-Length: {}\r\n", told.body.len()));
        }
        text.push_str("\r\n");
        let sent = match (head_only, told.arrives) {
            (true, _) => 0,
            (false, Arrives::Half) => told.body.len() / 2,
            (false, _) => told.body.len(),
        };
        let stream = reader.get_mut();
        stream.write_all(&[text.as_bytes(), &told.body[..sent]].concat())?;
        stream.flush()?;
        if closes || told.arrives == Arrives::Half {
            return Ok(());
        }
    }
    Ok(())
}

/// The next request; none when the connection was closed.
fn read_request(reader: &mut BufReader<impl Read + Write>) -> std::io::Result<Option<Asked>> {
    let mut first = String::new();
    if reader.read_line(&mut first)? == 0 {
        return Ok(None);
    }
    let mut words = first.split_whitespace();
    let mut asked = Asked {
        method: words.next().unwrap_or_default().to_owned(),
        target: words.next().unwrap_or_default().to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
    };
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        let header = (name.to_owned(), value.trim().to_owned());
        asked.headers.push(header);
    }
    if asked.header("expect").is_some() {
        reader
            .get_mut()
            .write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    let length = asked.header("content-length");
    let length: usize = length.and_then(|text| text.parse().ok()).unwrap_or(0);
    if asked.header("transfer-encoding").is_some() {
        asked.body = read_chunks(reader)?;
    } else {
        asked.body.resize(length, 0);
        reader.read_exact(&mut asked.body)?;
    }
    Ok(Some(asked))
}

fn read_chunks(reader: &mut impl BufRead) -> std::io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let size = line.trim().split(';').next().unwrap_or_default();
        let size = usize::from_str_radix(size, 16).map_err(std::io::Error::other)?;
        // Each chunk is followed by the end of a line, the last one too.
        let start = body.len();
        body.resize(start + size + 2, 0);
        reader.read_exact(&mut body[start..])?;
        body.truncate(start + size);
        if size == 0 {
            return Ok(body);
        }
    }
}
