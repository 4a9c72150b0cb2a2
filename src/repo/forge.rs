//! Where people look at a remote: the page on which a branch becomes a pull
//! request, from the remote's address or from what its server said at a push.
//! Knows spellings only, asks nobody, and lets no credentials through.

use super::BranchName;

/// The kinds of forge whose pages are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForgeKind {
    /// GitHub, also on a host of its own.
    Github,
    /// GitLab.
    Gitlab,
    /// Gitea and Forgejo.
    Gitea,
    /// Bitbucket Cloud.
    Bitbucket,
    /// Bitbucket Data Center.
    BitbucketServer,
}

/// A page about a pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRequestPage {
    /// Its address.
    pub url: String,
    /// The pull request is there; else this is where it is opened.
    pub opened: bool,
}

/// A repository's address on the web.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebAddress {
    /// `https://host[:port]`
    root: String,
    host: String,
    /// The repository, without `.git` and slashes around it.
    path: String,
}

impl WebAddress {
    /// Reads a remote's URL, in the spellings for HTTP and SSH. User names and
    /// passwords are dropped. `None` for files and for what is no address.
    pub fn of(url: &str) -> Option<Self> {
        let url = url.trim();
        let (scheme, rest) = match url.split_once("://") {
            Some((scheme, rest)) => (scheme.to_ascii_lowercase(), rest),
            None => {
                // The short spelling of SSH: user@host:path, not C:\path.
                let (host, path) = url.split_once(':')?;
                let bare = host.rsplit('@').next()?;
                // Nor helper::address.
                let is_host =
                    bare.len() > 1 && !host.contains(['/', '\\']) && !path.starts_with(':');
                let has_login = !host.contains('@') && path.contains('@');
                return (is_host && !has_login).then(|| Self::new("https", bare, None, path))?;
            }
        };
        let (authority, path) = rest.split_once('/')?;
        // A slash in a password: what is taken for the host is not one.
        if path.contains('@') && !authority.contains('@') {
            return None;
        }
        let host = authority.rsplit('@').next()?;
        let (host, port) = match host.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, Some(port)),
            _ => (host, None),
        };
        match scheme.as_str() {
            "http" | "https" => Self::new(&scheme, host, port, path),
            // The port is SSH's, not that of the pages.
            "ssh" | "git+ssh" | "ssh+git" | "git" => Self::new("https", host, None, path),
            _ => None,
        }
    }

    fn new(scheme: &str, host: &str, port: Option<&str>, path: &str) -> Option<Self> {
        let host = host.to_ascii_lowercase();
        // Forges with an SSH host of their own for networks that block port 22.
        let host = match host.as_str() {
            "ssh.github.com" => "github.com".to_owned(),
            "altssh.gitlab.com" => "gitlab.com".to_owned(),
            "altssh.bitbucket.org" => "bitbucket.org".to_owned(),
            _ => host,
        };
        let inner = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        let known = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
        let sound = match inner {
            Some(address) => address.chars().all(|c| c.is_ascii_hexdigit() || c == ':'),
            None => !host.is_empty() && host.chars().all(known),
        };
        let port = port.filter(|port| !port.is_empty());
        let numeric = port.is_none_or(|port| port.bytes().all(|byte| byte.is_ascii_digit()));
        let path = path.split(['?', '#']).next()?.trim_matches('/');
        let path = path.strip_suffix(".git").unwrap_or(path);
        if !sound || !numeric || path.is_empty() {
            return None;
        }
        let port = port.map_or_else(String::new, |port| format!(":{port}"));
        Some(Self {
            root: format!("{scheme}://{host}{port}"),
            host,
            path: encoded(path, "/~%"),
        })
    }

    /// The kind of forge that a host calls itself.
    pub fn kind(&self) -> Option<ForgeKind> {
        let named = |word: &str| self.host.split('.').any(|label| label.contains(word));
        if self.host == "bitbucket.org" {
            Some(ForgeKind::Bitbucket)
        } else if named("github") {
            Some(ForgeKind::Github)
        } else if named("gitlab") {
            Some(ForgeKind::Gitlab)
        } else if ["gitea", "forgejo", "codeberg"].into_iter().any(named) {
            Some(ForgeKind::Gitea)
        } else if named("bitbucket") {
            Some(ForgeKind::BitbucketServer)
        } else {
            None
        }
    }

    /// Where a branch becomes a pull request into another one.
    pub fn new_pull_request(
        &self,
        kind: ForgeKind,
        head: &BranchName,
        into: &BranchName,
    ) -> String {
        new_at(&self.repository(kind), kind, head, into)
    }

    /// The page of a pull request with this number, on a forge with `refs/pull/…`.
    pub fn pull_request(&self, number: u64) -> String {
        format!("{}/pulls/{number}", self.repository(ForgeKind::Gitea))
    }

    fn repository(&self, kind: ForgeKind) -> String {
        let (root, path) = (&self.root, &self.path);
        if kind != ForgeKind::BitbucketServer {
            return format!("{root}/{path}");
        }
        // Over HTTP the repository is below scm/; the pages are elsewhere.
        let path = path.strip_prefix("scm/").unwrap_or(path);
        match path.split_once('/') {
            Some((owner, slug)) => match owner.strip_prefix('~') {
                Some(user) => format!("{root}/users/{user}/repos/{slug}"),
                None => format!("{root}/projects/{owner}/repos/{slug}"),
            },
            None => format!("{root}/{path}"),
        }
    }
}

/// What the server itself said about pull requests when a branch was pushed.
/// It knows best where its pages are; which branch a pull request is for it
/// can only guess, so that part is made here.
pub fn page_in(said: &str, head: &BranchName, into: &BranchName) -> Option<PullRequestPage> {
    const NEW: [(&str, ForgeKind); 6] = [
        ("/-/merge_requests/new?", ForgeKind::Gitlab),
        ("/pull/new/", ForgeKind::Github),
        ("/pulls/new/", ForgeKind::Gitea),
        ("/compare/", ForgeKind::Gitea),
        ("/pull-requests/new?", ForgeKind::Bitbucket),
        ("/pull-requests?", ForgeKind::BitbucketServer),
    ];
    const THERE: [&str; 3] = ["/-/merge_requests/", "/pulls/", "/pull/"];
    let urls = || said.split_whitespace().filter(|word| is_page(word));
    let there = |url: &&str| {
        THERE.iter().any(|part| {
            let number = url.rsplit_once(part).map(|(_, number)| number);
            number.is_some_and(|n| !n.is_empty() && n.bytes().all(|byte| byte.is_ascii_digit()))
        })
    };
    if let Some(url) = urls().find(there) {
        return Some(PullRequestPage {
            url: url.to_owned(),
            opened: true,
        });
    }
    urls().find_map(|url| {
        let (part, kind) = NEW.into_iter().find(|(part, _)| url.contains(part))?;
        let (repository, _) = url.split_once(part)?;
        Some(PullRequestPage {
            url: new_at(repository, kind, head, into),
            opened: false,
        })
    })
}

/// A web address that is fit to be shown: no credentials, nothing but the
/// characters of URLs.
fn is_page(word: &str) -> bool {
    let rest = word
        .strip_prefix("https://")
        .or_else(|| word.strip_prefix("http://"));
    let sound = |c: char| c.is_ascii_alphanumeric() || "-._~:/?#[]!$&'()*+,;=%".contains(c);
    rest.is_some_and(|rest| rest.contains('/') && rest.chars().all(sound))
}

fn new_at(repository: &str, kind: ForgeKind, head: &BranchName, into: &BranchName) -> String {
    let path = |branch: &BranchName| encoded(branch.as_str(), "/");
    let query = |branch: &BranchName| encoded(branch.as_str(), "");
    match kind {
        ForgeKind::Github => format!(
            "{repository}/compare/{}...{}?expand=1",
            path(into),
            path(head)
        ),
        ForgeKind::Gitea => format!("{repository}/compare/{}...{}", path(into), path(head)),
        ForgeKind::Gitlab => format!(
            "{repository}/-/merge_requests/new?merge_request%5Bsource_branch%5D={}&merge_request%5Btarget_branch%5D={}",
            query(head),
            query(into)
        ),
        ForgeKind::Bitbucket => format!(
            "{repository}/pull-requests/new?source={}&dest={}",
            query(head),
            query(into)
        ),
        ForgeKind::BitbucketServer => format!(
            "{repository}/pull-requests?create&sourceBranch=refs%2Fheads%2F{}&targetBranch=refs%2Fheads%2F{}",
            query(head),
            query(into)
        ),
    }
}

/// Percent-encodes everything but letters, digits, `-._` and these.
fn encoded(text: &str, keep: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        let c = char::from(byte);
        if c.is_ascii_alphanumeric() || "-._".contains(c) || (c.is_ascii() && keep.contains(c)) {
            out.push(c);
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn branch(name: &str) -> BranchName {
        name.parse().unwrap()
    }

    fn page(url: &str) -> String {
        let address = WebAddress::of(url).unwrap();
        let kind = address.kind().unwrap();
        let head = branch("gitops/promote/prod/0a1b2c3d");
        address.new_pull_request(kind, &head, &branch("env/prod"))
    }

    #[test]
    fn an_address_with_a_misplaced_login_has_no_page() {
        for url in [
            "https:/ada:s3cr3t@github.com/example/shop",
            "https://ada:123/s3cr3t@github.com/example/shop",
            "https://s3cr3t/x@github.com/example/shop",
            "ada:s3cr3t@github.com:example/shop",
        ] {
            assert_eq!(WebAddress::of(url), None, "{url}");
        }
    }

    #[test]
    fn every_spelling_of_a_remote_leads_to_its_page() {
        let head = "gitops/promote/prod/0a1b2c3d";
        for (url, wanted) in [
            (
                "https://github.com/example/shop.git",
                "https://github.com/example/shop/compare/env/prod...HEAD?expand=1",
            ),
            (
                "https://x-access-token:s3cr3t@github.com/example/shop",
                "https://github.com/example/shop/compare/env/prod...HEAD?expand=1",
            ),
            (
                "git@github.com:example/shop.git",
                "https://github.com/example/shop/compare/env/prod...HEAD?expand=1",
            ),
            (
                "ssh://git@ssh.github.com:443/example/shop.git",
                "https://github.com/example/shop/compare/env/prod...HEAD?expand=1",
            ),
            (
                "https://github.example.com:8443/example/shop/",
                "https://github.example.com:8443/example/shop/compare/env/prod...HEAD?expand=1",
            ),
            (
                "ssh://git@gitea.example.com:2222/example/shop.git",
                "https://gitea.example.com/example/shop/compare/env/prod...HEAD",
            ),
            (
                "http://forgejo.example.com/example/shop.git",
                "http://forgejo.example.com/example/shop/compare/env/prod...HEAD",
            ),
        ] {
            assert_eq!(page(url), wanted.replace("HEAD", head), "{url}");
        }
        let encoded = "gitops%2Fpromote%2Fprod%2F0a1b2c3d";
        for (url, wanted) in [
            (
                "git@gitlab.example.com:group/sub/shop.git",
                "https://gitlab.example.com/group/sub/shop/-/merge_requests/new?merge_request%5Bsource_branch%5D=HEAD&merge_request%5Btarget_branch%5D=env%2Fprod",
            ),
            (
                "https://ada@bitbucket.org/example/shop.git",
                "https://bitbucket.org/example/shop/pull-requests/new?source=HEAD&dest=env%2Fprod",
            ),
            (
                "https://bitbucket.example.com/scm/PLAT/shop.git",
                "https://bitbucket.example.com/projects/PLAT/repos/shop/pull-requests?create&sourceBranch=refs%2Fheads%2FHEAD&targetBranch=refs%2Fheads%2Fenv%2Fprod",
            ),
            (
                "ssh://git@bitbucket.example.com:7999/~ada/shop.git",
                "https://bitbucket.example.com/users/ada/repos/shop/pull-requests?create&sourceBranch=refs%2Fheads%2FHEAD&targetBranch=refs%2Fheads%2Fenv%2Fprod",
            ),
        ] {
            assert_eq!(page(url), wanted.replace("HEAD", encoded), "{url}");
        }
    }

    #[test]
    fn what_is_no_address_on_the_web_has_no_page() {
        for url in [
            "",
            "/srv/git/shop.git",
            "../shop.git",
            "file:///srv/git/shop.git",
            "C:\\git\\shop",
            "https://github.com",
            "https://github.com/",
            "https://exa mple.com/x",
            "https://github.com:x/y",
            "https:///x",
            "ext::ssh x",
        ] {
            assert_eq!(WebAddress::of(url), None, "{url}");
        }
        let unknown = WebAddress::of("https://git.example.com/a/b").unwrap();
        assert_eq!(unknown.kind(), None);
        let hostile = WebAddress::of("https://github.com/a\u{1b}[31m/b c").unwrap();
        let shown = hostile.new_pull_request(ForgeKind::Github, &branch("x"), &branch("y"));
        assert!(
            shown.is_ascii() && !shown.contains([' ', '\u{1b}']),
            "{shown}"
        );
    }

    #[test]
    fn the_server_tells_where_its_pages_are_and_not_what_they_are_for() {
        let (head, into) = (branch("gitops/x"), branch("env/prod"));
        let read = |said: &str| page_in(said, &head, &into);
        let new = read(
            "To create a merge request for gitops/x, visit:\n  https://git.example.com/sub/g/s/-/merge_requests/new?merge_request%5Bsource_branch%5D=gitops%2Fx",
        );
        assert_eq!(new.unwrap(), PullRequestPage {
            url: "https://git.example.com/sub/g/s/-/merge_requests/new?merge_request%5Bsource_branch%5D=gitops%2Fx&merge_request%5Btarget_branch%5D=env%2Fprod".into(),
            opened: false,
        });
        for said in [
            "Create a new pull request for 'gitops/x':\n  http://git.example.com:3000/a/b/compare/main...gitops/x",
            "Create a new pull request for 'gitops/x':\n  http://git.example.com:3000/a/b/pulls/new/gitops/x",
        ] {
            let url = read(said).unwrap().url;
            assert_eq!(
                url,
                "http://git.example.com:3000/a/b/compare/env/prod...gitops/x"
            );
        }
        let there = read(
            "View merge request for gitops/x:\n https://git.example.com/g/s/-/merge_requests/12",
        );
        assert_eq!(
            there.unwrap(),
            PullRequestPage {
                url: "https://git.example.com/g/s/-/merge_requests/12".into(),
                opened: true,
            }
        );
        for nothing in [
            "",
            "all good",
            "https://ada:pw@git.example.com/a/b/pulls/1",
            "see https://example.com/pulls/x",
        ] {
            assert_eq!(read(nothing), None, "{nothing}");
        }
    }
}
