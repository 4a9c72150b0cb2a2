//! Commit messages with trailers, and what one commit says about itself.
//! Reads any message that Git stores; writes only well-formed ones.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use super::{CommitId, Signature};

/// A commit message: subject line, body, trailers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CommitMessage {
    /// The first line.
    pub subject: String,
    /// Everything between the subject and the trailers; may be empty.
    pub body: String,
    /// `Token: value` lines of the last paragraph, in order.
    pub trailers: Vec<(String, String)>,
}

impl CommitMessage {
    /// The value of the first trailer of this name; names ignore case, as in Git.
    pub fn trailer(&self, name: &str) -> Option<&str> {
        self.trailers
            .iter()
            .find(|(token, _)| token.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The values of all trailers of this name, in order.
    pub fn trailers_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.trailers
            .iter()
            .filter(move |(token, _)| token.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Reads a message as Git stores it.
    pub fn parse(text: &str) -> Self {
        // What would not be written would be read otherwise the second time.
        let text = text.replace('\0', "");
        let lines = text.split('\n').map(|line| match line.trim() {
            "" => "",
            _ => line.trim_end_matches('\r'),
        });
        let text = lines.collect::<Vec<_>>().join("\n");
        let text = text.trim_matches('\n');
        let (head, rest) = split_paragraph(text);
        let subject = head.lines().map(str::trim).collect::<Vec<_>>().join(" ");
        let rest = rest.trim_matches('\n').trim_end();
        let (body, last) = match rest.rfind("\n\n") {
            Some(gap) => (&rest[..gap], &rest[gap + 2..]),
            None => ("", rest),
        };
        match read_trailers(last) {
            Some(trailers) => Self {
                subject,
                body: body.trim_end().to_owned(),
                trailers,
            },
            None => Self {
                subject,
                body: rest.to_owned(),
                trailers: Vec::new(),
            },
        }
    }
}

fn split_paragraph(text: &str) -> (&str, &str) {
    text.split_once("\n\n").unwrap_or((text, ""))
}

/// The trailers of a paragraph, when every line is one or continues one.
fn read_trailers(paragraph: &str) -> Option<Vec<(String, String)>> {
    let mut trailers: Vec<(String, String)> = Vec::new();
    for line in paragraph.lines() {
        if line.starts_with([' ', '\t']) {
            let (_, value) = trailers.last_mut()?;
            value.push(' ');
            value.push_str(line.trim());
            continue;
        }
        let (token, value) = line.split_once(':')?;
        if token.is_empty() || !token.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
            return None;
        }
        trailers.push((token.to_owned(), value.trim().to_owned()));
    }
    (!trailers.is_empty()).then_some(trailers)
}

fn one_line(text: &str) -> String {
    text.split(['\n', '\r', '\0'])
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

impl FromStr for CommitMessage {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self::parse(text))
    }
}

impl fmt::Display for CommitMessage {
    /// The message with a final line break. Line breaks inside the subject or
    /// a trailer become blanks, so that no value can add a trailer.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", one_line(&self.subject))?;
        let body = self.body.replace('\0', "");
        let body = body.trim_matches('\n').trim_end();
        if !body.is_empty() {
            writeln!(f, "\n{body}")?;
        }
        if !self.trailers.is_empty() {
            writeln!(f)?;
        }
        for (token, value) in &self.trailers {
            writeln!(f, "{token}: {}", one_line(value))?;
        }
        Ok(())
    }
}

/// What one commit says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitInfo {
    /// Its id.
    pub id: CommitId,
    /// Its parents as the commit names them, also beyond a shallow boundary.
    pub parents: Vec<CommitId>,
    /// Who made the change.
    pub author: Signature,
    /// Who made the commit.
    pub committer: Signature,
    /// Its message.
    pub message: CommitMessage,
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn a_message_survives_writing_and_reading() {
        let message = CommitMessage {
            subject: "promote shop 0.10.6 from staging to prod".into(),
            body: "cart  v1.4.1 -> v1.4.2\n\nweb   v2.0.0 -> v2.1.0".into(),
            trailers: vec![
                ("Gitops-Action".into(), "promote".into()),
                ("Gitops-From".into(), "staging 5f2c1e0".into()),
                ("Gitops-Override".into(), "freeze because".into()),
                ("Gitops-Override".into(), "soak because".into()),
            ],
        };
        let text = message.to_string();
        assert_eq!(CommitMessage::parse(&text), message);
        assert!(text.ends_with("Gitops-Override: soak because\n"));
        assert_eq!(message.trailer("gitops-from"), Some("staging 5f2c1e0"));
        assert_eq!(message.trailers_named("Gitops-Override").count(), 2);
    }

    #[test]
    fn messages_that_people_write_are_read_as_git_does() {
        let plain = CommitMessage::parse("fix cart\n\nIt broke: badly.\nSee: below, maybe\n");
        assert_eq!(plain.subject, "fix cart");
        assert!(plain.trailers.is_empty());
        assert!(plain.body.starts_with("It broke"));
        let folded = CommitMessage::parse("a\nb\n\nNote: one\n  two\n");
        assert_eq!(folded.subject, "a b");
        assert_eq!(folded.trailer("note"), Some("one two"));
        let only = CommitMessage::parse("Gitops-Action: promote");
        assert!(
            only.trailers.is_empty(),
            "a subject is never a trailer: {only:?}"
        );
        assert_eq!(CommitMessage::parse(""), CommitMessage::default());
    }

    #[test]
    fn odd_ends_of_lines_are_ends_of_lines() {
        let text = "a\r\r\n\r\r\nb\r\n\r\nNote: c\r\r\n\0 d\n";
        let message = CommitMessage::parse(text);
        assert_eq!(message.to_string(), "a\n\nb\n\nNote: c d\n");
        assert_eq!(CommitMessage::parse(&message.to_string()), message);
        // A line of blanks is an empty one, as for Git.
        let message = CommitMessage::parse(" \0\n\t\na\n  \nb\n");
        assert_eq!((&*message.subject, &*message.body), ("a", "b"));
    }

    #[test]
    fn no_value_can_add_a_trailer() {
        let message = CommitMessage {
            subject: "x\n\nGitops-Action: rollback".into(),
            body: String::new(),
            trailers: vec![("Gitops-Components".into(), "a\nGitops-To: prod".into())],
        };
        let read = CommitMessage::parse(&message.to_string());
        assert_eq!(read.trailer("Gitops-Action"), None);
        assert_eq!(read.trailer("Gitops-To"), None);
    }
}
