use super::*;

/// Every text holds the marker `hush` in some form that must not be shown.
const SECRET: [&str; 62] = [
    "-----BEGIN PRIVATE KEY-----\nhush\n-----END PRIVATE KEY-----\n",
    "-----BEGIN OPENSSH PRIVATE KEY-----\nhush",
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\\nhush\\n-----END ENCRYPTED PRIVATE KEY-----",
    "-----BEGIN RSA PRIVATE KEY-----\nhush\n",
    "-----BEGIN PGP PRIVATE KEY BLOCK-----\nhush\n-----END PGP PRIVATE KEY BLOCK-----",
    "postgres://shop:hush@db.example.com/shop",
    "see amqp://shop:hu/sh@mq:5672 there",
    "https://ann:hush@example.com",
    "https://hush@example.com/x.git",
    "redis://:hush@cache:6379/0",
    "mongodb+srv://u:hush@a.example.com,b.example.com/db",
    "jdbc:postgresql://db/shop?user=shop&password=hush",
    "https://login.example.com/?next=postgres%3A%2F%2Fu%3Ahush%40db",
    "shop:hush@tcp(db:3306)/shop",
    "shop:hush@db.example.com:5432",
    "Server=db;User Id=shop;Password=hush;Encrypt=true",
    "Server=db;Uid=shop;pwd=hush",
    "DefaultEndpointsProtocol=https;AccountName=x;AccountKey=hush==",
    "host=db user=shop password=hush",
    "Authorization: Bearer hush",
    "authorization: token hush",
    "{\"Authorization\": \"Bearer hush\"}",
    "Bearer hush-hush-1",
    "curl -u ann:hush https://example.com",
    "curl --user ann:hush https://example.com",
    "mysql -h db -phush shop",
    "sshpass -p hush ssh db",
    "machine example.com login ann password hush",
    "eyJhbGciOi.eyJzdWIiOi.hush",
    "ghp_hush0",
    "github_pat_hush0",
    "glpat-hush0",
    "xoxb-hush0",
    "AKIAHUSHHUSH0000",
    "AIzahushhushhush",
    "sk-hushhush0",
    "npm_hushhush0",
    "dckr_pat_hush0",
    "hvs.hush0",
    "AGE-SECRET-KEY-1HUSH",
    "--password=hush",
    "server --token hush --port 80",
    "[\"--api-key\", \"hush\"]",
    "-Dspring.datasource.password=hush",
    "export DB_PASSWORD=hush",
    "DB_PASSWORD = hush and more",
    "spring.datasource.password: hush",
    "password: hush # comment",
    "{\"db\":{\"password\":\"hush\"}}",
    "{\\\"password\\\":\\\"hush\\\"}",
    "{user: a, password: 'hush hush'}",
    "sasl.jaas.config=Login required username=\"a\" password=\"hush\";",
    "<password>hush</password>",
    "requirepass=hush",
    "credentials: {ann: hush}",
    "https://x.example.com/c?sv=1&sig=hush",
    "https://hooks.slack.com/services/T0/B0/hush",
    "ann:$apr1$x$hushhush",
    "$2y$05$hushhush",
    "pass := \"hush\"",
    "api_key => 'hush'",
    "password: &anchor hush",
];

const OPEN: [&str; 44] = [
    "registry.example.com/auth:1.2.3",
    "ghcr.io/external-secrets/external-secrets:v0.9.0",
    "oci://registry.example.com:5000/app@sha256:0123456789abcdef",
    "registry.example.com:5000/app:1.2@sha256:0123456789abcdef",
    "nginx:1.29@sha256:0123",
    "ssh://git@example.com/x.git",
    "git@example.com:x.git",
    "https://git@example.com/x.git",
    "http://example.com:8080/users/@me",
    "https://example.com/a:b@c",
    "mailto:ann@example.com",
    "ann@example.com",
    "postgres://shop:$(DB_PASSWORD)@db/shop",
    "postgres://shop:${DB_PASSWORD}@db/shop",
    "https://***@example.com",
    "--password=$(DB_PASSWORD)",
    "--password=${DB_PASSWORD}",
    "--token $TOKEN --port 80",
    "--token-auth-file=/etc/tokens.csv",
    "--kubeconfig /etc/kubernetes/admin.conf",
    "password: {{ .Values.password }}",
    "password: true",
    "password: |",
    "password:",
    "password: ENC[AES256_GCM,data:x,iv:y]",
    "automountServiceAccountToken: false",
    "tokenExpirationSeconds: 3600",
    "secretName: db",
    "secretKeyRef: {name: db, key: password}",
    "bearer authentication",
    "basic authentication",
    "authentication: basic",
    "author: Ann",
    "pattern=^a:b$",
    "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
    "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUI=",
    "npm_config_registry=https://registry.example.com",
    "sk-SK",
    "proxy_pass http://backend;",
    "if password == \"\" then",
    "key: value",
    "2026-01-31T12:00:00Z",
    "path: /tokens/list",
];

fn holds(text: &str) -> bool {
    has_secret_part(text)
}

#[test]
fn secrets_are_known_by_their_looks_and_by_names_around_them() {
    let missed: Vec<&&str> = SECRET.iter().filter(|text| !holds(text)).collect();
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn nothing_of_them_is_left() {
    let left = |text: &&&str| redact(text).to_ascii_lowercase().contains("hush");
    let left: Vec<String> = SECRET
        .iter()
        .filter(left)
        .map(|text| redact(text))
        .collect();
    assert!(left.is_empty(), "{left:#?}");
}

#[test]
fn ordinary_texts_stay_as_they_are() {
    let hidden: Vec<String> = OPEN
        .iter()
        .filter(|text| holds(text))
        .map(|text| redact(text))
        .collect();
    assert!(hidden.is_empty(), "{hidden:#?}");
    for text in OPEN {
        assert_eq!(redact(text), text);
    }
}

#[test]
fn what_is_around_a_secret_is_kept() {
    for (text, shown) in [
        (
            "postgres://shop:hush@db.example.com/shop and more",
            "postgres://***@db.example.com/shop and more",
        ),
        (
            "Server=db;Password=hush;Encrypt=true",
            "Server=db;Password=***;Encrypt=true",
        ),
        ("run --token hush --port 80", "run --token *** --port 80"),
        ("ghp_hush0 was refused", "*** was refused"),
    ] {
        assert_eq!(redact(text), shown);
    }
    assert_eq!(redact_shapes("password: x, ghp_hush0"), "password: x, ***");
}

#[test]
fn a_key_in_base64_is_a_key() {
    let key = STANDARD.encode("-----BEGIN RSA PRIVATE KEY-----\nhush\n");
    assert!(holds(&key));
    let certificate = STANDARD.encode("-----BEGIN CERTIFICATE-----\nMIIB\n");
    assert!(!holds(&certificate));
    let login = STANDARD.encode("ann:hush");
    assert!(holds(&format!("Basic {login}")));
}

#[test]
fn a_secret_is_known_within_a_text() {
    for text in [
        "apiVersion: v1\nkind: Secret\n",
        "a: 1\n---\nkind: \"Secret\" # x\n",
        "{\"kind\":\"Secret\",\"data\":{}}",
        "{\\\"kind\\\":\\\"Secret\\\"}",
        "{kind: Secret, data: {}}",
        "- kind: SecretList",
        "kind: 'Secret'\r\n",
    ] {
        assert!(has_secret_object(text), "{text}");
    }
    for text in [
        "kind: SecretStore",
        "kind: SealedSecret",
        "mankind: Secret",
        "a: Secret",
    ] {
        assert!(!has_secret_object(text), "{text}");
    }
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the time that it takes is tested"
)]
fn an_assignment_inside_of_a_value_is_seen() {
    for text in [
        "url: \"https://x.example.com/?token=hush\"",
        "url: https://x.example.com/?api_key=hush&y=1",
        "url=https://x.example.com/?a=1&access_token=hush",
        "--from-literal=password=hush",
        "a=--b-password=hush",
        "JAVA_OPTS=-Ddb.password=hush",
    ] {
        assert!(holds(text), "{text}");
        assert!(!redact(text).contains("hush"), "{}", redact(text));
    }
    assert_eq!(redact("u=x?api_key=hush&y=1"), "u=x?api_key=***&y=1");
    let long = "a=".repeat(100_000);
    let begun = std::time::Instant::now();
    assert!(by_name(&long).is_empty());
    assert!(begun.elapsed().as_secs() < 15, "{:?}", begun.elapsed());
}
