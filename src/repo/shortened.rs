//! Texts of others in messages, cut to a length that a person reads.

use std::borrow::Cow;

/// How much of a name that is refused is repeated in the message, in characters.
pub const SHOWN_OF_A_NAME: usize = 100;

/// The text, or its beginning and its length where it has more than so many characters.
pub fn shortened(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        None => Cow::Borrowed(text),
        Some((end, _)) => {
            let start = &text[..end];
            Cow::Owned(format!("{start}… ({} bytes)", text.len()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_long_texts_are_cut() {
        assert_eq!(shortened("äöü", 3), "äöü");
        assert_eq!(shortened("äöüß", 3), "äöü… (8 bytes)");
    }
}
