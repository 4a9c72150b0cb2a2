//! One request, sent as often as it is worth: pauses, `Retry-After`, redirects, limits on
//! what is read. Knows nothing about registries.

use std::hash::{BuildHasher as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Once, OnceLock};
use std::time::Duration;

use http::header::{DATE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Certificate, Client as Http, Method, Response, StatusCode, Url};

use super::proxy;
use super::redirect::{self, Hop, REDIRECTS};
use super::settings::Settings;
use super::words::Words;
use crate::files;

/// A request to be sent.
pub(super) struct Outgoing {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    /// A form, already encoded.
    pub(super) form: Option<String>,
    /// Whether a login is given up rather than what is asked for: without it, nothing is
    /// asked at another origin.
    pub(super) stays: bool,
    /// How many bytes of an answer are read at most.
    pub(super) limit: usize,
}

/// Why a request has no answer. Each is a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Lost {
    /// Nothing came, or it broke off: another attempt may go better.
    Silent(String),
    /// Whoever answers there cannot prove to be who was asked.
    Untrusted(String),
    /// No attempt will go better.
    Hopeless(String),
}

impl Lost {
    /// What happened.
    pub(super) fn reason(self) -> String {
        match self {
            Lost::Silent(reason) | Lost::Untrusted(reason) | Lost::Hopeless(reason) => reason,
        }
    }
}

/// How much longer than for its next bytes an answer is waited for as a whole.
const WHOLE: u32 = 6;

/// The largest file with certificate authorities that is read, in bytes: those of a
/// system have some hundred thousand.
/// See `docs/limits.md`.
const AUTHORITIES_BYTES: u64 = 16 << 20;

/// A whole answer, whatever its status.
pub(super) struct Answer {
    /// Who answered: another address than was asked where redirects led there.
    pub(super) url: Url,
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// The HTTP client with its patience. What it speaks with is made when it is first
/// needed: who reads image layouts only needs no certificate authorities.
pub(super) struct Client {
    settings: Arc<Settings>,
    words: Words,
    plain: OnceLock<Result<Http, String>>,
    tls: OnceLock<Result<Http, String>>,
}

/// The one TLS provider of this process, installed before the first client.
static PROVIDER: Once = Once::new();

impl Client {
    pub(super) fn new(settings: Arc<Settings>) -> Client {
        let words = Words::default();
        proxy::note_logins(&settings.proxies, &words);
        Client {
            settings,
            words,
            plain: OnceLock::new(),
            tls: OnceLock::new(),
        }
    }

    fn http(&self, url: &Url) -> Result<&Http, String> {
        let tls = url.scheme() == "https";
        let cell = if tls { &self.tls } else { &self.plain };
        cell.get_or_init(|| self.build(tls))
            .as_ref()
            .map_err(Clone::clone)
    }

    fn build(&self, tls: bool) -> Result<Http, String> {
        PROVIDER.call_once(|| {
            // A provider that was installed before is as good.
            let _ = rustls::crypto::ring::default_provider().install_default();
        });
        let settings = &self.settings;
        let reason = |error: reqwest::Error| self.words.shown(&innermost(&error));
        let mut builder = Http::builder()
            .user_agent(concat!("kubectl-gitops/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(settings.timeout)
            .read_timeout(settings.timeout)
            // Redirects are followed here: what may be sent on is not the library's choice.
            .redirect(reqwest::redirect::Policy::none())
            // Nothing is decoded, so an answer is as large as the bytes that came.
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate()
            // The settings say which proxies there are; reqwest would ask the environment.
            .no_proxy();
        if let Some(proxy) = proxy::of(&settings.proxies, tls)? {
            builder = builder.proxy(proxy);
        }
        if !tls {
            return builder.tls_certs_only([]).build().map_err(reason);
        }
        for path in &settings.certificate_authorities {
            builder = builder.tls_certs_merge(authorities(path)?);
        }
        builder.build().map_err(reason)
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What was sent, and what others say.
    pub(super) fn words(&self) -> &Words {
        &self.words
    }

    /// Sends a request until it is answered for good.
    pub(super) async fn send(&self, outgoing: &Outgoing) -> Result<Answer, Lost> {
        let mut attempt = 1;
        loop {
            let result = self.once(outgoing).await;
            let asked = match &result {
                Ok(answer) if !is_passing(answer.status) => return result,
                Ok(answer) => retry_after(&answer.headers),
                Err(Lost::Silent(_)) => None,
                Err(_) => return result,
            };
            if attempt >= self.settings.attempts {
                return result;
            }
            let pause = asked.unwrap_or_else(|| self.pause(attempt));
            if pause > self.settings.longest_pause {
                return result;
            }
            tokio::time::sleep(pause).await;
            attempt += 1;
        }
    }

    async fn once(&self, outgoing: &Outgoing) -> Result<Answer, Lost> {
        // Bytes that trickle in for ever are no answer either, and would be none again.
        let whole = self.settings.timeout.saturating_mul(WHOLE);
        match tokio::time::timeout(whole, self.exchange(outgoing)).await {
            Ok(result) => result,
            Err(_) => Err(Lost::Hopeless(format!(
                "no whole answer within {} s",
                whole.as_secs_f32()
            ))),
        }
    }

    async fn exchange(&self, outgoing: &Outgoing) -> Result<Answer, Lost> {
        let mut hop = Hop {
            method: outgoing.method.clone(),
            url: outgoing.url.clone(),
            headers: outgoing.headers.clone(),
            form: outgoing.form.clone(),
            stays: outgoing.stays,
        };
        for _ in 0..=REDIRECTS {
            let response = self.hop(&hop).await?;
            let next = redirect::next(&hop, response.status(), response.headers());
            match next.map_err(|reason| Lost::Hopeless(self.words.shown(&reason)))? {
                Some(next) => hop = next,
                None => return self.read(hop.url, response, outgoing.limit).await,
            }
        }
        Err(Lost::Hopeless(format!("more than {REDIRECTS} redirects")))
    }

    async fn hop(&self, hop: &Hop) -> Result<Response, Lost> {
        let http = self.http(&hop.url).map_err(Lost::Hopeless)?;
        let mut request = http
            .request(hop.method.clone(), hop.url.clone())
            .headers(hop.headers.clone());
        if let Some(form) = &hop.form {
            request = request
                .header("Content-Type", "application/x-www-form-urlencoded")
                .body(form.clone());
        }
        request.send().await.map_err(|error| self.lost(&error))
    }

    async fn read(&self, url: Url, mut response: Response, limit: usize) -> Result<Answer, Lost> {
        let status = response.status();
        let headers = response.headers().clone();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.lost(&error))? {
            if body.len() + chunk.len() > limit {
                let reason = format!("the answer is larger than {limit} bytes");
                return Err(Lost::Hopeless(reason));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer {
            url,
            status,
            headers,
            body,
        })
    }

    /// Half to one and a half of the pause, which triples with each attempt.
    fn pause(&self, attempt: u32) -> Duration {
        let random = std::hash::RandomState::new().build_hasher().finish();
        let jitter = 0.5 + (random % 1000) as f64 / 1000.0;
        let tripled = self.settings.backoff * 3u32.saturating_pow(attempt - 1);
        tripled.mul_f64(jitter).min(self.settings.longest_pause)
    }

    fn lost(&self, error: &reqwest::Error) -> Lost {
        if error.is_timeout() {
            let seconds = self.settings.timeout.as_secs_f32();
            return Lost::Silent(format!("no answer within {seconds} s"));
        }
        let reason = self.words.shown(&innermost(error));
        match is_untrusted(error) {
            true => Lost::Untrusted(reason),
            false => Lost::Silent(reason),
        }
    }
}

/// The certificates of a file, or of all files of a folder that hold any.
pub(super) fn authorities(path: &Path) -> Result<Vec<Certificate>, String> {
    let named = |reason: String| format!("{}: {reason}", path.display());
    let unreadable = |error: std::io::Error| named(error.to_string());
    if !path.is_dir() {
        let bytes = files::read_named(path, AUTHORITIES_BYTES).map_err(unreadable)?;
        let certificates =
            Certificate::from_pem_bundle(&bytes).map_err(|error| named(innermost(&error)))?;
        return match certificates.is_empty() {
            true => Err(named("it holds no certificate (PEM)".to_owned())),
            false => Ok(certificates),
        };
    }
    let entries = std::fs::read_dir(path).map_err(unreadable)?;
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort();
    let read = |file: PathBuf| {
        let bytes = files::read_regular(&file, AUTHORITIES_BYTES).ok()?;
        Certificate::from_pem_bundle(&bytes).ok()
    };
    Ok(files.into_iter().filter_map(read).flatten().collect())
}

/// Whether a certificate is the cause.
fn is_untrusted(error: &reqwest::Error) -> bool {
    let mut source: Option<&dyn std::error::Error> = Some(error);
    while let Some(cause) = source {
        let inner = cause.downcast_ref::<std::io::Error>();
        let inner = inner.and_then(std::io::Error::get_ref);
        let tls = cause
            .downcast_ref::<rustls::Error>()
            .or_else(|| inner?.downcast_ref::<rustls::Error>());
        if matches!(tls, Some(rustls::Error::InvalidCertificate(_))) {
            return true;
        }
        source = cause.source();
    }
    false
}

/// Statuses that another attempt may change.
fn is_passing(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
}

/// The pause that a registry asks for, in seconds or until a date (by its own clock).
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = |text: &str| {
        jiff::fmt::rfc2822::parse(text)
            .ok()
            .map(|zoned| zoned.timestamp().as_second())
    };
    let now = date(headers.get(DATE)?.to_str().ok()?)?;
    let seconds = date(text)?.saturating_sub(now);
    Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

/// The last error of a chain says what really happened; the outer ones repeat the URL.
fn innermost(error: &reqwest::Error) -> String {
    let mut source: &dyn std::error::Error = error;
    while let Some(inner) = source.source() {
        source = inner;
    }
    source.to_string()
}

/// A header value that is kept out of debug output.
pub(super) fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn headers(pairs: &[(http::header::HeaderName, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()))
            .collect()
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_by_the_registrys_clock() {
        assert_eq!(
            retry_after(&headers(&[(RETRY_AFTER, "7")])),
            Some(Duration::from_secs(7))
        );
        let dated = [
            (RETRY_AFTER, "Wed, 21 Oct 2026 07:28:30 GMT"),
            (DATE, "Wed, 21 Oct 2026 07:28:00 GMT"),
        ];
        assert_eq!(retry_after(&headers(&dated)), Some(Duration::from_secs(30)));
        assert_eq!(retry_after(&headers(&[(RETRY_AFTER, "soon")])), None);
    }

    #[test]
    fn certificate_authorities_are_read_where_tls_is_spoken_only() {
        let client = Client::new(Arc::new(Settings {
            certificate_authorities: vec!["/nonexistent/ca.pem".into()],
            ..Settings::default()
        }));
        let http = |url: &str| client.http(&Url::parse(url).unwrap()).map(drop);
        assert_eq!(http("http://127.0.0.1/"), Ok(()));
        let error = http("https://example.com/").unwrap_err();
        assert!(error.starts_with("/nonexistent/ca.pem: "), "{error}");
    }

    #[test]
    fn pauses_grow_and_are_bounded() {
        let client = Client::new(Arc::new(Settings::default()));
        for _ in 0..50 {
            let (first, third) = (client.pause(1), client.pause(3));
            assert!(first >= Duration::from_millis(150) && first <= Duration::from_millis(450));
            assert!(third >= Duration::from_millis(1350) && third <= Duration::from_millis(4050));
            assert_eq!(client.pause(30), Duration::from_secs(30));
        }
    }
}
