use super::*;
use crate::confidential::shapes::{has_secret_part, redact};

/// `hush` must not be shown.
const SECRET: &[&str] = &[
    "db.password=hu\\\n  hush\\\n  hush\nlevel=debug\n",
    "db.password=\\\n  hush\nlevel=debug\n",
    "db.password: abc\\\n  hush\n",
    "password = '''\nhush\n'''\nlevel = 1\n",
    "password = \"\"\"\nhush\n\"\"\"\n",
    "password = '''hush",
    "password = <<EOF\nhush\nEOF\n",
    "password = <<-EOF\n  hush\n  EOF\n",
    "variable \"db_password\" {\n  type = string\n  default = \"hush\"\n}\n",
    "variable \"db_password\" {\n  default = <<EOF\nhush\nEOF\n}\n",
    "cat <<EOF\npassword=hush\nEOF\n",
    "[db]\npassword =\n  hush\nlevel = debug\n",
    "export DB_PASSWORD=hush",
    "export DB_PASSWORD='hush'",
    "password ?= hush",
    "password += hush",
    "$config['db_password'] = 'hush';",
    "os.environ[\"API_KEY\"] = \"hush\"",
    "Authorization: hush",
    "Cookie: session=hush",
    "Set-Cookie: hush",
    "X-Api-Key: hush",
    "helm upgrade --set db.password=hush,level=x",
    "helm upgrade --set-string auth.token=hush",
    "Driver={x};Server=db;Uid=a;Pwd=hush;",
    "jdbc:sqlserver://db:1433;user=a;password=hush;encrypt=true",
    "Endpoint=sb://x.example.com/;SharedAccessKeyName=x;SharedAccessKey=hush=",
    "run --password \\\n  hush",
    "a: {password: hush, x: {y: 1}}",
    "PIN=hush",
    "pagerdutyKey: hush",
    "password:hush",
    "{password:hush}",
    "password -> hush",
    "DB_PASSWORD\\=hush",
    "DB_PASSWORD %= hush",
    "set %DB_PASSWORD%=hush",
    "[[DB_PASSWORD]] = hush",
    "user a login b account c password hush",
];

const OPEN: &[&str] = &[
    "auth: {enabled: true, issuer: x}",
    "auth: {\n  enabled: true\n}",
    "token: {ttl: 1h}",
    "password = <<EOF\nEOF\n",
    "password =\nlevel = debug\n",
    "PATH_TO_TOKEN=/a/b",
    "TOKEN_BUCKET_RATE=5",
    "credentialsSecret: db",
    "cookie: x",
    "variable \"region\" {\n  default = \"x\"\n}\n",
    "authorization: rbac",
    "--user 1000:1000",
    "registry.example.com/shop/password:1.2",
    "password_encryption = scram-sha-256",
    "vault-token:latest",
];

#[test]
fn what_a_name_is_set_to_is_hidden_on_every_line() {
    let left = |text: &&&str| !has_secret_part(text) || redact(text).contains("hush");
    let left: Vec<_> = SECRET
        .iter()
        .filter(left)
        .map(|text| redact(text))
        .collect();
    assert!(left.is_empty(), "{left:#?}");
}

#[test]
fn settings_are_shown() {
    let hidden = |text: &&&str| has_secret_part(text) || redact(text) != **text;
    let hidden: Vec<_> = OPEN
        .iter()
        .filter(hidden)
        .map(|text| redact(text))
        .collect();
    assert!(hidden.is_empty(), "{hidden:#?}");
}

#[test]
fn what_follows_a_value_is_kept() {
    for (text, shown) in [
        (
            "password=hu\\\n  sh\nlevel=debug\n",
            "password=***\nlevel=debug\n",
        ),
        (
            "password = '''\nhush\n'''\nlevel = 1\n",
            "password = '''***'''\nlevel = 1\n",
        ),
        (
            "password = <<EOF\nhush\nEOF\nx\n",
            "password = <<EOF\n***EOF\nx\n",
        ),
    ] {
        assert_eq!(redact(text), shown);
    }
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the time that it takes is tested"
)]
fn long_lines_are_read_in_time() {
    for part in [
        "password: true ",
        "password: {{ x }} ",
        "password: hush ",
        "password: { ",
        "token={ ",
        "password: [ ",
        "password=\\\n",
        "password = '''",
        "variable \"password\" {",
        "password: <",
        "mysql ",
        "docker login ",
        "a\n? password",
        "[\"",
        "{'",
        "password \"",
        "--password ",
        "<a name=\"password\" ",
    ] {
        let text = part.repeat((40 << 10) / part.len());
        let begun = std::time::Instant::now();
        let _ = has_secret_part(&text);
        let _ = by_name(&text);
        let took = begun.elapsed();
        assert!(took.as_secs() < 15, "{part}: {took:?}");
    }
}
