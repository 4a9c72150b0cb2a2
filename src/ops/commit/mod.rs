//! What commits say. An operation describes its change once, as a [`Draft`]; here it
//! becomes subject, body and trailers: from the words that a person gave, else from the
//! templates in `gitops.yaml`, else as the operation itself puts it.
//!
//! Trailers come from the draft alone. Neither a person's words nor a template nor a
//! text from elsewhere can leave one out or add one.

mod facts;
mod planned;
mod specimen;
mod trailers;
mod wording;

use std::collections::BTreeSet;

use crate::image::Digest;
use crate::product::{CommitAction, CommitEntry, CommitText, EnvironmentName};
use crate::repo::{CommitId, CommitMessage, Location};
use crate::template::write_message;

pub(crate) use planned::{changed_components, component_changes, product_change};
pub use specimen::check;
pub use wording::{changed, own_words};

/// A change, as its commit tells it.
#[derive(Debug, Clone)]
pub struct Draft<'a> {
    /// What made it.
    pub action: CommitAction,
    /// The environment that it is written to.
    pub environment: &'a EnvironmentName,
    /// The product, where there is a product manifest.
    pub product: Option<ProductChange<'a>>,
    /// The environment and the commit that it comes from.
    pub source: Option<(&'a EnvironmentName, &'a CommitId)>,
    /// The plan's digest.
    pub plan: &'a str,
    /// The digest that proves its rendering; see `rerender::proof`.
    pub proof: Option<&'a str>,
    /// The components that change.
    pub components: Vec<ComponentChange>,
    /// What `Gitops-Components` names: units, in the order of their names.
    pub units: BTreeSet<String>,
    /// The units that a person chose; empty: all.
    pub only: &'a [String],
    /// Why, in a person's words.
    pub reason: Option<&'a str>,
    /// Guards that were set aside, with the reason.
    pub overrides: Vec<(&'a str, &'a str)>,
    /// The subject, if nobody says otherwise.
    pub subject: String,
    /// The lines of the body, if nobody says otherwise.
    pub lines: Vec<String>,
}

/// A product and its version.
#[derive(Debug, Clone, Copy)]
pub struct ProductChange<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its version before, where that is known.
    pub from: Option<&'a str>,
    /// Its version afterwards.
    pub version: Option<&'a str>,
}

/// A component and what becomes of its version.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ComponentChange {
    /// Its name.
    pub name: String,
    /// Its image's name.
    pub image: Option<String>,
    /// Its version before.
    pub from: Option<String>,
    /// Its version afterwards.
    pub to: Option<String>,
    /// The digest before.
    pub from_digest: Option<Digest>,
    /// The digest afterwards.
    pub digest: Option<Digest>,
    /// The repository that the new image was built from.
    pub source: Option<String>,
    /// The commit that the old image was built from.
    pub from_revision: Option<String>,
    /// The commit that the new image was built from.
    pub revision: Option<String>,
    /// The page on which a person sees what lies between the two.
    pub compare: Option<String>,
    /// The page of the new image's commit.
    pub commit: Option<String>,
}

/// A template in `gitops.yaml` that gives no message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{location}: the template of the commit's {part} gives none: {reason}")]
pub struct TemplateError {
    /// Where in the template.
    pub location: Location,
    /// `subject` or `body`.
    pub part: &'static str,
    /// Why, in the engine's words.
    pub reason: String,
}

impl Draft<'_> {
    /// The message. `words` are a person's own and go before every template: the first
    /// line is the subject, and what follows stands before the lines of the draft.
    ///
    /// # Errors
    /// A template is wrong, or comes to an empty subject.
    pub fn message(
        &self,
        words: Option<&str>,
        templates: &CommitEntry,
    ) -> Result<CommitMessage, TemplateError> {
        let (subject, body) = match own_words(words) {
            Some((subject, more)) => {
                let parts = [more, self.lines.join("\n")];
                let parts: Vec<String> = parts.into_iter().filter(|it| !it.is_empty()).collect();
                (subject, parts.join("\n\n"))
            }
            None => self.templated(templates)?,
        };
        Ok(CommitMessage {
            subject: wording::line(&subject),
            body: wording::body(&body),
            trailers: trailers::of(self),
        })
    }

    fn templated(&self, templates: &CommitEntry) -> Result<(String, String), TemplateError> {
        let (mut subject, mut body) = (self.subject.clone(), self.lines.join("\n"));
        let own = (templates.subject(self.action), templates.body(self.action));
        if own == (None, None) {
            return Ok((subject, body));
        }
        let facts = facts::of(self);
        if let Some(template) = own.1 {
            body = write(template, "body", &facts)?;
        }
        if let Some(template) = own.0 {
            subject = write(template, "subject", &facts)?;
            if wording::line(&subject).is_empty() {
                return Err(TemplateError {
                    location: template.place(0),
                    part: "subject",
                    reason: "it comes to nothing".to_owned(),
                });
            }
        }
        Ok((subject, body))
    }
}

fn write(
    template: &CommitText,
    part: &'static str,
    facts: &serde_json::Value,
) -> Result<String, TemplateError> {
    write_message(&template.text, facts).map_err(|error| TemplateError {
        location: template.place(error.offset),
        part,
        reason: error.reason,
    })
}

#[cfg(test)]
mod tests;
