//! The mode of a promoted file: a value like any other. Pure.
//!
//! A file that is one value says its mode behind its id. One that is compared by key path
//! has it beside its values, where it is not an ordinary file's.

use serde_json::Value;

use crate::repo::{BlobId, Entry, EntryKind};

/// What the mode is called among the paths of a file's values.
pub(super) const MODE: &str = "\u{0}mode";
/// The modes that are not an ordinary file's.
const EXECUTABLE: &str = "executable";
const LINK: &str = "link";

/// The value of a file that is compared as a whole. That of a link is its text, never what
/// it leads to.
pub(super) fn file_value(entry: &Entry) -> Value {
    let id = &entry.id;
    Value::String(match entry.kind {
        EntryKind::File | EntryKind::Submodule => id.to_string(),
        EntryKind::Executable => format!("{id} {EXECUTABLE}"),
        EntryKind::Symlink => format!("{id} {LINK}"),
    })
}

/// The content and the mode that such a value means.
pub fn file_of(value: &Value) -> Option<(BlobId, EntryKind)> {
    let text = value.as_str()?;
    let (id, kind) = match text.split_once(' ') {
        None => (text, EntryKind::File),
        Some((id, EXECUTABLE)) => (id, EntryKind::Executable),
        Some((id, LINK)) => (id, EntryKind::Symlink),
        Some(_) => return None,
    };
    Some((id.parse().ok()?, kind))
}

/// Adds the mode to the values of a file. `false` where it is not an ordinary file's and
/// the values have no place for it.
pub(super) fn add(value: &mut Value, entry: Option<&Entry>) -> bool {
    let is_executable = entry.is_some_and(|entry| entry.kind == EntryKind::Executable);
    match (is_executable, value) {
        (false, _) => true,
        (true, Value::Object(map)) => {
            map.insert(MODE.to_owned(), EXECUTABLE.into());
            true
        }
        (true, _) => false,
    }
}

/// Takes the mode away from the values of a file.
pub(super) fn take(value: &mut Value) -> Option<Value> {
    value.as_object_mut()?.shift_remove(MODE)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::repo::blob_id;
    use serde_json::json;

    #[test]
    fn modes_read_back_from_values() {
        for kind in [EntryKind::File, EntryKind::Executable, EntryKind::Symlink] {
            let (id, size) = (blob_id(b"a"), None);
            let entry = Entry {
                id: id.clone(),
                kind,
                size,
            };
            assert_eq!(file_of(&file_value(&entry)), Some((id, kind)));
        }
        assert_eq!(file_of(&json!("x")), None);
    }

    #[test]
    fn only_executables_say_their_mode_beside_their_values() {
        let entry = |kind| Entry {
            id: blob_id(b"a"),
            kind,
            size: None,
        };
        let mut value = json!({"a": 1});
        assert!(add(&mut value, Some(&entry(EntryKind::File))));
        assert_eq!(value, json!({"a": 1}));
        assert!(add(&mut value, Some(&entry(EntryKind::Executable))));
        assert_eq!(take(&mut value), Some(json!("executable")));
        assert_eq!(value, json!({"a": 1}));
        assert!(!add(&mut json!([1]), Some(&entry(EntryKind::Executable))));
    }
}
