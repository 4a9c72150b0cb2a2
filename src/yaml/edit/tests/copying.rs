//! Entries that are copied from another text, with their comments and style.

use super::*;

const STAGING: &str = "\
spec:
  components:
    # the shop window
    frontend:
      image: shop/frontend:2   # newest

    # everything in the basket
    cart:
      image: shop/cart:2
      values:
        port: 7070
        env: {REDIS: \"redis:6379\", TIMEOUT: 3s}
        # limits: none

    mail:
      image: shop/mail:2
";

const PROD: &str = "\
spec:
  components:
    frontend:
      image: shop/frontend:1
    cart:   # hands off
      image: shop/cart:1
    zz:
      image: shop/zz:1
";

#[test]
fn copying_moves_one_block_and_no_other_byte() {
    assert_eq!(
        copy(PROD, STAGING, "spec.components.cart"),
        "spec:\n  components:\n    frontend:\n      image: shop/frontend:1\n    # everything in the basket\n    cart:\n      image: shop/cart:2\n      values:\n        port: 7070\n        env: {REDIS: \"redis:6379\", TIMEOUT: 3s}\n        # limits: none\n    zz:\n      image: shop/zz:1\n"
    );
    // New: behind the neighbour it has in the source, with the blank line above it.
    assert_eq!(
        copy(PROD, STAGING, "spec.components.mail"),
        "spec:\n  components:\n    frontend:\n      image: shop/frontend:1\n    cart:   # hands off\n      image: shop/cart:1\n\n    mail:\n      image: shop/mail:2\n    zz:\n      image: shop/zz:1\n"
    );
    let without = remove(PROD, "spec.components.frontend");
    assert_eq!(
        copy(&without, STAGING, "spec.components.frontend"),
        "spec:\n  components:\n    # the shop window\n    frontend:\n      image: shop/frontend:2   # newest\n\n    cart:   # hands off\n      image: shop/cart:1\n    zz:\n      image: shop/zz:1\n"
    );
    // Deeper, where the mappings above are missing.
    assert_eq!(
        copy(PROD, STAGING, "spec.components.cart.values.env.TIMEOUT"),
        PROD.replace(
            "shop/cart:1\n",
            "shop/cart:1\n      values:\n        env: {TIMEOUT: 3s}\n"
        )
    );
    assert_eq!(
        copy(PROD, STAGING, "spec.components.cart.values.port"),
        PROD.replace(
            "shop/cart:1\n",
            "shop/cart:1\n      values:\n        port: 7070\n"
        )
    );
}

#[test]
fn copies_fit_the_indentation_and_style_of_their_new_place() {
    let source = "a:\n    b: # note\n        c: |\n            text\n              more\n\n            end\n        d:\n        - x: 1\n          w: 'two'\n";
    assert_eq!(
        copy("a:\n  z: 1\n", source, "a.b"),
        "a:\n  z: 1\n  b: # note\n      c: |\n          text\n            more\n\n          end\n      d:\n      - x: 1\n        w: 'two'\n"
    );
    assert_eq!(
        copy("a: {z: 1}\n", source, "a.b"),
        "a: {z: 1, b: {c: \"text\\n  more\\n\\nend\\n\", d: [{x: 1, w: 'two'}]}}\n"
    );
    assert_eq!(
        copy("a: {b: 1}\n", "a:\n  b: 0644\n", "a.b"),
        "a: {b: 0644}\n"
    );
    assert_eq!(
        copy("a:\n  b: 1 # old\n", "a: {b: [x, \"y\"]}\n", "a.b"),
        "a:\n  b: [x, \"y\"] # old\n"
    );
    assert_eq!(
        copy("a:\n  c: 1\n", "a: {b: [x, \"y\"], c: 1}\n", "a.b"),
        "a:\n  b: [x, \"y\"]\n  c: 1\n"
    );
    assert_eq!(
        copy("a: {}\n", "a:\n   # why\n   b: yes\n", "a.b"),
        "a:\n  # why\n  b: yes\n"
    );
    assert_eq!(copy("a: {}\n", "a: {b: yes}\n", "a.b"), "a: {b: yes}\n");
    assert_eq!(
        copy("a: # none\n", "a:\n  b: 1\n", "a.b"),
        "a: # none\n  b: 1\n"
    );
    assert_eq!(
        copy("a: 1\r\nc: 1\r\n", "a: 1\nb:\n  x: |\n    t\nc: 1\n", "b"),
        "a: 1\r\nb:\r\n  x: |\r\n    t\r\nc: 1\r\n"
    );
    assert_eq!(copy("a: 1", "a: 1\nb: 2\n", "b"), "a: 1\nb: 2");
    assert_eq!(copy("a: 1\n", "a: 1\nb: 2", "b"), "a: 1\nb: 2\n");
    assert_eq!(
        copy(
            "l:\n- o: 1\n  m: 2\n",
            "l:\n- m: 3\n  # seven\n  o: 7\n",
            "l[0].o"
        ),
        "l:\n- o: 7\n  m: 2\n"
    );
    assert_eq!(
        copy("l:\n- x: 1\n", "l:\n- m: 3\n  x: 1\n", "l[0].m"),
        "l:\n- m: 3\n  x: 1\n"
    );
    assert_eq!(
        copy("\"on\": 1\n", "on:\n  x: 1\n\"on\":\n  y: 1\n", "on"),
        "on:\n  y: 1\n".replace("on", "\"on\"")
    );
}

#[test]
fn aliases_in_a_copied_block_are_written_out() {
    let source = "base: &b {x: 1, w: 2}\nuse:\n  <<: *b\n  w: 3\n";
    let made = copy("base: 1\nother: 2\n", source, "use");
    assert_eq!(
        parse_values(&made).unwrap()[0],
        json!({"base": 1, "other": 2, "use": {"w": 3, "x": 1}})
    );
    assert_eq!(made, "base: 1\nuse:\n  w: 3\n  x: 1\nother: 2\n");
}

/// A text with every scalar of the other one put in its place, and nothing else.
fn scalars(text: &str, from: &str, paths: &[&str]) -> Result<String, EditError> {
    let (text, from) = (Stream::parse(text).unwrap(), Stream::parse(from).unwrap());
    let mut editor = Editor::new(&text).unwrap();
    for path in paths {
        editor.copy_scalar(0, &path.parse().unwrap(), &from, 0)?;
    }
    editor.finish()
}

#[test]
fn scalars_come_as_they_are_written() {
    let from = "a: 1.10\nb: !Sub \"x\"\nc: 0600\nd: 12:30:45\ne: 'it''s'\nf: |+\n    two\n      lines\n\ng:\nh: {i: x:y, j: \"k\"}\n";
    let to = "a: 1.1 # why\nb: !Ref x\nc: '384'\nd: \"0\"\ne: &an e\nf: old\ng: 1 # note\nh: {i: 1, j: 2}\n";
    let all = ["a", "b", "c", "d", "e", "f", "g", "h.i", "h.j"];
    assert_eq!(
        scalars(to, from, &all).unwrap(),
        "a: 1.10 # why\nb: !Sub \"x\"\nc: 0600\nd: 12:30:45\ne: &an 'it''s'\nf: |+\n    two\n      lines\n\ng: # note\nh: {i: x:y, j: \"k\"}\n"
    );
    // Where its lines cannot stand, a text is quoted.
    assert_eq!(
        scalars("f: old # why\n", from, &["f"]).unwrap(),
        "f: \"two\\n  lines\\n\\n\" # why\n"
    );
    assert_eq!(
        scalars("f: {g: old}\n", "f:\n  g: |\n    a\n", &["f.g"]).unwrap(),
        "f: {g: \"a\\n\"}\n"
    );
    assert_eq!(
        scalars(
            "- - x: old\n",
            "- - x: |-\n      a\n       b\n",
            &["[0][0].x"]
        )
        .unwrap(),
        "- - x: |-\n      a\n       b\n"
    );
}

#[test]
fn keys_that_kubernetes_reads_otherwise_arrive() {
    for (from, path) in [
        ("y: 1\n", "true"),
        ("1.10: x\n", "[\"1.1\"]"),
        ("a: {0x10: 1}\n", "a"),
    ] {
        let copied = copy("z: 1\n", from, path);
        assert_eq!(copied, format!("z: 1\n{from}"));
    }
}

#[test]
fn blank_lines_that_a_text_keeps_are_no_gap_behind_it() {
    let from = "k: |+\n  text\n\nafter: 1\n";
    assert_eq!(
        copy(&copy("a: 1\n", from, "k"), from, "after"),
        format!("a: 1\n{from}")
    );
}
