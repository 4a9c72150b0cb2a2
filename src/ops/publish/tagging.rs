//! Tags of a change set: their names, and their objects on the commits that
//! are made. A tag that exists is never moved and never taken for ours.

use std::fmt;
use std::str::FromStr;

use super::{PublishError, PublishOptions, Step};
use crate::git::RefMove;
use crate::ops::estate::Estate;
use crate::product::EnvironmentName;
use crate::repo::{ChangeSet, CommitId, ObjectId, RefName, RefUpdate, TagName, TagUpdate};

/// What a tag is called: a name, in which `{environment}`, `{product}` and
/// `{version}` stand for what is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagTemplate(String);

/// Why a template names no tag.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TagTemplateError {
    /// A word in braces that stands for nothing.
    #[error(
        "{{{word}}} in a tag's name stands for nothing; there are {{environment}}, {{product}} and {{version}}"
    )]
    Unknown {
        /// The word.
        word: String,
    },
    /// Something that the name needs is not known.
    #[error("{environment} has no {word}, which the tag's name asks for")]
    Absent {
        /// The environment.
        environment: EnvironmentName,
        /// The word.
        word: &'static str,
    },
    /// What comes out is no name.
    #[error(transparent)]
    Name(#[from] crate::repo::TagNameError),
}

const WORDS: [&str; 3] = ["environment", "product", "version"];

impl Default for TagTemplate {
    /// Also unique where one version goes through several environments.
    fn default() -> Self {
        Self("{environment}/{product}-{version}".to_owned())
    }
}

impl FromStr for TagTemplate {
    type Err = TagTemplateError;

    fn from_str(text: &str) -> Result<Self, TagTemplateError> {
        let mut rest = text;
        while let Some((_, after)) = rest.split_once('{') {
            let closed = after.split_once('}');
            let Some((_, after)) = closed.filter(|(word, _)| WORDS.contains(word)) else {
                return Err(TagTemplateError::Unknown {
                    word: closed.map_or(after, |(word, _)| word).to_owned(),
                });
            };
            rest = after;
        }
        let template = Self(text.to_owned());
        // The rest of the name is looked at now, not after the plan.
        WORDS
            .iter()
            .fold(text.to_owned(), |text, word| {
                text.replace(&format!("{{{word}}}"), "x")
            })
            .parse::<TagName>()?;
        Ok(template)
    }
}

impl fmt::Display for TagTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TagTemplate {
    /// The tag's name in this environment, with this product at this version.
    ///
    /// # Errors
    /// What the name asks for is not known, or it comes to no name.
    pub fn name(
        &self,
        environment: &EnvironmentName,
        product: Option<&str>,
        version: Option<&str>,
    ) -> Result<TagName, TagTemplateError> {
        let mut name = self.0.clone();
        for (word, value) in WORDS
            .into_iter()
            .zip([Some(environment.as_str()), product, version])
        {
            let place = format!("{{{word}}}");
            if !name.contains(&place) {
                continue;
            }
            let value = value.ok_or_else(|| TagTemplateError::Absent {
                environment: environment.clone(),
                word,
            })?;
            name = name.replace(&place, value);
        }
        Ok(name.parse()?)
    }
}

impl super::Planned {
    /// Adds a tag on the commit of this update.
    pub fn tag(&mut self, update: &RefUpdate, name: TagName) {
        self.changes.tags.push(TagUpdate {
            name,
            branch: update.branch.clone(),
            message: update.message.clone(),
            tagger: update.committer.clone(),
        });
    }
}

/// A tag whose object is written.
pub(super) struct Tag {
    pub(super) name: TagName,
    pub(super) id: ObjectId,
    pub(super) commit: CommitId,
}

impl Tag {
    pub(super) fn as_move(&self) -> RefMove {
        RefMove {
            name: RefName::Tag(self.name.clone()),
            expected: None,
            new: self.id.clone(),
        }
    }
}

pub(super) fn write(
    estate: &Estate,
    changes: &ChangeSet,
    steps: &[Step],
) -> Result<Vec<Tag>, PublishError> {
    let mut tags = Vec::new();
    for tag in &changes.tags {
        let Some(step) = steps.iter().find(|step| is_on(tag, &step.update)) else {
            continue;
        };
        tags.push(Tag {
            name: tag.name.clone(),
            id: estate.git.write_tag(tag, &step.new)?,
            commit: step.new.clone(),
        });
    }
    Ok(tags)
}

/// Whether a tag names the commit of this update: of several on one branch the
/// one with its message, which says for which environment it is.
fn is_on(tag: &TagUpdate, update: &RefUpdate) -> bool {
    update.branch == tag.branch && update.message == tag.message
}

/// Refuses a tag that exists, and one on a commit that is only proposed.
pub(super) fn check(
    estate: &Estate,
    changes: &ChangeSet,
    options: PublishOptions,
) -> Result<(), PublishError> {
    for tag in &changes.tags {
        let update = changes.updates.iter().find(|one| is_on(tag, one));
        if let Some(entry) = update.and_then(|one| super::proposal::proposed_to(estate, one)) {
            return Err(PublishError::TagOnProposal {
                tag: tag.name.clone(),
                environment: entry.name.clone(),
            });
        }
        let remote = estate.remote.as_ref().filter(|_| options.push);
        let there = match remote {
            Some(remote) => estate.git.ask_tag(remote, &tag.name)?,
            None => None,
        };
        if there.is_some() || estate.git.tag(&tag.name)?.is_some() {
            return Err(taken(estate, &tag.name)?);
        }
    }
    Ok(())
}

/// Says where a tag is that is in the way.
pub(super) fn taken(estate: &Estate, tag: &TagName) -> Result<PublishError, PublishError> {
    let on_remote = match &estate.remote {
        Some(remote) => estate
            .git
            .ask_tag(remote, tag)?
            .map(|at| (format!("on {}", remote.shown()), at)),
        None => None,
    };
    let (place, at) = match on_remote {
        Some(found) => found,
        None => match estate.git.tag(tag)? {
            Some(at) => ("in this clone".to_owned(), at),
            None => {
                return Ok(PublishError::TagTaken {
                    tag: tag.clone(),
                    place: "there".to_owned(),
                    at: "another object".to_owned(),
                });
            }
        },
    };
    let subject = estate.git.commit(&at).ok();
    let subject = subject.map_or_else(String::new, |commit| {
        format!(" ({})", commit.message.subject)
    });
    Ok(PublishError::TagTaken {
        tag: tag.clone(),
        place,
        at: format!("{}{subject}", at.short()),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_named_after_what_is_written() {
        let prod: EnvironmentName = "prod".parse().unwrap();
        let name = |template: &str, version| {
            let template: TagTemplate = template.parse().unwrap();
            let named = template.name(&prod, Some("shop"), version);
            named.map(|name| name.to_string())
        };
        let usual = TagTemplate::default().to_string();
        assert_eq!(name(&usual, Some("1.2.0")).unwrap(), "prod/shop-1.2.0");
        assert_eq!(name("release-7", None).unwrap(), "release-7");
        assert_eq!(name("v{version}", Some("2")).unwrap(), "v2");
        let error = name("v{version}", None).unwrap_err().to_string();
        assert_eq!(error, "prod has no version, which the tag's name asks for");
        // A version from a file is no way to write another reference.
        assert!(name("v{version}", Some("1..2")).is_err());
    }

    #[test]
    fn a_template_that_names_no_tag_is_refused_at_once() {
        for (wrong, said) in [
            ("v{versoin}", "{versoin}"),
            ("v{version", "{version"),
            ("a b", "space"),
            ("", "empty"),
            ("-f", "starts with '-'"),
            ("x.lock", ".lock"),
        ] {
            let error = wrong.parse::<TagTemplate>().unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
