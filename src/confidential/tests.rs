//! Every name in every shape: what one room knows of a secret, all must know.

use super::*;
use serde_json::{Value, json};

/// Names of variables whose values are secrets.
const NAMES: &[&str] = &[
    "DB_PASSWORD",
    "API_TOKEN",
    "dbPassword",
    "client-secret",
    "db.password",
    "PRIVATE_KEY",
    "USER_PIN",
    "pagerdutyKey",
    "password",
    "passwd",
    "apiKey",
    "replicaSetKey",
    "GITHUB_PAT",
    "SENTRY_DSN",
    "X-Api-Key",
    "requirepass",
    "connectionString",
    "secret_key",
];

/// Names whose values are shown.
const OPEN: &[&str] = &[
    "LEVEL",
    "author",
    "path",
    "tokenTtl",
    "PATH_TO_TOKEN",
    "TOKEN_BUCKET_RATE",
    "secretName",
    "credentialsSecret",
    "jwksUri",
    "monkey",
    "username",
    "maxTokens",
    "passwordPolicy",
    "compass",
    "existingSecret",
    "adminPasswordKey",
];

/// Texts in which a name has a value.
const TEXTS: &[&str] = &[
    "NAME=VALUE",
    "a=b\nNAME=VALUE\nc=d\n",
    "export NAME=VALUE",
    "export NAME='VALUE'\n",
    "NAME = VALUE",
    "[db]\nNAME = VALUE\n",
    "NAME: VALUE",
    "NAME: 'VALUE'\n",
    "NAME: |\n  VALUE\n",
    "NAME: >-\n  VALUE\n  VALUE\n",
    "a:\n  NAME: VALUE\nb: {{ x }}\n",
    "? NAME\n: VALUE\n",
    "\"NAME\": \"VALUE\",",
    "{\"NAME\":\"VALUE\"}",
    "x {\"a\":{\"NAME\":\"VALUE\"}} y",
    "{\"env\":[{\"name\":\"NAME\",\"value\":\"VALUE\"}]}",
    "env: [{name: NAME, value: VALUE}]",
    "- name: NAME\n  value: VALUE\n",
    "- value: VALUE\n  name: NAME\n",
    "- key: NAME\n  val: VALUE\n",
    "pairs: [[NAME, VALUE]]",
    "<a NAME=\"VALUE\"/>",
    "<NAME>VALUE</NAME>",
    "<property name=\"NAME\" value=\"VALUE\"/>",
    "<entry key=\"NAME\">VALUE</entry>",
    "define('NAME','VALUE');",
    "set(\"NAME\", \"VALUE\")",
    "a\nNAME \"VALUE\"\n",
    "SetEnv NAME VALUE\n",
    "ENV NAME VALUE\n",
    "NAME = '''\nVALUE\n'''\n",
    "NAME = \"\"\"\nVALUE\n\"\"\"\n",
    "NAME=\\\n  VALUE\n",
    "NAME = <<EOF\nVALUE\nEOF\n",
    "variable \"NAME\" {\n  default = \"VALUE\"\n}\n",
    "run --NAME VALUE",
    "run --NAME=VALUE",
    "run --NAME \\\n  VALUE",
    "run -DNAME=VALUE",
    "helm upgrade --set a.NAME=VALUE,b=c",
    "helm upgrade --set e[0].name=NAME,e[0].value=VALUE",
    "Server=db;NAME=VALUE;X=1",
    "https://example.com/?NAME=VALUE&x=1",
    "$a['NAME'] = 'VALUE';",
    "NAME => 'VALUE'",
    "NAME := \"VALUE\"",
];

/// Objects in which a name has a value.
const OBJECTS: &[&str] = &[
    r#"{"NAME": "VALUE"}"#,
    r#"{"a": {"NAME": ["VALUE"]}}"#,
    r#"[{"name": "NAME", "value": "VALUE"}]"#,
    r#"[{"NAME": {"x": "y"}, "name": "NAME", "value": "VALUE"}]"#,
    r#"{"Key": "NAME", "Value": "VALUE"}"#,
    r#"{"envName": "NAME", "envValue": "VALUE"}"#,
    r#"{"var": "NAME", "val": "VALUE"}"#,
    r#"["NAME", "VALUE"]"#,
    r#"{"args": ["--NAME", "VALUE"]}"#,
    r#"{"args": ["--NAME=VALUE"]}"#,
];

/// Every name in every one of the patterns.
fn each<'p>(names: &'p [&str], patterns: &'p [&str]) -> impl Iterator<Item = String> + 'p {
    let of_name = |name: &'p &str| patterns.iter().map(move |it| it.replace("NAME", name));
    names.iter().flat_map(of_name)
}

/// A text in the places where texts are.
fn places(text: &str) -> [Value; 4] {
    [
        json!({ "text": text }),
        json!({"data": {"a.conf": text, "b": "x"}}),
        json!([{"name": "a", "x": [text]}]),
        json!({ "json": json!({ "text": text }).to_string() }),
    ]
}

fn shown(value: &Value) -> String {
    Secrecy::default().shown(value).to_string()
}

#[test]
fn every_name_of_a_secret_hides_its_value_in_every_shape() {
    let mut wrong = Vec::new();
    for text in each(NAMES, TEXTS) {
        let text = text.replace("VALUE", "hush-4711");
        let mut says = vec![redact(&text)];
        says.extend(places(&text).iter().map(shown));
        let lines = Lines::of(&text);
        says.extend((1..9).filter_map(|line| lines.shown(&text, line).map(str::to_owned)));
        let concealed = Concealed::of(&json!({ "a": text }));
        says.push(concealed.mask("got hush-4711 here"));
        wrong.extend(
            says.into_iter()
                .filter(|it| it.contains("hush"))
                .take(1)
                .map(|it| format!("{text}: {it}")),
        );
    }
    assert!(wrong.is_empty(), "{} {wrong:#?}", wrong.len());
}

#[test]
fn every_name_of_a_secret_hides_its_value_in_every_object() {
    let mut wrong = Vec::new();
    for object in each(NAMES, OBJECTS) {
        let value: Value = serde_json::from_str(&object.replace("VALUE", "hush-4711")).unwrap();
        let mut says: Vec<String> = vec![shown(&value), shown(&json!({"x": [value]}))];
        says.extend(places(&value.to_string()).iter().map(shown));
        says.push(redact(&value.to_string()));
        let concealed = Concealed::of(&value);
        says.push(concealed.mask("got hush-4711 here"));
        wrong.extend(says.into_iter().filter(|it| it.contains("hush")).take(1));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_other_name_shows_its_value_in_every_shape() {
    let mut wrong = Vec::new();
    for text in each(OPEN, TEXTS) {
        let text = text.replace("VALUE", "x-4711");
        if redact(&text) != text {
            wrong.push(redact(&text));
        }
        let hides = |place: &Value| shown(place).contains(HIDDEN);
        let hidden = places(&text).into_iter().filter(hides);
        wrong.extend(hidden.map(|place| place.to_string()));
        let lines = Lines::of(&text);
        let all = (1..=text.lines().count())
            .all(|at| lines.shown(&text, u32::try_from(at).unwrap()).is_some());
        wrong.extend((!all).then(|| format!("a line of {text}")));
    }
    for object in each(OPEN, OBJECTS) {
        let value: Value = serde_json::from_str(&object.replace("VALUE", "x-4711")).unwrap();
        wrong.extend(Some(shown(&value)).filter(|it| it.contains(HIDDEN)));
    }
    assert!(wrong.is_empty(), "{} {wrong:#?}", wrong.len());
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the time that it takes is tested"
)]
fn every_shape_is_read_in_time() {
    for text in TEXTS {
        let text = text.replace("NAME", "password").replace("VALUE", "true");
        let text = format!("{text} ").repeat((8 << 10) / (text.len() + 1));
        let begun = std::time::Instant::now();
        let _ = redact(&text);
        let _ = Lines::of(&text);
        let _ = Concealed::of(&json!({ "a": text })).mask(&text);
        assert!(
            begun.elapsed().as_secs() < 15,
            "{} {:?}",
            &text[..40],
            begun.elapsed()
        );
    }
}
