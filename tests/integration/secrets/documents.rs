//! Documents with secrets in them, composed of names, shapes and what is around them.

use proptest::prelude::*;
use serde_json::Value;

/// Names of values that must not be shown.
const SECRET_NAMES: [&str; 27] = [
    "password",
    "passwd",
    "pwd",
    "pass",
    "passphrase",
    "auth",
    "credential",
    "credentials",
    "secret",
    "secrets",
    "token",
    "pat",
    "apiKey",
    "access_key",
    "private-key",
    "privateSigningKey",
    "ENCRYPTION_KEY",
    "connectionString",
    "dsn",
    "htpasswd",
    "DATABASE_PASSWORD",
    "clientSecret",
    "pin",
    "replicaSetKey",
    "pagerdutyKey",
    "Authorization",
    "Cookie",
];

/// Names of values that are shown.
const OPEN_NAMES: [&str; 20] = [
    "image",
    "replicas",
    "author",
    "authority",
    "secretName",
    "tokenReview",
    "passthrough",
    "compass",
    "path",
    "pattern",
    "keyboard",
    "monkey",
    "publicKey",
    "keyRef",
    "host",
    "tokenExpirationSeconds",
    "TOKEN_BUCKET_RATE",
    "PATH_TO_TOKEN",
    "credentialsSecret",
    "authorization",
];

/// Texts that look like secrets.
const SHAPES: [&str; 20] = [
    "postgres://u:HUSH@h/d",
    "x Password=HUSH; y",
    "Authorization: Bearer HUSH",
    "ghp_HUSH",
    "--token HUSH",
    "-----BEGIN RSA PRIVATE KEY-----\nHUSH\n",
    "https://HUSH@h/x",
    "nats://HUSH@h",
    "{\"password\": \"HUSH\"}",
    "credentials:\n  ann: HUSH\n",
    "https://api.example.com/bot123456:HUSH/send",
    "redis-cli -a HUSH",
    "docker login -u ann -p HUSH",
    "curl -u ann:HUSH https://example.com",
    "CREATE USER a IDENTIFIED BY 'HUSH'",
    "machine h login u password HUSH",
    "stats auth admin:HUSH",
    "X-Api-Key \"HUSH\"",
    "db.example.com:5432:shop:ann:HUSH",
    "headers: {Authorization: HUSH}",
];

/// Names that variables, parameters and properties have.
const VARIABLES: [&str; 8] = [
    "DB_PASSWORD",
    "API_TOKEN",
    "dbPassword",
    "client-secret",
    "db.password",
    "PRIVATE_KEY",
    "USER_PIN",
    "pagerdutyKey",
];

/// Texts in which a variable has a value.
const TEXTS: [&str; 20] = [
    "NAME=HUSH",
    "export NAME='HUSH'\nLEVEL=x\n",
    "[db]\nNAME = HUSH\n",
    "[db]\nNAME =\n  HUSH\n",
    "NAME: HUSH\n",
    "NAME: |\n  HUSH\n",
    "? NAME\n: HUSH\n",
    "a:\n- {name: NAME, value: HUSH}\n",
    "{\"env\":[{\"name\":\"NAME\",\"value\":\"HUSH\"}]}",
    "- [NAME, HUSH]\n",
    "<property name=\"NAME\" value=\"HUSH\"/>",
    "<entry key=\"NAME\">HUSH</entry>",
    "define('NAME','HUSH');",
    "NAME \"HUSH\"",
    "a\nNAME HUSH\n",
    "NAME = '''\nHUSH\n'''\n",
    "NAME=a\\\n  HUSH\n",
    "NAME = <<EOF\nHUSH\nEOF\n",
    "variable \"NAME\" {\n  default = \"HUSH\"\n}\n",
    "helm upgrade --set a.NAME=HUSH",
];

/// Objects and lists in which a variable has a value, as JSON.
const OBJECTS: [&str; 12] = [
    r#"{"NAME": "HUSH"}"#,
    r#"{"name": "NAME", "value": "HUSH"}"#,
    r#"{"name": "NAME", "valu": "HUSH"}"#,
    r#"{"envName": "NAME", "envValue": "HUSH"}"#,
    r#"{"var": "NAME", "val": "HUSH"}"#,
    r#"{"key": "NAME", "value": 47114711}"#,
    r#"["NAME", "HUSH"]"#,
    r#"{"args": ["--NAME", "HUSH"]}"#,
    r#"{"args": ["docker", "login", "-p", "HUSH", "NAME"]}"#,
    r#"{"encryption": {"key": "HUSH"}, "x": "NAME"}"#,
    r#"{"tokens": {"HUSH": "NAME"}}"#,
    r#"{"auth": {"NAME": {"x": "HUSH"}}}"#,
];

/// Settings below names that hold secrets as well.
const SETTINGS: [&str; 14] = [
    r#"{"auth": {"username": "OPEN"}}"#,
    r#"{"auth": {"secretKeys": {"adminPasswordKey": "OPEN"}}}"#,
    r#"{"auth": {"existingSecret": "OPEN", "enabled": true}}"#,
    r#"{"token": {"ttl": "OPEN"}}"#,
    r#"{"jwt": {"issuer": "OPEN"}}"#,
    r#"{"secret": {"create": true, "name": "OPEN"}}"#,
    r#"{"secret": {"annotations": {"a": "OPEN"}}}"#,
    r#"{"credentials": {"database": "OPEN"}}"#,
    r#"{"secretKey": "OPEN", "remoteRef": {"key": "db", "property": "password"}}"#,
    r#"{"annotations": {"nginx.ingress.kubernetes.io/auth-secret": "OPEN"}}"#,
    r#"{"jwtRules": {"jwksUri": "OPEN"}}"#,
    r#"{"credentialsSecret": "OPEN"}"#,
    r#"{"PATH_TO_TOKEN": "OPEN"}"#,
    r#"{"tls": {"key": "/etc/tls/tls.key", "secretName": "OPEN"}}"#,
];

/// A secret with a name, in a text or an object.
fn variable() -> impl Strategy<Value = Value> {
    let name = || (0..VARIABLES.len()).prop_map(|at| VARIABLES[at]);
    let text = (name(), 0..TEXTS.len(), 0..OPEN_NAMES.len()).prop_map(
        |(name, at, open)| serde_json::json!({ OPEN_NAMES[open]: TEXTS[at].replace("NAME", name) }),
    );
    let object = (name(), 0..OBJECTS.len()).prop_map(|(name, at)| {
        let object = OBJECTS[at].replace("NAME", name);
        serde_json::from_str::<Value>(&object).unwrap()
    });
    prop_oneof![text, object]
}

/// A document: `SECRET` under a name, by its looks or in an object, and ordinary values
/// beside it.
pub fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::from("HUSH")),
        Just(Value::from(47_114_711)),
        Just(serde_json::json!(["HUSH", {"x": "HUSH"}])),
        Just(serde_json::json!({"ann": "HUSH", "bob": 47_114_711})),
    ];
    let named = (0..SECRET_NAMES.len(), leaf)
        .prop_map(|(name, leaf)| serde_json::json!({ SECRET_NAMES[name]: leaf }));
    let shaped = (0..OPEN_NAMES.len(), 0..SHAPES.len())
        .prop_map(|(name, shape)| serde_json::json!({ OPEN_NAMES[name]: SHAPES[shape] }));
    let object = prop_oneof![
        Just(
            serde_json::json!({"kind": "Secret", "data": {"x": "HUSH"}, "stringData": {"y": "HUSH"}})
        ),
        Just(serde_json::json!({"kind": "SecretList", "items": [{"data": {"x": "HUSH"}}]})),
        Just(serde_json::json!({"name": "API_TOKEN", "value": "HUSH"})),
    ];
    let secret = prop_oneof![named, shaped, variable(), variable(), object];
    let around = secret.prop_recursive(4, 16, 3, |inner| {
        prop_oneof![
            (0..OPEN_NAMES.len(), inner.clone())
                .prop_map(|(name, inner)| serde_json::json!({ OPEN_NAMES[name]: inner })),
            inner.clone().prop_map(|inner| serde_json::json!([inner])),
            // A file in a ConfigMap.
            (0..OPEN_NAMES.len(), inner.clone()).prop_map(
                |(name, inner)| serde_json::json!({ OPEN_NAMES[name]: inner.to_string() })
            ),
            inner.prop_map(|inner| serde_json::json!([{"name": "one", "x": inner}])),
        ]
    });
    let open = prop_oneof![
        (0..OPEN_NAMES.len()).prop_map(|at| serde_json::json!({ OPEN_NAMES[at]: "OPEN" })),
        (0..SETTINGS.len()).prop_map(|at| serde_json::from_str::<Value>(SETTINGS[at]).unwrap()),
    ];
    (around, open).prop_map(|(hidden, open)| serde_json::json!({"nested": hidden, "beside": open}))
}
