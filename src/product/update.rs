//! `update:` of a component and `policy:` of a pin: a policy of its own, or the name of
//! one of Flux's `ImagePolicy` objects, which the repository holds already.
//!
//! Refuses both at once: an order that is taken from elsewhere has no second one.

use std::fmt;
use std::str::FromStr;

use crate::image::{FilterSpec, PolicyError, PolicySpec, TagPolicy};
use crate::yaml::{Field, Fields};

use super::Located;
use super::decode::At;

/// Which tags may follow, as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Update {
    /// By this policy.
    Own(TagPolicy),
    /// By a policy that stands elsewhere.
    From(PolicySource),
}

/// A policy that stands elsewhere, and what is added to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicySource {
    /// The `ImagePolicy`.
    pub name: PolicyName,
    /// `ignore`, `platforms` and `minAge`, which Flux does not know.
    refined: PolicySpec,
}

/// The name of an `ImagePolicy`, `NAMESPACE:NAME` as in Flux's markers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PolicyName {
    /// Its namespace.
    pub namespace: String,
    /// Its name there.
    pub name: String,
}

/// A text that names no policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} names no ImagePolicy: it looks like flux-system:api")]
pub struct PolicyNameError(String);

impl Update {
    /// The policy, where it is its own.
    pub fn own(&self) -> Option<&TagPolicy> {
        match self {
            Update::Own(policy) => Some(policy),
            Update::From(_) => None,
        }
    }

    /// Where its policy stands, where that is elsewhere.
    pub fn source(&self) -> Option<&PolicySource> {
        match self {
            Update::Own(_) => None,
            Update::From(source) => Some(source),
        }
    }
}

impl PolicySource {
    /// What a policy comes to with the additions.
    ///
    /// # Errors
    /// They do not fit together.
    pub fn refine(&self, policy: &TagPolicy) -> Result<TagPolicy, PolicyError> {
        TagPolicy::new(&PolicySpec {
            ignore: self.refined.ignore.clone(),
            platforms: self.refined.platforms.clone(),
            min_age: self.refined.min_age.clone(),
            ..policy.spec().clone()
        })
    }
}

impl FromStr for PolicyName {
    type Err = PolicyNameError;

    fn from_str(text: &str) -> Result<Self, PolicyNameError> {
        // Names of Kubernetes' objects; anything else could never be found.
        let is_name = |part: &str| {
            let inside = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b);
            !part.is_empty() && part.len() <= 253 && part.bytes().all(inside)
        };
        match text.split_once(':') {
            Some((namespace, name)) if is_name(namespace) && is_name(name) => Ok(Self {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
            }),
            _ => Err(PolicyNameError(text.to_owned())),
        }
    }
}

impl fmt::Display for PolicyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.namespace, self.name)
    }
}

/// Reads an `update:` or `policy:` field.
pub(super) fn update(at: At<'_>, field: &Field<'_>) -> Option<Located<Update>> {
    let mut fields = field.fields()?;
    let from = fields.optional("from");
    let spec = spec(&mut fields);
    fields.finish();
    let value = match from {
        None => TagPolicy::new(&spec).map(Update::Own),
        Some(from) => {
            let refined = PolicySpec {
                ignore: spec.ignore.clone(),
                platforms: spec.platforms.clone(),
                min_age: spec.min_age.clone(),
                ..PolicySpec::default()
            };
            if refined != spec {
                from.fail("brings an order and a filter: only ignore, platforms and minAge may stand beside it");
                return None;
            }
            let source = PolicySource {
                name: from.parse()?,
                refined,
            };
            // The additions are tried on some order, which the real one takes the place of.
            let some = PolicySpec {
                newest: true,
                ..PolicySpec::default()
            };
            TagPolicy::new(&some)
                .and_then(|some| source.refine(&some))
                .map(|_| Update::From(source))
        }
    };
    match value {
        Ok(value) => Some(Located {
            value,
            location: at.of(field),
        }),
        Err(error) => {
            field.fail(format!("is no policy: {error}"));
            None
        }
    }
}

fn spec(fields: &mut Fields<'_>) -> PolicySpec {
    let text = |fields: &mut Fields<'_>, name| fields.optional(name).and_then(|it| it.string());
    let list = |fields: &mut Fields<'_>, name| {
        fields
            .optional(name)
            .map(|it| it.strings())
            .unwrap_or_default()
    };
    let mut spec = PolicySpec {
        semver: text(fields, "semver"),
        numeric: text(fields, "numeric"),
        alphabetical: text(fields, "alphabetical"),
        newest: fields
            .optional("newest")
            .and_then(|it| it.bool())
            .unwrap_or_default(),
        digest: text(fields, "digest"),
        filter: None,
        ignore: list(fields, "ignore"),
        platforms: list(fields, "platforms"),
        min_age: text(fields, "minAge"),
    };
    if let Some(mut filter) = fields.optional("filter").and_then(|it| it.fields()) {
        let pattern = filter.required("pattern").and_then(|it| it.string());
        let extract = text(&mut filter, "extract");
        spec.filter = pattern.map(|pattern| FilterSpec { pattern, extract });
        filter.finish();
    }
    spec
}
