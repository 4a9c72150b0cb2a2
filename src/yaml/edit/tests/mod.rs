//! Each edit on the shapes that people write, then on shapes that nobody thought of.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod copying;
mod generated;
mod parts;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::parts::Parts;
use super::super::{Path, Step, Stream, parse_values};
use super::expected::Tree;
use super::parts::in_parts;
use super::{EditError, Editor, Wish, set_strings};

fn path(text: &str) -> Path {
    text.parse().unwrap()
}

fn edit(
    text: &str,
    edits: impl FnOnce(&mut Editor<'_>) -> Result<(), EditError>,
) -> Result<String, EditError> {
    let stream = Stream::parse(text).unwrap();
    let mut editor = Editor::new(&stream)?;
    edits(&mut editor)?;
    editor.finish()
}

fn set(text: &str, at: &str, new: &str) -> String {
    edit(text, |editor| editor.set_string(0, &path(at), new)).unwrap()
}

fn set_value(text: &str, at: &str, new: Value) -> String {
    edit(text, |editor| editor.set_value(0, &path(at), &new)).unwrap()
}

fn remove(text: &str, at: &str) -> String {
    edit(text, |editor| editor.remove(0, &path(at))).unwrap()
}

fn copy(target: &str, source: &str, at: &str) -> String {
    try_copy(target, source, at).unwrap()
}

fn try_copy(target: &str, source: &str, at: &str) -> Result<String, EditError> {
    let (source, target) = (
        Stream::parse(source).unwrap(),
        Stream::parse(target).unwrap(),
    );
    let mut editor = Editor::new(&target)?;
    editor.copy_entry(0, &path(at), &source, 0)?;
    editor.finish()
}

#[test]
fn a_string_keeps_the_style_it_had() {
    let text = "\u{feff}# head\r\na: old   # why\r\nb: 'old'\r\nc: \"old\"\r\nd: {x: old, w: [old, old]}\r\ne: &x !!str old\r\nf:\r\ng: ~\r\nh: |-\r\n  old\r\n  text\r\n\r\ni: old";
    let text = edit(text, |e| {
        for at in ["a", "b", "c", "d.x", "d.w[1]", "f", "g", "h", "i"] {
            e.set_string(0, &path(at), "new: 1")?;
        }
        Ok(())
    })
    .unwrap();
    assert_eq!(
        text,
        "\u{feff}# head\r\na: \"new: 1\"   # why\r\nb: 'new: 1'\r\nc: \"new: 1\"\r\nd: {x: \"new: 1\", w: [old, \"new: 1\"]}\r\ne: &x !!str old\r\nf: \"new: 1\"\r\ng: \"new: 1\"\r\nh: \"new: 1\"\r\n\r\ni: \"new: 1\""
    );
    assert_eq!(set("a: 'it''s'\n", "a", "it's"), "a: 'it''s'\n");
    assert_eq!(set("a: 'x'\n", "a", "two\nlines"), "a: \"two\\nlines\"\n");
    assert_eq!(
        set("a: |\n  x\n  y\nb: 1\n", "a", "u\nv\n"),
        "a: |\n  u\n  v\nb: 1\n"
    );
    assert_eq!(
        set("l:\n- k: |\n    x\n    y\n  b: 1\n", "l[0].k", "u\nv\n"),
        "l:\n- k: |\n    u\n    v\n  b: 1\n"
    );
    assert_eq!(set("a: >-\n  x\n  y\n", "a", "z"), "a: z\n");
    assert_eq!(set("a: one\n  two\nb: 1\n", "a", "z"), "a: z\nb: 1\n");
    assert_eq!(set("a:\n  \"x\"\n", "a", "z"), "a:\n  \"z\"\n");
    assert_eq!(set("a: !!int 3\n", "a", "z"), "a: z\n");
    assert_eq!(set("a: {b}\n", "a.b", "z"), "a: {b: z}\n");
    assert_eq!(set("a: {b: , c: 1}\n", "a.b", "z"), "a: {b: z, c: 1}\n");
    assert_eq!(set("l:\n-\n- b\n", "l[0]", "z"), "l:\n- z\n- b\n");
    assert_eq!(set("l:\n- a\n- b\n", "l[1]", "z"), "l:\n- a\n- z\n");
}

/// libyaml's port gives an empty collection to who asks for one where null stands.
#[test]
fn null_is_no_proof_of_an_empty_collection() {
    let prove = |text: &str, value| super::proof::prove(text, &[Tree::Value(value)]);
    assert!(prove("a: {}\nb: []\n", json!({"a": {}, "b": []})).is_ok());
    assert!(prove("a:\n", json!({"a": {}})).is_err());
    assert!(prove("a: # []\n", json!({"a": []})).is_err());
    let old = Stream::parse("a: {}\nb: []\n").unwrap();
    let tree = [Tree::of_document(&old.documents()[0]).unwrap()];
    assert!(super::proof::prove("a: {}\nb: []\n", &tree).is_ok());
    assert!(super::proof::prove("a:\nb: []\n", &tree).is_err());
    assert!(super::proof::prove("a: {}\nb:\n", &tree).is_err());
}

#[test]
fn an_item_that_is_not_written_stands_behind_its_own_dash() {
    assert_eq!(set("- -\n- b\n", "[0][0]", "c"), "- - c\n- b\n");
    assert_eq!(
        set("a:\n  - - -\n    -\n", "a[0][1]", "c"),
        "a:\n  - - -\n    - c\n"
    );
    assert_eq!(set("a:\n- -\n", "a[0][0]", "c"), "a:\n- - c\n");
    assert_eq!(set("a:\n-\n-\n", "a[1]", "c"), "a:\n-\n- c\n");
    assert_eq!(set("a:\n- # b\n- c\n", "a[0]", "d"), "a:\n- d # b\n- c\n");
    assert_eq!(set("a: # e\n-\n", "a[0]", "d"), "a: # e\n- d\n");
    assert_eq!(set("a:\n- ", "a[0]", "d"), "a:\n- d ");
    let stream = Stream::parse("a:\n-  ").unwrap();
    let list = stream.documents()[0].root().unwrap().get("a").unwrap();
    assert_eq!((list.span.start, list.span.end), (4, 4));
    let stream = Stream::parse("a: {b :c\n}\n").unwrap();
    let flow = stream.documents()[0].root().unwrap().get("a").unwrap();
    assert_eq!(flow.entries()[0].value.span.start, 8);
    // Nor is a colon that the next key begins with.
    let stream = Stream::parse("? a\n:b: c\n").unwrap();
    let value = &stream.documents()[0].root().unwrap().entries()[0].value;
    assert!(value.span.is_empty() && value.span.start <= 4, "{value:?}");
}

/// Without `---`, the indicator of such a scalar is the text's first character.
#[test]
fn a_block_scalar_may_be_the_whole_document() {
    assert_eq!(set("|-\n  a\n  b\n", "", "c"), "c\n");
    assert_eq!(
        set("\u{feff}# head\n>-\n  a\n", "", "c"),
        "\u{feff}# head\nc\n"
    );
    assert_eq!(set("|\n  a\n", "", "b\nc\n"), "|\n  b\n  c\n");
    let (stream, text) = (Stream::parse("a: 1\n...\n# b\n|\n  c\n").unwrap(), "|\n  c");
    let second = &stream.documents()[1];
    assert_eq!(&stream.text()[second.root().unwrap().span.range()], text);
    assert_eq!(second.span().start, 13);
}

#[test]
fn blanks_at_the_end_of_a_block_scalar_are_part_of_it() {
    for (text, wanted) in [
        ("a: |-\n  x ", "a: |-\n  x "),
        ("a: |\n  x \t\n\n \nb: 1\n", "a: |\n  x \t"),
        ("a: |-\r\n  x \r\nb: 1\r\n", "a: |-\r\n  x "),
        ("a: >-\n  x\n\nb: 1\n", "a: >-\n  x"),
        ("a: |\n  x\n\n   \n  \nb: 1\n", "a: |\n  x\n\n   "),
    ] {
        let stream = Stream::parse(text).unwrap();
        let root = stream.documents()[0].root().unwrap();
        let end = root.get("a").unwrap().end();
        assert_eq!(&text[..end], wanted, "{text:?}");
    }
    assert_eq!(set("a: |-\n  x ", "a", "-y"), "a: |-\n  -y");
}

#[test]
fn a_key_that_is_not_written_is_edited_rightly_or_not_at_all() {
    let text = "?  elva\n?  ";
    let stream = Stream::parse(text).unwrap();
    let root = stream.documents()[0].root().unwrap();
    let names: Vec<_> = root
        .entries()
        .iter()
        .filter_map(|entry| entry.name())
        .collect();
    for name in names {
        let at = Path::root().key(name.as_ref());
        for remove in [true, false] {
            let mut editor = Editor::new(&stream).unwrap();
            let done = match remove {
                true => editor.remove(0, &at),
                false => editor.set_string(0, &at.key("zz"), "x"),
            };
            if let Ok(made) = done.and_then(|()| editor.finish()) {
                assert!(Stream::parse(&made).is_ok(), "{made:?}");
            }
        }
    }
    let mut editor = Editor::new(&stream).unwrap();
    let done = editor.set_string(0, &Path::root().key("zz"), "x");
    if let Ok(made) = done.and_then(|()| editor.finish()) {
        assert!(made.contains("zz: x"), "{made:?}");
    }
}

#[test]
fn what_two_parsers_read_differently_is_left_alone() {
    // One key that is a string, or a plain one with a comma and another behind it.
    let text = "{\n?\"a\n  b\n\n,c d\"}\n";
    let stream = Stream::parse(text).unwrap();
    let root = stream.documents()[0].root().unwrap();
    let name = root.entries()[0].name().unwrap().into_owned();
    let mut editor = Editor::new(&stream).unwrap();
    editor.remove(0, &Path::root().key(name.as_str())).unwrap();
    let error = editor.finish().unwrap_err().to_string();
    assert!(error.contains("parsers differ"), "{error}");
}

#[test]
fn a_tag_goes_with_the_value_that_it_was_for() {
    for (text, wanted) in [
        ("a: !!int 3\n", "a: x\n"),
        ("a: &b 3 # c\n", "a: &b x # c\n"),
        ("a: &b !!int 3\n", "a: &b x\n"),
        ("a: !own &b\n  3\n", "a: &b x\n"),
        ("a: !own |-\n  3\n", "a: x\n"),
    ] {
        assert_eq!(set(text, "a", "x"), wanted);
    }
}

#[test]
fn what_only_the_other_parser_takes_is_not_written() {
    // Line breaks of another age: the scalar's end is not where it seems.
    let text = "a: x\nb: >+\n  folded\r\r\r # o\r\r";
    let stream = Stream::parse(text).unwrap();
    let mut editor = Editor::new(&stream).unwrap();
    editor.set_string(0, &path("b"), ",b").unwrap();
    match editor.finish() {
        Ok(made) => assert!(Stream::parse(&made).is_ok(), "{made:?}"),
        Err(error) => assert!(matches!(error, EditError::Unproven { .. }), "{error}"),
    }
}

#[test]
fn a_string_stays_a_string() {
    for (new, written) in [
        ("1.10", "a: \"1.10\"\n"),
        ("1234e56", "a: \"1234e56\"\n"),
        ("on", "a: \"on\"\n"),
        ("2024-01-02", "a: \"2024-01-02\"\n"),
        ("1.4.2", "a: 1.4.2\n"),
        (
            "registry.example.com:5000/shop/cart:v1@sha256:ab",
            "a: registry.example.com:5000/shop/cart:v1@sha256:ab\n",
        ),
        ("{{ x }}", "a: \"{{ x }}\"\n"),
    ] {
        assert_eq!(set("a: old\n", "a", new), written);
    }
}

#[test]
fn only_the_wanted_document_changes() {
    let text = "--- # one\na: 1\n...\n---\na: 1\n# tail\n---\n- x\n";
    let new = edit(text, |e| e.set_string(1, &path("a"), "b")).unwrap();
    assert_eq!(new, "--- # one\na: 1\n...\n---\na: b\n# tail\n---\n- x\n");
    assert_eq!(
        edit(text, |e| e.set_string(9, &path("a"), "b")),
        Err(EditError::NoDocument { index: 9 })
    );
}

#[test]
fn values_are_replaced_by_values_of_any_shape() {
    let map = json!({"x": {"w": 1}, "z": ["a", {"b": 2}]});
    let lines = "\n  x:\n    w: 1\n  z:\n  - a\n  - b: 2";
    for (text, head) in [
        ("a: old # why\nb: 1\n", " # why"),
        ("a:\nb: 1\n", ""),
        ("a: # why\n  k: v # gone\n\nb: 1\n", " # why"),
        ("a: {} # why\nb: 1\n", " # why"),
        ("a:\n- 1\n- 2\nb: 1\n", ""),
        ("a: |\n  x\n  y\nb: 1\n", ""),
    ] {
        let gap = if text.contains("gone") { "\n" } else { "" };
        assert_eq!(
            set_value(text, "a", map.clone()),
            format!("a:{head}{lines}\n{gap}b: 1\n"),
            "{text}"
        );
    }
    assert_eq!(
        set_value("a:\n  k: v\nb: 1\n", "a", json!(3)),
        "a: 3\nb: 1\n"
    );
    assert_eq!(
        set_value("a: # why\n  k: v\nb: 1\n", "a", json!({})),
        "a: {} # why\nb: 1\n"
    );
    assert_eq!(
        set_value("a: {k: {x: 1}, l: 2}\n", "a.k", json!({"m": ["1", 2]})),
        "a: {k: {m: [\"1\", 2]}, l: 2}\n"
    );
    assert_eq!(
        set_value("a:\n    b:\n        c: 1\n", "a.b", json!({"d": {"e": 1}})),
        "a:\n    b:\n        d:\n          e: 1\n"
    );
    assert_eq!(
        set_value(
            "l:\n- a: 1\n  b: 2\n- c\n",
            "l[0]",
            json!({"x": 1, "w": [2]})
        ),
        "l:\n- x: 1\n  w:\n  - 2\n- c\n"
    );
    assert_eq!(set_value("l:\n- a: 1\n", "l[0]", json!("s")), "l:\n- s\n");
    assert_eq!(set_value("{}\n", "a", json!({"b": 1})), "a:\n  b: 1\n");
}

#[test]
fn missing_values_are_added_with_what_is_above_them() {
    assert_eq!(set("a: 1\n# tail\n", "b", "x"), "a: 1\nb: x\n# tail\n");
    assert_eq!(set("a: 1", "b", "x"), "a: 1\nb: x");
    assert_eq!(set("a: 1\r\n", "b.c", "x"), "a: 1\r\nb:\r\n  c: x\r\n");
    assert_eq!(
        set("a:\n  b: 1 # one\n  # more\n\nz: 1\n", "a.c", "x"),
        "a:\n  b: 1 # one\n  c: x\n  # more\n\nz: 1\n"
    );
    assert_eq!(
        set("a:\n  b: 1\n    # deeper\nz: 1\n", "a.c", "x"),
        "a:\n  b: 1\n    # deeper\n  c: x\nz: 1\n"
    );
    assert_eq!(set("a: {b: 1}\n", "a.c", "x"), "a: {b: 1, c: x}\n");
    assert_eq!(set("a: {b: 1, }\n", "a.c", "x"), "a: {b: 1, c: x, }\n");
    assert_eq!(
        set("a: {\n  b: 1 # one\n}\n", "a.c", "x"),
        "a: {\n  b: 1, c: x # one\n}\n"
    );
    assert_eq!(set("a: {}\n", "a.c", "x"), "a:\n  c: x\n");
    assert_eq!(set("a: [{}]\n", "a[0].c", "x"), "a: [{c: x}]\n");
    assert_eq!(set("a:\n  - {}\n", "a[0].c", "x"), "a:\n  - c: x\n");
    assert_eq!(set("a:\n  -\n", "a[0].c", "x"), "a:\n  - c: x\n");
    assert_eq!(
        set("a: # none yet\nb: 1\n", "a.c.d", "x"),
        "a: # none yet\n  c:\n    d: x\nb: 1\n"
    );
    assert_eq!(
        set(
            "images:\n- name: a\n  newTag: v1\n- name: b\n",
            "images[0].digest",
            "x"
        ),
        "images:\n- name: a\n  newTag: v1\n  digest: x\n- name: b\n"
    );
    assert_eq!(
        set_value("l:\n  - a\n  - b\nm: 1\n", "l[2]", json!({"k": 1, "l": 2})),
        "l:\n  - a\n  - b\n  - k: 1\n    l: 2\nm: 1\n"
    );
    assert_eq!(set("l: [a]\n", "l[1]", "b"), "l: [a, b]\n");
    assert_eq!(set("l: []\nm: 1\n", "l[0]", "b"), "l:\n- b\nm: 1\n");
    assert_eq!(set("- name: a\n", "[0].tag", "b"), "- name: a\n  tag: b\n");
    let after = edit("a: 1\n\nb: 2\n", |e| {
        e.set_value_after(0, &path("x"), &json!(3), "a")
    })
    .unwrap();
    assert_eq!(after, "a: 1\nx: 3\n\nb: 2\n");
}

#[test]
fn removal_takes_the_comments_that_belong_to_it() {
    let text = "# head\na: 1\n\n# about b\nb:\n  c: 1\n  # end of b\n\n# about d\nd: 1\n# tail\n";
    assert_eq!(
        remove(text, "b"),
        "# head\na: 1\n\n# about d\nd: 1\n# tail\n"
    );
    assert_eq!(
        remove(text, "a"),
        "# head\n# about b\nb:\n  c: 1\n  # end of b\n\n# about d\nd: 1\n# tail\n"
    );
    assert_eq!(
        remove(text, "d"),
        "# head\na: 1\n\n# about b\nb:\n  c: 1\n  # end of b\n# tail\n"
    );
    assert_eq!(remove("a:\n  b: 1 # x\nc: 1\n", "a.b"), "a: {}\nc: 1\n");
    assert_eq!(
        remove("a: # why\n  # about b\n  b: 1\nc: 1\n", "a.b"),
        "a: {} # why\nc: 1\n"
    );
    assert_eq!(remove("a: {b: 1}\n", "a.b"), "a: {}\n");
    assert_eq!(
        remove("a: {b: 1, c: 2, d: 3}\n", "a.c"),
        "a: {b: 1, d: 3}\n"
    );
    assert_eq!(remove("a: {b: 1, c: 2}\n", "a.c"), "a: {b: 1}\n");
    assert_eq!(remove("a: [1, 2]\n", "a[0]"), "a: [2]\n");
    assert_eq!(remove("a:\n- 1\n- 2\n- 3\n", "a[1]"), "a:\n- 1\n- 3\n");
    assert_eq!(remove("a:\n- 1\n- 2\n", "a[0]"), "a:\n- 2\n");
    assert_eq!(remove("a:\n- 1\nb: 1\n", "a[0]"), "a: []\nb: 1\n");
    assert_eq!(
        remove("- a: 1\n  # about b\n  b: 2\n", "[0].a"),
        "- # about b\n  b: 2\n"
    );
    assert_eq!(remove("- a: 1\n  b: 2\n", "[0].a"), "- b: 2\n");
    assert_eq!(remove("- a: 1\n", "[0].a"), "- {}\n");
    assert_eq!(remove("a: 1\n", "a"), "{}\n");
    assert_eq!(remove("a: |\n  text\nb: 1", "b"), "a: |\n  text\n");
    let both = edit("l: [1, 2, 3]\nm:\n  a: 1\n  b: 2\n", |e| {
        e.remove(0, &path("l[0]"))?;
        e.remove(0, &path("l[1]"))?;
        e.remove(0, &path("m.a"))?;
        e.remove(0, &path("m.b"))
    });
    assert_eq!(both.unwrap(), "l: [2]\nm: {}\n");
    assert!(matches!(
        edit("a: 1\n", |e| e.remove(0, &path("b"))),
        Err(EditError::NotFound { .. })
    ));
}

#[test]
fn what_cannot_be_edited_is_refused_with_its_place() {
    let error = |text: &str, at: &str| {
        edit(text, |e| e.set_string(0, &path(at), "new"))
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        error("a: &x 1\nb: *x\n", "b"),
        "b is the alias *x (line 2): its value belongs to another place"
    );
    assert_eq!(
        error("a: &x {k: 1}\nb: *x\n", "b.k"),
        "b is the alias *x (line 2): its value belongs to another place"
    );
    assert_eq!(
        error("a: &x {k: 1}\nb: *x\n", "a.k"),
        "a.k is part of a value that the alias at line 2 uses too"
    );
    assert_eq!(
        error("a: &x {k: 1}\nb: {<<: *x}\n", "b.k"),
        "b.k is inherited through << (line 1)"
    );
    assert_eq!(
        error("a: 1\nb: 2\na: 3\n", "a"),
        "a stands twice, at lines 1 and 3"
    );
    assert_eq!(error("a: [1]\n", "a.b"), "a is not a mapping (line 1)");
    assert_eq!(error("a: {b: 1}\n", "a[0]"), "a is not a list (line 1)");
    assert_eq!(error("a: [1]\n", "a[3]"), "a[3] is not there");
    assert_eq!(
        error("image: {{ .Values.image }}\n", "image"),
        "line 1, column 8: a Go template, not YAML: `{{` opens a template action here"
    );
    assert!(
        edit("a: &x 1\nb: *x\n", |e| e.remove(0, &path("a")))
            .unwrap_err()
            .to_string()
            .contains("alias at line 2")
    );
    // An anchor that nothing uses is no reason to refuse.
    assert_eq!(set("a: &x 1\nb: 2\n", "a", "new"), "a: &x new\nb: 2\n");
    assert!(matches!(
        try_copy("a: 1\n", "b: 1\n", "c"),
        Err(EditError::NotFound { .. })
    ));
    // The last line of this literal would gain a line break.
    assert!(matches!(
        edit("a: |\n  text", |e| e.set_string(0, &path("b"), "x")),
        Err(EditError::Unproven { .. })
    ));
}

#[test]
fn many_edits_of_one_text_see_each_other() {
    let text = edit("a:\n  x: 1\n", |e| {
        e.set_value(0, &path("b.c"), &json!(1))?;
        e.set_value(0, &path("b.d"), &json!(2))?;
        e.set_string(0, &path("b.c"), "three")?;
        e.remove(0, &path("a.x"))?;
        e.set_value(0, &path("a.w"), &json!([1]))?;
        e.set_value(0, &path("a.w[1]"), &json!(2))?;
        e.set_value(0, &path("a.w[2]"), &json!(3))?;
        e.remove(0, &path("a.w[0]"))?;
        e.set_value(0, &path("z"), &json!(null))
    });
    assert_eq!(
        text.unwrap(),
        "a:\n  w:\n  - 2\n  - 3\nb:\n  c: three\n  d: 2\nz: null\n"
    );
}

#[test]
fn a_literal_text_keeps_the_lines_that_stay() {
    let set = |before: &str, new: &str| {
        let stream = Stream::parse(before).unwrap();
        let mut editor = Editor::new(&stream).unwrap();
        editor
            .set_string(0, &"a.text".parse().unwrap(), new)
            .unwrap();
        editor.finish().unwrap()
    };
    // Indentation, blank lines and line breaks stay as they are.
    let before = "a:\r\n  text: |-   # why\r\n       one: 1\r\n     \r\n         two:  x\r\n       three\r\n  b: 1\r\n";
    assert_eq!(
        set(before, "one: 1\n\n  two:  y\nthree"),
        before.replace("two:  x", "two:  y")
    );
    assert_eq!(
        set(before, "one: 1\n\n  two:  x\n  new\nthree"),
        before.replace("two:  x\r\n", "two:  x\r\n         new\r\n")
    );
    let kept = "a:\n    text: |+\n        old\n\n\n    b: 1\n";
    assert_eq!(set(kept, "new\n\n\n"), kept.replace("old", "new"));
    assert_eq!(set(kept, "old\n\n\n"), kept);
    let indented = "a: {b: 1}\n---\na:\n  text: |2\n     x\n    y\n";
    let stream = Stream::parse(indented).unwrap();
    let mut editor = Editor::new(&stream).unwrap();
    editor
        .set_string(1, &"a.text".parse().unwrap(), " x\nz\n")
        .unwrap();
    assert_eq!(editor.finish().unwrap(), indented.replace('y', "z"));
}
