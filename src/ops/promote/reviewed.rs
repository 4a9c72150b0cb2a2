//! A plan that somebody looks at before it is written: the document of
//! `--plan-out`, read again by `--apply`.
//!
//! It says what was asked for and from which commit, so that the plan can be made again.
//! All that the file shows has to be in the new plan, but for the tip of the target; a seal
//! over the whole of it tells a file that somebody edited.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::image::Digest;
use crate::product::EnvironmentName;
use crate::promotion::{Plan, Request, canonical};
use crate::repo::CommitId;

/// The field of the seal.
const SEAL: &str = "seal";

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
    /// All that the file says.
    document: Map<String, Value>,
}

/// A text that is no plan file.
#[derive(Debug, thiserror::Error)]
pub enum ReviewedError {
    /// It is not JSON, or a field is missing or of another type.
    #[error("it is not a plan of this tool: {0}")]
    Shape(#[from] serde_json::Error),
    /// It is not what was written.
    #[error("the file was edited after it was written")]
    Edited,
    /// It is another document.
    #[error("it is a {kind} of {api_version}, not a {KIND} of {API_VERSION}")]
    Kind {
        /// Its `kind`.
        kind: String,
        /// Its `apiVersion`.
        api_version: String,
    },
    /// A value is not what it should be.
    #[error("{field} is not a valid {what}: {text:?}")]
    Value {
        /// Which.
        field: &'static str,
        /// What it should be.
        what: &'static str,
        /// What the file says.
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
        let Value::Object(document) = &value else {
            return Err(ReviewedError::Edited);
        };
        if document.get(SEAL) != Some(&Value::from(seal(document))) {
            return Err(ReviewedError::Edited);
        }
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
            document: document.clone(),
        })
    }

    /// Returns the fields in which a plan that is made again differs from what the file
    /// shows; `shown` is what a reader sees of it, an object.
    ///
    /// # Errors
    /// The request can't be written as JSON.
    pub fn differences(
        &self,
        plan: &Plan,
        request: &Request,
        shown: Value,
    ) -> Result<Vec<String>, ReviewedError> {
        let Value::Object(now) = Self::document(plan, request, shown)? else {
            return Ok(Vec::new());
        };
        let fields: BTreeSet<&String> = self.document.keys().chain(now.keys()).collect();
        let differs = |field: &&&String| match field.as_str() {
            SEAL => false,
            // Where the target is now is what makes it worth planning again.
            "target" => {
                let name = |of: &Map<String, Value>| of.get("target")?.get("environment").cloned();
                name(&self.document) != name(&now)
            }
            field => self.document.get(field) != now.get(field),
        };
        Ok(fields
            .iter()
            .filter(differs)
            .map(ToString::to_string)
            .collect())
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
        let seal = seal(&document);
        document.insert(SEAL.to_owned(), seal.into());
        Ok(Value::Object(document))
    }
}

/// SHA-256 over everything else that a plan file says.
fn seal(document: &Map<String, Value>) -> String {
    let others = document.iter().filter(|(name, _)| *name != SEAL);
    let others = others.map(|(name, value)| (name.clone(), value.clone()));
    let mut text = String::new();
    canonical(&Value::Object(others.collect()), &mut text);
    Digest::sha256(text.as_bytes()).to_string()
}
