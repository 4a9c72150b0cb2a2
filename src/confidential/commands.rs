//! Passwords among the arguments of programs, in lists and in command lines: flags that
//! say so by their name, and the short ones that well-known programs have.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::names::{is_secret_name, is_vague_alone};
use super::settings::is_setting;
use super::shapes::is_placeholder;

/// How many items before an argument may name its program.
const NEAR: usize = 12;

/// A program, and its flags whose value is a secret.
struct Program {
    names: &'static [&'static str],
    flags: &'static [&'static str],
    /// A flag that the secret follows without a blank.
    glued: &'static str,
    /// A word of the command line without which the flags mean something else.
    needs: &'static str,
}

const fn program(names: &'static [&'static str], flags: &'static [&'static str]) -> Program {
    Program {
        names,
        flags,
        glued: "",
        needs: "",
    }
}

#[rustfmt::skip]
static PROGRAMS: [Program; 15] = [
    Program {
        needs: "login",
        ..program(
            &[
                "docker", "podman", "nerdctl", "buildah", "skopeo", "helm", "oras", "crane",
                "az", "oc", "cf", "faas-cli", "regctl", "argocd",
            ],
            &["-p"],
        )
    },
    Program {
        glued: "-p",
        ..program(
            &[
                "mysql", "mysqldump", "mysqladmin", "mysqlimport", "mysqlcheck", "mysqlshow",
                "mysqlsh", "mariadb", "mariadb-dump", "mariadb-admin",
            ],
            &[],
        )
    },
    Program { glued: "-p", ..program(&["sshpass"], &["-p"]) },
    Program { glued: "-p", ..program(&["7z", "7za", "rar", "unrar"], &[]) },
    program(&["redis-cli", "valkey-cli", "keydb-cli", "redis-benchmark"], &["-a"]),
    program(
        &["mongo", "mongosh", "mongodump", "mongorestore", "mongoexport", "mongoimport", "cqlsh",
          "rabbitmqadmin", "influx", "cypher-shell"],
        &["-p"],
    ),
    program(
        &["ldapsearch", "ldapadd", "ldapmodify", "ldapdelete", "ldapwhoami", "ldappasswd"],
        &["-w", "-s"],
    ),
    program(&["sqlcmd", "bcp", "mosquitto_pub", "mosquitto_sub", "zip", "unzip"], &["-P"]),
    program(&["openssl"], &["-k", "-K", "-pass", "-passin", "-passout"]),
    program(&["snmpget", "snmpwalk", "snmpset"], &["-A", "-X"]),
    program(&["clickhouse", "clickhouse-client", "vault", "consul", "nomad"], &["-token"]),
    program(&["smbclient", "mount.cifs"], &["-U"]),
    program(&["ftp", "lftp", "ncftp"], &["-u"]),
    program(&["http", "https", "xh"], &["-a"]),
    program(&["keytool", "jarsigner"], &["-storepass", "-keypass"]),
];

/// Programs whose last words are a user and a password, with a word before them.
const POSITIONAL: [(&str, &[&str]); 4] = [
    (
        "htpasswd",
        &[
            "-b", "-nb", "-bn", "-bc", "-cb", "-nbB", "-Bbn", "-nbm", "-bB", "-Bb", "-nBb",
        ],
    ),
    (
        "rabbitmqctl",
        &["add_user", "change_password", "authenticate_user"],
    ),
    ("mc", &["set", "add"]),
    ("redis-cli", &["AUTH", "auth"]),
];

/// Where one of the programs is named in a text.
#[expect(
    clippy::unwrap_used,
    reason = "made of the names above; a test compiles it"
)]
static NAMED: LazyLock<Regex> = LazyLock::new(|| {
    let programs = PROGRAMS.iter().flat_map(|it| it.names.iter().copied());
    let positional = POSITIONAL.iter().map(|(name, _)| *name);
    let mut names: Vec<String> = programs.chain(positional).map(regex::escape).collect();
    names.sort_by_key(|name| std::cmp::Reverse(name.len()));
    Regex::new(&format!(
        r#"(?:^|[\s/"'`$(;|&])({})[\s"']"#,
        names.join("|")
    ))
    .unwrap()
});

/// Whether an item of a list of arguments is a secret.
pub(super) fn is_secret_argument(items: &[Value], index: usize) -> bool {
    let Some(item) = items.get(index).and_then(Value::as_str) else {
        // A number may be a password, too.
        let before = index.checked_sub(1).and_then(|at| items[at].as_str());
        return before.is_some_and(is_secret_flag);
    };
    let first = index.saturating_sub(NEAR);
    let before = items[first..index]
        .iter()
        .map(|it| it.as_str().unwrap_or_default());
    let before: Vec<&str> = before.collect();
    secret_in_word(&before, item).is_some()
}

/// Whether an item of a list is what the name of a secret before it is set to:
/// `[DB_PASSWORD, x]`.
pub(super) fn is_second_of_pair(items: &[Value], index: usize) -> bool {
    let [Value::String(name), value] = items else {
        return false;
    };
    let is_value = match value {
        Value::String(text) => !is_setting(text) && !is_secret_name(text),
        Value::Number(_) => true,
        _ => false,
    };
    index == 1 && is_value && is_secret_name(name) && !is_vague_alone(name)
}

/// Where the passwords are in the command lines of a text.
pub(super) fn secret_arguments(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(named) = NAMED.captures_at(text, at) {
        let start = named.get(1).map_or(0, |it| it.start());
        let words = command(text, start);
        let spelled: Vec<&str> = words.iter().map(|word| &text[word.clone()]).collect();
        for (index, word) in words.iter().enumerate() {
            let first = index.saturating_sub(NEAR);
            if let Some(from) = secret_in_word(&spelled[first..index], spelled[index]) {
                found.push(word.start + from..word.end);
            }
        }
        at = words
            .last()
            .map_or(start + 1, |word| word.end)
            .max(start + 1);
    }
    found
}

/// The words of the command that begins at a place of a text, without their quotes.
fn command(text: &str, start: usize) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut words = Vec::new();
    let mut at = start;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\n' | b';' | b'|' | b'&' => break,
            b'\\' if bytes.get(at + 1) == Some(&b'\n') => at += 2,
            b' ' | b'\t' | b',' => at += 1,
            quote @ (b'"' | b'\'') => {
                let end = text[at + 1..].find([quote as char, '\n']);
                let end = end.map_or(text.len(), |length| at + 1 + length);
                words.push(at + 1..end);
                at = (end + 1).min(text.len());
            }
            _ => {
                let ends = [' ', '\t', '\n', ';', '|', '&', '"', '\'', ')', ']', '`'];
                let end = text[at..]
                    .find(ends)
                    .map_or(text.len(), |length| at + length);
                words.push(at..end);
                at = end.max(at + 1);
                if matches!(bytes.get(end), Some(b')' | b']' | b'`')) {
                    break;
                }
            }
        }
    }
    words
}

/// Where in a word the secret begins, by the words before it.
fn secret_in_word(before: &[&str], word: &str) -> Option<usize> {
    if is_placeholder(word) {
        return None;
    }
    let last = before.last().copied().unwrap_or_default();
    if is_secret_flag(last) && !is_path(last, word) {
        return Some(0);
    }
    let is_login = matches!(last, "-u" | "--user" | "--userpwd" | "--proxy-user" | "-U");
    if let Some(at) = word.find(':')
        && is_login
        && is_login_word(&word[at + 1..])
    {
        return Some(at + 1);
    }
    // The nearest program counts: `docker run mysql` is not a login.
    let place = before.iter().rposition(|word| program_of(word).is_some());
    place
        .and_then(|at| program_of(before[at]).map(|program| (program, &before[at..])))
        .and_then(|(program, words)| secret_of_program(program, words, word))
        .or_else(|| secret_by_position(before, word))
}

fn secret_of_program(program: &Program, before: &[&str], word: &str) -> Option<usize> {
    if !program.needs.is_empty() && !before.contains(&program.needs) {
        return None;
    }
    let last = before.last().copied().unwrap_or_default();
    if program.flags.contains(&last) {
        let from = match last {
            "-U" | "-u" => word.find(['%', ','])? + 1,
            "-a" if before[0].contains("http") || before[0] == "xh" => word.find(':')? + 1,
            _ => 0,
        };
        return Some(from).filter(|from| !word[*from..].starts_with('-'));
    }
    let glued = program.glued;
    let rest = word.strip_prefix(glued).filter(|_| !glued.is_empty())?;
    (!rest.is_empty() && !rest.starts_with('-') && !is_placeholder(rest)).then_some(glued.len())
}

/// `htpasswd -b file user x`: the words behind the one that says so.
fn secret_by_position(before: &[&str], word: &str) -> Option<usize> {
    let (name, verbs) = POSITIONAL
        .iter()
        .find(|(name, _)| before.iter().any(|it| file_name(it) == *name))?;
    let verb = before.iter().position(|it| verbs.contains(it))?;
    let behind = before.len() - verb - 1;
    let plain = !word.starts_with('-');
    let is_secret = match *name {
        "redis-cli" => true,
        "mc" => behind >= 3,
        "htpasswd" if before[verb].contains('n') => behind == 1,
        "htpasswd" => behind == 2,
        _ => behind == 1,
    };
    (plain && is_secret).then_some(0)
}

fn program_of(word: &str) -> Option<&'static Program> {
    let name = file_name(word);
    PROGRAMS
        .iter()
        .find(|program| program.names.contains(&name))
}

/// Whether a word is one of the programs whose short flags have a secret.
pub(super) fn is_program(word: &str) -> bool {
    program_of(word).is_some() || file_name(word) == "curl"
}

fn file_name(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

/// Whether what is behind `user:` is a password: a group of a system is a number or one
/// of a few names.
fn is_login_word(rest: &str) -> bool {
    !rest.is_empty() && !rest.bytes().all(|byte| byte.is_ascii_digit()) && !is_placeholder(rest)
}

/// `--password`, whose value is the next item.
pub(super) fn is_secret_flag(text: &str) -> bool {
    let name = text.trim_start_matches('-');
    text.starts_with('-')
        && !text.contains(['=', ' '])
        && is_secret_name(name)
        && !name.contains("kubeconfig")
}

fn is_path(flag: &str, word: &str) -> bool {
    flag.contains("kubeconfig") && word.starts_with(['/', '.', '~'])
}

#[cfg(test)]
mod tests;
