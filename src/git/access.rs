//! Working with the login of an address. While there is one, Git is told to follow no
//! redirect, so that no version of it and of its HTTP library can take the login along.
//! Within the same origin the new place is used from then on; nothing is sent to another.

use super::login::{LoginDesk, origin};
use super::{Git, GitError, Remote};
use crate::confidential::mask;

/// What Git asks for first below a repository's address.
const FIRST: &str = "/info/refs";

/// How Git calls an answer that it was told not to follow.
const SIGN: &str = "The requested URL returned error: 30";

impl Git {
    /// Begins to answer for the login that came with a copy's address. Without it no
    /// login is used.
    ///
    /// # Errors
    /// [`GitError::Login`]
    pub fn hand_over_login(&mut self, helper: &super::LoginHelper) -> Result<(), GitError> {
        let Some((origin, login)) = self
            .copy_of()
            .and_then(|url| Some((url.origin(), url.login()?.clone())))
        else {
            return Ok(());
        };
        let ask_git = super::command::ask_git(self.git_dir(), self.interactive());
        let desk = LoginDesk::open(origin, &login, helper, ask_git).map_err(GitError::Login)?;
        self.be_logged_in(desk);
        Ok(())
    }

    /// Judges a failure: `true` when the address has moved within its origin, and the same
    /// call goes to the new place now.
    ///
    /// # Errors
    /// [`GitError::Redirected`] when it redirects elsewhere.
    pub(super) fn follow(&self, remote: &Remote, message: &str) -> Result<bool, GitError> {
        let Some(desk) = self.login_desk().filter(|_| message.contains(SIGN)) else {
            return Ok(false);
        };
        if desk.moved().is_some() {
            return Ok(false);
        }
        let traced = self
            .call("ls-remote")
            .args(["--", remote.name(), "HEAD"])
            .env("GIT_TRACE_CURL", "1")
            .env("GIT_TRACE_CURL_NO_DATA", "1")
            .env("GIT_TRACE_REDACT", "1")
            .run()?;
        let Some(to) = location(&traced.stderr) else {
            return Ok(false);
        };
        match place(desk.origin(), &to) {
            Some(place) => {
                desk.note_move(place);
                Ok(true)
            }
            None => Err(GitError::Redirected {
                remote: remote.shown().to_owned(),
                to: mask(base(&to)),
            }),
        }
    }
}

/// The last `Location` in a trace of Git's HTTP library.
fn location(trace: &str) -> Option<String> {
    let header = |line: &str| {
        let (_, header) = line.split_once("<= Recv header: ")?;
        let (name, value) = header.split_once(':')?;
        let is_location = name.eq_ignore_ascii_case("location");
        is_location.then(|| value.trim().to_owned())
    };
    trace.lines().rev().find_map(header)
}

/// The repository's address in that of its first file.
fn base(to: &str) -> &str {
    to.rfind(FIRST).map_or(to, |end| &to[..end])
}

/// The repository's new address, when it is within this origin.
fn place(here: &str, to: &str) -> Option<String> {
    to.rfind(FIRST)?;
    let base = base(to);
    let place = match base.split_once("://") {
        Some((scheme, rest)) => {
            let host = rest.split('/').next().unwrap_or(rest);
            (origin(scheme, host) == here).then(|| base.to_owned())?
        }
        None if base.starts_with("//") => {
            let (scheme, _) = here.split_once("://")?;
            return place(here, &format!("{scheme}:{to}"));
        }
        None if base.starts_with('/') => format!("{here}{base}"),
        None => return None,
    };
    // It becomes a part of a setting's name.
    let sound = !place.contains(['=', '@', '?', '#', '\\']) && !place.contains(char::is_whitespace);
    sound.then_some(place)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_places_of_the_same_origin_are_followed() {
        let here = "https://git.example.com";
        let there = "https://git.example.com/team/shop.git";
        let query = "info/refs?service=git-upload-pack";
        for (to, wanted) in [
            (format!("{there}/{query}"), Some(there)),
            (
                format!("https://GIT.example.com:443/x/{query}"),
                Some("https://GIT.example.com:443/x"),
            ),
            (format!("/team/shop.git/{query}"), Some(there)),
            (
                format!("//git.example.com/team/shop.git/{query}"),
                Some(there),
            ),
            (
                format!("http://git.example.com/team/shop.git/{query}"),
                None,
            ),
            (
                format!("https://git.example.com:444/shop.git/{query}"),
                None,
            ),
            (
                format!("https://git.example.com.evil.example.com/shop/{query}"),
                None,
            ),
            (
                format!("https://git.example.com@evil.example.com/shop/{query}"),
                None,
            ),
            (
                format!("https://git.example.com\\@evil.example.com/shop/{query}"),
                None,
            ),
            (format!("//evil.example.com/shop/{query}"), None),
            (format!("https://git.example.com/a=b/{query}"), None),
            ("https://git.example.com/login".to_owned(), None),
            (query.to_owned(), None),
        ] {
            assert_eq!(place(here, &to).as_deref(), wanted, "{to}");
        }
    }

    #[test]
    fn the_last_location_of_a_trace_counts() {
        let trace = "03:59 http.c:684 <= Recv header: Location: https://a/x\n\
            03:59 http.c:684 <= Recv header: Server: x\n\
            03:59 http.c:684 <= Recv header: location: https://b/x\nfatal: no";
        assert_eq!(location(trace).unwrap(), "https://b/x");
        assert_eq!(location("fatal: no"), None);
    }
}
