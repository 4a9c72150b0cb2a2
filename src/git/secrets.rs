//! What must not come back in what the `git` program says: the login of an address, and
//! those that a repository's own configuration holds, in addresses and in headers.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Git;
use super::login::{Login, LoginDesk};
use crate::confidential::{Sent, presentable};

/// What must not come back in what the `git` program says.
#[derive(Clone, Default)]
pub(super) struct Secrets {
    pub(super) desk: Option<Arc<LoginDesk>>,
    /// Those of the repository's own configuration.
    pub(super) configured: Arc<Sent>,
}

impl Secrets {
    /// A text without any of them, cleaned. Only the line that holds a very short one is
    /// replaced as a whole.
    pub(super) fn presentable(&self, text: &str) -> String {
        let sent = self.desk.as_ref().map(|desk| desk.sent());
        let hide = |text: &str| {
            // A server may break a secret over lines.
            let text = self.configured.mask_as_read(text);
            let text = sent
                .as_ref()
                .map_or(text.clone(), |sent| sent.mask_as_read(&text));
            let line = |line: &str| {
                let line = self.configured.mask(line);
                sent.as_ref().map_or(line.clone(), |sent| sent.mask(&line))
            };
            text.lines().map(line).collect::<Vec<_>>().join("\n")
        };
        // Escape sequences may have taken a secret apart.
        hide(&presentable(&hide(text)))
    }
}

impl Git {
    /// What must not be shown of what the program says.
    pub(super) fn secrets(&self) -> Secrets {
        let configured = self.configured.get_or_init(|| {
            let config = self.libgit2().config();
            Arc::new(config.map(|config| configured(&config)).unwrap_or_default())
        });
        Secrets {
            desk: self.login_desk().cloned(),
            configured: Arc::clone(configured),
        }
    }
}

/// The secrets of a configuration: logins in addresses of remotes and proxies, and
/// headers that prove who one is.
fn configured(config: &git2::Config) -> Sent {
    let mut sent = Sent::default();
    let Ok(entries) = config.entries(None) else {
        return sent;
    };
    let _ = entries.for_each(|entry| {
        let (Ok(name), Ok(value)) = (entry.name(), entry.value()) else {
            return;
        };
        let key = name.rsplit('.').next().unwrap_or_default();
        match (name.split('.').next().unwrap_or_default(), key) {
            ("remote", "url" | "pushurl" | "proxy") | ("http", "proxy") => {
                add_address(&mut sent, value);
            }
            ("url", "insteadof" | "pushinsteadof") => {
                add_address(&mut sent, value);
                add_address(&mut sent, name.trim_start_matches("url."));
            }
            ("http", "extraheader") => add_header(&mut sent, value),
            _ => {}
        }
    });
    sent
}

fn add_address(sent: &mut Sent, address: &str) {
    let Some((user_info, _)) = address.rsplit_once('@') else {
        // `https://user:password` without the `@`: what is not a port.
        let authority = address.split_once("://").map_or("", |(_, rest)| rest);
        let authority = authority.split('/').next().unwrap_or_default();
        if let Some((_, port)) = authority.rsplit_once(':')
            && !authority.ends_with(']')
            && !port.bytes().all(|byte| byte.is_ascii_digit())
        {
            sent.add(port);
        }
        return;
    };
    let (scheme, user_info) = user_info.split_once(':').unwrap_or(("", user_info));
    // The short form of SSH addresses has no password.
    if scheme.is_empty() || scheme.contains('@') {
        return;
    }
    // `http//user:password@`, `./user:password@`: what precedes is not a scheme.
    if scheme.contains('/') {
        sent.add(user_info);
        return;
    }
    let user_info = user_info.trim_start_matches(['/', '\\']);
    if scheme.to_ascii_lowercase().contains("ssh") && !user_info.contains(':') {
        return;
    }
    match Login::read(user_info) {
        Ok(login) => sent.add_all(&login.secrets()),
        Err(_) => sent.add(user_info.trim_start_matches(':')),
    }
}

fn add_header(sent: &mut Sent, header: &str) {
    let Some((name, value)) = header.split_once(':') else {
        return;
    };
    let name = name.to_ascii_lowercase();
    if !["auth", "token", "key", "secret", "cookie"]
        .iter()
        .any(|word| name.contains(word))
    {
        return;
    }
    let value = value.trim();
    let secret = value.rsplit(' ').next().unwrap_or(value);
    sent.add(secret);
    let login = STANDARD.decode(secret).ok();
    let login = login.and_then(|bytes| String::from_utf8(bytes).ok());
    if let Some((user, password)) = login.as_deref().and_then(|it| it.split_once(':')) {
        sent.add_login(user, password);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::git::login::LoginHelper;

    fn desk(login: &str) -> Secrets {
        let helper = LoginHelper {
            program: "kubectl-gitops".into(),
            key: "k3y".to_owned(),
            has_netrc: false,
        };
        let login = Login::read(login).unwrap();
        let origin = "https://git.example.com".to_owned();
        let desk = LoginDesk::open(origin, &login, &helper, Box::new(|_, _| Vec::new()));
        Secrets {
            desk: Some(Arc::new(desk.unwrap())),
            ..Secrets::default()
        }
    }

    #[test]
    fn escape_sequences_do_not_take_a_secret_apart() {
        let said = "remote: no pass\u{1b}[0m-word\nremote: none\n";
        assert_eq!(
            desk("ada:pass-word").presentable(said),
            "remote: no ***\nremote: none"
        );
        assert_eq!(desk("ada:pw").presentable("a pw\nb"), "***\nb");
    }

    #[test]
    fn logins_in_a_configuration_are_secrets() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config");
        let mut config = git2::Config::open(&file).unwrap();
        for (name, value) in [
            (
                "remote.origin.url",
                "https://ada:first-s3cr3t@git.example.com/x",
            ),
            (
                "remote.origin.pushurl",
                "https:/ada:second-s3cr3t@git.example.com/x",
            ),
            (
                "remote.up.url",
                "https://ada:th/ird-s3cr3t@git.example.com/x",
            ),
            (
                "url.https://ada:fourth-s3cr3t@git.example.com/.insteadOf",
                "https://git.example.com/",
            ),
            (
                "http.proxy",
                "http://ada:fifth-s3cr3t@proxy.example.com:3128",
            ),
            (
                "http.https://git.example.com/.extraHeader",
                "AUTHORIZATION: basic YWRhOnNpeHRoLXMzY3IzdA==",
            ),
            (
                "remote.odd.url",
                "http//ada:seventh-s3cr3t@git.example.com/x",
            ),
            ("remote.dot.url", "./ada:eighth-s3cr3t@git.example.com/x"),
            ("remote.bare.url", "http://ada:ninth-s3cr3t%2"),
            ("http.extraHeader", "Accept-Language: de"),
            ("remote.ssh.url", "ssh://deploy@git.example.com/deploy"),
            ("remote.short.url", "deploy@git.example.com:deploy"),
        ] {
            config.set_str(name, value).unwrap();
        }
        let sent = configured(&config);
        for secret in [
            "first-s3cr3t",
            "second-s3cr3t",
            "th/ird-s3cr3t",
            "fourth-s3cr3t",
            "fifth-s3cr3t",
            "sixth-s3cr3t",
            "seventh-s3cr3t",
            "eighth-s3cr3t",
            "ninth-s3cr3t%2",
            "YWRhOnNpeHRoLXMzY3IzdA==",
            "YWRhOmZpcnN0LXMzY3IzdA==",
        ] {
            assert_eq!(sent.mask(&format!("no {secret}")), "no ***");
        }
        assert_eq!(sent.mask("deploy de"), "deploy de");
    }
}
