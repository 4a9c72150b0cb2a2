//! Files that an operation is about and that it has to leave alone: their names cannot be
//! said, or they are repositories of their own. They are counted and named. Pure.

use std::collections::BTreeMap;

use crate::repo::{BlobId, OddEntry};

/// How many files are named before the others are only counted.
const NAMED: usize = 6;

/// Files that are left alone, by their paths as trees have them.
#[derive(Debug, Clone, Default)]
pub(crate) struct LeftOut(BTreeMap<Vec<u8>, (Option<BlobId>, String)>);

impl LeftOut {
    /// Adds a file by a path that other states know it by.
    pub(crate) fn add(&mut self, path: &[u8], id: Option<&BlobId>, shown: String) {
        self.0.insert(path.to_vec(), (id.cloned(), shown));
    }

    /// Adds a file whose name cannot be said.
    pub(crate) fn add_odd(&mut self, path: &[u8], odd: &OddEntry) {
        let shown = format!("{odd} ({})", odd.reason());
        self.add(path, odd.id(), shown);
    }

    /// Those of these files that are not the same in another state, for people.
    pub(crate) fn not_as_in(&self, other: &LeftOut) -> Vec<String> {
        let same = |path: &Vec<u8>, id: &Option<BlobId>| {
            let there = other.0.get(path);
            id.is_some() && there.is_some_and(|(other, _)| other == id)
        };
        self.0
            .iter()
            .filter(|(path, (id, _))| !same(path, id))
            .map(|(_, (_, shown))| shown.clone())
            .collect()
    }

    /// Those of two states that are not the same in both.
    pub(crate) fn between(one: &LeftOut, other: &LeftOut) -> Vec<String> {
        let mut all = one.not_as_in(other);
        all.extend(other.not_as_in(one));
        all.sort();
        all.dedup();
        all
    }
}

/// `3 files are not promoted: a, b, c`; `None` where there is none.
pub(crate) fn sentence(files: &[String], what: &str) -> Option<String> {
    let first = files.iter().take(NAMED).cloned().collect::<Vec<_>>();
    let names = first.join(", ");
    let more = match files.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    match files.len() {
        0 => None,
        1 => Some(format!("1 file is not {what}: {names}")),
        many => Some(format!("{many} files are not {what}: {names}{more}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repo::blob_id;

    #[test]
    fn what_is_the_same_on_both_sides_is_not_named() {
        let of = |files: &[(&[u8], &[u8])]| {
            let mut left = LeftOut::default();
            for (path, content) in files {
                let odd = OddEntry::new(path, Some(blob_id(content)), "it is odd");
                left.add_odd(path, &odd);
            }
            left
        };
        let one = of(&[(b"a\\a", b"1"), (b"b\\b", b"1"), (b"c\xff", b"1")]);
        let other = of(&[(b"a\\a", b"1"), (b"b\\b", b"2"), (b"d\\d", b"2")]);
        assert_eq!(
            one.not_as_in(&other),
            ["b\\b (it is odd)", "c\\xff (it is odd)"]
        );
        assert_eq!(
            LeftOut::between(&one, &other),
            ["b\\b (it is odd)", "c\\xff (it is odd)", "d\\d (it is odd)"]
        );
    }

    #[test]
    fn files_are_counted_and_the_first_are_named() {
        let names: Vec<String> = (1..=8).map(|it| it.to_string()).collect();
        assert_eq!(sentence(&[], "promoted"), None);
        assert_eq!(
            sentence(&names[..1], "promoted").as_deref(),
            Some("1 file is not promoted: 1")
        );
        assert_eq!(
            sentence(&names, "promoted").as_deref(),
            Some("8 files are not promoted: 1, 2, 3, 4, 5, 6 and 2 more")
        );
    }
}
