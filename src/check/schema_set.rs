//! The schemas of one cluster: which kinds there are, what they look like.
//!
//! Definitions are read when they are first met. A set can stand on another
//! one, so that the custom resources of a repository share the built-in kinds.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use serde_json::Value;

use super::schema::{Dialect, Schema};

/// Whether objects of a kind live in a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// They do.
    Namespaced,
    /// They belong to the cluster.
    Cluster,
}

/// One kind of resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kind {
    /// Group and version, such as `apps/v1`.
    pub api_version: Box<str>,
    /// Its name, such as `Deployment`.
    pub kind: Box<str>,
    /// Where its objects live; `None` when the source of the schema does not say.
    pub scope: Option<Scope>,
    /// Its name in URLs, such as `deployments`; empty when the source does not say.
    pub plural: Box<str>,
    /// The name of the definition that describes it.
    pub definition: Box<str>,
}

/// A kind that is known by the name of a file only: in lower case, and perhaps
/// with only the first part of its group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LooseKind {
    kind: Box<str>,
    group: Box<str>,
    version: Box<str>,
    as_kind: Kind,
}

impl LooseKind {
    /// A kind in lower case; the whole `group` or its first part.
    pub fn new(kind: &str, group: &str, version: &str, definition: &str) -> Self {
        let as_kind = Kind {
            api_version: Box::default(),
            kind: kind.into(),
            scope: None,
            plural: Box::default(),
            definition: definition.into(),
        };
        LooseKind {
            kind: kind.into(),
            group: group.into(),
            version: version.into(),
            as_kind,
        }
    }

    fn is(&self, api_version: &str, kind: &str) -> bool {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let first = group.split('.').next().unwrap_or_default();
        *self.version == *version
            && self.kind.eq_ignore_ascii_case(kind)
            && (*self.group == *group || *self.group == *first)
    }
}

#[derive(Debug)]
struct Definition {
    text: Option<(Arc<str>, Range<usize>)>,
    schema: OnceLock<Schema>,
}

/// The kinds of a cluster and their schemas.
#[derive(Debug, Default)]
pub struct SchemaSet {
    base: Option<Arc<SchemaSet>>,
    version: Option<Box<str>>,
    kinds: HashMap<Box<str>, Vec<Kind>>,
    loose: Vec<LooseKind>,
    definitions: HashMap<Box<str>, Definition>,
}

/// The definition of `metadata`.
pub const OBJECT_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

impl SchemaSet {
    /// A set without any kind.
    pub fn new() -> Self {
        SchemaSet::default()
    }

    /// A set that answers with `base`'s kinds until others are added; an added
    /// kind wins over the base's.
    pub fn on(base: Arc<SchemaSet>) -> Self {
        SchemaSet {
            base: Some(base),
            ..SchemaSet::default()
        }
    }

    /// Says which Kubernetes version the built-in kinds are of.
    pub fn set_version(&mut self, version: &str) {
        self.version = Some(version.into());
    }

    /// The Kubernetes version of the built-in kinds, such as `1.36.3`.
    pub fn version(&self) -> Option<&str> {
        self.version
            .as_deref()
            .or_else(|| self.base.as_ref()?.version())
    }

    /// Adds a kind; one of the same name and version is replaced.
    pub fn add_kind(&mut self, kind: Kind) {
        let kinds = self.kinds.entry(kind.kind.clone()).or_default();
        kinds.retain(|known| known.api_version != kind.api_version);
        kinds.push(kind);
    }

    /// Adds a kind that only a file's name tells.
    pub fn add_loose_kind(&mut self, kind: LooseKind) {
        self.loose.push(kind);
    }

    /// Adds a definition that was read already.
    pub fn define(&mut self, name: &str, schema: Schema) {
        self.definitions.insert(
            name.into(),
            Definition {
                text: None,
                schema: OnceLock::from(schema),
            },
        );
    }

    /// Adds a structural definition whose JSON is read when it is first met.
    pub fn define_later(&mut self, name: &str, text: &Arc<str>, range: Range<usize>) {
        let definition = Definition {
            text: Some((Arc::clone(text), range)),
            schema: OnceLock::new(),
        };
        self.definitions.insert(name.into(), definition);
    }

    /// The kind with this `apiVersion` and `kind`.
    pub fn kind(&self, api_version: &str, kind: &str) -> Option<&Kind> {
        let own = self
            .kinds
            .get(kind)
            .and_then(|kinds| kinds.iter().find(|one| &*one.api_version == api_version));
        let loose = || {
            self.loose
                .iter()
                .find(|loose| loose.is(api_version, kind))
                .map(|loose| &loose.as_kind)
        };
        own.or_else(loose)
            .or_else(|| self.base.as_ref()?.kind(api_version, kind))
    }

    /// Every version that serves a kind of this name.
    pub fn versions_of(&self, kind: &str) -> Vec<&Kind> {
        let mut out: Vec<&Kind> = self.kinds.get(kind).into_iter().flatten().collect();
        if let Some(base) = &self.base {
            out.extend(base.versions_of(kind));
        }
        out
    }

    /// The kinds of an `apiVersion`.
    pub fn kinds_in(&self, api_version: &str) -> Vec<&Kind> {
        let own = self
            .kinds
            .values()
            .flatten()
            .filter(|kind| &*kind.api_version == api_version);
        let mut out: Vec<&Kind> = own.collect();
        if let Some(base) = &self.base {
            out.extend(base.kinds_in(api_version));
        }
        out
    }

    /// Every kind, in no order.
    pub fn kinds(&self) -> Vec<&Kind> {
        let mut out: Vec<&Kind> = self.kinds.values().flatten().collect();
        if let Some(base) = &self.base {
            out.extend(base.kinds());
        }
        out
    }

    /// The definition of this name.
    pub fn definition(&self, name: &str) -> Option<&Schema> {
        let Some(found) = self.definitions.get(name) else {
            return self.base.as_ref()?.definition(name);
        };
        Some(found.schema.get_or_init(|| found.read()))
    }

    /// Follows references until a schema says something itself. A reference
    /// that leads nowhere admits everything.
    pub fn resolve<'a>(&'a self, schema: &'a Schema) -> &'a Schema {
        let mut schema = schema;
        // The bound ends a definition that refers to itself.
        for _ in 0..32 {
            let Some(name) = &schema.reference else {
                return schema;
            };
            let Some(next) = self.definition(name) else {
                return schema;
            };
            schema = next;
        }
        schema
    }

    /// The names of the definitions of this set itself, without its base's.
    pub fn definition_names(&self) -> impl Iterator<Item = &str> {
        self.definitions.keys().map(|name| &**name)
    }
}

impl Definition {
    fn read(&self) -> Schema {
        let Some((text, range)) = &self.text else {
            return Schema::default();
        };
        let value: Value =
            serde_json::from_str(text.get(range.clone()).unwrap_or_default()).unwrap_or_default();
        // Only embedded text is read late, and a test reads all of it.
        Schema::parse(&value, Dialect::Structural).unwrap_or_default()
    }
}
