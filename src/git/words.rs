//! What the `git` program and those that it starts say: as much of it as is kept, the
//! first and the last of it, without the lines by which Git shows how far it is. Refuses
//! to grow with what is said.

use std::collections::VecDeque;

/// How much of a program's messages is kept from their beginning, in bytes: about a
/// hundred lines. Who runs a hook or a server decides how much it says; people read a
/// part of it, and a pipeline's log holds it all.
/// See `docs/limits.md`.
pub(super) const FIRST_WORDS: usize = 8 << 10;

/// How much of them is kept from their end, in bytes: the verdict comes last.
/// See `docs/limits.md`.
pub(super) const LAST_WORDS: usize = 8 << 10;

/// The longest line that is looked at for being one about progress, in bytes. Git's own
/// are shorter than a hundred.
const LONGEST_PROGRESS: usize = 512;

/// What begins the lines by which Git says how far it is.
const PROGRESS: [&str; 12] = [
    "Enumerating objects: ",
    "Counting objects: ",
    "Compressing objects: ",
    "Finding sources: ",
    "Receiving objects: ",
    "Unpacking objects: ",
    "Writing objects: ",
    "Indexing objects: ",
    "Resolving deltas: ",
    "Checking connectivity: ",
    "Checking objects: ",
    "Checking object directories: ",
];

/// The first and the last bytes of a text, and how much was left out between them.
#[derive(Debug)]
pub(super) struct Words {
    most: (usize, usize),
    first: Vec<u8>,
    last: VecDeque<u8>,
    gone: Gone,
}

/// What was left out.
#[derive(Debug, Clone, Copy, Default)]
struct Gone {
    bytes: usize,
    lines: usize,
}

impl Gone {
    fn add(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len();
        self.lines += bytes.iter().filter(|byte| **byte == b'\n').count();
    }
}

impl Words {
    /// Keeps so many bytes from the beginning and from the end.
    pub(super) fn keeping(first: usize, last: usize) -> Self {
        Self {
            most: (first, last),
            first: Vec::new(),
            last: VecDeque::new(),
            gone: Gone::default(),
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        let room = self.most.0 - self.first.len();
        let (head, rest) = bytes.split_at(room.min(bytes.len()));
        self.first.extend_from_slice(head);
        let (skipped, rest) = rest.split_at(rest.len().saturating_sub(self.most.1));
        let over = (self.last.len() + rest.len()).saturating_sub(self.most.1);
        let out: Vec<u8> = self.last.drain(..over.min(self.last.len())).collect();
        self.gone.add(&out);
        self.gone.add(skipped);
        self.last.extend(rest);
    }

    /// Whether all of it was kept.
    pub(super) fn is_whole(&self) -> bool {
        self.gone.bytes == 0
    }

    /// All that was said. Where something was left out, the two ends are cut at whole
    /// lines, and a line between them says how much is missing.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        let Self {
            mut first,
            last,
            mut gone,
            ..
        } = self;
        let last = Vec::from(last);
        if gone.bytes == 0 {
            first.extend(last);
            return first;
        }
        let cut = last_break(&first);
        gone.add(&first[cut..]);
        first.truncate(cut);
        let cut = first_break(&last);
        gone.add(&last[..cut]);
        if !first.is_empty() && !first.ends_with(b"\n") {
            first.push(b'\n');
        }
        first.extend(left_out(gone).as_bytes());
        first.extend(&last[cut..]);
        first
    }
}

/// Where the last whole line ends. In a line that is longer than all that is kept, the
/// last word: what is masked must not be cut in two.
fn last_break(text: &[u8]) -> usize {
    let end = |is: fn(&u8) -> bool| text.iter().rposition(is).map(|at| at + 1);
    let line = end(|byte| *byte == b'\n');
    line.or_else(|| end(u8::is_ascii_whitespace)).unwrap_or(0)
}

/// Where the first whole line begins, or the first word in one that is too long.
fn first_break(text: &[u8]) -> usize {
    let begin = |is: fn(&u8) -> bool| text.iter().position(is).map(|at| at + 1);
    let line = begin(|byte| *byte == b'\n').filter(|at| *at < text.len());
    let word = || begin(u8::is_ascii_whitespace);
    line.or_else(word).unwrap_or(text.len())
}

fn left_out(gone: Gone) -> String {
    match gone.lines {
        0 => format!("… {} bytes left out …\n", gone.bytes),
        1 => "… 1 line left out …\n".to_owned(),
        lines => format!("… {lines} lines left out …\n"),
    }
}

/// Whether a line is the one that says how much was left out.
pub(super) fn says_what_is_missing(line: &str) -> bool {
    line.starts_with("… ") && line.ends_with(" left out …")
}

/// A program's messages on their way to what is kept of them: lines about progress are
/// taken out. A line that is written over again and again is one of many.
#[derive(Debug)]
pub(super) struct Messages {
    words: Words,
    /// The beginning of a line that may be about progress.
    line: Vec<u8>,
    /// The rest of this line is kept.
    passes: bool,
}

impl Messages {
    pub(super) fn new() -> Self {
        Self {
            words: Words::keeping(FIRST_WORDS, LAST_WORDS),
            line: Vec::new(),
            passes: false,
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
        for part in bytes.split_inclusive(is_end) {
            let ends = part.last().is_some_and(is_end);
            if self.passes {
                self.words.push(part);
            } else {
                self.line.extend_from_slice(part);
                if ends || self.line.len() > LONGEST_PROGRESS {
                    if !is_progress(&self.line) {
                        self.words.push(&self.line);
                    }
                    self.line.clear();
                }
            }
            self.passes = !ends && (self.passes || self.line.is_empty());
        }
    }

    pub(super) fn into_bytes(mut self) -> Vec<u8> {
        if !is_progress(&self.line) {
            self.words.push(&self.line);
        }
        self.words.into_bytes()
    }
}

/// Whether a line says how far Git is, or what a fetch brought.
fn is_progress(line: &[u8]) -> bool {
    let line = match std::str::from_utf8(line) {
        Ok(line) if line.len() <= LONGEST_PROGRESS => line.trim_end(),
        _ => return false,
    };
    let step = line.strip_prefix("remote: ").unwrap_or(line);
    let counts = |head: &str| {
        let rest = step.strip_prefix(head);
        rest.is_some_and(|rest| rest.trim_start().starts_with(|c: char| c.is_ascii_digit()))
    };
    let sums_up = step.starts_with("Delta compression using ")
        || step.starts_with("Total ") && step.contains(" (delta ");
    if PROGRESS.iter().any(|head| counts(head)) || sums_up {
        return true;
    }
    // ` * [new branch]  a -> b`; one that failed has an exclamation mark.
    let mut signs = line.chars();
    let is_update = signs.next() == Some(' ')
        && signs.next().is_some_and(|sign| " +-t*=".contains(sign))
        && signs.next() == Some(' ')
        && line.contains(" -> ");
    is_update || line.starts_with("From ") && !line.contains(": ")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn kept(most: (usize, usize), parts: &[&str]) -> String {
        let mut words = Words::keeping(most.0, most.1);
        for part in parts {
            words.push(part.as_bytes());
        }
        String::from_utf8(words.into_bytes()).unwrap()
    }

    fn messages(parts: &[&str]) -> String {
        let mut messages = Messages::new();
        for part in parts {
            messages.push(part.as_bytes());
        }
        String::from_utf8(messages.into_bytes()).unwrap()
    }

    #[test]
    fn the_first_and_the_last_lines_are_kept_and_the_others_counted() {
        assert_eq!(kept((8, 8), &["a\nb\n", "c\n"]), "a\nb\nc\n");
        assert_eq!(kept((4, 4), &["a\nb\nc\nd\n"]), "a\nb\nc\nd\n");
        let lines: Vec<String> = (0..1000).map(|at| format!("line {at}\n")).collect();
        for size in [1, 7, 4096] {
            let all = lines.concat();
            let parts: Vec<&str> = all
                .as_bytes()
                .chunks(size)
                .map(|part| std::str::from_utf8(part).unwrap())
                .collect();
            let text = kept((20, 20), &parts);
            assert_eq!(
                text,
                "line 0\nline 1\n… 996 lines left out …\nline 998\nline 999\n"
            );
        }
    }

    #[test]
    fn a_line_without_an_end_is_cut_between_words() {
        let secret = "s3cr3t".repeat(4);
        let text = format!("begin {} end", format!("{secret} ").repeat(100));
        let text = kept((40, 40), &[&text]);
        assert!(
            text.starts_with("begin ") && text.ends_with(" end"),
            "{text}"
        );
        assert_eq!(
            text.replace(&secret, "").matches("s3c").count(),
            0,
            "{text}"
        );
        assert!(text.contains(" bytes left out …\n"), "{text}");
        let whole = "x".repeat(1000);
        assert_eq!(kept((40, 40), &[&whole]), "… 1000 bytes left out …\n");
    }

    #[test]
    fn what_is_kept_does_not_grow() {
        let mut messages = Messages::new();
        let line = "words of the server\n".repeat(1000);
        for _ in 0..1000 {
            messages.push(line.as_bytes());
        }
        messages.push(b"last words");
        assert!(messages.words.first.capacity() <= FIRST_WORDS * 2);
        assert!(messages.words.last.capacity() <= LAST_WORDS * 2 + line.len());
        let text = String::from_utf8(messages.into_bytes()).unwrap();
        assert!(
            text.len() <= FIRST_WORDS + LAST_WORDS + 100,
            "{}",
            text.len()
        );
        assert!(text.ends_with("server\nlast words"), "{text}");
        let missing: Vec<&str> = text.lines().filter(|it| says_what_is_missing(it)).collect();
        let count = text.lines().count() - 2;
        assert_eq!(
            missing,
            [format!("… {} lines left out …", 1_000_000 - count)]
        );
    }

    #[test]
    fn what_git_says_of_its_progress_is_not_kept() {
        let said = [
            "remote: Enumerating objects: 5, done.        \n",
            "remote: Counting objects:  50% (1/2)        \rremote: Counting obj",
            "ects: 100% (2/2), done.        \n",
            "Receiving objects: 100% (3/3), 1.20 MiB | 3.00 MiB/s, done.\n",
            "remote: Total 3 (delta 0), reused 0 (delta 0), pack-reused 0\n",
            "From https://git.example.com/shop\n * [new branch]      env/dev -> origin/env/dev\n",
            "   1234567..89abcde  main       -> origin/main\n",
            "remote: your quota: 3 of 4\n",
            " ! [rejected]        main -> origin/main  (would clobber)\n",
            "remote: From now on: no pushes -> on fridays\r\n",
            "fatal: the remote end hung up",
        ];
        let wanted = "remote: your quota: 3 of 4\n \
            ! [rejected]        main -> origin/main  (would clobber)\n\
            remote: From now on: no pushes -> on fridays\r\n\
            fatal: the remote end hung up";
        assert_eq!(messages(&said), wanted);
        let single: Vec<String> = said.concat().chars().map(String::from).collect();
        let single: Vec<&str> = single.iter().map(String::as_str).collect();
        assert_eq!(messages(&single), wanted);
    }

    #[test]
    fn long_lines_pass_as_they_are() {
        let line = format!("Counting objects: {}\nnext\n", "9".repeat(2000));
        for size in [1, 500, 600, 5000] {
            let parts: Vec<&str> = line
                .as_bytes()
                .chunks(size)
                .map(|part| std::str::from_utf8(part).unwrap())
                .collect();
            assert_eq!(messages(&parts), line);
        }
    }
}
