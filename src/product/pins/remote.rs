//! What kustomizations fetch from elsewhere: the `ref` of a remote base, and the
//! versions and values of `helmCharts`. A ref that is a branch or a commit pins no version and is
//! left alone.

use crate::yaml::{self, Path};

use super::scan::Finder;
use super::{SiteKind, helm};

/// The fields of a kustomization that name other kustomizations.
const FIELDS: [&str; 3] = ["resources", "bases", "components"];

/// The sites of a kustomization.
pub(super) fn read(finder: &mut Finder<'_>, root: &yaml::Node) {
    for field in FIELDS {
        let items = root.get(field).map(yaml::Node::items).unwrap_or_default();
        for (index, item) in items.iter().enumerate() {
            if let Some(base) = item.as_str().and_then(Base::read) {
                finder.base(&base, item, &Path::root().key(field).index(index));
            }
        }
    }
    let charts = root.get("helmCharts").map(yaml::Node::items);
    for (index, chart) in charts.unwrap_or_default().iter().enumerate() {
        let path = Path::root().key("helmCharts").index(index);
        if let Some(name) = chart.get("name").and_then(yaml::Node::as_str) {
            let path = path.key("version");
            finder.chart(SiteKind::Kustomize, name, chart.get("version"), &path);
        }
        if let Some(values) = chart.get("valuesInline") {
            helm::values(
                finder,
                SiteKind::HelmValues,
                values,
                &path.key("valuesInline"),
            );
        }
    }
}

/// A remote base, `<repository>[//<folder>]?ref=<version>`, in its parts.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Base<'a> {
    /// What stands in front of the version.
    pub(super) before: &'a str,
    pub(super) version: &'a str,
    /// Further parameters.
    pub(super) after: &'a str,
}

impl<'a> Base<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let query = text.find('?')? + 1;
        let mut at = query;
        for parameter in text[query..].split('&') {
            if let Some((name @ ("ref" | "version"), version)) = parameter.split_once('=') {
                let start = at + name.len() + 1;
                return Some(Base {
                    before: &text[..start],
                    version,
                    after: &text[start + version.len()..],
                });
            }
            at += parameter.len() + 1;
        }
        None
    }

    /// The name of its repository.
    pub(super) fn name(&self) -> &str {
        let name = repository(self.before).rsplit(['/', ':']).next();
        name.unwrap_or_default()
    }
}

/// The repository of a base, without scheme, user, `.git` and what follows, so that
/// two spellings of one repository are equal.
pub(super) fn repository(text: &str) -> &str {
    let text = text.split('?').next().unwrap_or_default();
    let text = text.split_once("://").map_or(text, |(_, rest)| rest);
    let host = text.find(['/', ':']).unwrap_or(text.len());
    let text = text[..host].rfind('@').map_or(text, |at| &text[at + 1..]);
    if let Some((repository, _)) = text.split_once("//") {
        return repository.strip_suffix(".git").unwrap_or(repository);
    }
    if let Some(end) = text.find(".git/") {
        return &text[..end];
    }
    if let Some(repository) = text.strip_suffix(".git") {
        return repository;
    }
    // Host, owner and name, as forges have them; what follows is a folder.
    let mut ends = text.match_indices(['/', ':']).map(|(at, _)| at);
    ends.nth(2).map_or(text, |end| &text[..end])
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_base_is_read_in_every_spelling() {
        let rows = [
            (
                "https://git.example.com/org/repo//config?ref=v1.2.3",
                "repo",
                "v1.2.3",
                "",
            ),
            (
                "git.example.com/org/repo/config/base?ref=v1.2.3",
                "repo",
                "v1.2.3",
                "",
            ),
            (
                "git@git.example.com:org/repo.git?ref=v1.2.3",
                "repo",
                "v1.2.3",
                "",
            ),
            (
                "ssh://git@git.example.com/org/repo.git/a?ref=1.2.3",
                "repo",
                "1.2.3",
                "",
            ),
            (
                "https://git.example.com/a/b/repo.git//x?timeout=90s&version=v1.2.3&submodules=0",
                "repo",
                "v1.2.3",
                "&submodules=0",
            ),
        ];
        for (text, name, version, after) in rows {
            let base = Base::read(text).unwrap();
            assert_eq!(
                (base.name(), base.version, base.after),
                (name, version, after)
            );
            assert_eq!(format!("{}{version}{after}", base.before), text);
        }
        for none in [
            "../base",
            "https://git.example.com/org/repo",
            "a?timeout=1s",
            "?",
        ] {
            assert_eq!(Base::read(none), None, "{none}");
        }
    }

    #[test]
    fn spellings_of_one_repository_are_equal() {
        let one = repository("https://git.example.com/org/repo//config?ref=");
        assert_eq!(one, "git.example.com/org/repo");
        assert_eq!(repository("git.example.com/org/repo/other?ref="), one);
        assert_eq!(
            repository("ssh://git@git.example.com/org/repo.git?ref="),
            one
        );
    }
}
