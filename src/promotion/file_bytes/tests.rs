//! What holds for any file that is promoted by key path: afterwards it says what the
//! source says, as the source writes it, but for what belongs to the environment.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde::Deserialize as _;

use super::super::compare::{Base, compare};
use super::super::{Decision, FileRules, align};
use super::*;
use crate::confidential::Secrecy;
use crate::product::{EnvironmentState, Repository};
use crate::repo::{BlobId, CommitId, Snapshot};

const GITOPS: &str = "
apiVersion: kubectl-gitops/v1alpha1
kind: Repository
spec:
  environments:
    - {name: dev, branch: dev}
    - {name: prod, branch: prod, promoteFrom: dev}
  promotion: {files: [v.yaml], environmentOwned: [own, web.own]}
";

fn repository() -> Repository {
    Repository::decode(&"gitops.yaml".parse().unwrap(), GITOPS).unwrap()
}

fn side(repository: &Repository, name: &str, text: &str) -> Side {
    let file = ("v.yaml".parse().unwrap(), text.as_bytes().to_vec());
    let state = EnvironmentState {
        entry: repository.environment(name).unwrap().clone(),
        commit: "5f2c1e05f2c1e05f2c1e05f2c1e05f2c1e05f2c1"
            .parse::<CommitId>()
            .unwrap(),
        snapshot: Snapshot::from_files(None, [file]),
        product: None,
    };
    Side::new(state, repository).unwrap()
}

/// The target's text after a promotion from a source that was `base` before.
fn promoted(base: &str, target: &str, source: &str) -> String {
    let repository = repository();
    let sides = [("dev", source), ("prod", target), ("dev", base)];
    let [mut from, mut to, mut was] = sides.map(|(name, text)| side(&repository, name, text));
    let rules = FileRules::read(&repository, [&from, &to]);
    for side in [&mut from, &mut to, &mut was] {
        rules.apply(side);
    }
    align(
        &mut from.units,
        &mut to.units,
        &mut BTreeMap::new(),
        Some(&mut was.units),
    );
    let path: RepoPath = "v.yaml".parse().unwrap();
    let unit = UnitId::File(path.clone());
    let value = |side: &Side| side.units.get(&unit).cloned();
    let (base, ours, theirs) = (value(&was), value(&to), value(&from));
    let found = compare(Base::Known(base.as_ref()), ours.as_ref(), theirs.as_ref());
    let items: Vec<Item> = found
        .into_iter()
        .map(|difference| Item {
            marks: Default::default(),
            unit: unit.clone(),
            secrecy: Secrecy::default(),
            difference,
            decision: Decision::Take,
            changed_by: None,
        })
        .collect();
    let rules = Rules {
        owned: &repository.promotion.environment_owned,
        edited: &BTreeSet::new(),
    };
    let mut edits = BTreeMap::new();
    moved((&from, &to, rules), &items, None, Extent::File, &mut edits).unwrap();
    match edits.remove(&path) {
        None => target.to_owned(),
        Some(Edit::Write { bytes, .. }) => String::from_utf8(bytes).unwrap(),
        Some(Edit::Reuse { id, .. }) => {
            assert_eq!(id, blob(source));
            source.to_owned()
        }
        Some(Edit::Delete) => String::new(),
    }
}

fn blob(text: &str) -> BlobId {
    crate::repo::blob_id(text.as_bytes())
}

/// The documents of a text as a parser reads them that is not ours.
fn read(text: &str) -> Vec<serde_yaml::Value> {
    let documents = serde_yaml::Deserializer::from_str(text);
    let read = documents.map(|document| {
        let mut value = serde_yaml::Value::deserialize(document).unwrap();
        value.apply_merge().unwrap();
        value
    });
    read.collect()
}

/// A scalar that JSON would lose something of, or an ordinary one.
fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        "[0-9]{1,2}\\.[0-9]{1,2}0?",
        "0[0-7]{3}",
        "1[0-9]{40}",
        "(!Sub|!Ref|!!str) [a-c]{1,2}",
        "(!Sub|!Ref) \"[a-c ]{1,3}\"",
        "(yes|no|on|off|~|null|true|\\.inf|12:30:4[0-9]|1_000|0x1[0-9a-f]|1e[1-9])",
        "'[a-c ]{0,3}'",
        "\"[a-c]\\\\n[a-c]\"",
        "[a-c]{1,3}",
    ]
}

/// What of a generated file differs from one state to the next.
#[derive(Debug, Clone)]
struct State {
    scalars: Vec<String>,
    /// Which named items there are, in their order, with a value each.
    items: Vec<(String, String)>,
    anchor: String,
    /// What the users of the anchor have: the alias, or a value of their own.
    users: Vec<Option<String>>,
    merged: bool,
    extra: bool,
}

fn state() -> impl Strategy<Value = State> {
    let names = Just(vec!["a", "b", "c", "d"]).prop_shuffle();
    let items = (names, 1..5usize, prop::collection::vec(scalar(), 4));
    (
        prop::collection::vec(scalar(), 4),
        items,
        scalar(),
        prop::collection::vec(prop::option::of(scalar()), 3),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(
            |(scalars, (names, count, values), anchor, users, merged, extra)| State {
                scalars,
                items: names
                    .into_iter()
                    .map(str::to_owned)
                    .zip(values)
                    .take(count)
                    .collect(),
                anchor,
                users,
                merged,
                extra,
            },
        )
}

impl State {
    fn text(&self, own: u32) -> String {
        let mut text = format!("# about all\nown: {own}\n");
        for (at, scalar) in self.scalars.iter().enumerate() {
            text.push_str(&format!("# about s{at}\ns{at}: {scalar} # s\n"));
        }
        text.push_str("list:\n");
        for (name, value) in &self.items {
            text.push_str(&format!(
                "  # about {name}\n  - name: {name}\n    v: {value}\n"
            ));
        }
        let (anchor, extra) = (&self.anchor, if self.extra { "  more: 1\n" } else { "" });
        text.push_str(&format!("x: &x {anchor}\nm: &m\n  k: {anchor}\n{extra}"));
        for (at, user) in self.users.iter().enumerate() {
            let value = user.as_deref().unwrap_or("*x");
            text.push_str(&format!("u{at}: {{v: {value}}}\n"));
        }
        match self.merged {
            true => text.push_str("web:\n  <<: *m\n  own: 1\n  n: 1\n"),
            false => text.push_str(&format!("web:\n  k: {anchor}\n{extra}  own: 1\n  n: 1\n")),
        }
        text
    }
}

/// Another scalar, or the same text: one that only looks different is no change, and the
/// target's style stays.
fn unless_equal(old: &str, new: String) -> String {
    let value = |text: &str| written_values(&format!("a: {text}\n")).unwrap();
    match value(old) == value(&new) {
        true => old.to_owned(),
        false => new,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..Default::default() })]

    #[test]
    fn the_target_says_what_the_source_says(old in state(), new in state()) {
        let (base, target, source) = (old.text(1), old.text(7), new.text(1));
        let text = promoted(&base, &target, &source);
        let wanted = new.text(7);
        prop_assert_eq!(read(&text), read(&wanted), "{}\n{}", target, source);
        let (found, wanted) = (written_values(&text), written_values(&wanted));
        prop_assert_eq!(found.unwrap(), wanted.unwrap(), "{}\n{}\n{}", target, source, text);
        // Once more there is nothing to do.
        prop_assert_eq!(promoted(&source, &text, &source), text);
    }

    #[test]
    fn what_differs_in_scalars_alone_comes_byte_for_byte(
        old in state(), scalars in prop::collection::vec(scalar(), 4), anchor in scalar(),
    ) {
        let scalars = old.scalars.iter().zip(scalars);
        let scalars = scalars.map(|(old, new)| unless_equal(old, new)).collect();
        let anchor = unless_equal(&old.anchor, anchor);
        let new = State { scalars, anchor, ..old.clone() };
        let text = promoted(&old.text(1), &old.text(7), &new.text(1));
        prop_assert_eq!(text, new.text(7));
    }

    #[test]
    fn a_file_without_anything_of_its_own_becomes_the_source(old in state(), new in state()) {
        let cut = |text: String| text.replace("own: 1\n", "one: 1\n");
        let (old, new) = (cut(old.text(1)), cut(new.text(1)));
        prop_assert_eq!(promoted(&old, &old, &new), new);
    }
}

#[test]
fn an_anchor_is_edited_once_where_all_its_users_change_alike() {
    let base = "tag: &tag v1\nmigrate: {tag: *tag}\nown: 1\n";
    let target = base.replace("own: 1", "own: 7");
    let source = base.replace("v1", "v2");
    assert_eq!(promoted(base, &target, &source), target.replace("v1", "v2"));
}

#[test]
fn a_user_that_leaves_its_anchor_gets_a_value_of_its_own() {
    let base = "b: &b\n  min: 0600\napp: {c: *b}\nweb: *b\nown: 1\n";
    let target = base.replace("own: 1", "own: 7");
    let source = base.replace("{c: *b}", "{c: {min: 0600, max: 3}}");
    assert_eq!(
        promoted(base, &target, &source),
        target.replace("{c: *b}", "{c: {min: 0600, max: 3}}")
    );
    // The anchor changes, and one user keeps what it had.
    let source = "b: &b\n  min: 0700\napp: {c: *b}\nweb:\n  min: 0600\nown: 1\n";
    assert_eq!(
        promoted(base, &target, source),
        source.replace("own: 1", "own: 7")
    );
}

#[test]
fn a_name_that_is_defined_twice_means_the_nearest_before() {
    let base = "a: 1\nx: &p /one\nz: &p /two\nw: *p\nown: 1\n";
    let target = base.replace("own: 1", "own: 7");
    let source = base.replace("a: 1", "a: 2").replace("/two", "/three");
    assert_eq!(
        promoted(base, &target, &source),
        target.replace("a: 1", "a: 2").replace("/two", "/three")
    );
}

#[test]
fn the_targets_order_of_a_list_stays_unless_the_source_changed_its_own() {
    let list = |names: &str, own: u32| {
        let item = |name| format!("  # about {name}\n  - name: {name}\n    v: 1\n");
        let items: String = names.chars().map(item).collect();
        format!("own: {own}\nlist:\n{items}")
    };
    let changed = list("abc", 1).replacen("v: 1", "v: 0x2", 1);
    assert_eq!(
        promoted(&list("abc", 1), &list("cab", 7), &changed),
        list("cab", 7).replace("name: a\n    v: 1", "name: a\n    v: 0x2")
    );
    assert_eq!(
        promoted(&list("abc", 1), &list("abc", 7), &list("cab", 1)),
        list("cab", 7)
    );
    // Also where nothing belongs to the environment.
    let all = |names: &str| list(names, 1).replace("own", "one");
    assert_eq!(promoted(&all("abc"), &all("cba"), &all("abc")), all("cba"));
}

#[test]
fn long_lists_are_compared_in_time_that_grows_with_them() {
    let list = |value: u32| -> Value {
        let item = |at: u32| serde_json::json!({"name": format!("n{at}"), "v": value});
        serde_json::json!({"list": (0..10_000).map(item).collect::<Vec<_>>()})
    };
    let (one, other) = (list(1), list(2));
    #[expect(
        clippy::disallowed_methods,
        reason = "the bound is on the time that passes"
    )]
    let began = std::time::Instant::now();
    let found = compare(Base::Known(Some(&one)), Some(&one), Some(&other));
    assert_eq!(found.len(), 10_000);
    assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
}
