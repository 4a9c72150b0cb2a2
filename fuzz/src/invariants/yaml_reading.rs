//! Reading YAML: no panic, no place outside of the text, and one answer from all readers.

use kubectl_gitops::yaml::{Document, Node, NodeKind, Span, Stream, Style};

/// Any bytes: refused, or read with every part in its place.
pub fn yaml_parse(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(stream) = Stream::parse(text) else {
        return;
    };
    assert_eq!(stream.text(), text);
    for document in stream.documents() {
        let span = document.span();
        assert!(span.start <= span.end && span.end <= text.len());
        // A key that is not written has no place that a parser would report.
        if let Some(root) = document.root().filter(|root| has_keys(root)) {
            in_place(document, root);
        }
        let _ = document.value();
    }
    both_readers(text, &stream);
}

fn has_keys(node: &Node) -> bool {
    let entries = node.entries().iter();
    let mut nodes = entries.flat_map(|entry| [&entry.key, &entry.value]);
    let written = node
        .entries()
        .iter()
        .all(|entry| !entry.key.span.is_empty());
    written && nodes.all(has_keys) && node.items().iter().all(has_keys)
}

/// Spans that are not within the text, cut characters, or do not hold what was read.
fn in_place(document: &Document, node: &Node) {
    let text = document.text();
    let span = node.span;
    assert!(span.start <= span.end, "{node:?} in {text:?}");
    let Some(written) = text.get(span.start..span.end) else {
        panic!("{node:?} is not in {text:?}");
    };
    assert!(text.is_char_boundary(node.start()) && text.is_char_boundary(node.end()));
    document.position(span.start);
    match &node.kind {
        NodeKind::Scalar(scalar) => {
            let one_line = !written.contains(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']);
            if scalar.style == Style::Plain && one_line {
                assert_eq!(written, scalar.text, "{text:?}");
            }
        }
        NodeKind::Alias { name, .. } => assert_eq!(written, format!("*{name}"), "{text:?}"),
        NodeKind::Sequence(items) => {
            let mut from = span.start;
            for item in items {
                assert!(from <= item.start() && item.end() <= span.end, "{text:?}");
                from = item.end();
                in_place(document, item);
            }
        }
        NodeKind::Mapping(entries) => {
            let mut from = span.start;
            for entry in entries {
                let (key, value) = (&entry.key, &entry.value);
                assert!(
                    from <= key.start() && key.end() <= value.start(),
                    "{entry:?} in {text:?}"
                );
                assert!(value.end() <= span.end, "{text:?}");
                from = value.end();
                in_place(document, key);
                in_place(document, value);
            }
        }
    }
}

/// Plain texts have a reader of their own; a document mark sends them to the whole one.
fn both_readers(text: &str, stream: &Stream) {
    const MARK: &str = "---\n";
    let first = text.lines().find(|line| {
        let line = line.trim_start();
        !line.is_empty() && !line.starts_with('#')
    });
    let special = |line: &str| ["---", "...", "%"].iter().any(|it| line.starts_with(it));
    // A byte order mark may stand before a document, and nowhere behind its mark.
    if text.contains('\u{feff}') || first.is_none_or(special) {
        return;
    }
    let marked = format!("{MARK}{text}");
    let marked = match Stream::parse(&marked) {
        Ok(marked) => marked,
        Err(error) => panic!("{text:?} is read, but behind a mark it is not: {error}"),
    };
    assert_eq!(
        stream.documents().len(),
        marked.documents().len(),
        "{text:?}"
    );
    for (one, other) in stream.documents().iter().zip(marked.documents()) {
        let shifted = other.root().cloned().map(|mut root| {
            shift(&mut root, MARK.len());
            root
        });
        assert_eq!(one.root(), shifted.as_ref(), "{text:?}");
    }
}

fn shift(node: &mut Node, by: usize) {
    let back = |span: &mut Span| {
        span.start -= by;
        span.end -= by;
    };
    back(&mut node.span);
    if let Some(properties) = &mut node.properties {
        back(&mut properties.span);
    }
    match &mut node.kind {
        NodeKind::Sequence(items) => items.iter_mut().for_each(|item| shift(item, by)),
        NodeKind::Mapping(entries) => entries.iter_mut().for_each(|entry| {
            shift(&mut entry.key, by);
            shift(&mut entry.value, by);
        }),
        NodeKind::Scalar(_) | NodeKind::Alias { .. } => {}
    }
}
