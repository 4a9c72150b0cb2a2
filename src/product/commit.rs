//! `commit:` of `gitops.yaml`: what commits of this tool say, as templates. Their
//! language is known to the template engine alone; here they are text with places.

use std::collections::BTreeMap;

use crate::repo::{Location, RepoPath};
use crate::yaml::{Document, Field, Position, Style};

use super::decode::At;

/// What writes a commit on an environment's branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CommitAction {
    /// `bump-image`
    BumpImage,
    /// `promote`
    Promote,
    /// `rollback`
    Rollback,
    /// `backport`
    Backport,
    /// `render`
    Render,
}

impl CommitAction {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::BumpImage,
        Self::Promote,
        Self::Rollback,
        Self::Backport,
        Self::Render,
    ];

    /// The command, as `Gitops-Action` names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BumpImage => "bump-image",
            Self::Promote => "promote",
            Self::Rollback => "rollback",
            Self::Backport => "backport",
            Self::Render => "render",
        }
    }

    /// Its field in `gitops.yaml`.
    fn field(self) -> &'static str {
        match self {
            Self::BumpImage => "bumpImage",
            other => other.as_str(),
        }
    }
}

/// What `gitops.yaml` says about commits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommitEntry {
    /// Whether images are asked where they were built from, so that a bump's commit
    /// links what lies between; `None`: where that costs no request.
    pub compare_links: Option<bool>,
    general: CommitTexts,
    own: BTreeMap<CommitAction, CommitTexts>,
}

/// The two parts of a message that may have a template.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct CommitTexts {
    subject: Option<CommitText>,
    body: Option<CommitText>,
}

impl CommitEntry {
    /// The template of an action's subject.
    pub fn subject(&self, action: CommitAction) -> Option<&CommitText> {
        let own = self.own.get(&action).and_then(|own| own.subject.as_ref());
        own.or(self.general.subject.as_ref())
    }

    /// The template of an action's body.
    pub fn body(&self, action: CommitAction) -> Option<&CommitText> {
        let own = self.own.get(&action).and_then(|own| own.body.as_ref());
        own.or(self.general.body.as_ref())
    }
}

/// A template, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitText {
    /// The template.
    pub text: String,
    file: RepoPath,
    /// Where it begins.
    start: Position,
    /// Where each of its lines begins, if the file has them letter by letter.
    lines: Vec<Position>,
}

impl CommitText {
    /// The place in the file of a byte of the template; where it begins, when escapes
    /// or folded lines leave no other.
    pub fn place(&self, offset: usize) -> Location {
        let before = self.text.get(..offset).unwrap_or(&self.text);
        let line = before.matches('\n').count();
        let position = match self.lines.get(line) {
            Some(begin) => {
                let last = before.rsplit('\n').next().unwrap_or_default();
                Position {
                    line: begin.line,
                    column: begin.column + u32::try_from(last.chars().count()).unwrap_or(0),
                }
            }
            None => self.start,
        };
        Location::new(self.file.clone(), position.line, position.column)
    }
}

/// Reads `commit:`.
pub(super) fn commit(
    at: At<'_>,
    document: &Document,
    field: Option<Field<'_>>,
) -> Option<CommitEntry> {
    let Some(field) = field else {
        return Some(CommitEntry::default());
    };
    let mut fields = field.fields()?;
    let part = |field: Option<Field<'_>>| field.and_then(|it| text(at, document, &it));
    let general = CommitTexts {
        subject: part(fields.optional("subject")),
        body: part(fields.optional("body")),
    };
    let mut own = BTreeMap::new();
    for action in CommitAction::ALL {
        let Some(field) = fields.optional(action.field()) else {
            continue;
        };
        if let Some(mut fields) = field.fields() {
            let texts = CommitTexts {
                subject: part(fields.optional("subject")),
                body: part(fields.optional("body")),
            };
            own.insert(action, texts);
            fields.finish();
        }
    }
    let compare_links = fields.optional("compareLinks").and_then(|it| it.bool());
    fields.finish();
    Some(CommitEntry {
        compare_links,
        general,
        own,
    })
}

fn text(at: At<'_>, document: &Document, field: &Field<'_>) -> Option<CommitText> {
    let text = field.string()?;
    let span = field.span();
    let style = field.node().scalar()?.style;
    Some(CommitText {
        lines: lines(document, span.start, span.end, (&text, style)),
        file: at.file.clone(),
        start: field.position(),
        text,
    })
}

/// Where the lines of a scalar begin in the file.
fn lines(
    document: &Document,
    start: usize,
    end: usize,
    (text, style): (&str, Style),
) -> Vec<Position> {
    let raw = document.text().get(start..end).unwrap_or_default();
    let quote = match style {
        Style::SingleQuoted | Style::DoubleQuoted => 1,
        _ => 0,
    };
    match style {
        Style::Literal => {
            let mut at = start;
            let mut found = Vec::new();
            let mut written = raw.split_inclusive('\n');
            at += written.next().map_or(0, str::len);
            for (wanted, line) in text.split('\n').zip(written) {
                let content = line.trim_end_matches(['\n', '\r']);
                let indent = content.len().saturating_sub(wanted.len());
                found.push(document.position(at + indent));
                at += line.len();
            }
            found
        }
        _ if raw.get(quote..raw.len().saturating_sub(quote)) == Some(text) => {
            vec![document.position(start + quote)]
        }
        _ => Vec::new(),
    }
}
