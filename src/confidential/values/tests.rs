use super::*;
use serde_json::json;

fn shown(value: &Value) -> Value {
    Secrecy::default().shown(value)
}

/// Every text and number that begins with `hush` or is 4711 must be gone.
fn hides(value: Value) {
    let shown = shown(&value).to_string();
    assert!(
        !shown.contains("hush") && !shown.contains("4711"),
        "{shown}"
    );
    assert!(shown.contains(HIDDEN), "{shown}");
}

fn keeps(value: Value) {
    assert_eq!(shown(&value), value);
}

#[test]
fn everything_below_the_name_of_a_secret_is_hidden() {
    for value in [
        json!({"password": "hush"}),
        json!({"password": 4711}),
        json!({"credentials": {"ann": "hush", "bob": {"x": ["hush"]}}}),
        json!({"tokens": ["hush", {"a": "hush"}]}),
        json!({"auth": {"user": "hush", "basic": "hush"}}),
        json!({"db": {"pwd": "hush", "pass": "hush"}}),
        json!({"env": [{"name": "DB_PASSWORD", "value": "hush"}]}),
        json!({"env": {"DB_PASSWORD": "hush"}}),
        json!({"parameters": [{"name": "db.password", "value": "hush"}]}),
        json!({"args": ["--password", "hush"]}),
        json!({"args": ["--password=hush"]}),
        json!({"command": ["sh", "-c", "run --token hush"]}),
        json!({"headers": {"Authorization": "Token hush"}}),
        json!([{"op": "replace", "path": "/data/password", "value": "hush"}]),
        json!([{"op": "add", "path": "/stringData", "value": {"a": "hush"}}]),
        json!({"data": {"app.yaml": "db:\n  credentials:\n    ann: hush\n"}}),
        json!({"data": {".env": "A=1\nDB_PASSWORD=hush\n"}}),
        json!({"data": {"tls": "-----BEGIN PRIVATE KEY-----\nhush\n-----END PRIVATE KEY-----\n"}}),
        json!({"url": "postgres://shop:hush@db/shop"}),
        json!({"metadata": {"annotations": {"a": "postgres://shop:hush@db/shop"}}}),
    ] {
        hides(value);
    }
}

#[test]
fn a_secret_is_one_wherever_it_is() {
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"},
        "type": "Opaque", "data": {"a": "hush"}, "stringData": {"b": "hush"}, "other": "hush"});
    let hidden = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"},
        "type": "Opaque", "data": HIDDEN, "stringData": HIDDEN, "other": HIDDEN});
    assert_eq!(shown(&secret), hidden);
    let plain = json!({"metadata": {"name": "s"}, "data": {"a": "hush"}});
    for value in [
        json!({"kind": "List", "items": [secret]}),
        json!({"kind": "List", "items": [{"kind": "List", "items": [secret]}]}),
        json!({"kind": "SecretList", "items": [plain]}),
        json!({"extraObjects": [secret]}),
        json!({"extraDeploy": ["kind: Secret\nstringData:\n  a: hush\n"]}),
        json!({"secretGenerator": [{"name": "s", "literals": ["a=hush"], "envs": ["hush"]}]}),
        json!({"patches": [{"target": {"kind": "Secret"}, "patch": "- op: add\n  value: hush\n"}]}),
        json!({"metadata": {"annotations": {
            "kubectl.kubernetes.io/last-applied-configuration": "{\"a\":\"hush\"}"}}}),
    ] {
        hides(value);
    }
}

#[test]
fn ordinary_values_are_shown() {
    keeps(json!({
        "image": "r.example.com/auth:1.2", "replicas": 3, "author": "Ann", "path": "/tokens",
        "pattern": "^a$", "keyboard": "qwerty", "monkey": 1, "publicKey": "ssh-ed25519 AAAA ann",
        "keyRef": "a", "compass": "north", "passthrough": "yes", "authentication": "basic",
        "existingSecret": "db", "imagePullSecrets": [{"name": "pull"}],
        "automountServiceAccountToken": true, "tokenExpirationSeconds": 3600,
        "env": [
            {"name": "LEVEL", "value": "debug"},
            {"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}},
        ],
        "volumes": [
            {"name": "a", "secret": {"secretName": "db", "defaultMode": 420}},
            {"name": "b", "projected": {"sources": [{"serviceAccountToken": {"path": "t", "expirationSeconds": 600}}]}},
        ],
        "containers": [{"name": "auth", "image": "r.example.com/auth:1", "args": ["--port", "80"]}],
        "auth": {"image": {"tag": "1.2.3"}, "replicas": 2, "enabled": true},
        "tls": [{"hosts": ["a.example.com"], "secretName": "tls"}],
        "cert": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
        "url": "postgres://shop:$(DB_PASSWORD)@db/shop",
    }));
    keeps(json!({"kind": "TokenReview", "spec": {"audiences": ["a"]}}));
}

#[test]
fn one_state_that_is_a_secret_is_enough() {
    let secret = json!({"kind": "Secret", "data": {"a": "hush"}});
    let map = json!({"kind": "ConfigMap", "data": {"a": "x"}});
    let both = [&secret, &map];
    let data = Secrecy::default().below(&both, Step::Key("data"));
    assert!(data.is_hidden());
    let list = |item: &Value| json!([item]);
    let beside = Secrecy::default().shown_beside(&list(&map), &[&list(&secret)]);
    assert_eq!(beside[0]["data"], json!(HIDDEN));
    let alone = Secrecy::default().below(&[&map], Step::Key("data"));
    assert!(!alone.is_hidden());
}

#[test]
fn an_item_by_its_name_is_a_variable() {
    let says = [("name".to_owned(), "DB_PASSWORD".to_owned())];
    let item = Secrecy::default().below(&[], Step::Item(&says));
    assert!(item.below(&[], Step::Key("value")).is_hidden());
    assert!(!item.below(&[], Step::Key("valueFrom")).is_hidden());
}

#[test]
fn nothing_is_said_of_what_is_hidden_as_a_whole() {
    assert_eq!(
        shown(&json!({"credentials": {"ann": "x", "bob": "y"}, "a": 1})),
        json!({"credentials": HIDDEN, "a": 1})
    );
    assert_eq!(shown(&json!({"tokens": []})), json!({"tokens": []}));
    assert_eq!(
        shown(&json!({"password": {"enabled": true, "x": "y"}})),
        json!({"password": {"enabled": true, "x": HIDDEN}})
    );
}
