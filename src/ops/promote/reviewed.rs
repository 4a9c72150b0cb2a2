//! A plan that somebody looks at before it is written: the document of
//! `--plan-out`, read again by `--apply`.
//!
//! It says what was asked for and from which commit, so that the plan can be
//! made again, and the digest that the plan has to have then. What stands in it
//! beside that is for the reader; nothing of it is written.

use serde::Deserialize;
use serde_json::Value;

use crate::product::EnvironmentName;
use crate::promotion::{Plan, Request};
use crate::repo::CommitId;

/// The kind of the document.
const KIND: &str = "PromotionPlan";
const API_VERSION: &str = "kubectl-gitops/v1alpha1";

/// The document's JSON Schema.
pub const PLAN_SCHEMA: &str = include_str!("../../../schemas/promotion-plan.json");

/// What a plan file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reviewed {
    /// The environment and the commit that are promoted.
    pub source: (EnvironmentName, CommitId),
    /// The environment that is written.
    pub target: EnvironmentName,
    /// What was asked for.
    pub request: Request,
    /// The digest of the plan that was looked at.
    pub digest: String,
}

/// A text that is no plan file.
#[derive(Debug, thiserror::Error)]
pub enum ReviewedError {
    /// It is not JSON, or a field is missing or of another type.
    #[error("it is no plan of this tool: {0}")]
    Shape(#[from] serde_json::Error),
    /// It is another document.
    #[error("it is a {kind} of {api_version}, not a {KIND} of {API_VERSION}")]
    Kind {
        /// Its `kind`.
        kind: String,
        /// Its `apiVersion`.
        api_version: String,
    },
    /// A value is not what it should be.
    #[error("{field} is no {what}: {text:?}")]
    Value {
        /// Which.
        field: &'static str,
        /// What it should be.
        what: &'static str,
        /// What stands there.
        text: String,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    api_version: String,
    kind: String,
}

#[derive(Deserialize)]
struct Body {
    source: Place,
    target: Place,
    request: Request,
    digest: String,
}

#[derive(Deserialize)]
struct Place {
    environment: String,
    commit: String,
}

impl Reviewed {
    /// Reads a plan file.
    ///
    /// # Errors
    /// The text is none.
    pub fn parse(text: &str) -> Result<Self, ReviewedError> {
        let value: Value = serde_json::from_str(text)?;
        let head = Head::deserialize(&value)?;
        if head.kind != KIND || head.api_version != API_VERSION {
            return Err(ReviewedError::Kind {
                kind: head.kind,
                api_version: head.api_version,
            });
        }
        let body = Body::deserialize(&value)?;
        let environment = |field, text: String| {
            text.parse().map_err(|_| ReviewedError::Value {
                field,
                what: "name of an environment",
                text,
            })
        };
        let commit = body.source.commit;
        Ok(Self {
            source: (
                environment("source.environment", body.source.environment)?,
                commit.parse().map_err(|_| ReviewedError::Value {
                    field: "source.commit",
                    what: "commit id",
                    text: commit,
                })?,
            ),
            target: environment("target.environment", body.target.environment)?,
            request: body.request,
            digest: body.digest,
        })
    }

    /// The document of a plan; `shown` is what a reader sees of it, an object.
    ///
    /// # Errors
    /// The request can't be written as JSON.
    pub fn document(plan: &Plan, request: &Request, shown: Value) -> Result<Value, ReviewedError> {
        let mut document = serde_json::Map::new();
        document.insert("apiVersion".to_owned(), API_VERSION.into());
        document.insert("kind".to_owned(), KIND.into());
        document.insert("digest".to_owned(), plan.digest.clone().into());
        document.insert("request".to_owned(), serde_json::to_value(request)?);
        if let Value::Object(shown) = shown {
            for (name, value) in shown {
                document.entry(name).or_insert(value);
            }
        }
        Ok(Value::Object(document))
    }
}
