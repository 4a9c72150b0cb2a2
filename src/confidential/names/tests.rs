use super::*;

#[rustfmt::skip]
const SECRET: [&str; 80] = [
    "kubeConfig", "kube_config", "dockerConfigJson", ".pgpass", "netrc",
    "password", "Password", "PASSWORD", "passwd", "pwd", "pass", "passphrase", "auth",
    "credential", "credentials", "secret", "secrets", "token", "pat", "apiKey", "api-key",
    "API_KEY", "apikey", "accessKey", "AWS_SECRET_ACCESS_KEY", "privateKey",
    "privateDeployKey", "private_ssh_key", "signingKey", "encryptionKey",
    "connectionString", "ConnectionStrings", "dsn", "SENTRY_DSN", "htpasswd",
    ".dockerconfigjson", "kubeconfig", "sshkey", "sshKey", "client-key-data",
    "databasePassword", "dbPassword", "DB_PASSWORD_PROD", "DB_PASS", "DB_PASS_PROD",
    "dbpassword", "PGPASSWORD", "githubToken", "GITHUB_PAT", "authToken", "basicAuth",
    "clientSecret", "client_secret", "secretKey", "sessionKey", "tls.key", "password2",
    "PASSWORD_1", "password_hash", "redis.requirepass", "rootpw",
    "spring.datasource.password", "creds", "passWord", "secret_id", "bearerToken", "tokens",
    "id_rsa", "ssh/id_ed25519", "config/password.txt", "cookieSecret", "storageKey", "jwt",
    "DBPassword", "pw", "authKey", "x-api-key", "example.com/api-token", "master.key",
    "apiKeys",
];

#[rustfmt::skip]
const OPEN: [&str; 65] = [
    "image", "replicas", "author", "authority", "authentication", "authorization",
    "authorized", "secretName", "secretRef", "secretKeyRef", "tokenReview", "passthrough",
    "passThrough", "sslPassthrough", "compass", "bypass", "path", "pattern", "patch",
    "keyboard", "monkey", "publicKey", "keyRef", "key", "topologyKey", "primaryKey",
    "tokenExpirationSeconds", "passwordPolicy", "passwordFile", "authMode", "auth-url",
    "authType", "proxy_pass", "existingSecret", "imagePullSecrets", "secretNamespace",
    "credentialsFile", "kubeconfigPath", "maxTokens", "max_tokens", "tokensPerSecond",
    "oauth", "OAuth", "oauth2-proxy", "secretStoreRef", "passwordless", "accessKeyId",
    "secrets-store.csi.k8s.io/used", "host", "username", "email", "name", "value", "keys",
    "patches", "spatial", "tokenizer", "passenger", "keyPrefix", "apiVersion", "",
    "external-secrets-operator", "token-service", "secretGenerator", "pattern.key.label",
];

#[test]
fn names_of_secrets_are_known_in_every_spelling() {
    let mut wrong = Vec::new();
    for name in SECRET {
        if !is_secret_name(name) {
            wrong.push(name);
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn ordinary_names_are_no_secrets() {
    let mut wrong = Vec::new();
    for name in OPEN {
        if is_secret_name(name) {
            wrong.push(name);
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn references_say_where_a_secret_is() {
    for name in ["secretName", "secretRef", "secretKeyRef", "existingSecret"] {
        assert!(is_reference(name), "{name}");
    }
    for name in ["secret", "name", "password", "clientSecret"] {
        assert!(!is_reference(name), "{name}");
    }
}

#[test]
fn other_words_for_secrets_are_known() {
    for name in [
        "psk",
        "presharedKey",
        "preshared_key",
        "fernetKey",
        "hmac",
        "bearer",
        "mnemonic",
        "seedPhrase",
        "recoveryCodes",
        "backupCodes",
        "totp_seed",
        "otpSeed",
        "pinCode",
        "erlangCookie",
        "consumerKey",
    ] {
        assert!(is_secret_name(name), "{name}");
    }
    for name in [
        "pins",
        "pinned",
        "backup",
        "seed",
        "recovery",
        "hmacAlgorithm",
        "routing",
    ] {
        assert!(!is_secret_name(name), "{name}");
    }
}

#[test]
fn keys_of_services_and_headers_are_secrets() {
    for name in [
        "pin",
        "USER_PIN",
        "replicaSetKey",
        "pagerdutyKey",
        "PAGERDUTY_KEY",
        "datadogKey",
        "Authorization",
        "Cookie",
        "Set-Cookie",
        "Proxy-Authorization",
        "SharedAccessSignature",
        "sasKey",
        "writeKey",
    ] {
        assert!(is_secret_name(name), "{name}");
    }
    for name in [
        "gpioPin",
        "cookie",
        "authorization",
        "cookieName",
        "routingKey",
        "signature",
    ] {
        assert!(!is_secret_name(name), "{name}");
    }
}

#[test]
fn names_of_places_and_rates_are_no_secrets() {
    for name in [
        "credentialsSecret",
        "passwordSecret",
        "tlsSecret",
        "PATH_TO_TOKEN",
        "TOKEN_BUCKET_RATE",
        "TOKEN_BUCKET",
        "jwtRules",
        "secretObjects",
        "adminPasswordKey",
        "existingSecretPasswordKey",
        "nginx.ingress.kubernetes.io/auth-secret",
        "nginx.ingress.kubernetes.io/auth-tls-secret",
        "nginx.ingress.kubernetes.io/auth-type",
        "tokenValidity",
        "authRealm",
    ] {
        assert!(!is_secret_name(name), "{name}");
    }
    for name in [
        "AUTH_SECRET",
        "tokenSecret",
        "clientSecret",
        "secretKey",
        "passwordHash",
    ] {
        assert!(is_secret_name(name), "{name}");
    }
}

#[test]
fn some_names_hold_settings_as_well() {
    for (name, vague) in [
        ("auth", Vagueness::Some),
        ("basicAuth", Vagueness::Some),
        ("clientSecret", Vagueness::Some),
        ("credentials", Vagueness::Many),
        ("tokens", Vagueness::None),
        ("password", Vagueness::None),
    ] {
        assert_eq!(vagueness(name), vague, "{name}");
    }
    assert!(is_vague_alone("auth") && !is_vague_alone("DB_TOKEN"));
    assert!(holds_key("encryption") && holds_key("tls") && !holds_key("label"));
}
