//! What is read here is what the whole parser reads.

use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;

use super::super::parse;
use super::super::stream::{Document, Source};

/// Reads a text both ways, and tells whether the quick one took it.
fn same(text: &str) -> bool {
    let source = Arc::new(Source::new(text));
    let Some(quick) = super::document(&source) else {
        return false;
    };
    let whole = parse::documents(&source);
    let Ok([whole]) = whole.as_deref() else {
        panic!("{text:?} was read, but is {:?}", whole.err());
    };
    let parts = |document: &Document| (document.root.clone(), document.span);
    assert_eq!(parts(&quick), parts(whole), "{text:?}");
    assert!(whole.anchors.is_empty(), "{text:?}");
    true
}

#[test]
fn plain_files_are_read_quickly_and_alike() {
    for text in [
        "a: 1\n",
        "a: 1",
        "\n\n# head\n\na: 1 # one\n# tail\n",
        "a:\nb:\n",
        "a: # nothing\nb: ~\n",
        "a:\n  b: c\n\n  # between\n  d: e\nf: g\n",
        "a:\n- b\n- c\nd: e\n",
        "a:\n  - b: c\n    d: e\n  - f\n  - - g\n    - h\n",
        "- a\n- b: 1\n  c: 2\n-   d: 3\n    e: 4\n",
        "a: {b: c, d: [e, 'f g', \"h\"], i: {}, j: [ ]}  # flow\n",
        "a: [--flag=x, -1, a:b, http://x/y]\n",
        "- --flag=x\n- -1\n- key=a:b\n",
        "\"a b\": 'c d'\n'e': \"f # g\"\n",
        "image: registry.example.com:5000/a/b:v1@sha256:00\n",
        "a: b  c   \nd: e#f\n",
        "<<: x\ntrue: no\n1: 2\n",
        "name: Zoë # ✓\n",
        "  a: 1\n  b: 2\n",
        "a:\n    b:\n      - c\n      - d: {e: f}\n        g: h\n",
        "a: b \n\n\n",
        "a: (x)\nb: =1\nc: ~x\nd: $x\ne: <x>\nf: ^x\n",
    ] {
        assert!(same(text), "{text:?} is not read quickly");
    }
}

#[test]
fn what_is_not_plain_or_wrong_is_left_to_the_whole_parser() {
    for text in [
        "",
        "# only a comment\n",
        "a: 1\n---\nb: 2\n",
        "---\na: 1\n",
        "%YAML 1.2\n---\na: 1\n",
        "a: 1\n...\n",
        "a: &x 1\nb: *x\n",
        "a: !!str 1\n",
        "a: |\n  b\n",
        "a: b\n  c\n",
        "a:\n  b\n",
        "a: \"b\\n\"\n",
        "a: 'it''s'\n",
        "a: \"b\n  c\"\n",
        "a: {b: c,\n  d: e}\n",
        "a: {b, c: d}\n",
        "a: {b: c,}\n",
        "a: [b: c]\n",
        "{a: b}: c\n",
        "a: b: c\n",
        "a: b:\n",
        "a: - b\n",
        "a: 1\n b: 2\n",
        "  a: 1\nb: 2\n",
        "a:\n  - b\n c: d\n",
        "- a\nb: c\n",
        "a\n",
        "a:\tb\n",
        "a: b\r\n",
        "\u{feff}a: b\n",
        "? a\n: b\n",
        "a: @b\n",
        "a: `b`\n",
        "a: %b\n",
        "a: \"b\" c\n",
        "a: {b: c} d\n",
        "a b: c\n",
    ] {
        assert!(!same(text), "{text:?} is read quickly");
    }
}

/// Every YAML file of the examples and schemas, whole and cut after each line.
#[test]
fn real_files_are_read_alike() {
    fn collect(folder: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, found);
            } else if path.extension().is_some_and(|end| end == "yaml") {
                found.push(std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    let mut files = Vec::new();
    collect(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("examples"),
        &mut files,
    );
    let quick = files.iter().filter(|text| same(text)).count();
    assert!(quick * 10 > files.len() * 8, "{quick} of {}", files.len());
    for text in files.iter().take(60) {
        for (at, _) in text.match_indices('\n') {
            same(&text[..at]);
            same(&text[at..]);
        }
    }
}

/// Pieces of lines; put together at random they are mostly wrong in some way.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "a: ", "b: ", "key:", "- ", "-", ": ", ":", ",", "{", "}", "[", "]", "#", " #", "# c",
            "\"", "'", "\"q\"", "'q'", "x", "1", "true", "~", "<<: ", "--f", "&a ", "*a", "!t ",
            "|", ">", "?", "? ", "%", "@", "`", "\\", "a:b", "{a: b}", "[a, b]", "[-", "{a: -",
            "}", "]", ", ", "...", "---", "é", "\t", "\r", "\u{85}", "\u{a0}", "=", "a: 1", "- x",
            "- a: 1", "\"a\": ", "a b",
        ]),
        Just("\n"),
        Just("\n  "),
        Just("\n    "),
        Just("\n- "),
        Just("\na: "),
        Just("\n  b: "),
        Just(" "),
    ];
    prop::collection::vec(piece, 1..24).prop_map(|pieces| pieces.concat())
}

/// Lines that look like a manifest.
fn lines() -> impl Strategy<Value = String> {
    let line = (
        0usize..4,
        prop::sample::select(vec![
            "a: 1",
            "b:",
            "c: {d: e}",
            "- f",
            "- g: h",
            "-",
            "k: [l, m]",
            "# n",
            "",
            "o: \"p\"",
            "- - q",
            "r: s # t",
            "u: 'v'",
            "- {w: x}",
            "y: z:",
            "aa: bb cc",
            "- \"dd\": ee",
        ]),
    );
    prop::collection::vec(line, 1..12).prop_map(|lines| {
        let lines = lines.iter();
        lines
            .map(|(depth, text)| format!("{}{text}\n", "  ".repeat(*depth)))
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn random_pieces_are_read_alike(text in pieces()) {
        same(&text);
    }

    #[test]
    fn random_lines_are_read_alike(text in lines()) {
        same(&text);
    }
}
