//! Who is asked: scheme, host and port together. A login belongs to one origin, and goes
//! in the clear only where this machine allows it.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use reqwest::Url;

/// A registry or token service on a network that this machine trusts: plain HTTP is
/// spoken to it, and a login is sent that way. `HOST[:PORT]`, as Docker's and Podman's
/// configuration names insecure registries.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct InsecureHost(String);

/// Why a text does not name a host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a host looks like registry.example.com or registry.example.com:5000")]
pub struct InsecureHostError;

impl FromStr for InsecureHost {
    type Err = InsecureHostError;

    fn from_str(text: &str) -> Result<Self, InsecureHostError> {
        normal(text).map(InsecureHost).ok_or(InsecureHostError)
    }
}

impl fmt::Display for InsecureHost {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// `host[:port]` as plain HTTP reads it: lower case, no port 80. `None` where a text is
/// more or less than that.
fn normal(text: &str) -> Option<String> {
    let odd = |c: char| c.is_whitespace() || c.is_control() || "/\\@?#*,".contains(c);
    if text.is_empty() || text.contains(odd) {
        return None;
    }
    let url = Url::parse(&format!("http://{text}/")).ok()?;
    authority(&url)
}

/// `host[:port]` of an address, without the port that its scheme implies.
pub(super) fn authority(url: &Url) -> Option<String> {
    let host = url.host_str().filter(|host| !host.is_empty())?;
    Some(match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    })
}

/// Whether two addresses have the same scheme, host and port (RFC 6454).
pub(super) fn is_same(one: &Url, other: &Url) -> bool {
    one.origin() == other.origin()
}

/// Scheme, host and port, for messages.
pub(super) fn shown(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// Whether an address names a user or a password.
pub(super) fn has_login(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

/// Whether `host[:port]` is this machine.
pub(super) fn is_loopback(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost"
        || host.parse::<Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
        || host.parse::<Ipv6Addr>().is_ok_and(|ip| ip.is_loopback())
}

/// Whether a list of insecure hosts has this one.
pub(super) fn is_allowed(allowed: &BTreeSet<InsecureHost>, authority: &str) -> bool {
    normal(authority).is_some_and(|name| allowed.contains(&InsecureHost(name)))
}

/// Whether a list of hosts, as a repository writes them, has this one.
pub(super) fn is_listed(listed: &BTreeSet<String>, authority: &str) -> bool {
    let name = normal(authority);
    listed.contains(authority)
        || listed
            .iter()
            .any(|one| name.is_some() && normal(one) == name)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_spoken_to_without_tls() {
        for here in [
            "localhost",
            "localhost:5000",
            "127.0.0.1:80",
            "127.9.9.9",
            "[::1]:5000",
            "[::1]",
        ] {
            assert!(is_loopback(here), "{here}");
        }
        for there in [
            "example.com",
            "localhost.example.com:80",
            "128.0.0.1",
            "[::2]:5000",
            "10.0.0.1",
            "0.0.0.0",
        ] {
            assert!(!is_loopback(there), "{there}");
        }
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let url = |text: &str| Url::parse(text).unwrap();
        let one = url("https://example.com/a");
        for same in ["https://example.com:443/b?c", "https://EXAMPLE.com"] {
            assert!(is_same(&one, &url(same)), "{same}");
        }
        for other in [
            "http://example.com/a",
            "https://example.com:444/a",
            "https://a.example.com/a",
            "https://example.com./a",
            "data:,x",
        ] {
            assert!(!is_same(&one, &url(other)), "{other}");
        }
        assert!(!is_same(&url("data:,x"), &url("data:,x")));
        assert!(has_login(&url("https://u@example.com")));
        assert!(has_login(&url("https://:p@example.com")));
        assert!(!has_login(&url("https://example.com/u@h")));
    }

    #[test]
    fn insecure_hosts_are_compared_as_http_reads_them() {
        let allowed = |text: &str| BTreeSet::from([text.parse::<InsecureHost>().unwrap()]);
        for (written, asked) in [
            ("registry.example.com", "registry.example.com"),
            ("Registry.Example.com:80", "registry.example.com"),
            ("registry.example.com", "registry.example.com:80"),
            ("registry.example.com:5000", "REGISTRY.example.com:5000"),
            ("[2001:db8::1]:5000", "[2001:db8:0::1]:5000"),
        ] {
            assert!(is_allowed(&allowed(written), asked), "{written} {asked}");
            let listed = BTreeSet::from([written.to_owned()]);
            assert!(is_listed(&listed, asked), "{written} {asked}");
        }
        for asked in ["example.com", "registry.example.com:5001", "a/b"] {
            assert!(
                !is_allowed(&allowed("registry.example.com:5000"), asked),
                "{asked}"
            );
        }
        for wrong in [
            "",
            "http://registry.example.com",
            "registry.example.com/shop",
            "me:secret@registry.example.com",
            "*.example.com",
            "a b",
            "a,b",
            "host:port",
        ] {
            assert_eq!(
                wrong.parse::<InsecureHost>(),
                Err(InsecureHostError),
                "{wrong}"
            );
        }
    }
}
