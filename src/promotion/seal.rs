//! The seal of a record: a digest over the lines above it.
//!
//! A record that a person merged by hand reads like any other, but nobody promoted what
//! it says. The seal tells the two apart; it protects against accidents, not attacks.

use sha2::{Digest, Sha256};

/// The key of the last line.
const KEY: &str = "seal: ";

/// What the last line of a record says of the lines above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Seal {
    /// It fits.
    #[default]
    Fits,
    /// It does not fit, or the record should have one.
    Broken,
}

/// Adds the seal below the lines of a record.
pub(super) fn seal(mut text: String) -> String {
    let seal = digest(&text);
    text.push_str(KEY);
    text.push_str(&seal);
    text.push('\n');
    text
}

/// Compares the seal with the lines above it; `None`: there is no seal.
pub(super) fn check(text: &str) -> Option<Seal> {
    let at = match text.rfind("\nseal: ") {
        Some(at) => at + 1,
        None => return None,
    };
    // A checkout may have turned the line ends.
    let above = text[..at].replace("\r\n", "\n");
    let fits = text[at..].trim_end() == format!("{KEY}{}", digest(&above));
    Some(if fits { Seal::Fits } else { Seal::Broken })
}

fn digest(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_changed_byte_breaks_the_seal() {
        let sealed = seal("kind: PromotionRecord\nserial: 7\n".to_owned());
        assert_eq!(check(&sealed), Some(Seal::Fits));
        assert_eq!(check(&sealed.replace('\n', "\r\n")), Some(Seal::Fits));
        for at in 0..sealed.len() - 1 {
            let mut bytes = sealed.clone().into_bytes();
            bytes[at] ^= 1;
            let changed = String::from_utf8(bytes).unwrap_or_default();
            assert_ne!(check(&changed), Some(Seal::Fits), "byte {at}");
        }
        assert_eq!(check("kind: PromotionRecord\n"), None);
    }
}
