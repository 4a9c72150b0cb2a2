//! Colour: which tones exist and whether they are written at all. Whether a
//! terminal wants them is decided at the edge.

use std::borrow::Cow;

use super::clean;

/// How a text report is written, as decided for one output stream.
#[derive(Clone, Copy, Debug, Default)]
pub struct Style {
    /// Whether escape sequences for colour are written.
    pub color: bool,
    /// Columns of the terminal; `None` when the output is no terminal.
    pub width: Option<usize>,
    /// Seconds since 1970, for relative times.
    pub now: i64,
}

/// The meaning of a colour. Text is complete without it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// As the terminal writes by itself.
    #[default]
    Plain,
    /// Headings and names that the eye should find.
    Strong,
    /// Newer, added, done.
    Good,
    /// Worth a look before going on.
    Warning,
    /// Wrong, removed, refused.
    Bad,
    /// Less important than its surroundings.
    Faint,
}

impl Tone {
    fn code(self) -> &'static str {
        match self {
            Tone::Plain => "",
            Tone::Strong => "\u{1b}[1m",
            Tone::Good => "\u{1b}[32m",
            Tone::Warning => "\u{1b}[33m",
            Tone::Bad => "\u{1b}[31m",
            Tone::Faint => "\u{1b}[2m",
        }
    }
}

impl Style {
    /// `text`, cleaned, in `tone` where colour is wanted.
    pub fn paint<'a>(&self, tone: Tone, text: &'a str) -> Cow<'a, str> {
        let text = clean(text);
        if !self.color || tone == Tone::Plain || text.is_empty() {
            return text;
        }
        Cow::Owned(format!("{}{text}\u{1b}[0m", tone.code()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_is_only_written_where_it_is_wanted() {
        let plain = Style::default();
        let colored = Style {
            color: true,
            ..plain
        };
        assert_eq!(plain.paint(Tone::Bad, "conflict"), "conflict");
        assert_eq!(
            colored.paint(Tone::Bad, "conflict"),
            "\u{1b}[31mconflict\u{1b}[0m"
        );
        assert_eq!(colored.paint(Tone::Plain, "v1"), "v1");
    }

    #[test]
    fn painted_text_is_cleaned() {
        assert_eq!(Style::default().paint(Tone::Good, "v1\u{1b}[2J"), "v1");
    }
}
