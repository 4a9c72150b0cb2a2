//! Reading a file's documents as Kubernetes objects, and finding the place of
//! a value in its text again.
//!
//! Lists are unpacked. Documents that are no objects are named, not judged.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::Value;

use super::id::ResourceId;
use crate::repo::{Location, RepoPath};
use crate::yaml::{
    Document, Entry, Node, NodeKind, Parts, Path, Span, Step, Stream, YamlErrorKind,
};

/// One Kubernetes object with its place in a file.
#[derive(Clone, Debug)]
pub struct Resource {
    /// Its identity.
    pub id: ResourceId,
    /// The object, as Kubernetes reads it.
    pub value: Value,
    file: Arc<ResourceFile>,
    document: usize,
    base: Path,
}

/// A file that was read.
#[derive(Debug)]
struct ResourceFile {
    path: RepoPath,
    stream: Stream,
}

/// A place in a file, with the number of characters that are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Where it begins.
    pub location: Location,
    /// How many characters of that line; at least 1.
    pub width: u32,
}

/// What one file holds.
#[derive(Debug, Default)]
pub struct Reading {
    /// The objects, in order.
    pub resources: Vec<Resource>,
    /// What is no object.
    pub problems: Vec<Problem>,
}

/// A document, or a whole file, that is no object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// Why.
    pub kind: ProblemKind,
}

/// Why a document is no object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// It is not YAML as Kubernetes reads it.
    Yaml(YamlErrorKind),
    /// It is YAML, but something else than an object.
    NotAResource {
        /// What keeps it from being one: `apiVersion`, `kind`, or both.
        missing: &'static str,
    },
}

/// Reads the objects of a file's text.
pub fn read_resources(path: &RepoPath, text: &str) -> Reading {
    let mut reading = Reading::default();
    if let Some(problem) = large_values(path, text) {
        reading.problems.push(problem);
        return reading;
    }
    let stream = match Stream::parse(text) {
        Ok(stream) => stream,
        Err(error) => {
            let place = Place {
                location: Location::new(path.clone(), error.position.line, error.position.column),
                width: 1,
            };
            reading.problems.push(Problem {
                place,
                kind: ProblemKind::Yaml(error.kind),
            });
            return reading;
        }
    };
    let file = Arc::new(ResourceFile {
        path: path.clone(),
        stream,
    });
    for (index, document) in file.stream.documents().iter().enumerate() {
        match document.value() {
            Ok(Value::Null) => {}
            Ok(value) => unpack(&mut reading, &file, index, value),
            Err(error) => {
                let place = Place {
                    location: Location::new(
                        path.clone(),
                        error.position.line,
                        error.position.column,
                    ),
                    width: 1,
                };
                reading.problems.push(Problem {
                    place,
                    kind: ProblemKind::Yaml(error.kind),
                });
            }
        }
    }
    reading
}

/// A very large file of plain values is no object; it is read part by part to know that.
fn large_values(path: &RepoPath, text: &str) -> Option<Problem> {
    let mut names = HashSet::new();
    let mut first = None;
    for part in Parts::of(text)? {
        let part = part?;
        let Ok(Value::Object(entries)) = part.document().value() else {
            return None;
        };
        for (name, _) in entries {
            if matches!(name.as_str(), "apiVersion" | "kind") || !names.insert(name) {
                return None;
            }
        }
        first.get_or_insert(part);
    }
    let file = ResourceFile {
        path: path.clone(),
        stream: first?.stream().clone(),
    };
    let missing = "apiVersion and kind";
    Some(Problem {
        place: file.place(0, &Path::root(), true),
        kind: ProblemKind::NotAResource { missing },
    })
}

fn unpack(reading: &mut Reading, file: &Arc<ResourceFile>, document: usize, value: Value) {
    let kind = value
        .get("kind")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if kind.ends_with("List")
        && value.get("apiVersion").is_some()
        && value.get("items").is_some_and(Value::is_array)
    {
        let Value::Object(mut list) = value else {
            return;
        };
        let Some(Value::Array(items)) = list.remove("items") else {
            return;
        };
        for (index, item) in items.into_iter().enumerate() {
            let base = Path::new(vec![Step::Key("items".to_owned()), Step::Index(index)]);
            add(reading, file, (document, base), item);
        }
    } else {
        add(reading, file, (document, Path::root()), value);
    }
}

fn add(
    reading: &mut Reading,
    file: &Arc<ResourceFile>,
    (document, base): (usize, Path),
    value: Value,
) {
    if let Some(id) = ResourceId::of(&value) {
        reading.resources.push(Resource {
            id,
            value,
            file: Arc::clone(file),
            document,
            base,
        });
        return;
    }
    let lacks = |field: &str| {
        value
            .get(field)
            .and_then(Value::as_str)
            .is_none_or(str::is_empty)
    };
    let missing = match (lacks("apiVersion"), lacks("kind")) {
        (true, true) => "apiVersion and kind",
        (true, false) => "apiVersion",
        _ => "kind",
    };
    let place = file.place(document, &base, true);
    reading.problems.push(Problem {
        place,
        kind: ProblemKind::NotAResource { missing },
    });
}

impl Resource {
    /// The file that holds it.
    pub fn path(&self) -> &RepoPath {
        &self.file.path
    }

    /// The file's text.
    pub fn text(&self) -> &str {
        self.file.stream.text()
    }

    /// The object's own text: its document, or its item of a list.
    pub fn span(&self) -> Span {
        let Some(document) = self.file.stream.documents().get(self.document) else {
            return Span::default();
        };
        if self.base.is_root() {
            return document.span();
        }
        document
            .root()
            .and_then(|root| root.at(&self.base))
            .map_or_else(|| document.span(), |node| node.span)
    }

    /// The place of a value of the object, or of its key. A place that is not
    /// there is answered with the nearest one above it.
    pub fn place(&self, path: &Path, key: bool) -> Place {
        self.file.place(self.document, &self.base.join(path), key)
    }
}

impl ResourceFile {
    fn place(&self, document: usize, path: &Path, key: bool) -> Place {
        let span = match self.stream.documents().get(document) {
            Some(document) => span_of(document, path, key),
            None => Span::default(),
        };
        let position = self.stream.position(span.start);
        let first_line = self
            .stream
            .text()
            .get(span.range())
            .unwrap_or_default()
            .lines()
            .next()
            .unwrap_or_default();
        let width = u32::try_from(first_line.trim_end().chars().count())
            .unwrap_or(u32::MAX)
            .max(1);
        Place {
            location: Location::new(self.path.clone(), position.line, position.column),
            width,
        }
    }
}

fn span_of(document: &Document, path: &Path, key: bool) -> Span {
    let Some(root) = document.root() else {
        return document.span();
    };
    let mut node = root;
    let mut name = root.entries().first().map(|entry| entry.key.span);
    let mut found_all = true;
    for step in path.steps() {
        let next = match step {
            Step::Key(wanted) => {
                entry_of(document, node, wanted).map(|entry| (&entry.value, Some(entry.key.span)))
            }
            Step::Index(index) => document
                .resolve(node)
                .items()
                .get(*index)
                .map(|item| (item, None)),
            Step::Item(_) => document
                .resolve(node)
                .at(&Path::new(vec![step.clone()]))
                .map(|item| (item, None)),
        };
        let Some((inner, inner_name)) = next else {
            found_all = false;
            break;
        };
        node = inner;
        name = inner_name;
    }
    // A list element has no name of its own: its first line stands for it.
    let first_key = || node.entries().first().map(|entry| entry.key.span);
    let short = node.scalar().is_some() && !node.span.is_empty();
    match (key || !found_all || !short, name) {
        (true, Some(name)) => name,
        (true, None) => first_key().unwrap_or(node.span),
        (false, _) => node.span,
    }
}

/// The entry that gives a mapping's key its value: an own one, else a merged one.
fn entry_of<'a>(document: &'a Document, node: &'a Node, name: &str) -> Option<&'a Entry> {
    let node = document.resolve(node);
    node.entry(name)
        .filter(|entry| !entry.is_merge())
        .or_else(|| {
            let merges = node.entries().iter().filter(|entry| entry.is_merge());
            merges
                .map(|entry| document.resolve(&entry.value))
                .find_map(|merged| match &merged.kind {
                    NodeKind::Sequence(items) => {
                        items.iter().find_map(|item| entry_of(document, item, name))
                    }
                    _ => entry_of(document, merged, name),
                })
        })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn read(text: &str) -> Reading {
        read_resources(&"a.yaml".parse().unwrap(), text)
    }

    fn place(resource: &Resource, path: &str, key: bool) -> String {
        let place = resource.place(&path.parse().unwrap(), key);
        format!("{}+{}", place.location, place.width)
    }

    #[test]
    fn documents_and_lists_become_objects() {
        let reading = read(
            "# only a comment\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: a}\n---\napiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata:\n    name: b\n- kind: Broken\n",
        );
        let ids: Vec<String> = reading
            .resources
            .iter()
            .map(|one| one.id.to_string())
            .collect();
        assert_eq!(ids, ["Secret a", "ConfigMap b"]);
        assert_eq!(
            place(&reading.resources[1], "metadata.name", false),
            "a.yaml:13:11+1"
        );
        assert_eq!(reading.problems.len(), 1);
        assert_eq!(
            reading.problems[0].place.location.to_string(),
            "a.yaml:14:3"
        );
        assert_eq!(
            reading.problems[0].kind,
            ProblemKind::NotAResource {
                missing: "apiVersion"
            }
        );
    }

    #[test]
    fn places_are_those_that_a_person_edits() {
        let text = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: \"a\"\nx-base: &base\n  key: 1\ndata:\n  <<: *base\n  own: |\n    text\nlist:\n- name: x\n  value:\n";
        let reading = read(text);
        let one = &reading.resources[0];
        assert_eq!(
            place(one, "metadata.name", false),
            "a.yaml:4:9+3",
            "the value"
        );
        assert_eq!(place(one, "metadata.name", true), "a.yaml:4:3+4", "the key");
        assert_eq!(
            place(one, "metadata", false),
            "a.yaml:3:1+8",
            "a map is marked by its key"
        );
        assert_eq!(
            place(one, "data.key", false),
            "a.yaml:6:8+1",
            "merged from its anchor"
        );
        assert_eq!(
            place(one, "list[0]", false),
            "a.yaml:12:3+4",
            "a list element by its first line"
        );
        assert_eq!(
            place(one, "list[0].value", false),
            "a.yaml:13:3+5",
            "no value, so the key"
        );
        assert_eq!(
            place(one, "data.absent.deep", true),
            "a.yaml:7:1+4",
            "the nearest above"
        );
        assert_eq!(place(one, "", true), "a.yaml:1:1+10");
    }

    #[test]
    fn broken_text_is_a_problem_with_its_place() {
        let reading = read("apiVersion: v1\nkind: ConfigMap\ndata:\n  a: 1\n  a: 2\n");
        assert!(reading.resources.is_empty());
        assert_eq!(reading.problems[0].place.location.to_string(), "a.yaml:5:3");
        assert!(matches!(
            reading.problems[0].kind,
            ProblemKind::Yaml(YamlErrorKind::DuplicateKey { .. })
        ));
    }
}
