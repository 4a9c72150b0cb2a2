//! What an API server says about one object, told apart by who says it and whether it is a judgement at all.
//!
//! A missing right, a dead webhook or a broken server is never an objection
//! to the object: it is [`Verdict::Unknown`].

use super::client::{Link, Reply, message_of};
use super::error::ClusterError;
use super::field::{locate, place_length};
use crate::confidential::Concealed;
use crate::yaml::Path;
use serde_json::Value;

/// What the server says about one object.
#[derive(Debug, Clone)]
pub enum Verdict {
    /// It would be stored.
    Accepted,
    /// It would be refused.
    Refused(Vec<Objection>),
    /// Its namespace does not exist, so nothing else was looked at.
    NoNamespace,
    /// The server did not judge it.
    Unknown(ClusterError),
}

/// Who objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// A field that the schema does not know.
    UnknownField,
    /// A field of a wrong type, twice, or not to be read.
    Schema,
    /// A value that the validation of the kind refuses.
    Invalid,
    /// An admission plugin, policy or webhook.
    Admission,
    /// Another field manager owns the field.
    Conflict,
}

/// One reason why an object would be refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objection {
    /// Who objects.
    pub refusal: Refusal,
    /// Where, in the object that was sent; empty for the object itself.
    pub field: Path,
    /// What the server says, without values of Secrets.
    pub message: String,
    /// The other owner of the field, when it is a conflict.
    pub manager: Option<String>,
}

/// What is known about the request that a reply answers.
pub(super) struct Asked<'a> {
    pub(super) link: &'a Link,
    pub(super) object: &'a Value,
    pub(super) concealed: &'a Concealed,
    /// The request was a creation, not an apply.
    pub(super) creation: bool,
}

impl Asked<'_> {
    pub(super) fn judge(&self, reply: &Reply) -> Verdict {
        let message = self.concealed.mask(&message_of(&reply.body));
        let status: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        let reason = text_at(&status, "/reason");
        match reply.status {
            200 | 201 => Verdict::Accepted,
            // Found out when everything else was fine: creation checks it last.
            409 if self.creation && reason == "AlreadyExists" => Verdict::Accepted,
            404 if text_at(&status, "/details/kind") == "namespaces" => Verdict::NoNamespace,
            409 if reason == "Conflict" => self.conflicts(&status, reply, message),
            _ if is_dry_run_refused(&message) => self.unknown(reply, message),
            400..500 if is_denied(&message) => {
                self.refused(Refusal::Admission, reason_of(&message))
            }
            400 | 500 if is_decoding(&message) => Verdict::Refused(self.schema(&message)),
            403 if !is_missing_right(&message) => {
                self.refused(Refusal::Admission, reason_of(&message))
            }
            422 => Verdict::Refused(self.causes(&status, message)),
            400 | 409 | 413 => self.refused(Refusal::Invalid, message),
            _ => self.unknown(reply, message),
        }
    }

    fn unknown(&self, reply: &Reply, message: String) -> Verdict {
        let what = "a dry run";
        Verdict::Unknown(match self.link.failure(reply, what) {
            ClusterError::Failed { status, what, .. } => ClusterError::Failed {
                status,
                what,
                message,
            },
            ClusterError::Forbidden { .. } => ClusterError::Forbidden { message },
            other => other,
        })
    }

    fn refused(&self, refusal: Refusal, message: String) -> Verdict {
        Verdict::Refused(vec![self.objection(refusal, "", message)])
    }

    fn objection(&self, refusal: Refusal, place: &str, message: String) -> Objection {
        Objection {
            refusal,
            field: locate(place, self.object),
            message,
            manager: None,
        }
    }

    fn causes(&self, status: &Value, message: String) -> Vec<Objection> {
        let causes = status.pointer("/details/causes").and_then(Value::as_array);
        let mut objections: Vec<Objection> = causes
            .into_iter()
            .flatten()
            .map(|cause| {
                let text = self.concealed.mask(text_at(cause, "/message"));
                self.objection(Refusal::Invalid, text_at(cause, "/field"), text)
            })
            .collect();
        if objections.is_empty() {
            objections.push(self.objection(Refusal::Invalid, "", message));
        }
        objections
    }

    fn conflicts(&self, status: &Value, reply: &Reply, message: String) -> Verdict {
        let causes = status.pointer("/details/causes").and_then(Value::as_array);
        let objections: Vec<Objection> = causes
            .into_iter()
            .flatten()
            .filter(|cause| text_at(cause, "/reason") == "FieldManagerConflict")
            .map(|cause| {
                let text = text_at(cause, "/message");
                let message = self.concealed.mask(text);
                Objection {
                    manager: text.split('"').nth(1).map(str::to_owned),
                    ..self.objection(Refusal::Conflict, text_at(cause, "/field"), message)
                }
            })
            .collect();
        if objections.is_empty() {
            return self.unknown(reply, message);
        }
        Verdict::Refused(objections)
    }

    fn schema(&self, message: &str) -> Vec<Objection> {
        let mut objections = self.strict(message);
        if objections.is_empty() {
            objections = self.typed(message);
        }
        if objections.is_empty() {
            objections.push(self.unmarshal(message));
        }
        objections
    }

    /// `strict decoding error: unknown field "a.b", duplicate field "c"`.
    fn strict(&self, message: &str) -> Vec<Objection> {
        let Some((_, list)) = message.split_once("strict decoding error: ") else {
            return Vec::new();
        };
        let mut objections = Vec::new();
        let mut rest = list;
        while let Some(at) = rest.find(" field \"") {
            let unknown = rest[..at].ends_with("unknown");
            let quoted = &rest[at + 7..];
            let mut values = serde_json::Deserializer::from_str(quoted).into_iter::<String>();
            let Some(Ok(place)) = values.next() else {
                break;
            };
            rest = &quoted[values.byte_offset()..];
            let (refusal, text) = if unknown {
                (Refusal::UnknownField, unknown_field(&place))
            } else {
                (Refusal::Schema, "duplicate field".to_owned())
            };
            objections.push(self.objection(refusal, &place, text));
        }
        objections
    }

    /// `failed to create typed patch object (…): .a.b: text`, or `errors:` and a line for each.
    fn typed(&self, message: &str) -> Vec<Objection> {
        message
            .lines()
            .filter_map(|line| {
                let start = line.find("): ").map_or(0, |at| at + 3);
                let line = line[start..].trim();
                let length = line.starts_with('.').then(|| place_length(line))??;
                let (place, text) = (&line[..length], &line[length + 2..]);
                Some(if text == "field not declared in schema" {
                    self.objection(Refusal::UnknownField, place, unknown_field(place))
                } else {
                    self.objection(Refusal::Schema, place, readable(text))
                })
            })
            .collect()
    }

    /// `json: cannot unmarshal string into Go struct field Type.spec.replicas of type int32`, or anything else.
    fn unmarshal(&self, message: &str) -> Objection {
        let read = || {
            let (_, rest) = message.split_once("cannot unmarshal ")?;
            let (got, rest) = rest.split_once(" into Go struct field ")?;
            let (place, wanted) = rest.split_once(" of type ")?;
            let (_, place) = place.split_once('.')?;
            let text = format!("expected {wanted}, got {got}");
            Some(self.objection(Refusal::Schema, place, text))
        };
        read().unwrap_or_else(|| {
            let (_, text) = message
                .rsplit_once("error decoding from json: ")
                .unwrap_or(("", message));
            self.objection(Refusal::Schema, "", text.to_owned())
        })
    }
}

fn text_at<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn unknown_field(place: &str) -> String {
    let name = place.rsplit('.').next().unwrap_or(place);
    format!("unknown field {name:?}")
}

/// Without the Go type that wraps a quoted value.
fn readable(text: &str) -> String {
    let Some((before, after)) = text.split_once("&value.valueUnstructured{Value:") else {
        return text.to_owned();
    };
    format!("{before}{}", after.strip_suffix('}').unwrap_or(after))
}

fn is_decoding(message: &str) -> bool {
    [
        "failed to create typed patch object",
        "failed to convert new object",
        "strict decoding error",
        "cannot be handled as",
    ]
    .iter()
    .any(|part| message.contains(part))
}

/// A webhook may say so of itself, or the server of a webhook that does not say.
fn is_dry_run_refused(message: &str) -> bool {
    message.contains("does not support dry run")
}

fn is_denied(message: &str) -> bool {
    message.contains(" denied the request") || message.contains(" denied request: ")
}

/// Without the object, which the finding names anyway.
fn reason_of(message: &str) -> String {
    let (_, reason) = message
        .split_once(" is forbidden: ")
        .unwrap_or(("", message));
    reason.to_owned()
}

/// RBAC and other authorizers say who may not do what; admission says why.
fn is_missing_right(message: &str) -> bool {
    message.contains(": User \"") && message.contains("\" cannot ")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_missing_right_is_not_taken_for_an_objection() {
        assert!(is_missing_right(
            r#"deployments.apps "x" is forbidden: User "jo" cannot patch resource "deployments" in API group "apps""#
        ));
        assert!(!is_missing_right(
            r#"pods "x" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true"#
        ));
        assert!(!is_missing_right(
            r#"configmaps "x" is forbidden: exceeded quota: q, requested: count/configmaps=1"#
        ));
    }

    #[test]
    fn go_types_are_not_shown() {
        assert_eq!(
            readable("expected string, got &value.valueUnstructured{Value:5}"),
            "expected string, got 5"
        );
        assert_eq!(unknown_field(".spec.portss"), "unknown field \"portss\"");
        assert_eq!(text_at(&json!({"a": 1}), "/a"), "");
    }
}
