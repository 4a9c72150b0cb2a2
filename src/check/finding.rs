//! What a check says: one finding, with its place in the file that a person edits.

use std::fmt;

use crate::repo::Location;
use crate::resource::ResourceId;
use crate::yaml::Path;

/// The name of a rule, as it stands in reports and in `gitops.yaml`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(&'static str);

impl RuleId {
    /// A file that is not YAML as Kubernetes reads it.
    pub const SYNTAX: RuleId = RuleId("syntax");
    /// A file that cannot be read: too large, a link, not text.
    pub const UNREADABLE: RuleId = RuleId("unreadable");
    /// A file of the product that cannot be read as what it is.
    pub const MODEL: RuleId = RuleId("model");
    /// A component that cannot be rendered.
    pub const RENDER: RuleId = RuleId("render");
    /// A document among resources that is none.
    pub const NOT_A_RESOURCE: RuleId = RuleId("not-a-resource");
    /// Two objects with the same identity.
    pub const DUPLICATE_OBJECT: RuleId = RuleId("duplicate-object");
    /// A kind that no schema describes.
    pub const UNKNOWN_SCHEMA: RuleId = RuleId("unknown-schema");
    /// A kind that its API group does not have.
    pub const UNKNOWN_KIND: RuleId = RuleId("unknown-kind");
    /// A built-in kind under a version that the cluster does not serve.
    pub const UNKNOWN_VERSION: RuleId = RuleId("unknown-version");
    /// A CustomResourceDefinition whose schemas cannot be used.
    pub const CUSTOM_KIND: RuleId = RuleId("custom-kind");
    /// A field that the kind does not have.
    pub const UNKNOWN_FIELD: RuleId = RuleId("unknown-field");
    /// A field that must be there.
    pub const MISSING_FIELD: RuleId = RuleId("missing-field");
    /// A value of another type.
    pub const WRONG_TYPE: RuleId = RuleId("wrong-type");
    /// A text or number in a wrong format.
    pub const FORMAT: RuleId = RuleId("format");
    /// A value that is not one of those allowed.
    pub const ENUM: RuleId = RuleId("enum");
    /// A value outside the bounds of its schema.
    pub const LIMIT: RuleId = RuleId("limit");
    /// Two elements of a list that must differ.
    pub const DUPLICATE_ELEMENT: RuleId = RuleId("duplicate-element");
    /// A name, label or annotation that the server refuses.
    pub const METADATA: RuleId = RuleId("metadata");

    /// A rule of this name.
    pub const fn new(name: &'static str) -> Self {
        RuleId(name)
    }

    /// The name.
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Whether a finding refuses the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// It does.
    Error,
    /// It should be looked at.
    Warning,
}

impl Severity {
    /// `error` or `warning`.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule that speaks.
    pub rule: RuleId,
    /// Whether it refuses the result.
    pub severity: Severity,
    /// The object it is about, if it is about one.
    pub object: Option<ResourceId>,
    /// The place within the object, or within the file when there is no object.
    pub path: Path,
    /// Where a person would edit.
    pub location: Location,
    /// How many characters of that line are meant; at least 1.
    pub width: u32,
    /// One sentence, without a full stop.
    pub message: String,
    /// What stands beside the marked text.
    pub label: Option<String>,
    /// Further objects that the same line makes wrong in the same way.
    pub others: Vec<ResourceId>,
    /// Where the rendered text stands, when `location` is its source.
    pub rendered: Option<Location>,
    /// Further facts, one sentence each.
    pub notes: Vec<String>,
    /// The line of text at `location`; `None` when it may hold a secret, or is not known.
    pub excerpt: Option<String>,
}

impl Finding {
    /// A finding about a place in a file.
    pub fn new(
        rule: RuleId,
        severity: Severity,
        location: Location,
        message: impl Into<String>,
    ) -> Self {
        Finding {
            rule,
            severity,
            object: None,
            path: Path::new(Vec::new()),
            location,
            width: 1,
            message: message.into(),
            label: None,
            others: Vec::new(),
            rendered: None,
            notes: Vec::new(),
            excerpt: None,
        }
    }

    /// What makes two findings the same across commits: not the line, which
    /// moves when something else is edited. The message names the place within
    /// an object.
    pub fn identity(&self) -> (RuleId, Option<&ResourceId>, Option<&str>, &str) {
        let file = self.object.is_none().then(|| self.location.path.as_str());
        (self.rule, self.object.as_ref(), file, &self.message)
    }
}

impl serde::Serialize for Finding {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap as _;
        let place = |location: &Location| serde_json::json!({"file": location.path.as_str(), "line": location.line, "column": location.column});
        let object = |id: &ResourceId| {
            serde_json::json!({
                "apiVersion": id.api_version, "kind": id.kind, "namespace": id.namespace, "name": id.name,
            })
        };
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("rule", self.rule.as_str())?;
        map.serialize_entry("severity", self.severity.as_str())?;
        map.serialize_entry("message", &self.message)?;
        map.serialize_entry("location", &place(&self.location))?;
        if let Some(id) = &self.object {
            map.serialize_entry("object", &object(id))?;
            map.serialize_entry("path", &self.path.to_string())?;
        }
        if !self.others.is_empty() {
            map.serialize_entry(
                "otherObjects",
                &self.others.iter().map(object).collect::<Vec<_>>(),
            )?;
        }
        if let Some(rendered) = &self.rendered {
            map.serialize_entry("rendered", &place(rendered))?;
        }
        if let Some(label) = &self.label {
            map.serialize_entry("hint", label)?;
        }
        if !self.notes.is_empty() {
            map.serialize_entry("notes", &self.notes)?;
        }
        map.end()
    }
}
