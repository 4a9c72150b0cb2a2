//! Text from outside, made fit for a person's terminal: credentials in addresses
//! masked, control characters removed.

use std::sync::LazyLock;

use regex::{Captures, Regex};

/// The user information of an address as RFC 3986 has it: no slash in it. A password may
/// hold quotes, so these end a user's name alone.
#[expect(
    clippy::unwrap_used,
    reason = "a literal pattern that the tests compile"
)]
static USER_INFO: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)\b([a-z][a-z0-9+.-]*://)([^/\s'\x22:]+(?::[^/\s]*)?|:[^/\s]+)@").unwrap()
});

/// What looks like user information though the address is malformed: a slash in the
/// password, too few or too many slashes after the scheme.
#[expect(
    clippy::unwrap_used,
    reason = "a literal pattern that the tests compile"
)]
static MALFORMED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?i)\b((?:(?:git\+|svn\+)?(?:https?|ftps?|ssh|file|git|svn)(?:\+git|\+ssh)?):)([/\\]*)([^\s/\\'\x22:@]*)(:?)(\S*)@",
    )
    .unwrap()
});

#[expect(
    clippy::unwrap_used,
    reason = "a literal pattern that the tests compile"
)]
static QUERY: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)([?&;](?:[a-z_-]*token|password|secret|key)=)[^&;/\s'\x22]+").unwrap()
});

/// Hides what precedes the `@` of an address, and tokens in its query. An SSH user
/// without a password is not a secret and stays.
pub fn mask(text: &str) -> String {
    if !text.contains(['@', '=']) {
        return text.to_owned();
    }
    let text = MALFORMED.replace_all(text, mask_malformed);
    let text = USER_INFO.replace_all(&text, |found: &Captures<'_>| {
        let (scheme, user) = (&found[1], &found[2]);
        if is_ssh(scheme) && !user.contains(':') {
            found[0].to_owned()
        } else {
            format!("{scheme}***@")
        }
    });
    QUERY.replace_all(&text, "$1***").into_owned()
}

fn is_ssh(scheme: &str) -> bool {
    scheme.to_ascii_lowercase().contains("ssh")
}

/// Leaves alone what is a well-formed address, and a host with a port and an `@` in the
/// path, such as `oci://registry.example.com:5000/app@sha256:…`.
fn mask_malformed(found: &Captures<'_>) -> String {
    let (scheme, slashes, user, colon, rest) =
        (&found[1], &found[2], &found[3], &found[4], &found[5]);
    let has_authority = slashes == "//";
    let port = rest.split('/').next().unwrap_or(rest);
    let is_port = rest.contains('/') && port.bytes().all(|byte| byte.is_ascii_digit());
    let well_formed = has_authority && !format!("{user}{colon}{rest}").contains(['/', '\\']);
    // `https://example.com/a@b`, `git:team/shop@2`, `ssh:/srv/a@b`
    let no_password = colon.is_empty() && (has_authority || !is_web(scheme));
    if well_formed || no_password || has_authority && is_port {
        return found[0].to_owned();
    }
    format!("{scheme}{slashes}***@")
}

fn is_web(scheme: &str) -> bool {
    let scheme = scheme.to_ascii_lowercase();
    scheme.contains("http") || scheme.contains("ftp")
}

/// An address that could not be read, fit to be shown: everything between its scheme and
/// its last `@` may be a login.
pub fn mask_address(address: &str) -> String {
    // What an address asks for is part of no repository's address, and may be a secret.
    let behind_login = address.rfind('@').unwrap_or_default();
    if let Some(query) = address[behind_login..].find('?') {
        return format!("{}?***", mask_address(&address[..behind_login + query]));
    }
    let Some(at) = address.rfind('@') else {
        return mask_port(&mask(address));
    };
    let (before, after) = (&address[..at], &address[at..]);
    let is_scheme = |name: &str| {
        let known = ["http", "https", "ftp", "ftps", "ssh", "git", "file", "svn"];
        let mut parts = name.split('+');
        parts.all(|part| known.iter().any(|it| part.eq_ignore_ascii_case(it)))
    };
    let scheme = before.find(':').filter(|end| is_scheme(&before[..*end]));
    let scheme = scheme.map_or(0, |end| {
        let rest = &before[end..];
        end + rest.len() - rest.trim_start_matches([':', '/', '\\']).len()
    });
    mask(&format!("{}***{after}", &before[..scheme]))
}

/// Hides what is in the place of a port and is not one: a login whose `@` was forgotten.
fn mask_port(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else {
        return address.to_owned();
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    match authority.rsplit_once(':') {
        Some((host, port))
            if !authority.ends_with(']') && !port.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            format!("{scheme}://{host}:***{path}")
        }
        _ => address.to_owned(),
    }
}

/// Removes terminal escapes, other control characters and the marks that turn
/// the reading direction. Line breaks stay.
pub fn clean(text: &str) -> String {
    let text = console::strip_ansi_codes(text);
    text.replace('\r', "\n")
        .chars()
        .map(|c| if c == '\t' { ' ' } else { c })
        .filter(|c| *c == '\n' || !c.is_control())
        .filter(|c| !matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
        .collect()
}

/// Cleaned, masked, and without blank lines.
pub fn presentable(text: &str) -> String {
    let text = mask(&clean(text));
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty())
        .collect();
    lines.join("\n")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn credentials_in_urls_are_masked() {
        for (given, wanted) in [
            (
                "fatal: unable to access 'https://ada:s3cr3t@git.example.com/x.git/': 403",
                "fatal: unable to access 'https://***@git.example.com/x.git/': 403",
            ),
            (
                "https://ghp_token@example.com/x",
                "https://***@example.com/x",
            ),
            ("https://a:p@ss@example.com/x", "https://***@example.com/x"),
            ("ssh://git@example.com/x", "ssh://git@example.com/x"),
            ("ssh://git:pw@example.com/x", "ssh://***@example.com/x"),
            (
                "https://example.com/x?private_token=abc&y=1",
                "https://example.com/x?private_token=***&y=1",
            ),
            ("git@example.com:x.git", "git@example.com:x.git"),
            ("see https://example.com/a@b", "see https://example.com/a@b"),
            // A quote, a slash, a second `@` in a password.
            (
                "unable to access 'https://ada:it's@home/now@git.example.com/x/': 403",
                "unable to access 'https://***@git.example.com/x/': 403",
            ),
            (
                "http://ann:s3cr/3t@127.0.0.1:1/shop.git",
                "http://***@127.0.0.1:1/shop.git",
            ),
            // Too few and too many slashes, none at all, the wrong ones.
            ("https:/ann:s3cr3t@h/x", "https:/***@h/x"),
            ("https:///ann:s3cr3t@h/x", "https:///***@h/x"),
            ("HTTPS:ann:s3cr3t@h/x", "HTTPS:***@h/x"),
            ("https:\\\\ann:s3cr3t@h\\x", "https:\\\\***@h\\x"),
            ("in /srv/https:/ann:s3cr3t@h", "in /srv/https:/***@h"),
            ("https:/t0ken@h/x", "https:/***@h/x"),
            ("file://ann:s3cr3t@h", "file://***@h"),
            ("file://ann:s3/cr3t@h", "file://***@h"),
            ("git+https://ann:s3cr/3t@h/x", "git+https://***@h/x"),
            ("git+https://ann:s3cr3t@h/x", "git+https://***@h/x"),
            ("ssh://ann:s3cr/3t@h/x", "ssh://***@h/x"),
            ("https://:t0ken@h/x", "https://***@h/x"),
            // No logins.
            (
                "https://example.com:8443/x@v2 and git@example.com:x@y",
                "https://example.com:8443/x@v2 and git@example.com:x@y",
            ),
            (
                "oci://registry.example.com:5000/app@sha256:ab",
                "oci://registry.example.com:5000/app@sha256:ab",
            ),
            ("file:///srv/a:b@c/shop.git", "file:///srv/a:b@c/shop.git"),
            ("git:team/shop@2", "git:team/shop@2"),
        ] {
            assert_eq!(mask(given), wanted);
        }
    }

    #[test]
    fn nothing_before_the_last_at_sign_of_an_unreadable_address_is_shown() {
        for (given, wanted) in [
            ("https://u:p@ss/w0rd@h/x", "https://***@h/x"),
            ("u:p@ss@h:x", "***@h:x"),
            ("//u:p@h/x", "***@h/x"),
            ("http:u:p@h", "http:***@h"),
            ("https:/u:p@h?token=abc", "https:/***@h?***"),
            ("https://8080:1/2@h", "https://***@h"),
            ("pa:://ss@h", "***@h"),
            ("https://example.com/x", "https://example.com/x"),
            ("", ""),
        ] {
            assert_eq!(mask_address(given), wanted);
        }
    }

    #[test]
    fn addresses_that_cannot_be_read_are_shown_without_what_may_be_a_secret() {
        for (given, wanted) in [
            ("http://oauth2:s3cr3t%2", "http://oauth2:***"),
            ("http://oauth2:s3cr3t/shop", "http://oauth2:***/shop"),
            (
                "http://git.example.com:80/x?y=s3cr3t",
                "http://git.example.com:80/x?***",
            ),
            ("https:/ada:s3?cr3t@h/x", "https:/***@h/x"),
            ("http://[::1]/x", "http://[::1]/x"),
            (
                "http//ada:s3cr3t@git.example.com/x",
                "***@git.example.com/x",
            ),
        ] {
            assert_eq!(mask_address(given), wanted);
        }
        let given = "https://git.example.com/x;token=s3cr3t/y";
        assert_eq!(mask(given), "https://git.example.com/x;token=***/y");
    }

    #[test]
    fn a_server_cannot_drive_the_terminal() {
        let evil = "remote: \u{1b}[31mred\u{1b}]0;title\u{7} \u{202e}txt\r\n\n\u{9b}2Jx";
        let shown = presentable(evil);
        assert!(shown.starts_with("remote: red"), "{shown:?}");
        assert!(
            shown.chars().all(|c| c == '\n' || !c.is_control()),
            "{shown:?}"
        );
        assert!(!shown.contains('\u{202e}'));
    }
}
