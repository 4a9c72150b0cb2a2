use super::*;
use crate::confidential::shapes::{has_secret_part, redact};

const SECRET: &[&str] = &[
    "docker login -u ann -p hush r.example.com",
    "docker login r.example.com --password hush",
    "helm registry login -u ann -p hush r.example.com",
    "redis-cli -a hush",
    "redis-cli -h db -a 'hush' ping",
    "redis-cli AUTH hush",
    "mysql -phush",
    "mysqldump -u root -phush shop > x",
    "/usr/bin/mysql -uroot -phush",
    "mongosh -u a -p hush",
    "sshpass -p hush ssh x",
    "sshpass -phush ssh x",
    "ldapsearch -x -D cn=a -w hush",
    "sqlcmd -S db -U a -P hush",
    "curl -u ann:hush https://example.com",
    "curl -sS -u 'ann:hush' https://example.com",
    "zip -P hush x.zip x",
    "openssl enc -k hush",
    "openssl rsa -passin pass:hush",
    "mosquitto_pub -u a -P hush",
    "htpasswd -b file ann hush",
    "htpasswd -nb ann hush",
    "rabbitmqctl add_user ann hush",
    "mc alias set x https://example.com ann hush",
    "keytool -storepass hush",
    "a && docker login \\\n  -u ann \\\n  -p hush",
    "smbclient -U ann%hush //x/y",
    "lftp -u ann,hush x",
];

const OPEN: &[&str] = &[
    "docker run -p 8080:80 mysql",
    "mysql -p",
    "mysql -u root -p ${PASSWORD}",
    "mysql -p$(PASSWORD)",
    "mkdir -p /a/b",
    "redis-cli -h db ping",
    "curl -u ann https://example.com",
    "docker run -u 1000:1000 x",
    "htpasswd -c file ann",
    "cp -a x y",
    "docker login r.example.com",
    "mc ls x",
    "zip -r x.zip x",
    "https://example.com -a x",
];

#[test]
fn passwords_of_programs_are_known() {
    let left = |text: &&&str| !has_secret_part(text) || redact(text).contains("hush");
    let left: Vec<_> = SECRET
        .iter()
        .filter(left)
        .map(|text| redact(text))
        .collect();
    assert!(left.is_empty(), "{left:#?}");
}

#[test]
fn other_arguments_are_shown() {
    let hidden = |text: &&&str| has_secret_part(text) || redact(text) != **text;
    let hidden: Vec<_> = OPEN
        .iter()
        .filter(hidden)
        .map(|text| redact(text))
        .collect();
    assert!(hidden.is_empty(), "{hidden:#?}");
}

/// A list of arguments is judged as the command line that it makes.
#[test]
fn lists_are_judged_as_command_lines() {
    for (texts, secret) in [(SECRET, true), (OPEN, false)] {
        let wrong = |text: &&&str| {
            let plain = text.replace(['\'', '\\'], "");
            let items: Vec<Value> = plain.split_whitespace().map(Value::from).collect();
            let hides = |at: usize| is_secret_argument(&items, at);
            let shape = text.contains("password") || text.contains("registry");
            !shape && (0..items.len()).any(hides) != secret
        };
        let wrong: Vec<_> = texts.iter().filter(wrong).collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}
