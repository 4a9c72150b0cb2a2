//! Texts that look like secrets, whatever they are called: private keys, credentials in
//! addresses and connection strings, headers, tokens whose issuers mark them. What is
//! called a secret inside of a longer text is known by [`super::assigned`].

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use regex::{Captures, Regex};

use super::assigned::by_name;
use super::embedded::secret_values;

/// What is put in the place of a secret inside of a longer text.
const MASK: &str = "***";

/// Longer texts in the place of a secret are taken for one. In bytes.
const LONGEST_PLACEHOLDER: usize = 1000;

/// Shorter texts hold none of these shapes. In bytes.
const SHORTEST: usize = 6;

#[expect(
    clippy::unwrap_used,
    reason = "a literal pattern that the tests compile"
)]
pub(super) fn pattern(text: &str) -> Regex {
    Regex::new(text).unwrap()
}

/// A quick look, by the fixed part of every shape and of every name: nearly no text has
/// one of them.
static HINTS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)gh[pousr]_|github_|gl[a-z]+-|xox|xapp-|AKIA|ASIA|ABIA|ACCA|AIza|[sr]k_|whsec_|dckr_|hv[sbr]\.|AGE-SEC|ya29|pypi-|SG\.|shp[a-z]+_|do[opr]_v1|lin_api|gl[cs]|nvapi|ATATT|ATBB|NRAK|PMAK|eyJ|\$[a1256y]|\{SS?HA|hooks\.slack|discord|PuTTY|sk-|npm_|hf_|gsk_|r8_|rubygems|PRIVATE|LS0tLS1C|@|%40|bearer|basic|sig|pass|pwd|pw|pat|secret|token|cred|conn|auth|key|kube|kennwort|dsn|docker|jwt|id_|netrc|psk|pin|hmac|mnemonic|seed|backup|recovery|otp|erlang|-u|mysql|login|cookie|stats|identified|signature|redis|/bot|hook|integration|webhook|heartbeat|hc-ping|requests|ifttt|from-literal|mongo|ldap|sqlcmd|bcp|mosquitto|zip|openssl|snmp|smbclient|ftp|mc |cqlsh|rabbitmq|influx|cypher|7z|rar|:\d+:|\*:\*:|user |\{[A-Z]",
    )
});

/// Addresses that let anyone who has them write to a chat or an alerting service.
static HOOKS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?x)
        \bhooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/[^\s"']+
        | \bdiscord(?:app)?\.com/api/(?:v[0-9]+/)?webhooks/[^\s"']+
        | /bot[0-9]{5,}:[A-Za-z0-9_-]{4,} | \b[0-9]{8,10}:AA[A-Za-z0-9_-]{30,}
        | \b(?:outlook\.office(?:365)?\.com|[A-Za-z0-9_-]+\.webhook\.office\.com)/webhook[A-Za-z0-9_]*/[^\s"']+
        | \bopen\.(?:feishu\.cn|larksuite\.com)/open-apis/bot/v2/hook/[^\s"']+
        | \bhooks\.zapier\.com/hooks/[^\s"']+ | \bmaker\.ifttt\.com/[^\s"']*/key/[^\s"']+
        | \b(?:events|[A-Za-z0-9_-]+)\.pagerduty\.com/integration/[^\s"'/]+
        | [\w.]/hooks/[A-Za-z0-9]{20,}
        | \bhc-ping\.com/[^\s"']+ | \bqyapi\.weixin\.qq\.com/cgi-bin/webhook/send\?key=[^\s"'&]+"#,
    )
});

/// Tokens by the prefixes that their issuers gave them so that scanners find them, JSON
/// Web Tokens, hashes of passwords.
static TOKENS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?x)
        \bgh[pousr]_[A-Za-z0-9_-]{4,}
        | \bgithub_pat_[A-Za-z0-9_]{4,}
        | \bgl(?:pat|ptt|dt|rt|cbt|soat|agent|imt|ft|ffct|oas)-[A-Za-z0-9_.-]{4,}
        | \b(?:xox[a-z]|xapp)-[A-Za-z0-9_-]{4,}
        | \b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{8,}
        | \bAIza[A-Za-z0-9_-]{10,}
        | \b(?:sk|rk)_(?:live|test)_[A-Za-z0-9_]{4,} | \bwhsec_[A-Za-z0-9_]{4,}
        | \bdckr_(?:pat|oat)_[A-Za-z0-9_-]{4,}
        | \bhv[sbr]\.[A-Za-z0-9_-]{4,}
        | \bAGE-SECRET-KEY-(?:PQ-)?1[A-Za-z0-9]*
        | \bya29\.[A-Za-z0-9_-]{6,} | \bpypi-[A-Za-z0-9_-]{16,} | \bSG\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}
        | \bshp(?:at|ss|ca|pa)_[A-Za-z0-9_]{8,} | \bdo[opr]_v1_[A-Za-z0-9_]{4,} | \blin_api_[A-Za-z0-9_]{4,}
        | \bgls[ac]_[A-Za-z0-9_]{4,} | \bglc_[A-Za-z0-9_=]{4,} | \bnvapi-[A-Za-z0-9_-]{8,}
        | \bATATT3[A-Za-z0-9_=-]{8,} | \bATBB[A-Za-z0-9_]{8,} | \bNRAK-[A-Za-z0-9_]{8,} | \bPMAK-[A-Za-z0-9_-]{8,}
        | \beyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*)?
        | \beyJhdXRo[A-Za-z0-9_+/=-]{4,}
        | \$(?:apr1|2[abxy]|[156y]|argon2[a-z]*|pbkdf2[A-Za-z0-9_-]*)\$[^\s"',]{6,}
        | \{SS?HA[0-9]*\}[A-Za-z0-9+/=]{6,}
        | \{(?:PLAIN|CLEAR|CLEARTEXT|CRYPT|PBKDF2[A-Za-z0-9_-]*|ARGON2[A-Za-z0-9_]*|BLF-CRYPT|SHA512-CRYPT)\}[^\s"':]{3,}
        | \bglrt-[A-Za-z0-9_]+ | \bdop_v1_[A-Za-z0-9_]{4,} | \bEAACEdEose0cBA[A-Za-z0-9_]+ | \bsq0[a-z]{3}-[A-Za-z0-9_-]{10,}
        | \bPuTTY-User-Key-File-[^\n]*(?s:.*)"#,
    )
});

/// Prefixes that words may have as well: the rest has a digit or is long.
static WORDLIKE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\b(?:sk-|npm_|hf_|gsk_|r8_|rubygems_)([A-Za-z0-9_-]{8,})"));

/// A private key of any kind, up to its end or that of the text.
static KEY: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?s)-*[ ]?BEGIN[ ](?:[A-Z0-9]+[ ])*PRIVATE[ ]KEY.*?(?:END[ ](?:[A-Z0-9]+[ ])*PRIVATE[ ]KEY[A-Z ]*-*|\z)",
    )
});

/// The base64 of `-----BEGIN `.
static ENCODED_KEY: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"LS0tLS1CRUdJTi[A-Za-z0-9+/=]{10,}"));

/// What is before the last `@` of an address.
static ADDRESS: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"([A-Za-z][A-Za-z0-9+.-]*):/{1,3}([^\s"'<>`]+)@([\w.-]*)"#));

/// The same where the address is a part of another one.
static ENCODED_ADDRESS: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"(?i)%3A%2F%2F([^\s"'@/&]*?%3A[^\s"'@/&]*?)%40"#));

/// `user:password@tcp(host)`, as Go's drivers of databases write it.
static GO_DSN: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"[^\s"':/@=]+:([^\s"'@]+)@(?:tcp|udp|unix)\("#));

/// `jdbc:oracle:thin:user/password@host`.
static ORACLE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r#"(?i)(?:jdbc:oracle:\w+:|sqlplus\s+(?:-\w+\s+)*)[^/@\s"']+/([^@\s"']+)@"#)
});

/// `user:password@host` without a scheme.
static BARE_ADDRESS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?:^|[\s"'=,])([A-Za-z0-9_][\w.-]*):([^\s"'@/:]{3,})@(?:(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}|localhost|\d{1,3}(?:\.\d{1,3}){3})(?:[:/\s"']|$)"#,
    )
});

/// Schemes that are followed by an address of mail.
const MAIL: [&str; 8] = [
    "mailto", "acct", "sip", "sips", "xmpp", "email", "mail", "contact",
];

static BEARER: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)\bbearer\s+([A-Za-z0-9._~+/=-]{6,})"));

static BASIC: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)\bbasic\s+([A-Za-z0-9+/]{6,}={0,2})"));

static HEADER: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?i)\bauthorization\\?["']?\s*[:=]\s*\\?["']?(?:bearer|basic|token|digest|negotiate|api-?key|key|splunk|aws4-hmac-sha256)\s+([^\s"'\\]+)"#,
    )
});

/// Signatures in the query of an address.
static SIGNED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r#"(?i)[?&](?:sig|signature|x-amz-signature|x-goog-signature)=([^&\s"']+)"#)
});

/// The kind of a Secret, in YAML and JSON, also where that is a text within a text.
static SECRET_KIND: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?m)(?:^|[\s{,"'])kind\\*["']?[ \t]*:[ \t]*\\*["']?Secret(?:List)?(?:\\*["']|[ \t\r]*(?:$|[,}#\\]))"#,
    )
});

/// Whether a text has a Kubernetes Secret in it.
pub(super) fn has_secret_object(text: &str) -> bool {
    text.contains("Secret") && SECRET_KIND.is_match(text)
}

/// Whether a part of the text looks like a secret or is called one.
pub(super) fn has_secret_part(text: &str) -> bool {
    may_hold(text) && (!by_shape(text).is_empty() || !by_name(text).is_empty())
}

pub(super) fn may_hold(text: &str) -> bool {
    text.len() >= SHORTEST && HINTS.is_match(text)
}

/// The parts of a text that look like a secret or are called one.
pub(super) fn secret_parts(text: &str) -> Vec<Range<usize>> {
    if !may_hold(text) {
        return Vec::new();
    }
    let mut parts = by_shape(text);
    parts.extend(by_name(text));
    parts.extend(secret_values(text));
    parts
}

/// The text with `***` in the place of what looks like a secret or is called one.
pub fn redact(text: &str) -> String {
    masked(text, secret_parts(text)).into_owned()
}

/// The text with `***` in the place of what looks like a secret, whatever it is called.
pub fn redact_shapes(text: &str) -> Cow<'_, str> {
    match may_hold(text) {
        true => masked(text, by_shape(text)),
        false => Cow::Borrowed(text),
    }
}

fn masked(text: &str, mut parts: Vec<Range<usize>>) -> Cow<'_, str> {
    if parts.is_empty() {
        return Cow::Borrowed(text);
    }
    parts.sort_by_key(|part| (part.start, part.end));
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for part in parts {
        if part.end <= at {
            continue;
        }
        if part.start >= at {
            out.push_str(&text[at..part.start]);
            out.push_str(MASK);
        }
        at = part.end;
    }
    out.push_str(&text[at..]);
    Cow::Owned(out)
}

/// Where a text looks like a secret.
fn by_shape(text: &str) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    parts.extend(TOKENS.find_iter(text).map(|found| found.range()));
    if text.contains('/') || text.contains(":AA") {
        parts.extend(HOOKS.find_iter(text).map(|found| found.range()));
    }
    parts.extend(groups(&WORDLIKE, text, |found, at| {
        let rest = &found[1];
        let long = rest.len() >= 20;
        (long || rest.contains(|c: char| c.is_ascii_digit())).then(|| at(0))
    }));
    if text.contains("PRIVATE KEY") {
        parts.extend(KEY.find_iter(text).map(|found| found.range()));
    }
    let encoded = ENCODED_KEY.find_iter(text);
    parts.extend(
        encoded
            .filter(|it| is_encoded_key(it.as_str()))
            .map(|it| it.range()),
    );
    if text.contains('@') {
        parts.extend(groups(&ADDRESS, text, |found, at| {
            has_login(&found[1], &found[2], &found[3]).then(|| at(2))
        }));
        parts.extend(groups(&GO_DSN, text, |found, at| {
            (!is_placeholder(&found[1])).then(|| at(1))
        }));
        parts.extend(groups(&ORACLE, text, |found, at| {
            (!is_placeholder(&found[1])).then(|| at(1))
        }));
        parts.extend(groups(&BARE_ADDRESS, text, |found, at| {
            let is_mail = MAIL.contains(&found[1].to_ascii_lowercase().as_str());
            (!is_mail && !is_placeholder(&found[2])).then(|| at(2))
        }));
    }
    parts.extend(groups(&ENCODED_ADDRESS, text, |_, at| Some(at(1))));
    parts.extend(groups(&BEARER, text, |found, at| {
        let token = &found[1];
        let sign = |c: char| c.is_ascii_digit() || "._~+/=-".contains(c);
        (token.len() >= 20 || token.contains(sign)).then(|| at(1))
    }));
    parts.extend(groups(&BASIC, text, |found, at| {
        let login = STANDARD.decode(&found[1]).ok()?;
        login.contains(&b':').then(|| at(1))
    }));
    parts.extend(groups(&HEADER, text, |found, at| {
        (!is_placeholder(&found[1])).then(|| at(1))
    }));
    parts.extend(groups(&SIGNED, text, |_, at| Some(at(1))));
    parts
}

/// The matches of a pattern that `choose` takes, by the range that it takes of each.
pub(super) fn groups<'t>(
    pattern: &Regex,
    text: &'t str,
    choose: impl Fn(&Captures<'t>, &dyn Fn(usize) -> Range<usize>) -> Option<Range<usize>>,
) -> Vec<Range<usize>> {
    let range = |found: &Captures<'t>| {
        let at = |group: usize| found.get(group).map_or(0..0, |group| group.range());
        choose(found, &at)
    };
    pattern
        .captures_iter(text)
        .filter_map(|found| range(&found))
        .filter(|range| !range.is_empty())
        .collect()
}

/// Whether a text is a reference to a variable, `$(NAME)` or `${NAME}`, or is empty.
pub(super) fn is_variable(text: &str) -> bool {
    text.is_empty()
        || (text.starts_with(['$']) && text.ends_with([')', '}']) && is_placeholder(text))
}

/// Whether a text in the place of a secret is none: a reference to a variable, a
/// template's expression, a switch, the beginning of a block.
pub(super) fn is_placeholder(text: &str) -> bool {
    let text = text.trim();
    if text.len() > LONGEST_PLACEHOLDER {
        return false;
    }
    const NOTHING: [&str; 24] = [
        "", "true", "false", "yes", "no", "on", "off", "null", "nil", "none", "~", "enabled",
        "disabled", "required", "optional", "|", ">", "|-", ">-", "|+", ">+", "{", "[", "(hidden)",
    ];
    let lower = text.to_ascii_lowercase();
    if NOTHING.contains(&lower.as_str()) || text.chars().all(|c| matches!(c, '*' | '.' | '-')) {
        return true;
    }
    if text.starts_with("{{") || text.starts_with("{%") || text.starts_with("ENC[") {
        return true;
    }
    if text.starts_with('<') && !text.contains(['>', ' '])
        || text.ends_with('>') && text.starts_with('<')
    {
        return true;
    }
    let Some(name) = text.strip_prefix('$') else {
        return false;
    };
    let is_name = |name: &str| {
        !name.is_empty()
            && name
                .chars()
                .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
    };
    let inner = name
        .strip_prefix('{')
        .map(|name| name.strip_suffix('}').unwrap_or(name))
        .or_else(|| {
            let name = name.strip_prefix('(')?;
            Some(name.strip_suffix(')').unwrap_or(name))
        });
    match inner {
        Some(inner) => inner
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.')),
        None => is_name(name),
    }
}

/// Whether what is before the `@` of an address is a login.
fn has_login(scheme: &str, before: &str, after: &str) -> bool {
    if matches!(after, "sha256" | "sha512") {
        return false;
    }
    let Some((user, password)) = before.split_once(':') else {
        // A token may be all there is before the host.
        const TOKENS: [&str; 10] = [
            "http",
            "https",
            "git+http",
            "git+https",
            "nats",
            "tls",
            "ws",
            "wss",
            "redis",
            "rediss",
        ];
        let holds_token = TOKENS.iter().any(|it| scheme.eq_ignore_ascii_case(it));
        return holds_token && !before.contains('/') && before != "git" && !is_placeholder(before);
    };
    let port = password.split('/').next().unwrap_or_default();
    let is_port = password.contains('/')
        && !port.is_empty()
        && port.len() <= 5
        && port.chars().all(|c| c.is_ascii_digit());
    !user.contains('/') && !is_port && !is_placeholder(password)
}

/// Whether base64 that begins like PEM is a private key, and not a certificate.
fn is_encoded_key(text: &str) -> bool {
    let length = text.len().min(64) / 4 * 4;
    let decoded = STANDARD.decode(&text[..length]).unwrap_or_default();
    String::from_utf8_lossy(&decoded).contains("PRIVATE")
}

#[cfg(test)]
mod tests;
