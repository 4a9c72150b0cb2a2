//! A token service for a real registry: it signs JSON Web Tokens that the registry
//! proves with the service's public key. [`USER`] and an identity token may read;
//! nobody else gets more than an empty token.

use super::registry::{PASSWORD, USER, basic};
use super::scripted::{Heard, Say, Scripted};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::SignatureScheme;
use rustls::crypto::ring::sign::any_eddsa_type;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::sign::SigningKey;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The refresh token that the service trades in.
pub const IDENTITY: &str = "an-identity-only-in-tests";
/// The name of the registry, as the service knows it.
pub const SERVICE: &str = "tests, \"quoted\"";
/// Who signs.
pub const ISSUER: &str = "tests";

/// An Ed25519 key (RFC 8410) whose secret is 32 times the same byte: it protects nothing.
fn key() -> Arc<dyn SigningKey> {
    let mut der = vec![
        0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04,
        0x20,
    ];
    der.extend([7; 32]);
    any_eddsa_type(&PrivatePkcs8KeyDer::from(der)).expect("a key")
}

/// The public half, as registries read it.
pub fn jwks() -> Value {
    let key = key();
    let key = key.public_key().expect("a public key");
    let bytes = key.as_ref();
    let x = URL_SAFE_NO_PAD.encode(&bytes[bytes.len() - 32..]);
    json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": "tests", "x": x}]})
}

/// A token for these repositories, from now on for five minutes.
pub fn token(repositories: &[String], actions: &[&str]) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("now");
    let access: Vec<Value> = repositories
        .iter()
        .map(|name| json!({"type": "repository", "name": name, "actions": actions}))
        .collect();
    let header = json!({"typ": "JWT", "alg": "EdDSA", "kid": "tests"});
    let claims = json!({
        "iss": ISSUER, "aud": SERVICE, "sub": USER, "jti": "1",
        "iat": now.as_secs(), "nbf": now.as_secs() - 60, "exp": now.as_secs() + 300,
        "access": access,
    });
    let encoded = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", encoded(&header), encoded(&claims));
    let signer = key().choose_scheme(&[SignatureScheme::ED25519]);
    let signature = signer.expect("a signer").sign(text.as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(signature.expect("a signature"));
    format!("{text}.{signature}")
}

/// The service; it ends with this value.
pub struct TokenService {
    server: Scripted,
}

impl TokenService {
    /// A service that grants all scopes at once.
    pub fn start() -> Self {
        Self::spoiled(|_| None)
    }

    /// A service whose request number N (from 0) is answered by `spoil`, if it says so.
    pub fn spoiled(spoil: impl Fn(usize) -> Option<Say> + Send + Sync + 'static) -> Self {
        let count = AtomicUsize::new(0);
        let answer = move |heard: &Heard| {
            let number = count.fetch_add(1, Ordering::SeqCst);
            spoil(number).unwrap_or_else(|| grant(heard))
        };
        Self {
            server: Scripted::start(Duration::ZERO, answer),
        }
    }

    /// Where it is asked.
    pub fn realm(&self) -> String {
        format!("http://{}/token", self.server.host())
    }

    /// Every request so far.
    pub fn heard(&self) -> Vec<Heard> {
        self.server.heard()
    }
}

fn grant(heard: &Heard) -> Say {
    let query = match heard.method.as_str() {
        "POST" => heard.body.as_str(),
        _ => heard.target.split_once('?').map_or("", |(_, query)| query),
    };
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let pairs: Vec<(&str, String)> = pairs.map(|(name, value)| (name, decoded(value))).collect();
    let first = |name: &str| pairs.iter().find(|(key, _)| *key == name);
    let said = |name: &str| first(name).map_or("", |(_, value)| value.as_str());
    if said("service") != SERVICE {
        return Say::new(400, r#"{"details":"unknown service"}"#);
    }
    let known = match (&heard.authorization, said("refresh_token")) {
        (Some(login), _) => *login == basic(USER, PASSWORD),
        (None, "") => {
            let empty = json!({"token": token(&[], &[])});
            return Say::new(200, empty.to_string());
        }
        (None, identity) => identity == IDENTITY && said("grant_type") == "refresh_token",
    };
    if !known {
        return Say::new(401, r#"{"details":"incorrect username or password"}"#);
    }
    let scopes = pairs.iter().filter(|(name, _)| *name == "scope");
    let repositories: Vec<String> = scopes
        .flat_map(|(_, value)| value.split(' '))
        .filter_map(|scope| scope.strip_prefix("repository:")?.strip_suffix(":pull"))
        .map(str::to_owned)
        .collect();
    let name = match heard.method.as_str() {
        "POST" => "access_token",
        _ => "token",
    };
    let granted = json!({name: token(&repositories, &["pull"])});
    Say::new(200, granted.to_string())
}

/// A form's value without its escapes.
fn decoded(value: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = value.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        bytes.push(match first {
            b'+' => b' ',
            b'%' => {
                let (digits, after) = rest.split_at(2);
                rest = after;
                let digits = std::str::from_utf8(digits).expect("digits");
                u8::from_str_radix(digits, 16).expect("digits")
            }
            other => *other,
        });
    }
    String::from_utf8(bytes).expect("text")
}
