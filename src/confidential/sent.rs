//! Secrets that were sent to another program, and every form in which they may come back.

use super::folded::Folded;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What stands in the place of a secret.
const MASK: &str = "***";

/// Secrets shorter than this occur in ordinary words, so the text around one is not
/// shown at all. In bytes.
const SHORT: usize = 4;

/// Shorter secrets may be in a text by chance, so that finding one says nothing. In bytes.
const TELLING: usize = 8;

/// Secrets shorter than this are looked for as they are written only: without white space
/// between them, a few signs are found in many texts. In bytes.
const READ: usize = 6;

/// The texts that were sent as passwords, tokens or keys, with their encoded forms.
#[derive(Clone, Default)]
pub struct Sent {
    /// Longest first, so that no form is cut by a shorter one within it.
    forms: Vec<String>,
    /// The secrets, and their base64, as they read without escapes; longest first.
    needles: Vec<Vec<u8>>,
}

impl std::fmt::Debug for Sent {
    /// It holds secrets.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Sent({} forms)", self.forms.len())
    }
}

impl Sent {
    /// Adds a secret as such, in its base64, percent, form and JSON encodings. An empty
    /// text adds nothing.
    pub fn add(&mut self, secret: &str) {
        for text in [secret, secret.trim()] {
            self.add_forms(text);
        }
        self.sort();
    }

    /// Adds a password and what HTTP's Basic scheme makes of it. The user's name is not
    /// a secret.
    pub fn add_login(&mut self, user: &str, password: &str) {
        if password.is_empty() {
            return;
        }
        self.add(password);
        self.add(&format!("{user}:{password}"));
    }

    /// Adds all that another one has.
    pub fn add_all(&mut self, other: &Self) {
        self.forms.extend_from_slice(&other.forms);
        self.needles.extend_from_slice(&other.needles);
        self.sort();
    }

    /// Longest first, so that no form is cut by a shorter one within it.
    fn sort(&mut self) {
        self.forms
            .sort_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
        self.forms.dedup();
        self.needles
            .sort_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
        self.needles.dedup();
    }

    /// How a secret reads, whatever way its signs are written in.
    fn add_needles(&mut self, secret: &str) {
        let plain: Vec<u8> = secret
            .bytes()
            .filter(|byte| !byte.is_ascii_whitespace() && *byte != b'+')
            .collect();
        let folded = Folded::of(secret).bytes().to_vec();
        let both = [plain, folded].into_iter();
        self.needles
            .extend(both.filter(|needle| needle.len() >= READ));
    }

    fn add_forms(&mut self, secret: &str) {
        if secret.is_empty() {
            return;
        }
        self.add_needles(secret);
        let percent = utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string();
        let lower = lower_escapes(&percent);
        let form: String = form_urlencode(secret);
        let json = serde_json::Value::from(secret).to_string();
        let mut forms = vec![
            secret.to_owned(),
            lower_escapes(&form),
            form,
            lower,
            percent,
            json.trim_matches('"').to_owned(),
        ];
        for engine in [&STANDARD, &URL_SAFE, &STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            let encoded = engine.encode(secret);
            self.add_needles(&encoded);
            forms.push(utf8_percent_encode(&encoded, NON_ALPHANUMERIC).to_string());
            forms.push(encoded);
        }
        self.forms
            .extend(forms.into_iter().filter(|form| !form.is_empty()));
    }

    /// Whether both know the same secrets.
    pub fn is_same(&self, other: &Sent) -> bool {
        self.forms == other.forms
    }

    /// Whether one of the secrets is in a text. Short ones are in many.
    pub fn is_in(&self, text: &str) -> bool {
        let mut forms = self.forms.iter().filter(|form| form.len() >= TELLING);
        forms.any(|form| text.contains(form.as_str()))
    }

    /// Whether nothing was sent.
    pub fn is_empty(&self) -> bool {
        self.forms.is_empty()
    }

    /// A text in which no form of any of the secrets occurs. A text that holds a secret
    /// of less than four bytes is replaced as a whole.
    pub fn mask(&self, text: &str) -> String {
        let mut masked = text.to_owned();
        for form in &self.forms {
            if !masked.contains(form.as_str()) {
                continue;
            }
            if form.len() < SHORT {
                return MASK.to_owned();
            }
            masked = masked.replace(form.as_str(), MASK);
        }
        self.mask_as_read(&masked)
    }

    /// A text in which none of the secrets can be read, however their signs are escaped, and
    /// over how many lines they go. Short ones are left to [`Sent::mask`].
    pub fn mask_as_read(&self, text: &str) -> String {
        if self.needles.is_empty() {
            return text.to_owned();
        }
        let folded = Folded::of(text);
        let mut found: Vec<_> = self
            .needles
            .iter()
            .flat_map(|needle| folded.find(needle, text))
            .collect();
        found.sort_by_key(|range| (range.start, std::cmp::Reverse(range.end)));
        let (mut masked, mut at) = (String::with_capacity(text.len()), 0);
        for range in found {
            if range.start >= at {
                masked.push_str(&text[at..range.start]);
                masked.push_str(MASK);
            }
            at = at.max(range.end);
        }
        masked.push_str(&text[at..]);
        masked
    }
}

/// As browsers write forms: a space is a plus, some signs stay.
fn form_urlencode(text: &str) -> String {
    const KEPT: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'*')
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b' ');
    utf8_percent_encode(text, KEPT)
        .to_string()
        .replace(' ', "+")
}

/// The same with `%2f` for `%2F`.
fn lower_escapes(text: &str) -> String {
    let mut escape = 0;
    let lower = |c: char| {
        escape = if c == '%' {
            2
        } else {
            i32::max(escape - 1, -1)
        };
        match escape >= 0 && c != '%' {
            true => c.to_ascii_lowercase(),
            false => c,
        }
    };
    text.chars().map(lower).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_masked_in_every_encoding() {
        let mut sent = Sent::default();
        sent.add_login("me", "pa/ss w\u{f6}rd\"+1");
        let encode = |text: &str| STANDARD.encode(text);
        for text in [
            "pa/ss w\u{f6}rd\"+1".to_owned(),
            encode("pa/ss w\u{f6}rd\"+1"),
            encode("me:pa/ss w\u{f6}rd\"+1"),
            "pa%2Fss%20w%C3%B6rd%22%2B1".to_owned(),
            "pa%2fss%20w%c3%b6rd%22%2b1".to_owned(),
            "pa%2Fss+w%C3%B6rd%22%2B1".to_owned(),
            "pa/ss w\u{f6}rd\\\"+1".to_owned(),
        ] {
            assert_eq!(sent.mask(&format!("no {text}, no")), "no ***, no", "{text}");
        }
        assert_eq!(sent.mask("me and nothing else"), "me and nothing else");
        assert!(!format!("{sent:?}").contains("pa/ss"));
    }

    #[test]
    fn a_secret_is_masked_however_its_signs_are_escaped() {
        let mut sent = Sent::default();
        sent.add_login("me", "hush-pa ss/w<o&rd~\u{f6}");
        for text in [
            "hush-pa%20ss/w%3Co%26rd~%C3%B6",
            "hush-pa+ss/w&lt;o&amp;rd~&#246;",
            "\"hush-pa ss\\/w\\u003co\\u0026rd~\\u00f6\"",
            "hush-pa s\nremote: s/w<o&rd~\u{f6}",
            "bWU6aHVzaC1wYSBzcy93PG8m\ncmR+w7Y=",
        ] {
            let masked = sent.mask(&format!("no {text}, no"));
            assert!(masked.replace('"', "") == "no ***, no", "{text}: {masked}");
        }
        assert_eq!(sent.mask("hush, and a password"), "hush, and a password");
    }

    #[test]
    fn a_line_break_at_the_end_hides_no_secret() {
        let mut sent = Sent::default();
        sent.add("t0ken-of-mine\n");
        assert_eq!(
            sent.mask("Bearer t0ken-of-mine, refused"),
            "Bearer ***, refused"
        );
    }

    #[test]
    fn a_text_with_a_short_secret_is_not_shown() {
        let mut sent = Sent::default();
        sent.add("ab");
        assert_eq!(sent.mask("not with ab"), "***");
        assert_eq!(sent.mask("not here"), "not here");
        sent.add("");
        assert_eq!(sent.mask("not here"), "not here");
        assert!(Sent::default().is_empty() && !sent.is_empty());
    }
}
