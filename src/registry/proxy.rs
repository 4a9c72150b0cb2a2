//! The proxies that a person names: an address that cannot be used is an error, because
//! who names a proxy does not want the direct way.

use percent_encoding::percent_decode_str;
use reqwest::{NoProxy, Proxy, Url};

use super::settings::Proxies;
use super::words::Words;

/// Hosts that are always reached directly: a proxy's own loopback is another machine's.
const DIRECT: &str = "localhost,127.0.0.0/8,::1";

/// The schemes that a proxy may have.
const SCHEMES: [&str; 6] = ["http", "https", "socks4", "socks4a", "socks5", "socks5h"];

/// The proxy for one scheme, if there is one. The error is a sentence without the
/// address, which may hold a password.
pub(super) fn of(proxies: &Proxies, tls: bool) -> Result<Option<Proxy>, String> {
    let (address, scheme) = match tls {
        true => (&proxies.https, "https"),
        false => (&proxies.http, "http"),
    };
    let Some(address) = address else {
        return Ok(None);
    };
    let wrong = |reason: String| format!("the proxy for {scheme} addresses: {reason}");
    let url = usable(address).map_err(wrong)?;
    let proxy = match tls {
        true => Proxy::https(url.as_str()),
        false => Proxy::http(url.as_str()),
    };
    let proxy = proxy.map_err(|_| wrong("its address cannot be used".to_owned()))?;
    let direct = match &proxies.no_proxy {
        Some(hosts) => format!("{DIRECT},{hosts}"),
        None => DIRECT.to_owned(),
    };
    Ok(Some(proxy.no_proxy(NoProxy::from_string(&direct))))
}

/// Notes the logins of the proxies, which they get with each request.
pub(super) fn note_logins(proxies: &Proxies, words: &Words) {
    let urls = [&proxies.http, &proxies.https].into_iter().flatten();
    for url in urls.filter_map(|address| usable(address).ok()) {
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let (user, password) = (url.username(), url.password().unwrap_or_default());
        words.add_login(user, password);
        words.add_login(&decoded(user), &decoded(password));
    }
}

/// An address as curl reads it: without a scheme it is an HTTP proxy.
fn usable(address: &str) -> Result<Url, String> {
    let whole = match address.contains("://") {
        true => address.to_owned(),
        false => format!("http://{address}"),
    };
    let known = || SCHEMES.join(", ");
    let scheme = whole.split("://").next().unwrap_or_default();
    if !SCHEMES.contains(&scheme.to_ascii_lowercase().as_str()) {
        let named = scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
        let named = if named { scheme } else { "unreadable" };
        return Err(format!("its scheme is {named}, not one of {}", known()));
    }
    let url = Url::parse(&whole).ok();
    let url = url.filter(|url| url.host_str().is_some_and(|host| !host.is_empty()));
    url.filter(|_| !whole.contains(char::REPLACEMENT_CHARACTER))
        .ok_or_else(|| "its address is not SCHEME://HOST:PORT".to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_curl_does_and_odd_ones_are_errors() {
        for (address, wanted) in [
            ("proxy.example.com:3128", "http://proxy.example.com:3128/"),
            (
                "me:pw@proxy.example.com:3128",
                "http://me:pw@proxy.example.com:3128/",
            ),
            ("HTTP://proxy.example.com", "http://proxy.example.com/"),
            (
                "socks5h://proxy.example.com:1080",
                "socks5h://proxy.example.com:1080",
            ),
        ] {
            assert_eq!(usable(address).unwrap().as_str(), wanted, "{address}");
        }
        for (address, said) in [
            (
                "htpp://me:hunter2@proxy.example.com",
                "its scheme is htpp, not one of http,",
            ),
            ("ftp://proxy.example.com", "its scheme is ftp"),
            (
                "me:hunter2@x://proxy.example.com",
                "its scheme is unreadable",
            ),
            ("http://", "not SCHEME://HOST:PORT"),
            ("http://me:hunter2@", "not SCHEME://HOST:PORT"),
            (
                "http://me:hunter2@proxy.example.com:port",
                "not SCHEME://HOST:PORT",
            ),
            ("http://proxy\u{fffd}.example.com", "not SCHEME://HOST:PORT"),
            (" http://proxy.example.com", "its scheme is unreadable"),
        ] {
            let error = usable(address).unwrap_err();
            assert!(error.contains(said), "{address}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
            let proxies = Proxies {
                http: Some(address.to_owned()),
                ..Proxies::default()
            };
            assert!(of(&proxies, false).is_err());
            assert!(of(&proxies, true).unwrap().is_none());
        }
    }
}
