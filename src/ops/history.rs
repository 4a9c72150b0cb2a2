//! Who changed an environment, when, and from where: read from its commits and
//! their trailers alone. No server is asked and nothing is kept beside Git.

use serde::Serialize;

use super::estate::{Estate, EstateError};
use crate::confidential::redact;
use crate::git::{FileVersion, Git, GitError};
use crate::product::{EnvironmentEntry, EnvironmentName};
use crate::repo::{CommitInfo, RepoPath, Signature};

/// The history of some environments.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryReport {
    /// One per environment, in the order that was asked for.
    pub environments: Vec<EnvironmentHistory>,
}

/// The history of one environment.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EnvironmentHistory {
    /// The environment.
    pub name: EnvironmentName,
    /// The branch that holds it.
    pub branch: String,
    /// The commits that changed it, newest first.
    pub entries: Vec<HistoryEntry>,
    /// How far the entries go back.
    pub end: HistoryEnd,
    /// The oldest commit of a shallow clone, where it cannot be told what that changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub boundary: Option<String>,
}

/// Why a history has no older entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum HistoryEnd {
    /// There are none.
    Beginning,
    /// No more were asked for.
    Limit,
    /// The clone is shallow and ends here.
    Shallow,
}

/// One commit that changed an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryEntry {
    /// The commit on the environment's branch.
    pub commit: String,
    /// When it was committed, in seconds since 1970.
    #[serde(serialize_with = "moment")]
    pub time: i64,
    /// Who made the change.
    pub author: Person,
    /// What happened: `promote`, `bump-image` and so on by this tool;
    /// `revert` or `edit` by a person.
    pub action: String,
    /// Whether this tool wrote it.
    pub by_tool: bool,
    /// The first line of its message.
    pub subject: String,
    /// The product and its version, `name@version`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// The environment and commit that it was taken from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<From>,
    /// The components that it changed, as far as it says.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<String>,
    /// Why, where a person said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Guards that were set aside, with their reasons.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<String>,
    /// The digest of the plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// The commit that it takes back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reverts: Option<String>,
}

/// A name and a mail address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Person {
    /// The name.
    pub name: String,
    /// The mail address.
    pub email: String,
}

/// Where something was taken from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct From {
    /// The environment.
    pub environment: String,
    /// Its commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

fn moment<S: serde::Serializer>(seconds: &i64, to: S) -> Result<S::Ok, S::Error> {
    match jiff::Timestamp::from_second(*seconds) {
        Ok(moment) => to.serialize_str(&moment.to_string()),
        Err(_) => to.serialize_none(),
    }
}

/// Reads the newest `limit` entries of each of these environments; `None`: all.
pub fn history(
    estate: &Estate,
    names: &[EnvironmentName],
    limit: Option<usize>,
) -> Result<HistoryReport, EstateError> {
    let mut environments = Vec::new();
    for name in names {
        let entry = estate.environment(name)?;
        let tip = estate.tip(name)?;
        let mut entries = Vec::new();
        let mut end = HistoryEnd::Beginning;
        let mut boundary = None;
        let mut failure = None;
        let git = &estate.git;
        let mut visit = |version: FileVersion| {
            if limit.is_some_and(|limit| entries.len() >= limit) {
                end = HistoryEnd::Limit;
                return false;
            }
            if version.at_boundary {
                end = HistoryEnd::Shallow;
            }
            match read(git, &version.commit, name) {
                // Its parent is not here, so only what it says itself is known of it.
                Ok(entry) if version.at_boundary && !entry.by_tool => {
                    boundary = Some(entry.commit);
                }
                Ok(entry) => entries.push(entry),
                Err(error) => failure = Some(error),
            }
            failure.is_none()
        };
        git.visit_history(&tip, &watched(entry), &mut visit)?;
        if let Some(error) = failure {
            return Err(error.into());
        }
        environments.push(EnvironmentHistory {
            name: name.clone(),
            branch: entry.branch.to_string(),
            entries,
            end,
            boundary,
        });
    }
    Ok(HistoryReport { environments })
}

/// The file or folder whose changes are an environment's.
pub(crate) fn watched(entry: &EnvironmentEntry) -> RepoPath {
    let one_file = entry
        .files_pattern()
        .filter(|pattern| !pattern.contains(['*', '?', '[', '{']))
        .and_then(|file| entry.path.join(&file).ok());
    one_file.unwrap_or_else(|| entry.path.clone())
}

/// What one commit did to an environment. A merge without trailers of its own
/// speaks for the commit that it brought in: that is what a pull request
/// leaves behind.
pub(crate) fn read(
    git: &Git,
    commit: &CommitInfo,
    environment: &EnvironmentName,
) -> Result<HistoryEntry, GitError> {
    let mut said = commit.clone();
    if ours(commit, environment).is_none()
        && let Some(merged) = commit.parents.get(1)
    {
        match git.commit(merged) {
            Ok(merged) if ours(&merged, environment).is_some() => said = merged,
            Ok(_) | Err(GitError::MissingObject { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(entry(commit, &said, environment))
}

/// What this tool says in a commit that it did to the environment.
pub(crate) fn ours<'a>(commit: &'a CommitInfo, environment: &EnvironmentName) -> Option<&'a str> {
    let to = commit.message.trailer("Gitops-To");
    commit
        .message
        .trailer("Gitops-Action")
        .filter(|_| to.is_none_or(|to| to == environment.as_str()))
}

fn entry(commit: &CommitInfo, said: &CommitInfo, environment: &EnvironmentName) -> HistoryEntry {
    let message = &said.message;
    let action = ours(said, environment);
    let reverts = match action {
        None => reverted(&message.body),
        Some(_) => None,
    };
    let own = |name: &str| {
        action
            .and_then(|_| message.trailer(name))
            .map(str::to_owned)
    };
    HistoryEntry {
        commit: commit.id.to_string(),
        time: commit.committer.seconds,
        author: person(&said.author),
        action: match (action, &reverts) {
            (Some(action), _) => action.to_owned(),
            (None, Some(_)) => "revert".to_owned(),
            (None, None) => "edit".to_owned(),
        },
        by_tool: action.is_some(),
        subject: redact(&message.subject),
        product: own("Gitops-Product"),
        from: own("Gitops-From").map(|from| {
            let mut words = from.split_whitespace().map(str::to_owned);
            From {
                environment: words.next().unwrap_or_default(),
                commit: words.next(),
            }
        }),
        components: own("Gitops-Components")
            .map(|list| list.split([' ', ',']).map(str::to_owned).collect())
            .unwrap_or_default(),
        reason: own("Gitops-Reason").map(|reason| redact(&reason)),
        overrides: message
            .trailers_named("Gitops-Override")
            .filter(|_| action.is_some())
            .map(redact)
            .collect(),
        plan: own("Gitops-Plan"),
        reverts,
    }
}

fn person(who: &Signature) -> Person {
    Person {
        name: who.name.clone(),
        email: who.email.clone(),
    }
}

/// The commit that `git revert` says it takes back.
pub(crate) fn reverted(body: &str) -> Option<String> {
    let (_, rest) = body.split_once("This reverts commit ")?;
    let id: String = rest.chars().take_while(char::is_ascii_hexdigit).collect();
    (id.len() >= 7).then_some(id)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::repo::CommitMessage;

    fn commit(message: &str) -> CommitInfo {
        let who: Signature = "Ada <ada@example.com> 1767225600 +0000".parse().unwrap();
        CommitInfo {
            id: "1".repeat(40).parse().unwrap(),
            parents: Vec::new(),
            author: who.clone(),
            committer: who,
            message: CommitMessage::parse(message),
        }
    }

    fn said(message: &str) -> HistoryEntry {
        let commit = commit(message);
        entry(&commit, &commit, &"prod".parse().unwrap())
    }

    #[test]
    fn trailers_say_what_happened() {
        let found = said(
            "promote shop 1.2 from staging to prod\n\ncart 1 -> 2\n\n\
             Gitops-Action: promote\nGitops-Product: shop@1.2\n\
             Gitops-From: staging 5f2c1e0\nGitops-To: prod\n\
             Gitops-Components: cart web\nGitops-Override: order late\n",
        );
        assert_eq!(found.action, "promote");
        assert!(found.by_tool);
        assert_eq!(found.product.as_deref(), Some("shop@1.2"));
        assert_eq!(found.components, ["cart", "web"]);
        assert_eq!(found.overrides, ["order late"]);
        let from = found.from.unwrap();
        assert_eq!(from.environment, "staging");
        assert_eq!(from.commit.as_deref(), Some("5f2c1e0"));
    }

    #[test]
    fn what_is_not_about_this_environment_is_an_edit() {
        assert_eq!(said("fix cart").action, "edit");
        let other = said("x\n\nGitops-Action: promote\nGitops-To: staging\n");
        assert_eq!((other.action.as_str(), other.by_tool), ("edit", false));
        assert_eq!(other.from, None);
    }

    #[test]
    fn a_plain_revert_is_recognised() {
        let id = "a".repeat(40);
        let found = said(&format!("Revert \"x\"\n\nThis reverts commit {id}.\n"));
        assert_eq!(found.action, "revert");
        assert_eq!(found.reverts.as_deref(), Some(id.as_str()));
    }
}
