use super::*;
use serde_json::json;

fn shown(value: &Value) -> Value {
    Secrecy::default().shown(value)
}

/// Every text and number that begins with `hush` or is 4711 must be gone.
#[track_caller]
fn hide(values: impl IntoIterator<Item = Value>) {
    let shown = values.into_iter().map(|value| shown(&value).to_string());
    let wrong = |shown: &String| {
        shown.contains("hush") || shown.contains("4711") || !shown.contains(HIDDEN)
    };
    let wrong: Vec<String> = shown.filter(wrong).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[track_caller]
fn keep(values: impl IntoIterator<Item = Value>) {
    let wrong: Vec<String> = values
        .into_iter()
        .filter(|value| shown(value) != *value)
        .map(|value| shown(&value).to_string())
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn everything_below_the_name_of_a_secret_is_hidden() {
    hide([
        json!({"password": "hush"}),
        json!({"password": 4711}),
        json!({"credentials": {"ann": "hush", "bob": {"x": ["hush"]}}}),
        json!({"tokens": ["hush", {"a": "hush"}]}),
        json!({"auth": {"ann": "hush", "basic": "hush"}}),
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
    ]);
}

#[test]
fn the_value_of_a_name_is_hidden_however_the_two_are_written() {
    hide([
        json!([{"name": "DB_TOKEN", "valu": "hush"}]),
        json!([{"name": "DB_TOKEN", "colour": "hush"}]),
        json!([{"name": "token", "vlaue": "hush"}]),
        json!({"envName": "DB_PASSWORD", "envValue": "hush"}),
        json!({"var": "DB_PASSWORD", "val": "hush"}),
        json!({"key": "password", "value": "hush"}),
        json!({"key": "password", "value": 4711}),
        json!({"Key": "Password", "Value": "hush"}),
        json!({"parameterName": "db.password", "parameterValue": "hush"}),
        json!({"header": "Authorization", "value": "hush"}),
        json!({"headers": [{"name": "authorization", "value": "hush"}]}),
        json!({"pairs": [["DB_PASSWORD", "hush"], ["LEVEL", "x"]]}),
        json!({"pairs": [["DB_PIN", 4711]]}),
        json!({"args": ["curl", "-u", "user:hush", "https://example.com"]}),
        json!({"args": ["docker", "login", "-u", "ann", "-p", "hush"]}),
        json!({"args": ["/usr/bin/redis-cli", "-a", "hush"]}),
        json!({"args": ["mysql", "-h", "db", "-phush"]}),
        json!({"command": ["sh", "-c", "redis-cli -h db -a hush ping"]}),
        json!({"replicaSetKey": "hush"}),
        json!({"encryption": {"key": "hush"}}),
        json!({"signing": {"key": "hush"}}),
        json!({"tls": {"key": "hush"}}),
        json!({"tls": [{"key": "hush"}]}),
        json!({"headers": {"Authorization": "hush"}}),
        json!({"headers": {"authorization": "hush", "cookie": "hush"}}),
        json!({"extraHeaders": {"Cookie": "hush"}}),
        json!({"Cookie": "hush"}),
        json!({"auth": {"token": "hush", "x": {"y": "hush"}}}),
        json!({"auth": {"user": {"ann": "hush"}, "name": {"x": "hush"}}}),
        json!({"jwt": {"key": "hush", "secret": "hush"}}),
        json!({"secret": {"value": "hush", "data": {"a": "hush"}}}),
        json!({"auths": {"r.example.com": {"username": "x", "password": "hush", "auth": "hush"}}}),
        json!({"users": [{"name": "x", "user": {"client-key-data": "hush", "token": "hush"}}]}),
    ]);
}

#[test]
fn keys_that_may_be_secrets_are_hidden() {
    hide([
        json!({"tokens": {"hush-hush": "ann"}}),
        json!({"tokens": {"hush-hush": true}}),
        json!({"tokens": {"hush-hush": {"enabled": true}}}),
        json!({"apiKeys": {"hush1": {"name": "x"}}}),
        json!({"credentials": {"hush": {"enabled": true}}}),
        json!({"auth": {"hush-4711": {"enabled": true}}}),
    ]);
    let looks = json!({"a": {"ghp_hush0123456789": 1}});
    assert_eq!(shown(&looks), json!({"a": {"***": 1}}));
}

#[test]
fn documents_in_texts_are_read() {
    hide(
        [
            r#"{"env":[{"name":"TOKEN","value":"hush"}]}"#,
            r#"x {"env":[{"name":"TOKEN","value":"hush"}]} y"#,
            "env: [{name: TOKEN, value: hush}]",
            "{env: [{name: TOKEN, value: hush}]}",
            "- [DB_PASSWORD, hush]\n- [LEVEL, x]\n",
            r#"{"a":"{\"env\":[{\"name\":\"TOKEN\",\"value\":\"hush\"}]}"}"#,
            "{\"env\":[{\"name\":\"TOKEN\",\n\"value\":\"hush\"}]}",
            "? password\n: hush\n",
            "a:\n  ? password\n  : hush\nb: {{ x }}\n",
            "a: &x hush\npassword: *x\n",
            "tls:\n  key: hush\n",
            "encryption: {key: hush}\n",
            "headers:\n  authorization: hush\n",
            "run: [curl, -u, 'ann:hush']\n",
            "args:\n- docker\n- login\n- -p\n- hush\n",
        ]
        .map(|text| json!({"data": {"text": text}})),
    );
}

#[test]
fn settings_below_vague_names_are_shown() {
    keep([
        json!({"auth": {"username": "x", "user": "x", "database": "x", "existingSecret": "x",
            "secretKeys": {"adminPasswordKey": "x", "userPasswordKey": "y"}, "enabled": true}}),
        json!({"token": {"ttl": "1h", "issuer": "x", "audience": "y", "audiences": ["y"]}}),
        json!({"jwt": {"issuer": "x", "jwksUri": "https://example.com/keys", "algorithm": "RS256"}}),
        json!({"secret": {"create": true, "name": "x", "annotations": {"a.example.com/b": "c"},
            "refreshInterval": "1h"}}),
        json!({"credentials": {"existingSecret": "x", "name": "x", "username": "x"}}),
        json!({"credentialsSecret": "db", "TOKEN_BUCKET_RATE": 5, "PATH_TO_TOKEN": "/a/b"}),
        json!({"kind": "ExternalSecret", "spec": {"refreshInterval": "1h",
            "secretStoreRef": {"name": "vault", "kind": "ClusterSecretStore"},
            "data": [{"secretKey": "password", "remoteRef": {"key": "prod/db", "property": "password"}}]}}),
        json!({"volumes": [{"projected": {"sources": [{"secret": {"name": "db",
            "items": [{"key": "password", "path": "p"}]}}]}}]}),
        json!({"volumes": [{"secret": {"secretName": "db", "items": [{"key": "token", "path": "t"}]}}]}),
        json!({"annotations": {"nginx.ingress.kubernetes.io/auth-secret": "basic",
            "nginx.ingress.kubernetes.io/auth-tls-secret": "a/b",
            "nginx.ingress.kubernetes.io/auth-type": "basic"}}),
        json!({"jwtRules": [{"issuer": "x", "jwksUri": "https://example.com/keys"}]}),
        json!({"matchExpressions": [{"key": "auth", "operator": "In", "values": ["a", "b"]}]}),
        json!({"tolerations": [{"key": "token", "operator": "Equal", "value": "a", "effect": "NoSchedule"}]}),
        json!({"data": {"app.yaml": "auth:\n  enabled: true\n"}}),
        json!({"data": {"app.yaml": "auth:\n  issuer: x\n  ttl: 1h\nlevel: debug\n"}}),
        json!({"data": {"app.yaml": "auth: {enabled: true, issuer: x}\n"}}),
        json!({"data": {"app.json": "{\"auth\": {\"enabled\": true, \"issuer\": \"x\"}}"}}),
        json!({"data": {"app.yaml": "password: ${DB_PASSWORD}\n"}}),
        json!({"password": "", "token": "${TOKEN}", "apiKey": "$(API_KEY)"}),
        json!({"tls": {"key": "/etc/tls/tls.key", "cert": "/etc/tls/tls.crt"}}),
        json!({"tls": {"key": "tls.key", "secretName": "x"}}),
        json!({"passwordSecretRef": {"name": "db", "key": "password"}, "password": {"name": "db", "key": "password"}}),
        json!({"required": ["password", "username"], "scopes": ["token", "email"]}),
        json!({"containers": [{"name": "auth", "image": "x", "args": ["run"], "imagePullPolicy": "Always",
            "workingDir": "/x", "tty": "x"}]}),
        json!({"releases": [{"name": "auth", "values": {"replicas": 1, "image": {"tag": "1"}}}]}),
        json!({"dependencies": [{"name": "auth", "version": "1.2", "repository": "https://example.com"}]}),
        json!({"ports": [{"name": "auth", "port": 80, "targetPort": "http"}]}),
        json!({"valuesFrom": [{"kind": "Secret", "name": "a", "valuesKey": "k"}]}),
        json!({"kind": "ServiceAccount", "secrets": [{"name": "a"}], "imagePullSecrets": [{"name": "b"}]}),
        json!({"session": {"timeout": 5}, "cookie": {"name": "x", "secure": true}, "cookie2": "x"}),
        json!({"authorization": {"mode": "rbac"}, "authentication": {"type": "x"}}),
        json!({"command": ["docker", "run", "-p", "8080:80", "mysql"]}),
        json!({"args": ["--user", "1000:1000", "-u", "0:0"]}),
    ]);
}

#[test]
fn a_secret_is_one_wherever_it_is() {
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"},
        "type": "Opaque", "data": {"a": "hush"}, "stringData": {"b": "hush"}, "other": "hush"});
    let hidden = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"},
        "type": "Opaque", "data": HIDDEN, "stringData": HIDDEN, "other": HIDDEN});
    assert_eq!(shown(&secret), hidden);
    let plain = json!({"metadata": {"name": "s"}, "data": {"a": "hush"}});
    hide([
        json!({"kind": "List", "items": [secret]}),
        json!({"kind": "List", "items": [{"kind": "List", "items": [secret]}]}),
        json!({"kind": "SecretList", "items": [plain]}),
        json!({"extraObjects": [secret]}),
        json!({"extraDeploy": ["kind: Secret\nstringData:\n  a: hush\n"]}),
        json!({"secretGenerator": [{"name": "s", "literals": ["a=hush"], "envs": ["hush"]}]}),
        json!({"patches": [{"target": {"kind": "Secret"}, "patch": "- op: add\n  value: hush\n"}]}),
        json!({"metadata": {"annotations": {
            "kubectl.kubernetes.io/last-applied-configuration": "{\"a\":\"hush\"}"}}}),
    ]);
}

#[test]
fn ordinary_values_are_shown() {
    keep([json!({
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
    })]);
    keep([json!({"kind": "TokenReview", "spec": {"audiences": ["a"]}})]);
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
        json!({"password": {"enabled": true, HIDDEN: HIDDEN}})
    );
}
