//! What is read in parts is what is read at once.

use std::sync::Arc;

use proptest::prelude::*;

use super::super::stream::Source;
use super::super::{Node, Stream, quick};
use super::{Part, Parts};

/// All entries as they are written, with their places.
fn entries(text: &str, root: &Node, place: impl Fn(usize) -> u32) -> Vec<(String, u32, String)> {
    let entries = root.entries().iter();
    entries
        .map(|entry| {
            let value = format!("{:?}", without_spans(&entry.value));
            let key = text[entry.key.span.range()].to_owned();
            (key, place(entry.key.start()), value)
        })
        .collect()
}

fn without_spans(node: &Node) -> Node {
    let mut node = node.clone();
    clear(&mut node);
    node
}

fn clear(node: &mut Node) {
    use super::super::NodeKind;
    node.span = Default::default();
    if let Some(properties) = &mut node.properties {
        properties.span = Default::default();
    }
    match &mut node.kind {
        NodeKind::Sequence(items) => items.iter_mut().for_each(clear),
        NodeKind::Mapping(entries) => entries.iter_mut().for_each(|entry| {
            clear(&mut entry.key);
            clear(&mut entry.value);
        }),
        // Anchors are counted anew in each part.
        NodeKind::Alias { target, .. } => *target = 0,
        NodeKind::Scalar(_) => {}
    }
}

fn keys_behind<'t>(parts: &Parts<'t>) -> Vec<Option<&'t str>> {
    let mut rest = parts.clone();
    std::iter::from_fn(|| rest.next_place())
        .map(|place| parts.key_behind(place))
        .collect()
}

/// Reads a text both ways; tells how many parts it had.
fn same(text: &str, size: usize) -> Option<usize> {
    let parts = Parts::cut(text, 0, size)?;
    let all = parts.clone().collect::<Option<Vec<Part>>>();
    let Some(all) = all else {
        let plain = quick::document(&Arc::new(Source::new(text)));
        assert!(plain.is_none(), "{text:?} is plain, and its parts are not");
        return None;
    };
    let whole = Stream::parse(text);
    let Ok([whole]) = whole.as_ref().map(Stream::documents) else {
        panic!("{text:?} is no document, and its parts are: {whole:?}");
    };
    let read: Vec<_> = all
        .iter()
        .flat_map(|part| {
            let document = part.document();
            let place = |at| document.position(at).line;
            entries(document.text(), document.root().unwrap(), place)
        })
        .collect();
    let place = |at| whole.position(at).line;
    let wanted = entries(text, whole.root().unwrap(), place);
    assert_eq!(read, wanted, "{text:?}");
    let joined: String = all.iter().map(|part| part.document().text()).collect();
    assert_eq!(joined, text);
    let keys = keys_behind(&parts);
    assert_eq!(keys.last(), Some(&None), "{text:?}");
    Some(keys.len())
}

#[test]
fn parts_begin_at_keys_of_the_root() {
    let text =
        "# head\na:\n  b: 1\n\n# about c\nc:\n- d\n- e: f\n\"g h\": {i: j}\n'k': \"l\"\nm:\n";
    assert_eq!(same(text, 1), Some(5));
    assert_eq!(same(text, 20), Some(3));
    let parts = Parts::cut(text, 0, 1).unwrap();
    let keys = keys_behind(&parts);
    let wanted = [Some("c"), Some("\"g h\""), Some("'k'"), Some("m"), None];
    assert_eq!(keys, wanted);
    let indented = "  a: 1\n  b:\n    c: 2\n  d: 3\n";
    assert_eq!(same(indented, 1), Some(3));
}

#[test]
fn what_cannot_be_cut_is_read_at_once() {
    for text in [
        "a: 1\n",
        "- a\n- b\n",
        "a:\n  b: 1\n  c: 2\n",
        "",
        "# a\n",
        "a: 1\n# b\n",
    ] {
        assert!(Parts::cut(text, 0, 1).is_none(), "{text:?}");
    }
    assert!(Parts::of("a: 1\nb: 2\n").is_none());
    // Here a line that looks like a key is none, or needs what stands before it.
    for text in [
        "a: \"b\nc: d\"\n",
        "a: {\nb: c}\n",
        "a: 1\n---\nb: 2\n",
        "a: 1\n...\nb: 2\n",
        "--- {a: b}\nb: 2\n",
        "%YAML 1.2\n---\na: 1\nb: 2\n",
        "a: &x 1\nb: *x\n",
        "a: 1\rb: 2\nc: 3\n",
    ] {
        assert_eq!(same(text, 1), None, "{text:?}");
    }
}

#[test]
fn what_is_not_plain_is_read_in_parts_too() {
    for (text, count) in [
        ("---\na: 1\nb: 2\n", 2),
        ("# head\n--- # go\na: |\n  x: y\n\nb: >-\n  z\nc: 1\n", 3),
        ("\u{feff}a: 1\r\nb:\r\n  c: 'it''s'\r\nd: \"\\n\"", 3),
        ("a: {&x b: *x}\nc: &x 1\nd: !!str 2\n", 3),
        (
            "a: \"b\n  c: d\"\n? e\n: f\ng: {h: [\n  i, j],\n k: l}\nm: n\n  o\n",
            3,
        ),
    ] {
        assert_eq!(same(text, 1), Some(count), "{text:?}");
    }
}

fn lines() -> impl Strategy<Value = String> {
    let line = (
        0usize..3,
        prop::sample::select(vec![
            "a: 1",
            "b:",
            "c: {d: e}",
            "- f",
            "- g: h",
            "# n",
            "",
            "o: \"p\"",
            "'u': 'v'",
            "x: \"y",
            "z: [",
            "]",
            "\"",
            "---",
            "w: |",
            "k",
            ": v",
            "? q",
            "&a r: s",
            "\"t\": \"u\"",
            "...",
            "*a",
            "aa: &a b",
            "bb: *a",
            "cc: \"dd",
            "ee: >-\r",
            "%Y",
            "ff gg",
        ]),
    );
    prop::collection::vec(line, 1..14).prop_map(|lines| {
        let lines = lines.iter();
        lines
            .map(|(depth, text)| format!("{}{text}\n", "  ".repeat(*depth)))
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn random_lines_are_read_alike_in_parts(text in lines(), size in 1usize..30) {
        same(&text, size);
    }
}
