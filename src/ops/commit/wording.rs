//! Words of a message: one line where one line belongs, and a body that is nothing but
//! a body.

/// The text on one line.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A person's own words as subject and body: the first line, and what follows it. None
/// where there is nothing but blanks.
pub fn own_words(words: Option<&str>) -> Option<(String, String)> {
    let words = words.map(str::trim).filter(|words| !words.is_empty())?;
    let (subject, more) = words.split_once('\n').unwrap_or((words, ""));
    Some((line(subject), body(more)))
}

/// `cart v1 -> v2`; `back` says what a component is that was not there before.
pub fn changed(name: &str, from: Option<&str>, to: Option<&str>, back: &str) -> String {
    match (from, to) {
        (Some(from), Some(to)) => format!("{name} {from} -> {to}"),
        (None, Some(to)) => format!("{name} {to} ({back})"),
        (_, None) => format!("{name} (removed)"),
    }
}

/// A subject: one line that a terminal can be shown.
pub(super) fn line(text: &str) -> String {
    one_line(&shown(text))
}

/// A body without anything that a terminal would obey, and without lines that look as
/// if this tool had signed them: those are set back by two blanks.
pub(super) fn body(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let lines = text.lines().map(|line| {
        let line = shown(line);
        let line = line.trim_end();
        match is_trailer_of_ours(line) {
            true => format!("  {line}"),
            false => line.to_owned(),
        }
    });
    let lines: Vec<String> = lines.collect();
    lines.join("\n").trim_matches('\n').to_owned()
}

fn is_trailer_of_ours(line: &str) -> bool {
    const OURS: &str = "gitops-";
    let head = line.get(..OURS.len()).unwrap_or_default();
    head.eq_ignore_ascii_case(OURS) && line.contains(':')
}

/// Without control characters, and without those that turn text around.
fn shown(text: &str) -> String {
    let visible = |c: char| match c {
        '\n' | '\t' => Some(c),
        c if c.is_whitespace() && c.is_control() => Some(' '),
        '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => None,
        c => (!c.is_control()).then_some(c),
    };
    text.chars().filter_map(visible).collect()
}
