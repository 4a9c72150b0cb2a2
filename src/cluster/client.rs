//! The connection: one request after the other or many at once, with a bound on time and retries.

use super::error::{ClusterError, ConnectError};
use super::kubeconfig::ConnectOptions;
use super::session::{Session, innermost};
use crate::confidential::Sent;
use http::{Request, Response};
use kube::client::Body;
use serde_json::Value;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

/// How long one request may take when `--request-timeout` says nothing.
/// See `docs/limits.md`.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a request is sent that the server turned away because it is busy.
const TRIES: u32 = 4;
/// The largest answer that is read, in bytes: all kinds of a cluster with thousands of
/// custom ones, or the service accounts of a namespace, have some megabytes.
/// See `docs/limits.md`.
const LARGEST_ANSWER: usize = 64 << 20;
/// How much of a server's message is kept, in characters: one about hundreds of unknown
/// fields is complete.
const MOST_MESSAGE: usize = 64 << 10;
/// How much is kept of an answer that is not a Kubernetes status, in characters.
const MOST_PAGE: usize = 200;
/// The longest wait between two such tries, whatever the server asks for.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// A cluster that can be asked.
pub struct Cluster {
    pub(super) runtime: tokio::runtime::Runtime,
    pub(super) link: Link,
    context: Option<String>,
    namespace: String,
}

/// What a task needs for sending requests.
#[derive(Clone)]
pub(super) struct Link {
    session: Arc<Session>,
    pub(super) server: String,
    patience: Option<Duration>,
}

/// A question in words of HTTP.
pub(super) struct Ask<'a> {
    pub(super) method: &'a str,
    /// Path and query.
    pub(super) path: &'a str,
    pub(super) headers: &'a [(&'a str, &'a str)],
    pub(super) body: &'a [u8],
    /// What is asked, for errors.
    pub(super) what: &'a str,
}

impl<'a> Ask<'a> {
    pub(super) fn get(path: &'a str, what: &'a str) -> Self {
        Self {
            method: "GET",
            path,
            headers: &[("accept", "application/json")],
            body: &[],
            what,
        }
    }
}

/// An answer, whatever its status.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) warnings: Vec<String>,
    pub(super) body: Vec<u8>,
}

impl Cluster {
    /// Makes a connection ready, as kubectl would; asks the server nothing yet.
    ///
    /// # Errors
    /// [`ConnectError`]: no or a broken kubeconfig, a name that is not in it, credentials that cannot be had.
    pub fn connect(options: &ConnectOptions) -> Result<Self, ConnectError> {
        // It may be installed already; either way there is one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| ConnectError::Setup {
                server: "the cluster".to_owned(),
                problem: error.to_string(),
            })?;
        let resolved = runtime.block_on(options.resolve())?;
        let (session, server) = {
            let _inside = runtime.enter();
            Session::start(resolved.config, resolved.origin, options.terms())?
        };
        let patience = match options.request_timeout {
            Some(time) if time.is_zero() => None,
            Some(time) => Some(time),
            None => Some(PATIENCE),
        };
        Ok(Self {
            runtime,
            link: Link {
                session: Arc::new(session),
                server,
                patience,
            },
            context: resolved.context,
            namespace: resolved.namespace,
        })
    }

    /// The kubeconfig context; none inside a pod.
    #[must_use]
    pub fn context(&self) -> Option<&str> {
        self.context.as_deref()
    }

    /// The address of the API server.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.link.server
    }

    /// The namespace of `-n` or of the context, else `default`.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The UID of the namespace kube-system: the customary identity of a cluster.
    ///
    /// # Errors
    /// [`ClusterError`] when the server cannot be asked.
    pub fn uid(&self) -> Result<String, ClusterError> {
        let what = "namespace kube-system";
        let reply = self
            .runtime
            .block_on(self.link.get("/api/v1/namespaces/kube-system", what))?;
        let value = self.link.json(&reply, what)?;
        let uid = value.pointer("/metadata/uid").and_then(Value::as_str);
        match uid {
            Some(uid) if self.link.session.sent().is_in(uid) => Err(self
                .link
                .malformed(what, "its metadata.uid repeats a credential")),
            Some(uid) => Ok(uid.to_owned()),
            None => Err(self.link.malformed(what, "it has no metadata.uid")),
        }
    }
}

impl Link {
    pub(super) async fn get(&self, path: &str, what: &str) -> Result<Reply, ClusterError> {
        let reply = self.send(&Ask::get(path, what)).await?;
        if reply.status == 200 {
            return Ok(reply);
        }
        Err(self.failure(&reply, what))
    }

    /// Sends a request, again when the server is too busy, and once more with a renewed
    /// credential; any answered status is an answer.
    pub(super) async fn send(&self, ask: &Ask<'_>) -> Result<Reply, ClusterError> {
        let mut wait = Duration::from_millis(250);
        for _ in 1..TRIES {
            let current = self.session.current();
            let (reply, asked) = self
                .once(&current.client, self.request(ask)?, ask.what)
                .await?;
            match reply.status {
                401 if self.session.renew(&current).await => continue,
                401 => {}
                _ => self.session.accept(&current),
            }
            if reply.status != 429 && !(reply.status == 503 && asked.is_some()) {
                return Ok(reply);
            }
            tokio::time::sleep(asked.unwrap_or(wait).min(LONGEST_WAIT)).await;
            wait *= 2;
        }
        let current = self.session.current();
        let last = self.once(&current.client, self.request(ask)?, ask.what);
        Ok(last.await?.0)
    }

    fn request(&self, ask: &Ask<'_>) -> Result<Request<Body>, ClusterError> {
        let mut request = Request::builder().method(ask.method).uri(ask.path);
        for (name, value) in ask.headers {
            request = request.header(*name, *value);
        }
        request
            .body(Body::from(ask.body.to_vec()))
            .map_err(|error| self.malformed(ask.what, &error.to_string()))
    }

    async fn once(
        &self,
        client: &kube::Client,
        request: Request<Body>,
        what: &str,
    ) -> Result<(Reply, Option<Duration>), ClusterError> {
        let answer = async {
            let response = client
                .send(request)
                .await
                .map_err(|error| self.lost(&error))?;
            let sent = self.session.sent();
            let (warnings, asked) = read_headers(&response, &sent);
            let status = response.status().as_u16();
            let body = self.body(response.into_body(), what).await?;
            // What a refusal says is shown; what was sent must not be a part of it.
            let body = match status {
                400.. => masked(&body, &sent),
                _ => body,
            };
            let reply = Reply {
                status,
                warnings,
                body,
            };
            Ok((reply, asked))
        };
        let Some(patience) = self.patience else {
            return answer.await;
        };
        match tokio::time::timeout(patience, answer).await {
            Ok(result) => result,
            Err(_) => Err(ClusterError::Timeout {
                server: self.server.clone(),
                what: what.to_owned(),
                seconds: patience.as_secs(),
            }),
        }
    }

    /// Reads a body up to a bound.
    async fn body(&self, body: Body, what: &str) -> Result<Vec<u8>, ClusterError> {
        use http_body::Body as _;
        let mut body = std::pin::pin!(body);
        let mut bytes = Vec::new();
        while let Some(frame) =
            std::future::poll_fn(|context| body.as_mut().poll_frame(context)).await
        {
            let frame = frame.map_err(|error| self.lost(&error))?;
            if let Ok(data) = frame.into_data() {
                bytes.extend_from_slice(&data);
            }
            if bytes.len() > LARGEST_ANSWER {
                let problem = format!("it is larger than {} MiB", LARGEST_ANSWER >> 20);
                return Err(self.malformed(what, &problem));
            }
        }
        Ok(bytes)
    }

    fn lost(&self, error: &kube::Error) -> ClusterError {
        ClusterError::Unreachable {
            server: self.server.clone(),
            problem: self.session.sent().mask(&innermost(error)),
        }
    }

    pub(super) fn json(&self, reply: &Reply, what: &str) -> Result<Value, ClusterError> {
        serde_json::from_slice(&reply.body)
            .map_err(|error| self.malformed(what, &error.to_string()))
    }

    pub(super) fn malformed(&self, what: &str, problem: &str) -> ClusterError {
        ClusterError::Malformed {
            server: self.server.clone(),
            what: what.to_owned(),
            problem: problem.to_owned(),
        }
    }

    /// What an answer says that is not the one hoped for.
    pub(super) fn failure(&self, reply: &Reply, what: &str) -> ClusterError {
        let message = message_of(&reply.body);
        match reply.status {
            401 => ClusterError::Unauthorized {
                server: self.server.clone(),
                message,
            },
            403 => ClusterError::Forbidden { message },
            status => ClusterError::Failed {
                status,
                what: what.to_owned(),
                message,
            },
        }
    }
}

/// The message of a `Status`, or the beginning of whatever else came (a proxy's page, say).
pub(super) fn message_of(body: &[u8]) -> String {
    let status: Option<Value> = serde_json::from_slice(body).ok();
    let message = status.as_ref().and_then(|status| status.get("message"));
    if let Some(message) = message.and_then(Value::as_str) {
        return message.chars().take(MOST_MESSAGE).collect();
    }
    let text = String::from_utf8_lossy(body);
    text.trim().chars().take(MOST_PAGE).collect()
}

/// A body in which no text repeats what was sent.
fn masked(body: &[u8], sent: &Sent) -> Vec<u8> {
    if sent.is_empty() {
        return body.to_vec();
    }
    match serde_json::from_slice::<Value>(body) {
        Ok(mut value) => {
            mask_texts(&mut value, sent);
            value.to_string().into_bytes()
        }
        Err(_) => sent.mask(&String::from_utf8_lossy(body)).into_bytes(),
    }
}

fn mask_texts(value: &mut Value, sent: &Sent) {
    match value {
        Value::String(text) => *text = sent.mask(text),
        Value::Array(items) => items.iter_mut().for_each(|item| mask_texts(item, sent)),
        Value::Object(map) => map.values_mut().for_each(|item| mask_texts(item, sent)),
        _ => {}
    }
}

fn read_headers(response: &Response<Body>, sent: &Sent) -> (Vec<String>, Option<Duration>) {
    let warnings = response
        .headers()
        .get_all(http::header::WARNING)
        .iter()
        .filter_map(|value| std::str::from_utf8(value.as_bytes()).ok())
        .filter_map(warning_text)
        .map(|text| sent.mask(&text))
        .collect();
    let asked = response
        .headers()
        .get(http::header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .map(Duration::from_secs);
    (warnings, asked)
}

/// The text of `299 agent "text"`, with the backslashes of quoted strings undone (RFC 9110, 5.6.4).
fn warning_text(header: &str) -> Option<String> {
    let rest = header.strip_prefix("299 ")?;
    let quoted = rest.split_once('"')?.1;
    let mut text = String::new();
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => return Some(text),
            '\\' => text.push(characters.next()?),
            other => text.push(other),
        }
    }
    None
}

/// A path segment in which nothing can end the segment.
pub(super) fn segment(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            safe.push(char::from(byte));
        } else {
            let _ = write!(safe, "%{byte:02X}");
        }
    }
    safe
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn warnings_are_read_from_their_header() {
        let text = warning_text(r#"299 - "use \"apps/v1\" instead""#);
        assert_eq!(text.as_deref(), Some(r#"use "apps/v1" instead"#));
        assert_eq!(warning_text("199 - \"other\""), None);
        assert_eq!(warning_text("299 - \"cut"), None);
    }

    #[test]
    fn an_answer_repeats_nothing_that_was_sent() {
        let mut sent = Sent::default();
        sent.add("t0ken-of-mine");
        let said = |body: &str| String::from_utf8(masked(body.as_bytes(), &sent)).unwrap();
        assert_eq!(said("no t0ken-of-mine"), "no ***");
        assert_eq!(
            said(r#"{"message":"no t0ken\u002dof-mine","code":401}"#),
            r#"{"message":"no ***","code":401}"#
        );
    }

    #[test]
    fn a_name_cannot_leave_its_path_segment() {
        assert_eq!(segment("a/../b?c"), "a%2F..%2Fb%3Fc");
        assert_eq!(segment("system:node"), "system%3Anode");
    }

    #[test]
    fn an_answer_that_is_no_status_is_quoted_short() {
        assert_eq!(message_of(br#"{"message": "no"}"#), "no");
        assert_eq!(message_of("x".repeat(900).as_bytes()).len(), 200);
    }
}
