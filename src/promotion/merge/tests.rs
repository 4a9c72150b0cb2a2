#![allow(clippy::unwrap_used)]

use super::*;

fn merged(base: &str, ours: &str, theirs: &str) -> Option<Merged> {
    merge(Texts { base, ours, theirs }, 7)
}

#[track_caller]
fn clean(base: &str, ours: &str, theirs: &str) -> String {
    let merged = merged(base, ours, theirs).expect("by key path");
    assert!(!merged.has_conflicts, "{}", merged.text);
    merged.text
}

#[track_caller]
fn conflicting(base: &str, ours: &str, theirs: &str) -> String {
    let merged = merged(base, ours, theirs).expect("by key path");
    assert!(merged.has_conflicts, "{}", merged.text);
    merged.text
}

const BASE: &str = "# the shop\nspec:\n  components:\n    # the cart\n    cart:\n      image: cart:1 # pinned\n      replicas: 2\n    web:\n      image: web:1\n      args:\n      - a\n      - b\n      env:\n      - name: A\n        value: \"1\"\n      - name: B\n        value: \"1\"\n";

#[test]
fn neighbouring_lines_of_different_keys_merge() {
    let ours = BASE.replace("cart:1", "cart:2");
    let theirs = BASE
        .replace("replicas: 2", "replicas: 3")
        .replace("web:1", "web:2");
    assert_eq!(
        clean(BASE, &ours, &theirs),
        ours.replace("replicas: 2", "replicas: 3")
            .replace("web:1", "web:2")
    );
}

#[test]
fn comments_come_from_the_side_that_changed_them() {
    let ours = BASE.replace("cart:1", "cart:2");
    let theirs = BASE
        .replace("# pinned", "# pinned by hand")
        .replace("# the cart", "# the basket");
    assert_eq!(
        clean(BASE, &ours, &theirs),
        theirs.replace("cart:1", "cart:2")
    );
    let ours = BASE.replace("# the cart", "# a cart");
    assert_eq!(
        conflicting(BASE, &ours, &theirs),
        theirs.replace(
            "    # the basket\n",
            "<<<<<<< ours\n    # a cart\n=======\n    # the basket\n>>>>>>> theirs\n"
        )
    );
}

#[test]
fn a_conflict_is_around_the_smallest_block() {
    let ours = BASE.replace("cart:1", "cart:2").replace("web:1", "web:5");
    let theirs = BASE.replace("cart:1", "cart:3");
    assert_eq!(
        conflicting(BASE, &ours, &theirs),
        ours.replace(
            "      image: cart:2 # pinned\n",
            "<<<<<<< ours\n      image: cart:2 # pinned\n=======\n      image: cart:3 # pinned\n>>>>>>> theirs\n"
        )
    );
    let marked = merge(
        Texts {
            base: BASE,
            ours: &ours,
            theirs: &theirs,
        },
        9,
    )
    .unwrap();
    assert!(
        marked.text.contains("\n<<<<<<<<< ours\n"),
        "{}",
        marked.text
    );
}

#[test]
fn a_comment_that_one_side_changed_is_no_part_of_a_conflict() {
    assert_eq!(
        conflicting("a: 1 # x\n", "a: 2 # x\n", "a: 3 # y\n"),
        "<<<<<<< ours\na: 2 # y\n=======\na: 3 # y\n>>>>>>> theirs\n"
    );
    // Nor is a value that one side changed a part of a conflict of comments.
    assert_eq!(
        conflicting("a: 1 # x\n", "a: 2 # y\n", "a: 1 # z\n"),
        "<<<<<<< ours\na: 2 # y\n=======\na: 2 # z\n>>>>>>> theirs\n"
    );
}

#[test]
fn removed_and_changed_is_a_conflict_and_removed_alone_is_none() {
    let gone = BASE.replace("      replicas: 2\n", "");
    let theirs = BASE.replace("web:1", "web:2");
    assert_eq!(clean(BASE, &gone, &theirs), gone.replace("web:1", "web:2"));
    let theirs = BASE.replace("replicas: 2", "replicas: 3");
    let text = conflicting(BASE, &gone, &theirs);
    let marked = "<<<<<<< ours\n=======\n      replicas: 3\n>>>>>>> theirs\n";
    assert!(text.contains(marked), "{text}");
}

#[test]
fn items_with_names_merge_one_by_one_in_whatever_order() {
    let ours = BASE.replace(
        "- name: A\n        value: \"1\"",
        "- name: A\n        value: \"2\"",
    );
    let items = "      - name: A\n        value: \"1\"\n      - name: B\n        value: \"1\"\n";
    let turned = "      - name: B\n        value: \"1\"\n      - name: A\n        value: \"1\"\n";
    let theirs = BASE.replace(items, turned);
    let wanted = turned.replace("A\n        value: \"1\"", "A\n        value: \"2\"");
    assert_eq!(clean(BASE, &ours, &theirs), BASE.replace(items, &wanted));
    assert_eq!(clean(BASE, &theirs, &ours), BASE.replace(items, &wanted));
    let added = format!("{ours}      - name: C\n        value: \"3\"\n");
    let other = format!("{theirs}      # d\n      - name: D\n        value: \"4\"\n");
    let text = clean(BASE, &added, &other);
    assert!(text.ends_with("- name: C\n        value: \"3\"\n      - name: A\n        value: \"2\"\n      # d\n      - name: D\n        value: \"4\"\n"), "{text}");
}

#[test]
fn two_new_orders_of_one_list_conflict_around_it() {
    let list = |names: &str| {
        let items = names.chars().map(|name| format!("- name: {name}\n"));
        format!("steps:\n{}end: 1\n", items.collect::<String>())
    };
    let text = conflicting(&list("abc"), &list("bac"), &list("acb"));
    assert!(
        text.starts_with("steps:\n<<<<<<< ours\n- name: b\n"),
        "{text}"
    );
    assert!(text.ends_with(">>>>>>> theirs\nend: 1\n"), "{text}");
}

#[test]
fn lists_without_names_are_one_value() {
    let ours = BASE.replace("      - b\n", "      - b\n      - c\n");
    let theirs = BASE.replace("web:1", "web:2");
    assert_eq!(clean(BASE, &ours, &theirs), ours.replace("web:1", "web:2"));
    let theirs = BASE.replace("      - a\n", "      - z\n");
    let text = conflicting(BASE, &ours, &theirs);
    assert!(
        text.contains("<<<<<<< ours\n      args:\n      - a\n      - b\n      - c\n=======\n      args:\n      - z\n"),
        "{text}"
    );
}

#[test]
fn values_are_their_text_and_never_a_float() {
    for (base, ours, theirs) in [
        ("a: 1.1\n", "a: 1.10\n", "a: 1.2\n"),
        ("a: 384\n", "a: 0600\n", "a: 385\n"),
        ("a: !Ref x\n", "a: !Sub x\n", "a: !Ref y\n"),
    ] {
        conflicting(base, ours, theirs);
    }
    assert_eq!(clean("a: 'x'\n", "a: \"x\"\n", "a: 'y'\n"), "a: 'y'\n");
    assert_eq!(
        clean("a: 1.1\nb: 1\n", "a: 1.10\nb: 1\n", "a: 1.1\nb: 2\n"),
        "a: 1.10\nb: 2\n"
    );
}

#[test]
fn collections_in_flow_style_merge_by_key() {
    assert_eq!(
        clean(
            "a: {x: 1, y: 1}\n",
            "a: {x: 2, y: 1}\n",
            "a: {x: 1, y: 2}\n"
        ),
        "a: {x: 2, y: 2}\n"
    );
    let json = "{\n  \"a\": 1,\n  \"b\": [1]\n}\n";
    assert_eq!(
        clean(json, &json.replace("1,", "2,"), &json.replace("[1]", "[2]")),
        json.replace("1,", "2,").replace("[1]", "[2]")
    );
    assert_eq!(
        conflicting(
            "a: {x: 1, y: 1}\n",
            "a: {x: 2, y: 1}\n",
            "a: {x: 3, y: 2}\n"
        ),
        "<<<<<<< ours\na: {x: 2, y: 2}\n=======\na: {x: 3, y: 2}\n>>>>>>> theirs\n"
    );
    // Lines do better than a mark around the whole document.
    assert_eq!(
        merged(json, &json.replace("1,", "2,"), &json.replace("1,", "3,")),
        None
    );
}

#[test]
fn without_an_ancestor_keys_of_one_side_are_taken() {
    let (ours, theirs) = ("a: 1\nb: 1\nc: 1\n", "a: 1\nb: 2\nd: 1\n");
    assert_eq!(
        conflicting("", ours, theirs),
        "a: 1\n<<<<<<< ours\nb: 1\n=======\nb: 2\n>>>>>>> theirs\nc: 1\nd: 1\n"
    );
    assert_eq!(
        clean("", "a: 1\nc: 1\n", "a: 1\nd: 1\n"),
        "a: 1\nc: 1\nd: 1\n"
    );
}

#[test]
fn a_renamed_component_gets_what_was_changed_under_its_old_name() {
    let ours = BASE.replace("    cart:\n", "    basket:\n      renamedFrom: cart\n");
    let theirs = BASE.replace("cart:1", "cart:2");
    let wanted = ours.replace("cart:1", "cart:2");
    assert_eq!(clean(BASE, &ours, &theirs), wanted);
    assert_eq!(clean(BASE, &theirs, &ours), wanted);
}

#[test]
fn documents_pair_by_what_they_are() {
    let object = |kind: &str, value: u8| {
        format!("apiVersion: v1\nkind: {kind}\nmetadata:\n  name: a\ndata:\n  x: \"{value}\"\n")
    };
    let all = |texts: &[String]| texts.join("---\n");
    let base = all(&[object("ConfigMap", 1), object("Service", 1)]);
    let ours = all(&[object("Service", 1), object("ConfigMap", 2)]);
    let theirs = all(&[
        object("ConfigMap", 1),
        object("Service", 2),
        object("Role", 1),
    ]);
    let text = clean(&base, &ours, &theirs);
    for object in [
        object("ConfigMap", 2),
        object("Service", 2),
        object("Role", 1),
    ] {
        assert!(text.contains(&object), "{text}");
    }
    assert_eq!(text.matches("---\n").count(), 2, "{text}");
    // Without names they pair by place, where the counts are equal.
    assert_eq!(
        clean(
            "a: 1\n---\nb: 1\n",
            "a: 2\n---\nb: 1\n",
            "a: 1\n---\nb: 2\n"
        ),
        "a: 2\n---\nb: 2\n"
    );
    assert_eq!(
        merged("a: 1\n---\nb: 1\n", "a: 2\n---\nb: 1\n", "a: 1\n"),
        None
    );
}

#[test]
fn the_last_key_that_goes_leaves_an_empty_collection() {
    let base = "a: # here\n  x: 1\n  y: 1\nb: 1\n";
    let text = clean(
        base,
        &base.replace("  x: 1\n", ""),
        &base.replace("  y: 1\n", ""),
    );
    assert_eq!(text, "a: {} # here\nb: 1\n");
}

#[test]
fn each_side_keeps_its_own_form() {
    // Columns, line ends and the last line break.
    let base = "l:\n- name: a\n  v: 1\n- name: b\n  v: 1\n";
    let ours = "l:\n    - name: a\n      v: 2\n    - name: b\n      v: 1\n";
    let theirs = "l:\n- name: a\n  v: 1\n- name: b\n  v: 2\n- name: c\n  w:\n    x: 1\n";
    assert_eq!(
        clean(base, ours, theirs),
        "l:\n    - name: a\n      v: 2\n    - name: b\n      v: 2\n    - name: c\n      w:\n        x: 1\n"
    );
    assert_eq!(
        clean("a: 1\r\nb: 1\r\n", "a: 2\r\nb: 1\r\n", "a: 1\r\nb: 2\r\n"),
        "a: 2\r\nb: 2\r\n"
    );
    assert_eq!(
        clean("a: 1\nb: 1", "a: 2\nb: 1", "a: 1\nb: 2"),
        "a: 2\nb: 2"
    );
    assert_eq!(
        merged("a: 1\nb: 1\n", "a: 1\r\nb: 2\n", "a: 2\nb: 1\n"),
        None
    );
}

#[test]
fn what_cannot_be_read_is_left_to_lines() {
    for (base, ours, theirs) in [
        ("a: 1\n", "a: [\n", "a: 2\n"),
        ("a: 1\nb: 1\n", "a: 1\na: 2\nb: 1\n", "a: 1\nb: 2\n"),
        (
            "a: {{ .x }}\nb: 1\n",
            "a: {{ .y }}\nb: 1\n",
            "a: {{ .x }}\nb: 2\n",
        ),
        // The anchor goes, and an alias of it comes.
        ("a: &x 1\nb: 1\n", "a: 1\nb: 1\n", "a: &x 1\nb: *x\n"),
        // The anchor's new value is not what our side gave its user.
        (
            "a: &x 1\nb: *x\nc: 1\n",
            "a: &x 2\nb: *x\nc: 1\n",
            "a: &x 1\nb: *x\nc: *x\n",
        ),
    ] {
        assert_eq!(merged(base, ours, theirs), None, "{ours}");
    }
}
