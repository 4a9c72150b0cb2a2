//! Texts that look like secrets, whatever they are called: private keys, credentials in
//! addresses and connection strings, headers, tokens whose issuers mark them. And names
//! of secrets inside of longer texts: `DB_PASSWORD=x`, `--token x`, `"password": "x"`.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use regex::{Captures, Regex};

use super::names::is_secret_name;

/// What is put in the place of a secret inside of a longer text.
const MASK: &str = "***";

/// Shorter texts hold none of these shapes. In bytes.
const SHORTEST: usize = 6;

#[expect(
    clippy::unwrap_used,
    reason = "a literal pattern that the tests compile"
)]
fn pattern(text: &str) -> Regex {
    Regex::new(text).unwrap()
}

/// A quick look, by the fixed part of every shape and of every name: nearly no text has
/// one of them.
static HINTS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)gh[pousr]_|github_|gl[a-z]+-|xox|xapp-|AKIA|ASIA|ABIA|ACCA|AIza|[sr]k_|whsec_|dckr_|hv[sbr]\.|AGE-SEC|ya29|pypi-|SG\.|shp[a-z]+_|do[opr]_v1|lin_api|gl[cs]|nvapi|ATATT|ATBB|NRAK|PMAK|eyJ|\$[a1256y]|\{SS?HA|hooks\.slack|discord|PuTTY|sk-|npm_|hf_|gsk_|r8_|rubygems|PRIVATE|LS0tLS1C|@|%40|bearer|basic|sig|pass|pwd|pw|pat|secret|token|cred|conn|auth|key|kube|kennwort|dsn|docker|jwt|id_|netrc|psk|pin|hmac|mnemonic|seed|backup|recovery|otp|erlang|-u|mysql|login",
    )
});

/// Tokens by the prefixes that their issuers gave them so that scanners find them, JSON
/// Web Tokens, hashes of passwords, addresses that are a secret as a whole.
static TOKENS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?x)
        \bgh[pousr]_[A-Za-z0-9_-]{4,}
        | \bgithub_pat_\w{4,}
        | \bgl(?:pat|ptt|dt|rt|cbt|soat|agent|imt|ft|ffct|oas)-[\w.-]{4,}
        | \b(?:xox[a-z]|xapp)-[\w-]{4,}
        | \b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{8,}
        | \bAIza[\w-]{10,}
        | \b(?:sk|rk)_(?:live|test)_\w{4,} | \bwhsec_\w{4,}
        | \bdckr_(?:pat|oat)_[\w-]{4,}
        | \bhv[sbr]\.[\w-]{4,}
        | \bAGE-SECRET-KEY-(?:PQ-)?1[A-Za-z0-9]*
        | \bya29\.[\w-]{6,} | \bpypi-[\w-]{16,} | \bSG\.[\w-]{8,}\.[\w-]{8,}
        | \bshp(?:at|ss|ca|pa)_\w{8,} | \bdo[opr]_v1_\w{4,} | \blin_api_\w{4,}
        | \bgls[ac]_\w{4,} | \bglc_[\w=]{4,} | \bnvapi-[\w-]{8,}
        | \bATATT3[\w=-]{8,} | \bATBB\w{8,} | \bNRAK-\w{8,} | \bPMAK-[\w-]{8,}
        | \beyJ[\w-]{6,}\.[\w-]{6,}(?:\.[\w-]*)?
        | \beyJhdXRo[\w+/=-]{4,}
        | \$(?:apr1|2[abxy]|[156y]|argon2[a-z]*|pbkdf2[\w-]*)\$[^\s"',]{6,}
        | \{SS?HA\d*\}[A-Za-z0-9+/=]{6,}
        | \bhooks\.slack\.com/(?:services|workflows|triggers)/[^\s"']+
        | \bdiscord(?:app)?\.com/api/webhooks/[^\s"']+
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

/// `curl -u user:password`, `mysql -pPASSWORD`, `sshpass -p PASSWORD`, netrc.
static PROGRAMS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?x)
        (?:\s|^)(?:-u|--user)[\s=]+["']?[^\s:"'/]+:([^\s"']+)
        | \bmysql\w*\s(?:[^\n|;]*?\s)?-p([^\s"']+)
        | \bsshpass\s+-p\s*([^\s"']+)
        | \blogin\s+\S+\s+password\s+(\S+)"#,
    )
});

/// A name and a sign of assignment: `a=`, `a: `, `"a": `, `a => `. What is assigned may
/// hold another name: `url=x?token=y`.
static ASSIGNED: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"([A-Za-z_.][\w.-]*)(\\?["'])?[ \t]*(==|:=|=>|=|:)([ \t]*)"#));

/// The value behind the sign.
static ASSIGNED_VALUE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"\A(?:\\?"([^"\\]*)|\\?'([^'\\]*)|(&?[^\s"'\\,;&)}\]]+))"#));

/// `--name value`, as one text and as items of a list.
static FLAG: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?:^|[\s"'\[,])--?([A-Za-z][\w.-]+)(?:["'\s]|,[\s"'])[\s"',]*([^\s"',\]=-][^\s"',\]]*)"#,
    )
});

/// `<name>value</name>`.
static ELEMENT: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"<([A-Za-z_][\w.:-]*)(?:\s[^<>]*)?>([^<]+)</"));

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

fn may_hold(text: &str) -> bool {
    text.len() >= SHORTEST && HINTS.is_match(text)
}

/// The parts of a text that look like a secret or are called one.
pub(super) fn secret_parts(text: &str) -> Vec<&str> {
    if !may_hold(text) {
        return Vec::new();
    }
    let mut parts = by_shape(text);
    parts.extend(by_name(text));
    parts.into_iter().map(|part| &text[part]).collect()
}

/// The text with `***` in the place of what looks like a secret or is called one.
pub fn redact(text: &str) -> String {
    if !may_hold(text) {
        return text.to_owned();
    }
    let mut parts = by_shape(text);
    parts.extend(by_name(text));
    masked(text, parts).into_owned()
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

/// Where a text has the value of something that is called a secret.
fn by_name(text: &str) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    if text.contains(['=', ':']) {
        parts.extend(all_assigned(text));
    }
    if text.contains('-') {
        parts.extend(groups(&FLAG, text, |found, at| {
            let (name, value) = (&found[1], &found[2]);
            let path = name.contains("kubeconfig") && is_path(value);
            (is_secret_name(name) && !path && !is_placeholder(value)).then(|| at(2))
        }));
        parts.extend(groups(&PROGRAMS, text, |found, at| {
            let group = (1..=4).find(|group| found.get(*group).is_some())?;
            (!is_placeholder(&found[group])).then(|| at(group))
        }));
    }
    if text.contains("login") && !text.contains('-') {
        parts.extend(groups(&PROGRAMS, text, |found, at| {
            found.get(4).map(|_| at(4))
        }));
    }
    if text.contains("</") {
        parts.extend(groups(&ELEMENT, text, |found, at| {
            let value = found[2].trim();
            (is_secret_name(&found[1]) && !is_placeholder(value)).then(|| at(2))
        }));
    }
    parts
}

/// The matches of a pattern that `choose` takes, by the range that it takes of each.
fn groups<'t>(
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

/// The values of all assignments to secret names. Only behind such a name a value is
/// read, and then the search goes on behind it: no part of the text is read twice.
fn all_assigned(text: &str) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let mut at = 0;
    while let Some(found) = ASSIGNED.captures_at(text, at) {
        at = found.get_match().end();
        if !says_secret(text, &found) {
            continue;
        }
        let Some(value) = ASSIGNED_VALUE.captures(&text[at..]) else {
            continue;
        };
        let blank = !found[4].is_empty();
        parts.extend(assigned(text, at, blank, &value).filter(|part| !part.is_empty()));
        at += value.get_match().end();
    }
    parts
}

/// Whether an assignment is one, and to a secret name.
fn says_secret(text: &str, found: &Captures<'_>) -> bool {
    let (start, sign, end) = (
        found.get_match().start(),
        &found[3],
        found.get_match().end(),
    );
    let rest = text[end..].trim_start_matches('\\');
    let quoted = rest.starts_with(['"', '\'']);
    // `registry/auth:1.2` is an image, `auth: 1.2` and `"auth":"1.2"` say something.
    let says = match sign {
        "==" => false,
        ":" => !found[4].is_empty() || quoted || found.get(2).is_some(),
        _ => true,
    };
    let in_path = sign == ":" && text[..start].ends_with('/');
    says && !in_path && is_secret_name(&found[1])
}

/// The value of an assignment to a secret name; it begins at `start`, behind a blank or
/// not.
fn assigned(text: &str, start: usize, blank: bool, found: &Captures<'_>) -> Option<Range<usize>> {
    let value = (1..=3).find_map(|group| found.get(group))?;
    let quoted = found.get(3).is_none();
    let (start, stop) = (start + value.start(), start + value.end());
    let first = value.as_str();
    // The rest of the line belongs to it where blanks may be a part of the value.
    let end = match (quoted, blank) {
        (false, true) => text[stop..].find('\n').map_or(text.len(), |at| stop + at),
        _ => stop,
    };
    let whole = text[start..end].trim_end();
    if is_placeholder(first) && (is_placeholder(whole) || !has_more(whole, first)) {
        return None;
    }
    Some(start..start + whole.len())
}

/// Whether something else than a comment follows the first word of a value.
fn has_more(whole: &str, first: &str) -> bool {
    let rest = whole.strip_prefix(first).unwrap_or_default().trim_start();
    let rest = rest.trim_start_matches([',', '}', ')', ']', '"', '\'', ';']);
    !rest.is_empty() && !rest.starts_with('#') && first.starts_with(['{', '[', '&', '!', '*'])
}

/// Whether a text in the place of a secret is none: a reference to a variable, a
/// template's expression, a switch, the beginning of a block.
pub(super) fn is_placeholder(text: &str) -> bool {
    let text = text.trim();
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

fn is_path(text: &str) -> bool {
    text.starts_with(['/', '.', '~'])
}

/// Whether what is before the `@` of an address is a login.
fn has_login(scheme: &str, before: &str, after: &str) -> bool {
    if matches!(after, "sha256" | "sha512") {
        return false;
    }
    let Some((user, password)) = before.split_once(':') else {
        // A token may be all there is before the host.
        let http = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
        return http && !before.contains('/') && before != "git" && !is_placeholder(before);
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
