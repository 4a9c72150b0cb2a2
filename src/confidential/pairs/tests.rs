use crate::confidential::shapes::{has_secret_part, redact};

/// `hush` must not be shown.
const SECRET: &[&str] = &[
    "password hush",
    "requirepass hush",
    "masterauth hush\n",
    "bindpw hush",
    "a\nrootpw hush # comment\nb",
    "stats auth admin:hush",
    "frontend x\n  stats auth admin:hush\n",
    "proxy_set_header X-Api-Key \"hush\";",
    "X-Api-Key \"hush\"",
    "proxy_set_header Authorization hush;",
    "http-request set-header Authorization hush",
    "SetEnv DB_PASSWORD hush",
    "ENV DB_PASSWORD hush",
    "setenv DB_PASSWORD hush",
    "CONFIG SET requirepass hush",
    "<property name=\"password\" value=\"hush\"/>",
    "<property value=\"hush\" name=\"password\"/>",
    "<property name='javax.jdo.option.ConnectionPassword' value='hush'/>",
    "<entry key=\"db.password\">hush</entry>",
    "<add key=\"ApiKey\" value=\"hush\" />",
    "<Resource username=\"a\" password=\"hush\"/>",
    "{\"xml\": \"<property name=\\\"password\\\" value=\\\"hush\\\"/>\"}",
    "define('DB_PASSWORD','hush');",
    "define( \"DB_PASSWORD\", \"hush\" );",
    "props.setProperty(\"password\", \"hush\")",
    "builder.password(\"hush\")",
    "CREATE USER a IDENTIFIED BY 'hush';",
    "CREATE USER a IDENTIFIED WITH x BY 'hush';",
    "ALTER USER a WITH ENCRYPTED PASSWORD 'hush';",
    "CREATE ROLE a LOGIN PASSWORD 'hush'",
    "SET PASSWORD FOR 'a'@'b' = 'hush';",
    "db.example.com:5432:shop:ann:hush",
    "*:*:*:ann:hush\n",
    "machine h login u password hush",
    "machine h\n  login u\n  password hush\n",
    "user default on >hush ~* +@all",
    "kubectl create secret generic x --from-literal=user=hush",
    "helm upgrade --set env[0].name=DB_PASSWORD,env[0].value=hush",
    "helm upgrade --set env[0].name=DB_PASSWORD --set env[0].value=hush",
    "? password\n: hush\n",
    "auth_pass hush",
    "echo 'ann:hush' | chpasswd",
    "echo hush | docker login -u ann --password-stdin",
    "sentinel auth-pass mymaster hush",
    "password\thush",
];

const OPEN: &[&str] = &[
    "password reset",
    "Password reset",
    "token rotation",
    "Rotate the secret \"db\"",
    "the secret \"db\" was not found",
    "secret sauce",
    "auth required",
    "auth basic",
    "Token service",
    "token expired.",
    "auth_basic \"Restricted\"",
    "getPassword(\"db\")",
    "<property name=\"level\" value=\"debug\"/>",
    "<input type=\"password\" name=\"x\"/>",
    "define('DB_HOST','db');",
    "CREATE USER a IDENTIFIED BY '${PASSWORD}';",
    "http://example.com:80/x:y:z",
    "user nginx;",
    "\"grant\": \"password\", \"level\": \"x\"",
    "password: \"\"",
    "a: [token, level, x]",
    "set level debug",
    "echo $TOKEN | docker login -u ann --password-stdin",
    "echo a:b | cat",
];

#[test]
fn names_and_values_need_no_sign_between_them() {
    let left = |text: &&&str| !has_secret_part(text) || redact(text).contains("hush");
    let left: Vec<_> = SECRET
        .iter()
        .filter(left)
        .map(|text| redact(text))
        .collect();
    assert!(left.is_empty(), "{left:#?}");
}

#[test]
fn sentences_and_settings_are_shown() {
    let hidden = |text: &&&str| has_secret_part(text) || redact(text) != **text;
    let hidden: Vec<_> = OPEN
        .iter()
        .filter(hidden)
        .map(|text| redact(text))
        .collect();
    assert!(hidden.is_empty(), "{hidden:#?}");
}
