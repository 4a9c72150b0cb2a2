//! Git over smart HTTP with basic authentication: `git http-backend` behind a small server.

use super::registry::basic;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use tiny_http::{Header, Request, Response, Server};

/// What kind of server it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answers {
    /// As Git's own.
    Smart,
    /// It knows no shallow repositories.
    NoShallow,
    /// It hands out files and knows nothing of Git.
    Dumb,
}

type Moved = dyn Fn(&str) -> Option<String> + Send + Sync;

/// Serves every repository under a folder; it ends with this value.
pub struct GitHttp {
    server: Arc<Server>,
    address: SocketAddr,
    user: String,
    password: String,
}

impl GitHttp {
    /// Serves the bare repositories under `root` to one user.
    ///
    /// A repository takes pushes when its `http.receivepack` says so, or
    /// always from a user who logged in, as `git http-backend` has it.
    pub fn start(root: &Path, user: &str, password: &str) -> Self {
        Self::start_as(root, (user, password), Answers::Smart)
    }

    /// The same, as a server of another kind.
    pub fn start_as(root: &Path, (user, password): (&str, &str), answers: Answers) -> Self {
        Self::begin(root, (user, password), answers, Arc::new(|_| None))
    }

    fn begin(
        root: &Path,
        (user, password): (&str, &str),
        answers: Answers,
        moved: Arc<Moved>,
    ) -> Self {
        let server = Arc::new(Server::http("127.0.0.1:0").expect("a free port"));
        let address = server.server_addr().to_ip().expect("an IP address");
        let listening = Arc::clone(&server);
        let root = root.to_path_buf();
        let wanted = basic(user, password);
        let remote_user = user.to_owned();
        std::thread::spawn(move || {
            for request in listening.incoming_requests() {
                let (root, wanted, user) = (root.clone(), wanted.clone(), remote_user.clone());
                let moved = Arc::clone(&moved);
                std::thread::spawn(move || {
                    answer(request, &root, (&wanted, &user), answers, &*moved);
                });
            }
        });
        Self {
            server,
            address,
            user: user.to_owned(),
            password: password.to_owned(),
        }
    }

    /// The same, but some requests, by their path and query, are sent elsewhere.
    pub fn start_moved(
        root: &Path,
        (user, password): (&str, &str),
        moved: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        Self::begin(root, (user, password), Answers::Smart, Arc::new(moved))
    }

    /// The URL of a repository without credentials.
    pub fn url(&self, repository: &str) -> String {
        format!("http://{}/{repository}", self.address)
    }

    /// The URL of a repository with user and password in it.
    pub fn url_with_credentials(&self, repository: &str) -> String {
        format!(
            "http://{}:{}@{}/{repository}",
            self.user, self.password, self.address
        )
    }

    /// The socket that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for GitHttp {
    fn drop(&mut self) {
        self.server.unblock();
    }
}

fn header(request: &Request, name: &'static str) -> Option<String> {
    request
        .headers()
        .iter()
        .find(|header| header.field.equiv(name))
        .map(|header| header.value.as_str().to_owned())
}

fn answer(
    mut request: Request,
    root: &Path,
    (wanted, user): (&str, &str),
    answers: Answers,
    moved: &Moved,
) {
    if header(&request, "Authorization").as_deref() != Some(wanted) {
        let challenge = Header::from_bytes("WWW-Authenticate", "Basic realm=\"tests\"");
        let refusal = Response::from_string("who are you?")
            .with_status_code(401)
            .with_header(challenge.expect("a header"));
        let _ = request.respond(refusal);
        return;
    }
    if let Some(to) = moved(request.url()) {
        let place = Header::from_bytes("Location", to).expect("a header");
        let moved = Response::from_string("moved").with_status_code(301);
        let _ = request.respond(moved.with_header(place));
        return;
    }
    let mut body = Vec::new();
    if request.as_reader().read_to_end(&mut body).is_err() {
        return;
    }
    if answers == Answers::Dumb {
        return hand_out(request, root);
    }
    let mut output = backend(&request, root.to_path_buf(), user, body);
    if answers == Answers::NoShallow && request.url().contains("/info/refs") {
        // Of the same length, so that the lines keep their counts.
        replace(&mut output, b"shallow", b"shallom");
    }
    let Some(end) = output.windows(4).position(|window| window == b"\r\n\r\n") else {
        let _ = request.respond(Response::from_string("no answer").with_status_code(500));
        return;
    };
    let mut response = Response::from_data(output[end + 4..].to_vec());
    for line in String::from_utf8_lossy(&output[..end]).split("\r\n") {
        let Some((name, value)) = line.split_once(": ") else {
            continue;
        };
        if name.eq_ignore_ascii_case("status") {
            let code = value.split(' ').next().and_then(|code| code.parse().ok());
            response = response.with_status_code(code.unwrap_or(500));
        } else if let Ok(header) = Header::from_bytes(name, value) {
            response.add_header(header);
        }
    }
    let _ = request.respond(response);
}

fn replace(bytes: &mut [u8], old: &[u8], new: &[u8]) {
    for at in 0..bytes.len().saturating_sub(old.len()) {
        if bytes[at..].starts_with(old) {
            bytes[at..at + old.len()].copy_from_slice(new);
        }
    }
}

/// The repository's files, as any web server would have them.
fn hand_out(request: Request, root: &Path) {
    let path = request.url().split('?').next().unwrap_or_default();
    let file = std::fs::read(root.join(path.trim_start_matches('/')));
    let _ = match file {
        Ok(bytes) => request.respond(Response::from_data(bytes)),
        Err(_) => request.respond(Response::from_string("nothing here").with_status_code(404)),
    };
}

fn backend(request: &Request, root: PathBuf, user: &str, body: Vec<u8>) -> Vec<u8> {
    let (path, query) = request.url().split_once('?').unwrap_or((request.url(), ""));
    let mut command = Command::new("git");
    command
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("GIT_CONFIG_COUNT", "1")
        .env("GIT_CONFIG_KEY_0", "safe.directory")
        .env("GIT_CONFIG_VALUE_0", "*")
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("REQUEST_METHOD", request.method().as_str())
        .env("CONTENT_LENGTH", body.len().to_string())
        .env("REMOTE_USER", user)
        .env("REMOTE_ADDR", "127.0.0.1");
    for (name, variable) in [
        ("Content-Type", "CONTENT_TYPE"),
        ("Content-Encoding", "HTTP_CONTENT_ENCODING"),
        ("Git-Protocol", "GIT_PROTOCOL"),
    ] {
        if let Some(value) = header(request, name) {
            command.env(variable, value);
        }
    }
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("git http-backend");
    let mut input = child.stdin.take().expect("a pipe");
    let writer = std::thread::spawn(move || {
        let _ = input.write_all(&body);
    });
    let output = child.wait_with_output().expect("git http-backend");
    let _ = writer.join();
    output.stdout
}
