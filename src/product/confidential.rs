//! Which values at key paths must not be shown. Knows no name and no shape of a secret:
//! it leads [`crate::confidential`] along a path.

use serde_json::Value;

use crate::confidential::{self, Secrecy, redact_shapes};
use crate::yaml::{Path, Step};

/// How secret the place at a path is, as several states of the document have it.
pub fn secrecy(path: &Path, states: &[&Value]) -> Secrecy {
    let mut here: Vec<&Value> = states.to_vec();
    let mut secrecy = Secrecy::default();
    for step in path.steps() {
        secrecy = secrecy.below(&here, step_of(step));
        here = here.iter().filter_map(|value| step.down(value)).collect();
    }
    secrecy
}

/// A path as it may be shown: without names of items and keys below the name of a secret
/// that may be secrets themselves, and without keys that look like secrets.
pub fn shown_path(path: &Path) -> String {
    let mut secrecy = Secrecy::default();
    let mut hides = false;
    let mut steps = Vec::with_capacity(path.steps().len());
    for step in path.steps() {
        match step {
            Step::Item(says) if secrecy.is_hidden() => {
                hides = true;
                let hidden =
                    |(key, _): &(String, String)| (key.clone(), confidential::HIDDEN.to_owned());
                steps.push(Step::Item(says.iter().map(hidden).collect()));
            }
            Step::Key(key) if secrecy.hides_key(key) => {
                hides = true;
                steps.push(Step::Key(confidential::HIDDEN.to_owned()));
            }
            other => steps.push(other.clone()),
        }
        secrecy = secrecy.below(&[], step_of(step));
    }
    let text = match hides {
        true => {
            // It stands for a key, and is not one that would have to be quoted.
            let quoted = format!("[\"{}\"]", confidential::HIDDEN);
            let text = Path::new(steps).to_string();
            let text = text.replace(&quoted, &format!(".{}", confidential::HIDDEN));
            text.trim_start_matches('.').to_owned()
        }
        false => path.to_string(),
    };
    redact_shapes(&text).into_owned()
}

/// A step as the recogniser takes it.
pub fn step_of(step: &Step) -> confidential::Step<'_> {
    match step {
        Step::Key(key) => confidential::Step::Key(key),
        Step::Index(index) => confidential::Step::Index(*index),
        Step::Item(says) => confidential::Step::Item(says),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::confidential::HIDDEN;
    use serde_json::json;

    fn path(text: &str) -> Path {
        text.parse().unwrap()
    }

    #[test]
    fn a_path_alone_says_what_is_secret() {
        for hidden in [
            "databasePassword",
            "db.api_key",
            "env[name=GITHUB_TOKEN].value",
            "passwords.db",
            "credentials.ann",
        ] {
            let secrecy = secrecy(&path(hidden), &[]);
            assert_eq!(secrecy.shown(&json!("x")), json!(HIDDEN), "{hidden}");
        }
        for open in ["secretName", "image", "env[name=LEVEL].value"] {
            let secrecy = secrecy(&path(open), &[]);
            assert_eq!(secrecy.shown(&json!("x")), json!("x"), "{open}");
        }
    }

    #[test]
    fn the_document_around_a_path_says_more() {
        let list = json!({"kind": "List", "items": [{"kind": "Secret", "data": {"a": "x"}}]});
        let at = path("items[0].data.a");
        assert!(secrecy(&at, &[&list]).is_hidden());
        assert!(!secrecy(&at, &[]).is_hidden());
        let args = json!({"args": ["--password", "x"]});
        assert!(secrecy(&path("args[1]"), &[&args]).is_hidden());
        let variable = json!({"env": [{"name": "DB_PASSWORD", "value": "x"}]});
        assert!(secrecy(&path("env[0].value"), &[&variable]).is_hidden());
    }

    #[test]
    fn names_of_hidden_items_are_hidden() {
        assert_eq!(
            shown_path(&path("credentials[name=ann].user")),
            "credentials[name=(hidden)].user"
        );
        assert_eq!(shown_path(&path("env[name=A].value")), "env[name=A].value");
        assert_eq!(
            shown_path(&path("tokens.hush.user")),
            "tokens.(hidden).user"
        );
        assert_eq!(
            shown_path(&path("auth.google.clientId")),
            "auth.google.clientId"
        );
        assert_eq!(shown_path(&path("a.ghp_0123456789")), "a.***");
    }
}
