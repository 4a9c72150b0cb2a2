//! The address of a repository as a person types it, with its credentials set
//! apart: what is written to disk, shown or named in a folder never has them.
//! Refuses addresses that would make Git start a program.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::confidential::{clean, mask};

/// The address of a repository elsewhere.
#[derive(Clone, PartialEq, Eq)]
pub struct RepositoryUrl {
    /// Without user and password; the user of an SSH address stays.
    plain: String,
    login: Option<Login>,
}

/// What stood before the `@` of an HTTP address.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Login {
    /// A user, for whom Git's helpers know the password.
    User(String),
    /// The value of an `Authorization` header.
    Header(String),
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

impl RepositoryUrl {
    /// The address that a word is; `None`: it is a folder's path.
    pub fn read(word: &str) -> Option<Result<Self, RepositoryUrlError>> {
        let (head, rest) = word.split_once(':')?;
        let is_path = head.contains(['/', '\\']) || head.is_empty();
        // One letter is a drive, two and more a scheme, a host or `user@host`.
        if is_path || head.chars().count() < 2 {
            return None;
        }
        if !rest.starts_with("//") && Path::new(word).is_dir() {
            return None;
        }
        Some(Self::parse(word, head, rest))
    }

    fn parse(word: &str, head: &str, rest: &str) -> Result<Self, RepositoryUrlError> {
        let wrong = |reason| RepositoryUrlError {
            shown: mask(&clean(word)).replace('\n', " "),
            reason,
        };
        if word.chars().any(char::is_control) {
            return Err(wrong("it holds a control character"));
        }
        if head.starts_with('-') {
            return Err(wrong("it starts with '-'"));
        }
        if rest.starts_with(':') {
            return Err(wrong("Git would start a program for it"));
        }
        let word = word.trim_end_matches('/');
        let Some(after) = rest.strip_prefix("//") else {
            return Ok(Self {
                plain: word.to_owned(),
                login: None,
            });
        };
        let scheme = head.to_ascii_lowercase();
        let after = after.trim_end_matches('/');
        if after.is_empty() {
            return Err(wrong("nothing follows the scheme"));
        }
        if scheme == "file" {
            return Ok(Self {
                plain: word.to_owned(),
                login: None,
            });
        }
        if after.contains(['?', '#']) {
            return Err(wrong("a repository's address has no query"));
        }
        let (place, path) = after.split_once('/').unwrap_or((after, ""));
        let (user, host) = match place.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, place),
        };
        if host.is_empty() || host.starts_with('-') {
            return Err(wrong("it names no host"));
        }
        let web = matches!(scheme.as_str(), "http" | "https");
        let kept = match user {
            Some(user) if !web => format!("{}@", user.split(':').next().unwrap_or(user)),
            _ => String::new(),
        };
        Ok(Self {
            plain: format!("{scheme}://{kept}{host}/{path}"),
            login: user.filter(|_| web).and_then(login),
        })
    }

    /// The address as people and files may see it.
    pub fn shown(&self) -> &str {
        &self.plain
    }

    pub(super) fn login(&self) -> Option<&Login> {
        self.login.as_ref()
    }

    /// The scheme and host of an HTTP address, for settings that hold there only.
    pub(super) fn host(&self) -> &str {
        let host = self.plain.find("://").and_then(|at| {
            let rest = &self.plain[at + 3..];
            rest.find('/').map(|slash| at + 3 + slash)
        });
        &self.plain[..host.unwrap_or(self.plain.len())]
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

fn login(user_info: &str) -> Option<Login> {
    match user_info.split_once(':') {
        None if user_info.is_empty() => None,
        None => Some(Login::User(
            String::from_utf8_lossy(&decoded(user_info)).into_owned(),
        )),
        Some((user, password)) => {
            let both = [&decoded(user)[..], b":", &decoded(password)].concat();
            let header = format!("Authorization: Basic {}", STANDARD.encode(both));
            Some(Login::Header(header))
        }
    }
}

/// `%40` and the like as the bytes that they stand for.
fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        let byte = more
            .get(..2)
            .filter(|_| *first == b'%')
            .and_then(|pair| std::str::from_utf8(pair).ok())
            .and_then(|pair| u8::from_str_radix(pair, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &more[2..] } else { more };
    }
    bytes
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

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
    fn what_git_would_run_is_refused_and_nothing_secret_is_told() {
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
    fn credentials_are_no_part_of_what_is_kept() {
        let with = url("https://ada:p%40ss@git.example.com/team/shop.git/");
        let without = url("https://git.example.com/team/shop.git");
        assert_eq!(with.shown(), without.shown());
        let cache = Path::new("/cache");
        assert_eq!(with.folder(cache), without.folder(cache));
        assert!(!format!("{with:?} {with}").contains("p%40ss"));
        let Some(Login::Header(header)) = with.login() else {
            panic!("no login");
        };
        let encoded = header.rsplit(' ').next().unwrap();
        assert_eq!(STANDARD.decode(encoded).unwrap(), b"ada:p@ss");
        assert_eq!(with.host(), "https://git.example.com");
        let token = url("https://t0ken@git.example.com/shop");
        assert_eq!(token.shown(), "https://git.example.com/shop");
        assert!(matches!(token.login(), Some(Login::User(user)) if user == "t0ken"));
        let ssh = url("ssh://git:pw@git.example.com/shop");
        assert_eq!(ssh.shown(), "ssh://git@git.example.com/shop");
        assert!(ssh.login().is_none());
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
