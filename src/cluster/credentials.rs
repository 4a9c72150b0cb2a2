//! What is sent to an API server to prove who asks: checked before the HTTP client, which
//! takes for granted that it is well-formed, and remembered so that no answer repeats it.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::uri::Authority;
use http::{HeaderValue, Uri};
use kube::config::{AuthInfo, Config};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::error::ConnectError;
use super::plugin::{self, Terms};
use crate::confidential::Sent;
use crate::files;

/// The largest file that a kubeconfig names (token, certificate, key), in bytes: bundles
/// of certificates have some hundred kilobytes.
/// See `docs/limits.md`.
pub(super) const LARGEST_FILE: u64 = 4 << 20;

/// Where credentials come from, for messages.
#[derive(Debug, Clone, Default)]
pub(super) struct Origin {
    pub(super) files: Vec<PathBuf>,
    pub(super) user: Option<String>,
}

impl Origin {
    fn wrong(&self, field: &str, problem: &str) -> ConnectError {
        let place = match &self.user {
            Some(user) => format!("users[name={user}].user.{field}"),
            None => field.to_owned(),
        };
        self.incomplete(format!("{place} {problem}"))
    }

    fn incomplete(&self, problem: String) -> ConnectError {
        ConnectError::Incomplete {
            files: self.files.clone(),
            problem,
        }
    }
}

/// A configuration that is ready to connect.
pub(super) struct Ready {
    pub(super) config: Config,
    /// What goes to the server and to a proxy.
    pub(super) sent: Sent,
    /// Whether the credential comes from a plugin or a file, and may be another one later.
    pub(super) is_renewable: bool,
}

/// Makes a configuration ready: runs its plugin, reads its files, checks what becomes a
/// header.
///
/// # Errors
/// The place of what cannot be sent, or why there is no credential.
pub(super) fn ready(config: &Config, origin: &Origin, terms: Terms) -> Result<Ready, ConnectError> {
    let mut config = config.clone();
    let mut sent = Sent::default();
    let login = address(&mut config, origin)?;
    if let Some((user, password)) = config.proxy_url.as_ref().and_then(login_of) {
        sent.add_login(&user, &password);
    }
    let server = config.cluster_url.to_string();
    let mut user = fields(&config.auth_info, origin)?;
    let plugin = config.auth_info.exec.clone();
    let is_renewable = plugin.is_some() || user.contains_key("tokenFile");
    // kube's own type leaves out what only the plugin gets.
    user.shift_remove("exec");
    former_provider(&mut user, origin)?;
    if let Some((name, password)) = basic(&user, login) {
        sent.add_login(&name, &password);
        user.insert("username".to_owned(), name.into());
        user.insert("password".to_owned(), password.into());
        user.shift_remove("token");
        user.shift_remove("tokenFile");
    } else if let Some((field, token)) = token(&mut user, origin)? {
        use_token(&mut user, &token, &mut sent).map_err(|problem| origin.wrong(field, problem))?;
    } else if let Some(plugin) = &plugin {
        let failed = |problem: String| ConnectError::Credentials {
            server: server.trim_end_matches('/').to_owned(),
            problem,
        };
        let found = plugin::run(plugin, terms).map_err(failed)?;
        if let Some(token) = found.token {
            use_token(&mut user, token.trim(), &mut sent)
                .map_err(|problem| failed(format!("the credential plugin's token {problem}")))?;
        }
        if let Some((certificate, key)) = found.certificate {
            user.insert(
                "client-certificate-data".to_owned(),
                STANDARD.encode(certificate).into(),
            );
            user.insert("client-key-data".to_owned(), STANDARD.encode(key).into());
            user.shift_remove("client-certificate");
            user.shift_remove("client-key");
        }
    }
    certificate(&mut user, origin, &mut sent)?;
    impersonation(&user, origin)?;
    config.auth_info = serde_json::from_value(Value::Object(user))
        .map_err(|_| origin.incomplete("the user's entry cannot be understood".to_owned()))?;
    Ok(Ready {
        config,
        sent,
        is_renewable,
    })
}

/// The user's entry, without fields that say nothing.
fn fields(user: &AuthInfo, origin: &Origin) -> Result<Map<String, Value>, ConnectError> {
    let Ok(Value::Object(mut user)) = serde_json::to_value(user) else {
        return Err(origin.incomplete("the user's entry cannot be understood".to_owned()));
    };
    user.retain(|_, value| value.as_str().is_none_or(|text| !text.is_empty()));
    Ok(user)
}

/// Checks the server's address and takes the login out of it.
fn address(config: &mut Config, origin: &Origin) -> Result<Option<(String, String)>, ConnectError> {
    let url = &config.cluster_url;
    let has_host = url.host().is_some_and(|host| !host.is_empty());
    let known = matches!(url.scheme_str(), Some("http" | "https"));
    let wrong = || {
        let problem = "the server of the cluster is not an http:// or https:// address";
        origin.incomplete(problem.to_owned())
    };
    // The type calls a port only what is a number.
    let has_port = |authority: &Authority| {
        let host = authority.as_str().rsplit('@').next().unwrap_or_default();
        host.len() == authority.host().len() || authority.port_u16().is_some()
    };
    let authority = url.authority().filter(|_| known && has_host);
    let Some(authority) = authority.filter(|it| has_port(it)) else {
        return Err(wrong());
    };
    let login = login_of(url);
    if let Some((_, host)) = authority.as_str().rsplit_once('@') {
        let mut parts = url.clone().into_parts();
        parts.authority = Some(host.parse().map_err(|_| wrong())?);
        config.cluster_url = Uri::from_parts(parts).map_err(|_| wrong())?;
    }
    Ok(login)
}

/// User and password in an address.
fn login_of(url: &Uri) -> Option<(String, String)> {
    let (login, _) = url.authority()?.as_str().rsplit_once('@')?;
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    Some((decoded(user), decoded(password)))
}

/// User and password of the entry, else those of the address if the entry has no
/// credential at all.
fn basic(user: &Map<String, Value>, login: Option<(String, String)>) -> Option<(String, String)> {
    let text = |name: &str| user.get(name).and_then(Value::as_str).map(str::to_owned);
    let own = text("username").zip(text("password"));
    let others = [
        "token",
        "tokenFile",
        "client-certificate",
        "client-certificate-data",
    ];
    let none = others.iter().all(|name| !user.contains_key(*name));
    own.or(login.filter(|_| none))
}

/// `auth-provider`, which kubectl no longer knows: a token that is written there is used,
/// and no command is run.
fn former_provider(user: &mut Map<String, Value>, origin: &Origin) -> Result<(), ConnectError> {
    let Some(provider) = user.shift_remove("auth-provider") else {
        return Ok(());
    };
    let text = |name: &str| {
        let text = provider.pointer(&format!("/config/{name}"))?.as_str()?;
        (!text.is_empty()).then(|| text.to_owned())
    };
    let command = text("cmd-path").is_some();
    match text("id-token").or_else(|| text("access-token").filter(|_| !command)) {
        Some(token) => {
            user.entry("token").or_insert(token.into());
            Ok(())
        }
        None => Err(origin.wrong(
            "auth-provider",
            "is not supported, as in kubectl since 1.26; use a credential plugin (exec)",
        )),
    }
}

/// The token of the entry or of its file, and the field that it comes from.
fn token(
    user: &mut Map<String, Value>,
    origin: &Origin,
) -> Result<Option<(&'static str, String)>, ConnectError> {
    let text = |name: &str| user.get(name).and_then(Value::as_str).map(str::to_owned);
    let own = text("token").map(|token| token.trim().to_owned());
    let file = text("tokenFile");
    let found = match (own.filter(|token| !token.is_empty()), file) {
        (Some(token), _) => Some(("token", token)),
        (None, Some(file)) => {
            let bytes = bounded(Path::new(&file))
                .map_err(|problem| origin.wrong("tokenFile", &format!("({file}) {problem}")))?;
            let token = String::from_utf8_lossy(&bytes).trim().to_owned();
            if token.is_empty() {
                return Err(origin.wrong("tokenFile", &format!("({file}) is empty")));
            }
            Some(("tokenFile", token))
        }
        (None, None) => None,
    };
    user.shift_remove("token");
    user.shift_remove("tokenFile");
    Ok(found)
}

fn use_token(
    user: &mut Map<String, Value>,
    token: &str,
    sent: &mut Sent,
) -> Result<(), &'static str> {
    if !is_header(&format!("Bearer {token}")) || token.contains(char::is_whitespace) {
        return Err("holds a line break, blank or control character");
    }
    sent.add(token);
    user.insert("token".to_owned(), token.into());
    Ok(())
}

fn is_header(text: &str) -> bool {
    HeaderValue::from_str(text).is_ok()
}

/// Reads the files of certificate and key, and remembers the key.
fn certificate(
    user: &mut Map<String, Value>,
    origin: &Origin,
    sent: &mut Sent,
) -> Result<(), ConnectError> {
    let pairs = [
        ("client-certificate", "client-certificate-data"),
        ("client-key", "client-key-data"),
    ];
    for (file, data) in pairs {
        let path = user.shift_remove(file);
        if let Some(path) = path.as_ref().and_then(Value::as_str)
            && !user.contains_key(data)
        {
            let bytes = bounded(Path::new(path))
                .map_err(|problem| origin.wrong(file, &format!("({path}) {problem}")))?;
            user.insert(data.to_owned(), STANDARD.encode(bytes).into());
        }
        let text = user.get(data).and_then(Value::as_str);
        let plain: Option<String> = text.map(|text| text.split_whitespace().collect());
        let Some(plain) = plain else { continue };
        let Ok(decoded) = STANDARD.decode(&plain) else {
            return Err(origin.wrong(data, "is not base64"));
        };
        if file == "client-key" {
            sent.add(&plain);
            sent.add(&String::from_utf8_lossy(&decoded));
        }
        user.insert(data.to_owned(), plain.into());
    }
    Ok(())
}

/// What is sent as headers beside the credential.
fn impersonation(user: &Map<String, Value>, origin: &Origin) -> Result<(), ConnectError> {
    let odd = |field: &str| {
        let problem = "holds a control character";
        match field {
            "as" | "as-groups" => origin.incomplete(format!(
                "the user or group to impersonate (--as, --as-group, or {field} of the user) {problem}"
            )),
            _ => origin.wrong(field, problem),
        }
    };
    for field in ["as", "as-uid", "as-groups", "as-user-extra"] {
        if user.get(field).is_some_and(|value| !is_sendable(value)) {
            return Err(odd(field));
        }
    }
    Ok(())
}

fn is_sendable(value: &Value) -> bool {
    match value {
        Value::String(text) => is_header(text),
        Value::Array(items) => items.iter().all(is_sendable),
        Value::Object(map) => map.values().all(is_sendable),
        _ => true,
    }
}

/// A file of bounded size. Errors say what is wrong with it, without its name.
pub(super) fn bounded(path: &Path) -> Result<Vec<u8>, String> {
    files::read_regular(path, LARGEST_FILE).map_err(|error| format!("cannot be read: {error}"))
}

#[cfg(test)]
mod tests;
