//! The address of a repository as a person types it, with its credentials set apart:
//! what is written to disk, shown or named in a folder never has them. Refuses addresses
//! that would make Git start a program, and what looks like a login but cannot be read
//! as one.

use std::path::{Path, PathBuf};

use super::login::{Login, origin};
use crate::confidential::{clean, mask_address};

/// The address of a repository elsewhere.
#[derive(Clone, PartialEq, Eq)]
pub struct RepositoryUrl {
    /// Without user and password; the user of an SSH address stays.
    plain: String,
    login: Option<Login>,
}

/// Why a text is not the address of a repository.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{shown} cannot be a repository's address: {reason}")]
pub struct RepositoryUrlError {
    /// What was read, credentials masked.
    pub shown: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

const NO_SCHEME: &str = "it has no scheme such as https://, and there is no such folder";
const ESCAPE: &str = "write / in a password as %2F and @ in a path as %40";
const NO_HOST: &str = "its host or port cannot be read; write / in a password as %2F, @ as %40";
const NO_PASSWORD: &str = "a password can only be used in an http:// or https:// address";

/// Schemes that Git knows, and those that are often written in their place.
const SCHEMES: [&str; 9] = [
    "http", "https", "ftp", "ftps", "file", "ssh", "git+ssh", "ssh+git", "git",
];

impl RepositoryUrl {
    /// The address that a word is; `None`: it is a folder's path.
    pub fn read(word: &str) -> Option<Result<Self, RepositoryUrlError>> {
        let exists = || Path::new(word).exists();
        let Some((head, rest)) = word.split_once(':') else {
            let first = word.split(['/', '\\']).next().unwrap_or(word);
            let has_user = first.find('@').is_some_and(|at| at > 0);
            return (has_user && !exists()).then(|| Err(wrong(word, NO_SCHEME)));
        };
        // One letter is a drive, two and more a scheme, a host or `user@host`.
        if head.contains(['/', '\\']) || head.chars().count() < 2 {
            let has_login = rest.contains('@') && !exists();
            return has_login.then(|| Err(wrong(word, NO_SCHEME)));
        }
        if !rest.starts_with("//") && Path::new(word).is_dir() {
            return None;
        }
        Some(Self::parse(word, head, rest).map_err(|reason| wrong(word, reason)))
    }

    fn parse(word: &str, head: &str, rest: &str) -> Result<Self, &'static str> {
        if word.chars().any(char::is_control) {
            return Err("it holds a control character");
        }
        if word.trim() != word {
            return Err("it begins or ends with a space");
        }
        if head.starts_with('-') {
            return Err("it starts with '-'");
        }
        if rest.starts_with(':') {
            return Err("Git would start a program for it");
        }
        let word = word.trim_end_matches('/');
        let scheme = head.to_ascii_lowercase();
        let without_login = || Self {
            plain: word.to_owned(),
            login: None,
        };
        let Some(after) = rest.strip_prefix("//") else {
            return short_form(&scheme, head, rest).map(|()| without_login());
        };
        let after = after.trim_end_matches('/');
        if after.is_empty() {
            return Err("nothing follows the scheme");
        }
        if scheme == "file" {
            return match names_host(after) {
                true => Err("a file address begins with file:///"),
                false => Ok(without_login()),
            };
        }
        if scheme.contains('+') && scheme.contains("http") {
            return Err("Git does not know its scheme; begin it with https://");
        }
        Self::with_host(&scheme, after)
    }

    /// `after` is what follows the `//`.
    fn with_host(scheme: &str, after: &str) -> Result<Self, &'static str> {
        if after.contains(['?', '#']) {
            return Err("a repository's address has no query");
        }
        let web = matches!(scheme, "http" | "https");
        // Programs that people add to Git have schemes and rules of their own.
        let known = SCHEMES.contains(&scheme);
        let (place, path) = after.split_once('/').unwrap_or((after, ""));
        let (user, host) = match place.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, place),
        };
        if path.contains('@') && (web || user.is_none() && (known || place.contains(':'))) {
            return Err(ESCAPE);
        }
        if host.is_empty() || host.starts_with('-') {
            return Err("it names no host");
        }
        if after.contains(char::is_whitespace) {
            return Err("it holds a space; write %20");
        }
        if known && !is_host_and_port(host) {
            return Err(NO_HOST);
        }
        let mut login = None;
        let mut kept = String::new();
        match user {
            Some("") | None => {}
            Some(user) if web => login = Some(Login::read(user)?),
            Some(user) if user.contains(':') || user.to_ascii_lowercase().contains("%3a") => {
                return Err(NO_PASSWORD);
            }
            Some(user) => kept = format!("{user}@"),
        }
        let path = match path {
            "" => String::new(),
            path => format!("/{path}"),
        };
        Ok(Self {
            plain: format!("{scheme}://{kept}{host}{path}"),
            login,
        })
    }

    /// The address as people and files may see it.
    pub fn shown(&self) -> &str {
        &self.plain
    }

    /// Whether a user, or a user and a password, came with it.
    pub fn has_login(&self) -> bool {
        self.login.is_some()
    }

    pub(super) fn login(&self) -> Option<&Login> {
        self.login.as_ref()
    }

    /// The scheme, host and port of an HTTP address.
    pub(super) fn origin(&self) -> String {
        let (scheme, rest) = self.plain.split_once("://").unwrap_or_default();
        origin(scheme, rest.split('/').next().unwrap_or(rest))
    }

    /// The folder below `cache` in which the copies of this repository lie.
    pub(super) fn folder(&self, cache: &Path) -> PathBuf {
        use sha2::Digest as _;
        let digest = sha2::Sha256::digest(self.plain.as_bytes());
        let digest: String = digest.iter().take(10).map(|b| format!("{b:02x}")).collect();
        let last = self.plain.rsplit(['/', ':']).next().unwrap_or_default();
        let name: String = last
            .trim_end_matches(".git")
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
            .take(40)
            .collect();
        cache.join("repositories").join(format!("{name}-{digest}"))
    }
}

impl std::fmt::Debug for RepositoryUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("RepositoryUrl").field(&self.plain).finish()
    }
}

impl std::fmt::Display for RepositoryUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.plain)
    }
}

fn wrong(word: &str, reason: &'static str) -> RepositoryUrlError {
    RepositoryUrlError {
        shown: mask_address(&clean(word)).replace('\n', " "),
        reason,
    }
}

/// `[user@]host:path`, the short form of SSH addresses.
fn short_form(scheme: &str, head: &str, rest: &str) -> Result<(), &'static str> {
    let is_scheme = scheme != "git" && SCHEMES.contains(&scheme);
    if is_scheme || scheme.contains('+') || rest.starts_with('\\') {
        return Err("its scheme is not followed by ://");
    }
    match !head.contains('@') && rest.contains('@') {
        true => Err("it looks like a login without a scheme such as https://"),
        false => Ok(()),
    }
}

/// Whether something that is not a drive precedes the path of a file address.
fn names_host(after: &str) -> bool {
    let first = after.split('/').next().unwrap_or(after);
    first.contains('@') || first.contains(':') && first.find(':') != Some(1)
}

fn is_host_and_port(text: &str) -> bool {
    let is_port = |port: &str| port.is_empty() || port.parse::<u16>().is_ok();
    if let Some(rest) = text.strip_prefix('[') {
        return rest.split_once(']').is_some_and(|(address, port)| {
            let known = |c: char| c.is_ascii_hexdigit() || c == ':' || c == '.';
            !address.is_empty()
                && address.chars().all(known)
                && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
        });
    }
    let (host, port) = text.split_once(':').unwrap_or((text, ""));
    !host.is_empty()
        && host
            .chars()
            .all(|c| c.is_alphanumeric() || "-._".contains(c))
        && is_port(port)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::git::login::Login;

    fn url(word: &str) -> RepositoryUrl {
        RepositoryUrl::read(word).unwrap().unwrap()
    }

    #[test]
    fn addresses_are_told_from_folders() {
        for word in [".", "/srv/git/shop.git", "../shop", "C:\\shop", "a/b:c", ""] {
            assert!(RepositoryUrl::read(word).is_none(), "{word:?}");
        }
        for word in [
            "https://git.example.com/team/shop.git",
            "ssh://git@git.example.com:2222/shop",
            "git@git.example.com:team/shop.git",
            "git.example.com:shop",
            "file:///srv/git/shop.git",
        ] {
            assert_eq!(url(word).shown(), word);
        }
    }

    #[test]
    fn what_git_would_run_is_refused() {
        for word in [
            "ext::sh -c x",
            "https://ada:s3cr3t@git.example.com/x?token=abc",
            "https://",
            "ssh://-oProxyCommand=x/y",
            "-x:y",
            "https://git.example.com/a\nb",
        ] {
            let error = RepositoryUrl::read(word).unwrap().unwrap_err();
            assert!(!error.to_string().contains("s3cr3t"), "{error}");
            assert!(!error.to_string().contains('\n'), "{error}");
        }
    }

    #[test]
    fn what_looks_like_a_login_and_cannot_be_read_is_refused_and_masked() {
        for word in [
            "https:/ada:s3cr3t@git.example.com/x",
            "https:///ada:s3cr3t@git.example.com/x",
            "http:ada:s3cr3t@git.example.com",
            "HTTPS:ada:s3cr3t@git.example.com",
            "https:\\\\ada:s3cr3t@git.example.com\\x",
            "https://ada:s3cr3t/x@git.example.com/x",
            "https://ada:80/s3cr3t@git.example.com/x",
            "https://s3cr3t/x@git.example.com/x",
            "https://ada:s3cr3t@home/x@git.example.com/x",
            "https://ada:s3cr3t@git.example.com:port/x",
            "https://ada:s3cr3t @git.example.com/x",
            "https://ada:s3cr3t@git.example.com/x ",
            " https://ada:s3cr3t@git.example.com/x",
            "https://ada:s3cr3t@",
            "https://:s3cr3t@git.example.com/x",
            "https://ada:s3cr3t%0A@git.example.com/x",
            "git+https://ada:s3cr3t@git.example.com/x",
            "ssh://ada:s3cr3t@git.example.com/x",
            "ssh://ada%3As3cr3t@git.example.com/x",
            "ssh://ada:s3cr3t/x@git.example.com/x",
            "ssh:ada:s3cr3t@git.example.com",
            "git://ada:s3cr3t@git.example.com/x",
            "codecommit://ada:s3cr3t@shop",
            "codecommit://ada:s3cr3t/x@shop",
            "file://ada:s3cr3t@git.example.com",
            "file://ada:s3cr3t/x@git.example.com",
            "file:/ada:s3cr3t@git.example.com",
            "//ada:s3cr3t@git.example.com/x",
            "://ada:s3cr3t@git.example.com/x",
            "ada:s3cr3t@git.example.com:x",
            "ada:s3cr3t@git.example.com/x",
            "ada:s3cr/3t-s3cr3t@git.example.com/x",
            "s3cr3t@git.example.com/x",
            "a:s3cr3t@git.example.com/x",
        ] {
            let error = RepositoryUrl::read(word).expect(word).expect_err(word);
            let shown = error.to_string();
            assert!(!shown.contains("s3cr"), "{word}: {shown}");
        }
    }

    #[test]
    fn an_at_sign_alone_is_not_a_login() {
        for word in [
            "git@git.example.com:team/shop@2.git",
            "file:///srv/git/a:b@c.git",
            "codecommit://profile@shop",
            "ssh://git@[::1]:2222/shop",
            "https://[::1]:8443/shop",
        ] {
            assert_eq!(url(word).shown(), word);
        }
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("a:b@c");
        std::fs::create_dir(&folder).unwrap();
        assert!(RepositoryUrl::read(folder.to_str().unwrap()).is_none());
        assert!(RepositoryUrl::read("./node_modules/@scope/x").is_none());
    }

    #[test]
    fn credentials_are_not_part_of_what_is_kept() {
        let with = url("https://ada:p%40ss@git.example.com/team/shop.git/");
        let without = url("https://git.example.com/team/shop.git");
        assert_eq!(with.shown(), without.shown());
        let cache = Path::new("/cache");
        assert_eq!(with.folder(cache), without.folder(cache));
        assert!(!format!("{with:?} {with} {:?}", with.login()).contains("p%40ss"));
        assert_eq!(with.login(), Some(&Login::read("ada:p%40ss").unwrap()));
        let token = url("https://t0ken@git.example.com/shop");
        assert_eq!(token.shown(), "https://git.example.com/shop");
        assert_eq!(token.login(), Some(&Login::read("t0ken").unwrap()));
        let ssh = url("ssh://git@git.example.com/shop");
        assert!(ssh.login().is_none());
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        for (word, wanted) in [
            (
                "https://ada:x@Git.Example.com/shop",
                "https://git.example.com",
            ),
            (
                "HTTPS://git.example.com:443/shop",
                "https://git.example.com",
            ),
            (
                "https://git.example.com:80/shop",
                "https://git.example.com:80",
            ),
            ("http://git.example.com:80/shop", "http://git.example.com"),
            ("http://git.example.com", "http://git.example.com"),
            ("http://[::1]:8080/shop", "http://[::1]:8080"),
        ] {
            assert_eq!(url(word).origin(), wanted);
        }
        assert_ne!(origin("http", "a"), origin("https", "a"));
        assert_eq!(origin("https", "a:443"), origin("https", "A"));
    }

    #[test]
    fn every_repository_has_a_folder_of_its_own() {
        let folder = |word: &str| url(word).folder(Path::new("/cache"));
        let one = folder("git@git.example.com:team/shop.git");
        let name = one.file_name().unwrap().to_str().unwrap();
        assert!(name.starts_with("shop-"), "{name}");
        assert_ne!(one, folder("git@git.example.com:other/shop.git"));
    }
}
