//! Names of values that must not be shown. Names are read word by word: `dbPassword`,
//! `DB_PASSWORD` and `db-password` are one name, `compass` and `monkey` hold no secret.

/// Words that make a name secret wherever they are in it.
#[rustfmt::skip]
const WORDS: &[&str] = &[
    "password", "passwd", "passphrase", "passcode", "passwort", "kennwort", "passkey",
    "pwd", "pw", "credential", "credentials", "cred", "creds", "secret", "token",
    "htpasswd", "apikey", "accesskey", "privatekey", "secretkey", "signingkey",
    "encryptionkey", "masterkey", "sshkey", "authkey", "connectionstring", "dsn",
    "dockerconfigjson", "dockercfg", "kubeconfig", "jwt",
];

/// Words that make a longer word secret when it ends with them: `dbpassword`,
/// `githubtoken`. Short ones are left out: `compass` ends with `pass`.
#[rustfmt::skip]
const ENDINGS: &[&str] = &[
    "password", "passwd", "passphrase", "credential", "credentials", "secret", "token",
    "apikey", "accesskey", "privatekey", "secretkey", "signingkey", "encryptionkey",
    "masterkey", "sshkey", "pwd", "connectionstring",
];

/// Whole words of configuration files that say it in their own way.
#[rustfmt::skip]
const SPELLINGS: &[&str] = &[
    "psk", "hmac", "mnemonic", "seedphrase", "erlangcookie", "presharedkey", "fernetkey",
    "consumerkey",
    "pgpass", "netrc",
    "requirepass", "masterauth", "rootpw", "bindpw", "userpw", "adminpw", "dbpass",
    "userpass", "rootpass", "adminpass", "smtppass", "keypass", "storepass", "sshpass",
];

/// Words that make a name secret at its end only: `auth`, `DB_PASS`, but neither
/// `authMode` nor `passThrough`.
const LAST: &[&str] = &["pass", "pat", "pats", "auth", "auths", "bearer", "pin"];

/// Names that hold settings as often as secrets when there is a map below them.
const VAGUE: &[&str] = &["auth", "token", "jwt", "secret"];

/// The same for several: here names, too, may be those of people or tokens.
const VAGUE_MANY: &[&str] = &["auths", "secrets", "credential", "credentials", "creds"];

/// Names of HTTP headers that hold a secret as they are written in HTTP. In lower case
/// they are settings as often.
const HEADERS: &[&str] = &[
    "Authorization",
    "Proxy-Authorization",
    "Cookie",
    "Set-Cookie",
];

/// What is before `key` when that key is secret.
#[rustfmt::skip]
const KEYS: &[&str] = &[
    "preshared", "fernet", "consumer",
    "api", "access", "private", "signing", "sign", "encryption", "encrypt", "decryption",
    "decrypt", "crypto", "secret", "master", "shared", "ssh", "deploy", "license", "hmac",
    "aes", "des", "rsa", "session", "storage", "account", "auth", "tls", "ssl", "pem",
    "client", "server", "host", "ca", "root", "recovery", "unseal", "cookie", "cipher",
    "symmetric", "wrapping", "gpg", "pgp", "age", "app", "application", "integration",
    "instrumentation", "webhook", "pagerduty", "opsgenie", "datadog", "newrelic", "relic",
    "sendgrid", "mailgun", "stripe", "twilio", "slack", "sentry", "github", "gitlab", "aws",
    "azure", "gcp", "openai", "anthropic", "cloudflare", "write", "ingest", "ingestion",
    "subscription", "vapid", "merchant", "payment", "sas",
];

/// Of these, the ones that say too little where `key` is a name of its own below them.
#[rustfmt::skip]
const NO_HOLDERS: &[&str] = &[
    "app", "application", "host", "root", "storage", "account", "write", "azure", "aws",
];

/// Last words of names that say something about a secret: `secretName`,
/// `tokenExpirationSeconds`, `passwordPolicy`.
#[rustfmt::skip]
const ABOUT: &[&str] = &[
    "name", "names", "ref", "refs", "reference", "references", "file", "files", "filename",
    "path", "paths", "dir", "directory", "mount", "mounts", "url", "uri", "endpoint",
    "port", "address", "ttl", "expiry", "expiration", "expires", "expire", "second",
    "seconds", "minute", "minutes", "hour", "hours", "days", "duration", "timeout",
    "lifetime", "age", "interval", "period", "length", "min", "max", "minimum", "maximum",
    "size", "count", "limit", "limits", "policy", "policies", "type", "types", "kind",
    "mode", "method", "strategy", "enabled", "enable", "disabled", "disable", "required",
    "optional", "review", "reviews", "request", "requests", "rotation", "issuer", "issuers",
    "audience", "audiences", "scope", "scopes", "provider", "providers", "algorithm", "alg",
    "format", "store", "stores", "class", "version", "namespace", "prefix", "suffix",
    "header", "selector", "label", "labels", "annotation", "annotations", "generator",
    "template", "templates", "manager", "operator", "controller", "service", "svc",
    "server", "agent", "sidecar", "injector", "driver", "role", "binding", "image", "tag",
    "rule", "rules", "object", "objects", "rate", "burst", "capacity", "window", "threshold",
    "bucket", "validity", "verifier", "exchanger", "converter", "resolver", "handler",
    "filter", "plugin", "backend", "realm", "domain", "host", "hosts", "group", "groups",
    "claim", "claims", "field", "attribute", "attributes", "param", "index", "location",
    "source", "column", "status", "replicas", "retries", "encryption", "hashing",
];

/// Words after a secret one that do not change what it is: `DB_PASS_PROD`,
/// `client-key-data`.
#[rustfmt::skip]
const NOISE: &[&str] = &[
    "value", "values", "data", "string", "text", "plain", "plaintext", "raw", "base", "b",
    "old", "new", "current", "previous", "next", "primary", "secondary", "main", "default",
    "prod", "production", "staging", "stage", "test", "dev", "json", "pem",
];

/// Words that make a name a number of tokens, not a token: `maxTokens`.
#[rustfmt::skip]
const AMOUNTS: &[&str] = &[
    "max", "min", "num", "number", "count", "total", "limit", "per",
];

/// Whether a name (a key, a variable, a flag, the name of a file) says that its value
/// must not be shown.
pub fn is_secret_name(name: &str) -> bool {
    if !may_be_secret(name) {
        return false;
    }
    if HEADERS.contains(&name) {
        return true;
    }
    let words = words(name);
    let Some(last) = words.last() else {
        return false;
    };
    if is_reference_to_secret(&words) || is_annotation_of_ingress(name) {
        return false;
    }
    let own = significant(&words);
    if own.last().is_some_and(|last| LAST.contains(&last.as_str())) && !is_directive(own) {
        return true;
    }
    // The id of a secret is one in Vault's AppRole.
    let id = last == "id" || last == "ids";
    if ABOUT.contains(&last.as_str()) || (id && !words.iter().any(|word| word == "secret")) {
        return false;
    }
    let is_secret = |(at, word): (usize, &String)| {
        is_secret_word(word)
            || (is_key(word) && is_secret_key(&words[..at]))
            || words
                .get(at + 1)
                .is_some_and(|next| is_secret_pair(word, next))
    };
    is_key_file(name) || (words.iter().enumerate().any(is_secret) && !is_amount(&words))
}

/// `connectionString`, `kubeConfig`, `docker-config`: two words that are one.
fn is_secret_pair(word: &str, next: &str) -> bool {
    match word {
        "connection" | "conn" => matches!(next, "string" | "strings" | "str"),
        "kube" | "docker" => next == "config",
        "recovery" | "backup" => matches!(next, "code" | "codes"),
        "totp" | "otp" => next == "seed",
        "seed" => next == "phrase",
        "erlang" => next == "cookie",
        "pin" => next == "code",
        "access" => next == "signature",
        _ => false,
    }
}

/// How little the name of a secret says of what is below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Vagueness {
    /// Everything below it is secret.
    None,
    /// Settings and secrets.
    Some,
    /// Settings and secrets of several, under names of their own.
    Many,
}

/// What the name of a secret says of a map below it.
pub(super) fn vagueness(name: &str) -> Vagueness {
    let words = words(name);
    let last = significant(&words).last().map_or("", String::as_str);
    match last {
        last if VAGUE.contains(&last) => Vagueness::Some,
        last if VAGUE_MANY.contains(&last) => Vagueness::Many,
        _ => Vagueness::None,
    }
}

/// Whether a name is one that other programs use for settings as well, so that it
/// does not make a secret of what is beside it: `auth`, `token`.
pub(super) fn is_vague_alone(name: &str) -> bool {
    words(name).len() == 1 && vagueness(name) != Vagueness::None
}

/// Whether `key` below this name is a secret: `encryption: {key: x}`.
pub(super) fn holds_key(name: &str) -> bool {
    let words = words(name);
    let last = words.last().map_or("", String::as_str);
    KEYS.contains(&last) && !NO_HOLDERS.contains(&last)
}

/// Whether names below this one are those of HTTP headers.
pub(super) fn holds_headers(name: &str) -> bool {
    matches!(last_word(name).as_deref(), Some("headers" | "header"))
}

/// Whether this is the name of an HTTP header that holds a secret, in any case.
pub(super) fn is_secret_header(name: &str) -> bool {
    HEADERS
        .iter()
        .any(|header| name.eq_ignore_ascii_case(header))
}

/// `key` and `keys` alone.
pub(super) fn is_key_alone(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    is_key(&name)
}

/// Whether the last word of a name says that it is about a secret.
pub(super) fn is_about(name: &str) -> bool {
    last_word(name).is_some_and(|last| ABOUT.contains(&last.as_str()))
}

/// The last word of a name, in lower case.
pub(super) fn last_word(name: &str) -> Option<String> {
    words(name).pop()
}

/// Whether a name is that of a reference to a secret, such as `secretName`: its value
/// says where the secret is and may be shown.
pub(super) fn is_reference(name: &str) -> bool {
    let words = words(name);
    let about = ["name", "ref", "refs", "reference"];
    is_reference_to_secret(&words)
        || (words.iter().any(|word| word == "secret")
            && words
                .last()
                .is_some_and(|last| about.contains(&last.as_str())))
}

/// `existingSecret`, `imagePullSecrets`, `credentialsSecret`, `adminPasswordKey`,
/// `PATH_TO_TOKEN`: names of objects, keys in them, places of files.
fn is_reference_to_secret(words: &[String]) -> bool {
    let at = |at: usize| words.get(at).map_or("", String::as_str);
    let is_existing = |at_word: usize| {
        matches!(at(at_word), "existing" | "pull")
            && words[at_word..]
                .iter()
                .any(|word| word.starts_with("secret"))
    };
    let is_place = |at_word: usize| {
        matches!(at(at_word), "path" | "file" | "dir" | "url" | "location")
            && matches!(at(at_word + 1), "to" | "of" | "for")
    };
    let is_bucket = |at_word: usize| at(at_word) == "token" && at(at_word + 1) == "bucket";
    let any = |at_word: usize| is_existing(at_word) || is_place(at_word) || is_bucket(at_word);
    (0..words.len()).any(any) || names_key_or_object(words)
}

/// Whether the last words are those of a key in a Secret, or of the name of one.
fn names_key_or_object(words: &[String]) -> bool {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [.., "password" | "username" | "user", "key"] => true,
        [.., "password" | "user", "secret", "key"] => true,
        [.., before, "secret"] => [
            "credentials",
            "credential",
            "password",
            "tls",
            "cert",
            "certificate",
            "ca",
        ]
        .contains(before),
        _ => false,
    }
}

/// `nginx.ingress.kubernetes.io/auth-secret` names a Secret.
fn is_annotation_of_ingress(name: &str) -> bool {
    name.contains("ingress.kubernetes.io/") && name.contains("/auth-")
}

/// `proxy_pass` of a web server says where a request goes.
fn is_directive(words: &[String]) -> bool {
    let [.., before, last] = words else {
        return false;
    };
    (last == "pass" && ["proxy", "fastcgi", "uwsgi", "scgi", "grpc"].contains(&before.as_str()))
        || (last == "pin" && ["gpio", "led", "data", "clock", "reset"].contains(&before.as_str()))
}

/// The words up to the last one that is not noise.
fn significant(words: &[String]) -> &[String] {
    let is_noise = |word: &String| NOISE.contains(&word.as_str());
    let end = words.iter().rposition(|word| !is_noise(word));
    &words[..end.map_or(words.len(), |end| end + 1)]
}

fn is_secret_word(word: &str) -> bool {
    let single = word.strip_suffix('s').unwrap_or(word);
    let known = |word: &str| {
        WORDS.contains(&word)
            || SPELLINGS.contains(&word)
            || ENDINGS.iter().any(|ending| word.ends_with(ending))
    };
    known(word) || known(single) || begins_secret(word)
}

/// `passwordhash`, `passwordprod`; but `passwordless` and `passwordfile` are no passwords.
fn begins_secret(word: &str) -> bool {
    let rest = ["password", "passwd", "passphrase"]
        .iter()
        .find_map(|stem| word.strip_prefix(stem));
    rest.is_some_and(|rest| rest != "less" && !ABOUT.contains(&rest))
}

fn is_key(word: &str) -> bool {
    word == "key" || word == "keys"
}

/// Whether a key with these words before it is secret: `apiKey`, `privateDeployKey`.
fn is_secret_key(before: &[String]) -> bool {
    let is_replica_set =
        || matches!(before, [.., replica, set] if replica == "replica" && set == "set");
    before.iter().any(|word| word == "private")
        || is_replica_set()
        || before
            .last()
            .is_some_and(|word| KEYS.contains(&word.as_str()))
}

fn is_amount(words: &[String]) -> bool {
    let tokens = |word: &String| word == "tokens" || word == "token";
    words.iter().any(|word| AMOUNTS.contains(&word.as_str())) && words.iter().any(tokens)
}

/// The names that `ssh-keygen` gives to private keys.
fn is_key_file(name: &str) -> bool {
    let name = name.rsplit('/').next().unwrap_or(name);
    let name = name.to_ascii_lowercase();
    ["id_rsa", "id_dsa", "id_ecdsa", "id_ed25519"].contains(&name.as_str())
}

/// A quick look: nearly no name holds any of these.
fn may_be_secret(name: &str) -> bool {
    let bytes = name.as_bytes();
    let begins = |at: usize, stems: &[&[u8]]| {
        let begins = |stem: &&[u8]| {
            bytes
                .get(at..at + stem.len())
                .is_some_and(|part| part.eq_ignore_ascii_case(stem))
        };
        stems.iter().any(begins)
    };
    (0..bytes.len()).any(|at| match bytes[at].to_ascii_lowercase() {
        b'p' => begins(at, &[b"pass", b"pwd", b"pw", b"pat", b"psk", b"pin"]),
        b's' => begins(at, &[b"secret", b"seed", b"signature"]),
        b'h' => begins(at, &[b"hmac"]),
        b'm' => begins(at, &[b"mnemonic"]),
        b'b' => begins(at, &[b"bearer", b"backup"]),
        b'r' => begins(at, &[b"recovery"]),
        b'o' => begins(at, &[b"otp"]),
        b'e' => begins(at, &[b"erlang"]),
        b't' => begins(at, &[b"token"]),
        b'c' => begins(at, &[b"cred", b"conn", b"cookie"]),
        b'a' => begins(at, &[b"auth"]),
        b'k' => begins(at, &[b"key", b"kube", b"kennwort"]),
        b'd' => begins(at, &[b"dsn", b"docker"]),
        b'j' => begins(at, &[b"jwt"]),
        b'n' => begins(at, &[b"netrc"]),
        b'i' => begins(at, &[b"id_"]),
        _ => false,
    })
}

/// The words of a name, in lower case: at changes of case and at signs; digits are left
/// out. Of a name with slashes only what follows the last one counts: before it stands a
/// domain or a folder.
fn words(name: &str) -> Vec<String> {
    let name = name.trim_end_matches('/');
    let name = name.rsplit('/').next().unwrap_or(name);
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    let letters: Vec<char> = name.chars().collect();
    for (at, &c) in letters.iter().enumerate() {
        let next = letters.get(at + 1);
        let before = at.checked_sub(1).map(|at| letters[at]);
        let starts = c.is_uppercase()
            && before.is_some_and(|before| {
                !before.is_uppercase() || next.is_some_and(|next| next.is_lowercase())
            });
        if (!c.is_alphabetic() || starts) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if c.is_alphabetic() {
            word.extend(c.to_lowercase());
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    joined(words)
}

/// `OAuth`, `passWord`: what camel case splits though it is one word.
fn joined(words: Vec<String>) -> Vec<String> {
    let mut out: Vec<String> = Vec::with_capacity(words.len());
    for word in words {
        match (out.last_mut(), word.as_str()) {
            (Some(last), "auth") if last == "o" => last.push_str("auth"),
            (Some(last), "word" | "phrase" | "code") if last == "pass" => last.push_str(&word),
            _ => out.push(word),
        }
    }
    out
}

#[cfg(test)]
mod tests;
