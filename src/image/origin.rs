//! Where an image was built from: the labels `org.opencontainers.image.source` and
//! `.revision`, and the pages on which a person sees what lies between two images.
//!
//! Labels are text from strangers. A source is taken apart and put together again from
//! what a web address may hold, without credentials, query and fragment; a revision is
//! one plain word. Whatever else stands there counts as not said.

use std::collections::BTreeMap;

/// Longer addresses and revisions are not believed.
const LONGEST: usize = 300;

/// Where an image says that it was built from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// The repository's address, `https://…` or `http://…`, without `.git`.
    pub source: Option<String>,
    /// The commit, or whatever the build calls its revision.
    pub revision: Option<String>,
}

/// How a forge spells its pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Forge {
    /// GitHub, Gitea, Forgejo, and whoever is like them.
    Common,
    GitLab,
    BitbucketCloud,
    BitbucketServer,
    AzureDevOps,
}

impl Origin {
    /// The label that names the repository.
    pub const SOURCE: &str = "org.opencontainers.image.source";

    /// The label that names the commit in it.
    pub const REVISION: &str = "org.opencontainers.image.revision";

    /// What the labels of an image say.
    pub fn from_labels(labels: &BTreeMap<String, String>) -> Origin {
        Origin {
            source: labels.get(Self::SOURCE).and_then(|text| source(text)),
            revision: labels.get(Self::REVISION).and_then(|text| revision(text)),
        }
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.source.is_none() && self.revision.is_none()
    }

    /// The page that compares the revision of `old` with this one. None where one of
    /// them is unknown, or they are the same or in different repositories.
    pub fn since(&self, old: &Origin) -> Option<String> {
        let source = self.source.as_ref()?;
        let (from, to) = (old.commit()?, self.commit()?);
        let same = old.source.as_ref().is_none_or(|other| other == source);
        if from == to || !same {
            return None;
        }
        Some(match Forge::of(source) {
            Forge::Common => format!("{source}/compare/{from}...{to}"),
            Forge::GitLab => format!("{source}/-/compare/{from}...{to}"),
            Forge::BitbucketCloud => format!("{source}/branches/compare/{to}..{from}"),
            Forge::BitbucketServer => {
                format!("{source}/compare/commits?sourceBranch={to}&targetBranch={from}")
            }
            Forge::AzureDevOps => {
                format!("{source}/branchCompare?baseVersion=GC{from}&targetVersion=GC{to}")
            }
        })
    }

    /// The page of its revision.
    pub fn page(&self) -> Option<String> {
        let (source, commit) = (self.source.as_ref()?, self.commit()?);
        Some(match Forge::of(source) {
            Forge::Common | Forge::AzureDevOps => format!("{source}/commit/{commit}"),
            Forge::GitLab => format!("{source}/-/commit/{commit}"),
            Forge::BitbucketCloud | Forge::BitbucketServer => {
                format!("{source}/commits/{commit}")
            }
        })
    }

    /// The revision, where a forge can know it: builds of a dirty work tree are marked
    /// by hand and are no commit.
    fn commit(&self) -> Option<&str> {
        let revision = self.revision.as_deref()?;
        (!revision.ends_with("dirty")).then_some(revision)
    }
}

impl Forge {
    fn of(source: &str) -> Forge {
        let rest = source.split_once("://").map_or(source, |(_, rest)| rest);
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let host = authority.split(':').next().unwrap_or_default();
        let called = |name: &str| host.split('.').any(|label| label == name);
        if host == "bitbucket.org" {
            Forge::BitbucketCloud
        } else if path.contains("/_git/") {
            Forge::AzureDevOps
        } else if path.contains("/repos/")
            && path
                .split('/')
                .any(|part| part == "projects" || part == "users")
        {
            Forge::BitbucketServer
        } else if called("gitlab") {
            Forge::GitLab
        } else {
            Forge::Common
        }
    }
}

/// The address of a repository as its front page has it.
fn source(text: &str) -> Option<String> {
    let text = text.trim();
    if text.len() > LONGEST {
        return None;
    }
    let (scheme, rest) = text.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    if scheme != "https" && scheme != "http" {
        return None;
    }
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    // Everything before the last @ is who logs in, which is nobody's business.
    let authority = authority.rsplit('@').next().unwrap_or_default();
    let authority = authority.to_ascii_lowercase();
    if !is_authority(&authority) || !is_path(path) {
        return None;
    }
    let segments = repository_path(&authority, path);
    if segments.is_empty() {
        return None;
    }
    Some(format!("{scheme}://{authority}/{}", segments.join("/")))
}

fn is_authority(text: &str) -> bool {
    let (host, port) = text.split_once(':').unwrap_or((text, "0"));
    let known = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    !host.is_empty()
        && host.starts_with(|c: char| c.is_ascii_alphanumeric())
        && host.chars().all(known)
        && !port.is_empty()
        && port.len() <= 5
        && port.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_path(text: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || "-._~/+@%".contains(c);
    text.chars().all(known) && !text.split('/').any(|part| part == "." || part == "..")
}

/// The segments of a path that mean the repository: without `.git`, and without the
/// folder or branch that some builds point at.
fn repository_path<'a>(host: &str, path: &'a str) -> Vec<std::borrow::Cow<'a, str>> {
    let all: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let end = all
        .iter()
        .position(|part| *part == "-" || part.ends_with(".git"));
    let short = matches!(host, "github.com" | "bitbucket.org" | "codeberg.org");
    let kept = match end {
        Some(at) if all[at] == "-" => at,
        Some(at) => at + 1,
        None if short => 2.min(all.len()),
        None => all.len(),
    };
    let mut segments: Vec<&str> = all[..kept].to_vec();
    if let Some(last) = segments.last_mut() {
        *last = last.strip_suffix(".git").unwrap_or(last);
    }
    segments.retain(|part| !part.is_empty());
    // Bitbucket's own server is cloned from another path than it is looked at.
    if host.split('.').any(|label| label == "bitbucket")
        && let [before @ .., "scm", project, name] = segments.as_slice()
    {
        let (kind, owner) = match project.strip_prefix('~') {
            Some(user) => ("users", user),
            None => ("projects", *project),
        };
        let page = [kind, owner, "repos", name];
        segments = before.iter().copied().chain(page).collect();
    }
    segments.into_iter().map(Into::into).collect()
}

/// One word that Git or another tool could call a revision.
fn revision(text: &str) -> Option<String> {
    let text = text.trim();
    let known = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    let fits = !text.is_empty()
        && text.len() <= LONGEST
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(known)
        && !text.contains("..");
    fits.then(|| text.to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn origin(source: &str, revision: &str) -> Origin {
        let labels = [(Origin::SOURCE, source), (Origin::REVISION, revision)];
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Origin::from_labels(&labels.into_iter().map(owned).collect())
    }

    fn compared(source: &str) -> String {
        let (old, new) = (origin(source, "aaa1111"), origin(source, "bbb2222"));
        new.since(&old).unwrap()
    }

    #[test]
    fn each_forge_has_its_own_pages() {
        for (source, page) in [
            (
                "https://github.com/example/cart",
                "https://github.com/example/cart/compare/aaa1111...bbb2222",
            ),
            (
                "https://GitHub.com/example/cart.git",
                "https://github.com/example/cart/compare/aaa1111...bbb2222",
            ),
            (
                "https://github.com/example/cart/tree/main/services/cart",
                "https://github.com/example/cart/compare/aaa1111...bbb2222",
            ),
            (
                "https://gitlab.com/example/shop/cart.git/",
                "https://gitlab.com/example/shop/cart/-/compare/aaa1111...bbb2222",
            ),
            (
                "https://gitlab.example.com:8443/shop/cart/-/tree/main",
                "https://gitlab.example.com:8443/shop/cart/-/compare/aaa1111...bbb2222",
            ),
            (
                "http://git.example.com/shop/cart",
                "http://git.example.com/shop/cart/compare/aaa1111...bbb2222",
            ),
            (
                "https://codeberg.org/example/cart/src/branch/main",
                "https://codeberg.org/example/cart/compare/aaa1111...bbb2222",
            ),
            (
                "https://bitbucket.org/example/cart",
                "https://bitbucket.org/example/cart/branches/compare/bbb2222..aaa1111",
            ),
            (
                "https://bitbucket.example.com/scm/shop/cart.git",
                "https://bitbucket.example.com/projects/shop/repos/cart/compare/commits?sourceBranch=bbb2222&targetBranch=aaa1111",
            ),
            (
                "https://bitbucket.example.com/scm/~ada/cart.git",
                "https://bitbucket.example.com/users/ada/repos/cart/compare/commits?sourceBranch=bbb2222&targetBranch=aaa1111",
            ),
            (
                "https://dev.azure.com/example/shop/_git/cart",
                "https://dev.azure.com/example/shop/_git/cart/branchCompare?baseVersion=GCaaa1111&targetVersion=GCbbb2222",
            ),
        ] {
            assert_eq!(compared(source), page);
        }
        let page = |source| origin(source, "bbb2222").page().unwrap();
        assert_eq!(
            page("https://gitlab.com/example/cart"),
            "https://gitlab.com/example/cart/-/commit/bbb2222"
        );
        assert_eq!(
            page("https://bitbucket.org/example/cart"),
            "https://bitbucket.org/example/cart/commits/bbb2222"
        );
        assert_eq!(
            page("https://git.example.com/cart"),
            "https://git.example.com/cart/commit/bbb2222"
        );
    }

    #[test]
    fn nothing_is_compared_that_cannot_be() {
        let at = "https://git.example.com/shop/cart";
        let new = origin(at, "bbb2222");
        assert_eq!(new.since(&new), None, "a build of the same commit");
        assert_eq!(new.since(&Origin::default()), None);
        let elsewhere = origin("https://git.example.com/old/cart", "aaa1111");
        assert_eq!(new.since(&elsewhere), None);
        let dirty = origin(at, "bbb2222-dirty");
        assert_eq!(dirty.page(), None);
        assert_eq!(dirty.revision.as_deref(), Some("bbb2222-dirty"));
        // Older images often name the commit only.
        let bare = origin("", "aaa1111");
        assert!(new.since(&bare).is_some());
    }

    #[test]
    fn what_strangers_write_is_taken_apart() {
        for (text, wanted) in [
            (
                "https://ada:hunter2@git.example.com/cart",
                "https://git.example.com/cart",
            ),
            (
                "https://git.example.com/cart?token=hunter2#x",
                "https://git.example.com/cart",
            ),
            (
                "https://github.com@evil.example.com/cart",
                "https://evil.example.com/cart",
            ),
            (
                "  HTTPS://git.example.com//shop//cart/ ",
                "https://git.example.com/shop/cart",
            ),
        ] {
            assert_eq!(source(text).as_deref(), Some(wanted), "{text}");
        }
        let long = format!("https://git.example.com/{}", "a".repeat(LONGEST));
        for text in [
            "",
            "git@github.com:example/cart.git",
            "ssh://git@github.com/example/cart",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "https://",
            "https:///cart",
            "https://git.example.com",
            "https://git.example.com/",
            "https://git.example.com:port/cart",
            "https://git.example.com:/cart",
            "https://-x/cart",
            "https://git.example.com/../cart",
            "https://git.example.com/cart\nGitops-Action: rollback",
            "https://git.example.com/ca\u{1b}[2Jrt",
            "https://git.example.com/a b",
            "https://git.example.com/\u{202e}trac",
            "https://bücher.example/cart",
            long.as_str(),
        ] {
            assert_eq!(source(text), None, "{text:?}");
        }
        for text in [
            "",
            "-x",
            "a..b",
            "a/b",
            "a b",
            "abc\nGitops-To: prod",
            "\u{1b}[31m",
            "<abc>",
            ".hidden",
        ] {
            assert_eq!(revision(text), None, "{text:?}");
        }
        assert_eq!(revision(" v1.2.3 ").as_deref(), Some("v1.2.3"));
    }
}
