//! Promoted files as comparable values: YAML, JSON and `KEY=VALUE` lines by key path, one
//! value for a single document, a map by kind and name for several objects. Pure.
//!
//! Owns what of a file is never promoted: encrypted content, and key paths that belong
//! to the environment. Files that are no such text, that hold a Secret in the clear or
//! are very large, are one value as a whole, so that no record and no plan repeats them.

use serde_json::{Map, Value};

use super::dotenv;
use super::listed;
use super::mode::MODE;
use crate::repo::RepoPath;
use crate::yaml::{Path, Step, Stream, YamlErrorKind, str_of};

/// Larger files are compared as a whole.
const MOST_BYTES: usize = 1 << 20;

/// What a promoted file holds.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Content {
    /// It belongs to its environment, whole.
    Encrypted,
    /// It is compared as a whole.
    Whole,
    /// The values of its documents, in their order.
    Documents(Vec<Value>),
}

impl Content {
    /// Reads a file.
    pub(super) fn of(path: &RepoPath, bytes: &[u8]) -> Self {
        if bytes.starts_with(b"\0GITCRYPT\0") {
            return Self::Encrypted;
        }
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Self::Whole;
        };
        if is_armoured(text) {
            return Self::Encrypted;
        }
        let name = path.file_name().unwrap_or_default();
        let is_yaml = [".yaml", ".yml", ".json"]
            .iter()
            .any(|it| name.ends_with(it));
        if dotenv::is_named(path) && bytes.len() <= MOST_BYTES {
            let values = dotenv::values(text);
            return values.map_or(Self::Whole, |values| Self::Documents(vec![values]));
        }
        if !is_yaml {
            return Self::Whole;
        }
        if bytes.len() > MOST_BYTES && !text.contains("sops") {
            // Nothing in it can change that: it need not be read.
            return Self::Whole;
        }
        let documents = match values(text) {
            Ok(documents) => documents,
            // What cannot be read whole may be encrypted all the same.
            Err(YamlErrorKind::TooMany { .. }) if names_sops(text) => return Self::Encrypted,
            Err(_) => return Self::Whole,
        };
        if documents.iter().any(says_beside) {
            return Self::Whole;
        }
        if documents.iter().any(is_sops) {
            return Self::Encrypted;
        }
        if bytes.len() > MOST_BYTES || documents.is_empty() || documents.iter().any(is_open_secret)
        {
            return Self::Whole;
        }
        if documents.iter().all(is_sealed) {
            return Self::Encrypted;
        }
        Self::Documents(documents)
    }
}

/// Whether a document has a key at its root that is kept for what is said beside values.
fn says_beside(document: &Value) -> bool {
    document.get(MODE).is_some()
}

/// Text that only a key makes readable: SOPS in formats without structure, OpenPGP,
/// age, and Ansible's vault.
fn is_armoured(text: &str) -> bool {
    const HEADS: [&str; 4] = [
        "-----BEGIN PGP MESSAGE-----",
        "-----BEGIN AGE ENCRYPTED FILE-----",
        "age-encryption.org/v1",
        "$ANSIBLE_VAULT;",
    ];
    text.lines().any(|line| {
        let line = line.trim_start();
        line.starts_with("sops_mac=") || HEADS.iter().any(|head| line.starts_with(head))
    })
}

fn is_sops(document: &Value) -> bool {
    let sops = document.get("sops");
    sops.is_some_and(|sops| sops.get("mac").is_some() || sops.get("lastmodified").is_some())
}

/// Whether an object is encrypted for one cluster.
pub(super) fn is_sealed(document: &Value) -> bool {
    document.get("kind").and_then(Value::as_str) == Some("SealedSecret")
}

fn is_open_secret(document: &Value) -> bool {
    document.get("kind").and_then(Value::as_str) == Some("Secret")
        && ["data", "stringData"]
            .iter()
            .any(|key| document.get(key).is_some())
}

/// Whether a line begins with SOPS's own key.
fn names_sops(text: &str) -> bool {
    text.lines().any(|line| {
        let line = line.trim_start().trim_start_matches(['"', '\'', '{']);
        let rest = line.strip_prefix("sops").unwrap_or_default();
        rest.trim_start_matches(['"', '\'', ' ']).starts_with(':')
    })
}

fn values(text: &str) -> Result<Vec<Value>, YamlErrorKind> {
    let stream = Stream::parse(text).map_err(|error| error.kind)?;
    let written = stream
        .documents()
        .iter()
        .filter(|document| document.root().is_some());
    written
        .map(|document| document.written().map_err(|error| error.kind))
        .collect()
}

/// What an object is called among the documents of a file: `Deployment/web`.
pub(super) fn identity(document: &Value) -> Option<String> {
    let kind = str_of(document.get("kind")?)?;
    let name = str_of(document.get("metadata")?.get("name")?)?;
    Some(format!("{kind}/{name}"))
}

/// Several objects as one value; `None` where one has no name, or two the same.
pub fn together(documents: &[Value]) -> Option<Value> {
    let mut map = Map::new();
    for document in documents {
        if map.insert(identity(document)?, document.clone()).is_some() {
            return None;
        }
    }
    Some(Value::Object(map))
}

/// Whether a value is one that [`together`] made.
pub(super) fn is_together(value: &Value) -> bool {
    value.as_object().is_some_and(|map| {
        let mut documents = map.iter().filter(|(name, _)| *name != MODE).peekable();
        documents.peek().is_some()
            && documents.all(|(name, value)| identity(value).as_ref() == Some(name))
    })
}

/// A path with numbers of items, by what those items say instead, where the lists they
/// stand in are compared item by item.
pub(super) fn by_items(root: &Value, path: &Path) -> Path {
    let mut steps: Vec<Step> = Vec::new();
    let mut here = Some(root);
    let mut field = None;
    for step in path.steps() {
        let list = here.and_then(Value::as_array);
        let named = match (step, list) {
            (Step::Index(index), Some(list)) => listed::keys(field, &[list])
                .zip(list.get(*index))
                .map(|(keys, item)| listed::step(item, keys)),
            _ => None,
        };
        let named = named.unwrap_or_else(|| step.clone());
        here = here.and_then(|value| named.down(value));
        if let Step::Key(key) = step {
            field = Some(key.as_str());
        }
        steps.push(named);
    }
    Path::new(steps)
}

/// Takes what stands at an owned path out of a document. Lists on the way need not be
/// named: `containers.resources` means those of every container. Returns whether
/// something was there.
pub(super) fn take_out(document: &mut Value, owned: &Path) -> bool {
    let before = document.clone();
    if out(document, owned.steps()) {
        *document = Value::Null;
    }
    *document != before
}

/// Whether nothing is left, so that the value goes as well.
fn out(value: &mut Value, steps: &[Step]) -> bool {
    let Some((step, rest)) = steps.split_first() else {
        return true;
    };
    match (step, value) {
        (Step::Key(key), Value::Object(map)) => {
            let Some(child) = map.get_mut(key.as_str()) else {
                return false;
            };
            if !out(child, rest) {
                return false;
            }
            map.shift_remove(key.as_str());
            map.is_empty()
        }
        (Step::Key(_), Value::Array(items)) => {
            for item in items {
                // An item stays, if only to say that it is there.
                if !item.is_array() && out(item, steps) {
                    *item = Value::Object(Map::new());
                }
            }
            false
        }
        (Step::Item(_), value @ Value::Array(_)) => {
            let Some(item) = step.down(value) else {
                return false;
            };
            let wanted = item.clone();
            let Value::Array(items) = value else {
                return false;
            };
            let Some(at) = items.iter().position(|item| *item == wanted) else {
                return false;
            };
            if out(&mut items[at], rest) {
                items.remove(at);
            }
            items.is_empty()
        }
        (Step::Index(index), Value::Array(items)) => {
            // The numbers of the others stay.
            if let Some(item) = items.get_mut(*index)
                && out(item, rest)
            {
                *item = Value::Null;
            }
            false
        }
        _ => false,
    }
}

/// The paths that `whole` has and `rest`, a part of it, has not; the highest of each.
pub(super) fn beyond(whole: &Value, rest: &Value) -> Vec<Path> {
    let mut found = Vec::new();
    gone(&mut Vec::new(), whole, rest, &mut found);
    found
}

fn gone(steps: &mut Vec<Step>, whole: &Value, rest: &Value, found: &mut Vec<Path>) {
    if whole == rest {
        return;
    }
    match (whole, rest) {
        (Value::Object(whole), Value::Object(rest)) => {
            for (key, value) in whole {
                steps.push(Step::Key(key.clone()));
                match rest.get(key) {
                    Some(rest) => gone(steps, value, rest, found),
                    None => found.push(Path::new(steps.clone())),
                }
                steps.pop();
            }
        }
        (Value::Array(whole), Value::Array(rest)) if whole.len() == rest.len() => {
            for (at, (whole, rest)) in whole.iter().zip(rest).enumerate() {
                steps.push(Step::Index(at));
                gone(steps, whole, rest, found);
                steps.pop();
            }
        }
        (Value::Array(whole), Value::Array(rest)) => items_gone(steps, (whole, rest), found),
        _ => found.push(Path::new(steps.clone())),
    }
}

/// The same for a list that lost whole items.
fn items_gone(steps: &mut Vec<Step>, (whole, rest): (&[Value], &[Value]), found: &mut Vec<Path>) {
    let field = steps.iter().rev().find_map(|step| match step {
        Step::Key(key) => Some(key.clone()),
        _ => None,
    });
    let Some(keys) = listed::keys(field.as_deref(), &[whole, rest]) else {
        found.push(Path::new(steps.clone()));
        return;
    };
    for (at, item) in whole.iter().enumerate() {
        let name = listed::step(item, keys);
        steps.push(Step::Index(at));
        match rest.iter().find(|it| listed::step(it, keys) == name) {
            Some(rest) => gone(steps, item, rest, found),
            None => found.push(Path::new(steps.clone())),
        }
        steps.pop();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn content(name: &str, text: &str) -> Content {
        Content::of(&name.parse().unwrap(), text.as_bytes())
    }

    #[test]
    fn what_is_encrypted_belongs_to_its_environment() {
        for (name, text) in [
            (
                "a.yaml",
                "password: ENC[AES256_GCM,data:x]\nsops:\n  mac: ENC[x]\n",
            ),
            (
                "a.json",
                r#"{"data": "ENC[x]", "sops": {"mac": "x", "lastmodified": "y"}}"#,
            ),
            ("a.env", "A=ENC[x]\nsops_mac=ENC[y]\n"),
            ("key.asc", "-----BEGIN PGP MESSAGE-----\n\nhQ\n"),
            (
                "vars.yaml",
                "a: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  6162\n",
            ),
            (
                "s.yaml",
                "kind: SealedSecret\nmetadata: {name: a}\nspec: {encryptedData: {a: AgB}}\n",
            ),
            ("secret.bin", "\0GITCRYPT\0\u{1}\u{2}"),
        ] {
            assert_eq!(content(name, text), Content::Encrypted, "{name}");
        }
    }

    #[test]
    fn what_is_no_structure_or_secret_is_one_value() {
        for (name, text) in [
            ("a.txt", "a: 1\n"),
            ("a.yaml", "a: {{ .Values.a }}\n"),
            ("a.yaml", "# nothing\n"),
            (
                "s.yaml",
                "kind: Secret\nmetadata: {name: a}\nstringData: {a: b}\n",
            ),
        ] {
            assert_eq!(content(name, text), Content::Whole, "{text}");
        }
        let large = format!("a: \"{}\"\n", "x".repeat(MOST_BYTES));
        assert_eq!(content("a.yaml", &large), Content::Whole);
        assert_eq!(
            content("a.yaml", "a: 1\n---\nb: 2\n"),
            Content::Documents(vec![json!({"a": 1}), json!({"b": 2})])
        );
    }

    #[test]
    fn objects_stand_together_by_kind_and_name() {
        let object = |kind: &str, name: &str| json!({"kind": kind, "metadata": {"name": name}});
        let both = together(&[object("Service", "a"), object("Deployment", "a")]).unwrap();
        assert!(both.get("Deployment/a").is_some());
        assert!(is_together(&both) && !is_together(&object("Service", "a")));
        assert!(together(&[object("Service", "a"), object("Service", "a")]).is_none());
        assert!(together(&[json!({"a": 1})]).is_none());
    }

    #[test]
    fn owned_paths_are_taken_out_wherever_their_lists_lead() {
        let mut value = json!({
            "metadata": {"namespace": "dev"},
            "spec": {"replicas": 1, "containers": [
                {"name": "a", "resources": {"cpu": 1}}, {"name": "b", "image": "b:1", "resources": {"cpu": 2}},
            ]},
        });
        for (owned, was_there) in [
            ("metadata.namespace", true),
            ("spec.containers.resources", true),
            ("spec.containers[name=b].image", true),
            ("spec.paused", false),
            ("spec.replicas.no", false),
        ] {
            assert_eq!(
                take_out(&mut value, &owned.parse().unwrap()),
                was_there,
                "{owned}"
            );
        }
        assert_eq!(
            value,
            json!({"spec": {"replicas": 1, "containers": [{"name": "a"}, {"name": "b"}]}})
        );
    }

    #[test]
    fn numbers_of_items_become_what_they_say() {
        let value = json!({"c": [{"name": "a"}, {"name": "b", "args": ["x"]}]});
        let path = "c[1].args[0]".parse().unwrap();
        assert_eq!(by_items(&value, &path).to_string(), "c[name=b].args[0]");
    }

    #[test]
    fn what_was_taken_out_is_found_again() {
        let whole = json!({"a": {"b": 1, "c": 2}, "d": [{"e": 1, "f": 2}], "g": 3});
        let rest = json!({"a": {"c": 2}, "d": [{"e": 1}]});
        let found: Vec<_> = beyond(&whole, &rest).iter().map(Path::to_string).collect();
        assert_eq!(found, ["a.b", "d[0].f", "g"]);
        let whole = json!({"a": [{"name": "x", "b": 1}, {"name": "y", "b": 1, "c": 1}]});
        let rest = json!({"a": [{"name": "y", "c": 1}]});
        let found: Vec<_> = beyond(&whole, &rest).iter().map(Path::to_string).collect();
        assert_eq!(found, ["a[0]", "a[1].b"]);
    }
}
