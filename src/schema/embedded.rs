//! The Kubernetes versions inside this program.
//!
//! `tools/schemas/main.go` writes the data. Unpacking and indexing a version
//! happens once per process; its definitions are read when they are first met.

use std::io::Read;
use std::sync::{Arc, OnceLock};

use flate2::read::GzDecoder;
use thiserror::Error;

use crate::check::{Kind, SchemaSet, Scope};

struct Embedded {
    minor: &'static str,
    packed: &'static [u8],
    set: OnceLock<Arc<SchemaSet>>,
}

static VERSIONS: [Embedded; 5] = [
    Embedded::new("1.33", include_bytes!("data/1.33.gz")),
    Embedded::new("1.34", include_bytes!("data/1.34.gz")),
    Embedded::new("1.35", include_bytes!("data/1.35.gz")),
    Embedded::new("1.36", include_bytes!("data/1.36.gz")),
    Embedded::new("1.37", include_bytes!("data/1.37.gz")),
];

/// The version that is meant where none is named.
const USUAL: &str = "1.36";

/// A Kubernetes version that this program has no schemas of.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("no schemas of Kubernetes {wanted:?}; there are {}", known.join(", "))]
pub struct EmbeddedError {
    /// The version that was asked for.
    pub wanted: String,
    /// The versions that exist.
    pub known: Vec<&'static str>,
}

impl Embedded {
    const fn new(minor: &'static str, packed: &'static [u8]) -> Self {
        Embedded {
            minor,
            packed,
            set: OnceLock::new(),
        }
    }
}

/// The versions there are, oldest first, such as `1.36`.
pub fn embedded_versions() -> Vec<&'static str> {
    VERSIONS.iter().map(|version| version.minor).collect()
}

/// The newest version there is.
pub fn newest_embedded_version() -> &'static str {
    VERSIONS.last().map_or(USUAL, |version| version.minor)
}

/// The built-in kinds of a Kubernetes version: `1.36`, `v1.36` or `1.36.3`
/// (patches do not change kinds). Without a version, the usual one.
pub fn embedded(version: Option<&str>) -> Result<Arc<SchemaSet>, EmbeddedError> {
    let wanted = version.unwrap_or(USUAL);
    let plain = wanted.strip_prefix('v').unwrap_or(wanted);
    let found = VERSIONS.iter().find(|known| {
        plain
            .strip_prefix(known.minor)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    });
    let Some(found) = found else {
        return Err(EmbeddedError {
            wanted: wanted.to_owned(),
            known: embedded_versions(),
        });
    };
    Ok(Arc::clone(
        found.set.get_or_init(|| Arc::new(unpack(found.packed))),
    ))
}

fn unpack(packed: &[u8]) -> SchemaSet {
    let mut text = String::with_capacity(packed.len() * 12);
    // The bytes are part of this program; a test unpacks all of them.
    let _ = GzDecoder::new(packed).read_to_string(&mut text);
    let text: Arc<str> = text.into();
    let mut set = SchemaSet::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        index(&mut set, &text, start, line.trim_end_matches('\n'));
        start += line.len();
    }
    set
}

fn index(set: &mut SchemaSet, text: &Arc<str>, start: usize, line: &str) {
    if let Some(version) = line.strip_prefix("kubernetes ") {
        set.set_version(version);
    } else if let Some(rest) = line.strip_prefix("d\t") {
        if let Some((name, json)) = rest.split_once('\t') {
            let begin = start + line.len() - json.len();
            set.define_later(name, text, begin..start + line.len());
        }
    } else if let Some(rest) = line.strip_prefix("k\t") {
        let mut columns = rest.split('\t').map(Into::into);
        let mut column = || columns.next().unwrap_or_default();
        let (api_version, kind, scope, plural, definition): (_, _, Box<str>, _, _) =
            (column(), column(), column(), column(), column());
        let scope = Some(if &*scope == "N" {
            Scope::Namespaced
        } else {
            Scope::Cluster
        });
        set.add_kind(Kind {
            api_version,
            kind,
            scope,
            plural,
            definition,
        });
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::check::{Dialect, Schema, Types};

    #[test]
    fn every_embedded_definition_can_be_read() {
        for version in &VERSIONS {
            let mut text = String::new();
            GzDecoder::new(version.packed)
                .read_to_string(&mut text)
                .unwrap();
            let set = embedded(Some(version.minor)).unwrap();
            let mut count = 0;
            for line in text.lines().filter_map(|line| line.strip_prefix("d\t")) {
                let (name, json) = line.split_once('\t').unwrap();
                let value = serde_json::from_str(json).unwrap();
                Schema::parse(&value, Dialect::Structural).unwrap();
                assert!(set.definition(name).is_some(), "{name} is indexed");
                count += 1;
            }
            assert!(count > 500, "{count} definitions in {}", version.minor);
            for kind in set.kinds() {
                let schema = set.definition(&kind.definition).unwrap();
                assert!(schema.types.has(Types::OBJECT), "{kind:?}");
                assert!(
                    schema.properties.contains_key("metadata") || &*kind.kind == "Scale",
                    "{kind:?}"
                );
            }
        }
    }

    #[test]
    fn kinds_know_their_scope_and_their_enums() {
        let set = embedded(Some("v1.36.9")).unwrap();
        assert!(set.version().unwrap().starts_with("1.36."));
        assert_eq!(
            set.kind("apps/v1", "Deployment").unwrap().scope,
            Some(Scope::Namespaced)
        );
        assert_eq!(
            set.kind("v1", "Namespace").unwrap().scope,
            Some(Scope::Cluster)
        );
        assert_eq!(
            &*set.kind("networking.k8s.io/v1", "Ingress").unwrap().plural,
            "ingresses"
        );
        let port = set.definition("io.k8s.api.core.v1.ServicePort").unwrap();
        assert_eq!(port.properties["protocol"].one_of_values.len(), 3);
    }

    #[test]
    fn a_removed_version_of_a_kind_is_absent() {
        assert!(
            embedded(None)
                .unwrap()
                .kind("extensions/v1beta1", "Ingress")
                .is_none()
        );
        assert!(
            embedded(Some("1.33"))
                .unwrap()
                .kind("flowcontrol.apiserver.k8s.io/v1beta3", "FlowSchema")
                .is_none()
        );
    }

    #[test]
    fn an_unknown_version_is_refused_with_those_that_exist() {
        let error = embedded(Some("1.3")).unwrap_err();
        assert!(
            error.to_string().contains("1.33, 1.34, 1.35, 1.36, 1.37"),
            "{error}"
        );
    }
}
