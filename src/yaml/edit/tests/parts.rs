//! Large texts, edited part by part.

use super::*;

fn wish(at: &str, text: &str) -> Wish {
    Wish {
        document: 0,
        path: path(at),
        text: text.to_owned(),
        behind: None,
    }
}

#[test]
fn a_part_is_edited_and_all_others_are_proven() {
    let text = "a: 1\n# b\nb:\n  c: {d: x, e: [y]} # z\n\n\"f g\":\n- h: i\n  j: k\nl:\n";
    let parts = |text| Parts::cut(text, 0, 1).unwrap();
    let wishes = [
        wish("b.c.d", "1.10"),
        wish("[\"f g\"][0].m", "w"),
        wish("l", "o"),
    ];
    let made = in_parts(parts(text), &wishes).unwrap();
    assert_eq!(
        made,
        "a: 1\n# b\nb:\n  c: {d: \"1.10\", e: [y]} # z\n\n\"f g\":\n- h: i\n  j: k\n  m: w\nl: o\n"
    );
    // All of these are for the whole to look at.
    for (text, at) in [
        (text, "x"),
        (text, "b.c.d.e"),
        ("a: 1\nb: 2\na: 3\n", "a"),
        ("a: 1\n\"b\": 2\nb: 3\n", "b"),
        ("a: 1\nb: \"2\nc: 3\"\n", "a"),
        ("a: &x 1\nb: *x\nc: 3\n", "c"),
    ] {
        assert_eq!(in_parts(parts(text), &[wish(at, "new")]), None, "{text:?}");
    }
}

#[test]
fn a_part_that_does_not_end_where_it_was_cut_is_no_proof() {
    let whole = |text: &str, key| {
        let stream = Stream::parse(text).unwrap();
        Editor::new(&stream).unwrap().finish_part(key)
    };
    assert_eq!(whole("a: b\n", Some("c")), Ok("a: b\n".to_owned()));
    assert_eq!(whole("  a: b\n", Some("  c")), Ok("  a: b\n".to_owned()));
    for (text, key) in [("a: b", "c"), ("a: b\n", "  c"), ("  a: b\n", "c")] {
        assert!(whole(text, Some(key)).is_err(), "{text:?} {key:?}");
    }
}

#[test]
fn large_files_are_edited_as_small_ones_are() {
    let mut text = String::from("web:\n  image: {tag: v1} # one\n");
    for at in 0..20_000 {
        text.push_str(&format!("service-{at}: {{x: \"{at}\"}}\n"));
    }
    let set = |text: &str, at: &str| set_strings(text, &[wish(at, "v2")]);
    assert!(Parts::of(&text).is_some());
    assert_eq!(
        set(&text, "web.image.tag").unwrap(),
        text.replace("v1", "v2")
    );
    assert_eq!(
        set(&text, "service-19999.x").unwrap(),
        text.replace("\"19999\"", "\"v2\"")
    );
    assert_eq!(set(&text, "last").unwrap(), format!("{text}last: v2\n"));
    let (number, error) = set(&text, "web.image.tag.x").unwrap_err();
    assert_eq!(number, Some(0));
    let wanted = "web.image.tag is not a mapping (line 2)";
    assert_eq!(error.to_string(), wanted);
    text.push_str("web: 2\n");
    let (_, error) = set(&text, "web.image.tag").unwrap_err();
    assert_eq!(error.to_string(), "web stands twice, at lines 1 and 20003");
}
