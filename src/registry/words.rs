//! Texts of others, made fit for a message: what was sent to anybody in this run is
//! masked in all of them, whoever repeats it. Refuses novels, control characters and
//! bodies that are too large to hold a reason.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::confidential::{Sent, presentable};

/// The longest text of others in a message, in characters: a line or two.
/// See `docs/limits.md`.
const SHOWN: usize = 200;

/// The largest body that is searched for the reason of a refusal, in bytes. Reasons have
/// some hundred; masking costs time for each byte.
/// See `docs/limits.md`.
const REFUSAL_BYTES: usize = 64 << 10;

/// Everything that was sent as a password or token so far.
#[derive(Clone, Default)]
pub(super) struct Words(Arc<Mutex<Sent>>);

impl Words {
    fn sent(&self) -> MutexGuard<'_, Sent> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a token that is about to be sent, or that was received as a secret.
    pub(super) fn add(&self, secret: &str) {
        self.sent().add(secret);
    }

    /// Notes a login that is about to be sent.
    pub(super) fn add_login(&self, user: &str, password: &str) {
        self.sent().add_login(user, password);
    }

    /// A text of others in one line.
    pub(super) fn shown(&self, text: &str) -> String {
        // Before and after: removing a character can put the halves of a secret together.
        let masked = self.sent().mask(text);
        let clean = presentable(&masked).replace('\n', " ");
        let masked = self.sent().mask(clean.trim());
        masked.chars().take(SHOWN).collect()
    }

    /// What the body of a refusal says: the messages of the distribution specification's
    /// error list, else what token services say.
    pub(super) fn reason(&self, body: &[u8]) -> Option<String> {
        #[derive(serde::Deserialize)]
        struct Body {
            #[serde(default)]
            errors: Vec<Entry>,
            details: Option<String>,
            error_description: Option<String>,
        }
        #[derive(serde::Deserialize)]
        struct Entry {
            code: Option<String>,
            message: Option<String>,
        }
        if body.len() > REFUSAL_BYTES {
            return None;
        }
        let body: Body = serde_json::from_slice(body).ok()?;
        let entries = body.errors.into_iter();
        let mut parts: Vec<String> = entries
            .filter_map(|entry| entry.message.filter(|m| !m.is_empty()).or(entry.code))
            .collect();
        parts.extend(body.details);
        parts.extend(body.error_description);
        let text = self.shown(&parts.join("; "));
        (!text.is_empty()).then_some(text)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_short_clean_and_without_secrets() {
        let words = Words::default();
        words.add("hunter2");
        let body =
            br#"{"errors":[{"code":"DENIED","message":"no\u001b[2J for hun\u0007ter2"},{"code":"X"}]}"#;
        assert_eq!(words.reason(body).unwrap(), "no for ***; X");
        assert_eq!(words.reason(b"<html>"), None);
        assert_eq!(words.reason(b"{}"), None);
        let long = format!(r#"{{"errors":[{{"message":"{}"}}]}}"#, "a".repeat(1000));
        assert_eq!(words.reason(long.as_bytes()).unwrap().len(), SHOWN);
        let endless = format!(r#"{{"details":"{}"}}"#, "a".repeat(REFUSAL_BYTES));
        assert_eq!(words.reason(endless.as_bytes()), None);
    }

    #[test]
    fn a_secret_at_the_end_of_what_is_shown_is_masked_as_a_whole() {
        let words = Words::default();
        words.add_login("me", "hunter2hunter2");
        let text = format!("{}hunter2hunter2 and more", "x".repeat(SHOWN - 5));
        assert!(
            !words.shown(&text).contains("hunt"),
            "{}",
            words.shown(&text)
        );
    }
}
