use super::*;
use crate::confidential::shapes::redact;

#[test]
fn values_in_documents_are_hidden_and_nothing_else() {
    for (text, shown) in [
        (
            r#"{"env":[{"name":"TOKEN","value":"hush"}],"a":"x"}"#,
            r#"{"env":[{"name":"TOKEN","value":"***"}],"a":"x"}"#,
        ),
        (
            r#"run {"env":[{"name":"TOKEN","value":"hush"}]} it's"#,
            r#"run {"env":[{"name":"TOKEN","value":"***"}]} it's"#,
        ),
        (
            "env: [{name: TOKEN, value: hush}]",
            "env: [{name: TOKEN, value: ***}]",
        ),
        ("tls: {key: hush, x: y}", "tls: {key: ***, x: y}"),
    ] {
        assert_eq!(redact(text), shown);
    }
}

#[test]
fn a_document_in_a_broken_text_is_found() {
    for text in [
        "a: b: c\n{name: TOKEN, value: hush}\n",
        "[ ] ] { {name: TOKEN, value: hush}",
        "it's [DB_PASSWORD, hush]",
    ] {
        assert!(has_secret_value(text), "{text}");
        assert!(!redact(text).contains("hush"), "{}", redact(text));
    }
}

#[test]
fn ordinary_documents_have_no_secret() {
    for text in [
        "{{ .Values.password }}",
        "auth: {enabled: true}",
        r#"{"auth":{"enabled":true,"issuer":"x"}}"#,
        "a: [token, b]\n",
        "- token\n- auth\n",
    ] {
        assert!(!has_secret_value(text), "{text}");
    }
}

#[test]
fn texts_in_texts_are_read_to_a_depth() {
    let mut text = r#"{"name":"TOKEN","value":"hush"}"#.to_owned();
    for _ in 0..4 {
        text = serde_json::json!({ "a": text }).to_string();
    }
    assert!(has_secret_value(&text));
    for _ in 0..4 {
        text = serde_json::json!({ "token_ttl": text }).to_string();
    }
    assert!(has_secret_value(&text));
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the time that it takes is tested"
)]
fn brackets_and_nested_texts_are_read_in_time() {
    let mut nested = "token: x\n".to_owned();
    for _ in 0..60 {
        nested = format!("token_ttl: |\n{}", nested.replace("\n", "\n ").trim_end());
    }
    let secrets: String = (0..5_000)
        .map(|at| format!("password{at}: hush{at}\n"))
        .collect();
    let bomb = (1..9).fold("a0: &a0 [token, token]\n".to_owned(), |text, at| {
        let below = format!("*a{}, ", at - 1).repeat(20);
        format!("{text}a{at}: &a{at} [{below}]\n")
    });
    for text in [
        bomb,
        "token [".repeat(10_000),
        "{token: ".repeat(10_000),
        format!("token {}{}", "[".repeat(20_000), "]".repeat(20_000)),
        "[token: ]".repeat(10_000),
        nested,
        secrets,
    ] {
        let begun = std::time::Instant::now();
        let _ = secret_values(&text);
        let took = begun.elapsed();
        assert!(took.as_secs() < 15, "{}: {took:?}", &text[..9]);
    }
}
