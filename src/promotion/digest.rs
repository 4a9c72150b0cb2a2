//! The digest of a plan: what a person approves.
//!
//! A named and versioned format of lines. Each field is written with its length before it,
//! so no text can be taken for another field; within a block the lines are sorted. Not in
//! it: the source's commit and the target's tip, dates, the message, records and warnings.
//! The same plan on a target that moved elsewhere keeps its digest. Specification: "Digest".

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Value;

use super::gate::Overrides;
use super::{Decision, Facts, Item, TextLine, UnitId, canonical};
use crate::image::Digest;
use crate::product::CommitAction;
use crate::repo::{Edit, EntryKind, RepoPath, blob_id};

/// The first line: the format and its version.
const FORMAT: &str = "gitops-plan 2";

/// What a digest is over.
pub(crate) struct Approved<'a> {
    /// What is done.
    pub(crate) action: CommitAction,
    /// Both environments.
    pub(crate) facts: &'a Facts,
    /// What was asked for: flags and their values.
    pub(crate) request: Vec<(&'static str, String)>,
    /// Guards that are skipped, with the reasons.
    pub(crate) overrides: &'a Overrides,
    /// Every difference with its decision.
    pub(crate) items: &'a [Item],
    /// What becomes of the text around values.
    pub(crate) texts: &'a [TextLine],
    /// The promoted files that change, among them files as a whole.
    pub(crate) sources: &'a BTreeMap<RepoPath, Edit>,
    /// The rendered files that change.
    pub(crate) rendered: &'a BTreeMap<RepoPath, Edit>,
}

impl Approved<'_> {
    /// Returns the digest, `sha256:<hex>`.
    ///
    /// It is over the real values, hidden ones as well, and it is shown. A digest of a short
    /// secret alone could be guessed, so a unit that hides something counts with all that it
    /// holds on both sides.
    pub(crate) fn digest(&self) -> String {
        let (source, target) = (&self.facts.source.state, &self.facts.target.state);
        let product = source.product.as_ref().or(target.product.as_ref());
        let product = product.map_or("", |tree| tree.product.name.as_str());
        let entry = &target.entry;
        let (branch, path) = (entry.branch.to_string(), entry.path.to_string());
        let mut text = format!("{FORMAT}\n");
        line(&mut text, "action", &[self.action.as_str()]);
        line(&mut text, "product", &[product]);
        line(&mut text, "target", &[entry.name.as_str(), &branch, &path]);
        line(&mut text, "source", &[source.entry.name.as_str()]);
        let requests = self.request.iter();
        block(
            &mut text,
            requests.map(|(flag, value)| ("request", vec![(*flag).to_owned(), value.clone()])),
        );
        let overrides = self.overrides.iter();
        block(
            &mut text,
            overrides.map(|(guard, reason)| ("override", vec![guard.to_string(), reason.clone()])),
        );
        block(&mut text, self.hiding());
        block(&mut text, self.changes());
        let texts = self.texts.iter().map(|line| {
            let what = if line.follows { "follows" } else { "spliced" };
            ("text", vec![line.unit.to_string(), what.to_owned()])
        });
        block(&mut text, texts);
        block(&mut text, self.plain_files());
        block(&mut text, files("rendered", self.rendered));
        Digest::sha256(text.as_bytes()).to_string()
    }

    /// The units that hide something, with all that both sides hold of them.
    fn hiding(&self) -> impl Iterator<Item = (&'static str, Vec<String>)> {
        let hiding = self.items.iter().filter(|item| item.hides());
        let hiding: BTreeSet<&UnitId> = hiding.map(|item| &item.unit).collect();
        let sides = [&self.facts.source, &self.facts.target];
        hiding.into_iter().map(move |unit| {
            let values = sides.iter().map(|side| written(side.units.get(unit)));
            (
                "unit",
                [unit.to_string()].into_iter().chain(values).collect(),
            )
        })
    }

    /// Every line of the plan that changes something or decides about it.
    fn changes(&self) -> impl Iterator<Item = (&'static str, Vec<String>)> {
        let decided = |item: &&Item| item.decision != Decision::AlreadyThere;
        self.items.iter().filter(decided).map(|item| {
            let difference = &item.difference;
            let fields = vec![
                word(&difference.class),
                word(&item.decision),
                item.unit.to_string(),
                difference.path.to_string(),
                written(difference.ours.as_ref()),
                written(difference.theirs.as_ref()),
            ];
            ("change", fields)
        })
    }

    /// The promoted files that are not part of a manifest, with the bytes they get.
    fn plain_files(&self) -> impl Iterator<Item = (&'static str, Vec<String>)> {
        let (source, target) = (&self.facts.source, &self.facts.target);
        let units = source.units.keys().chain(target.units.keys());
        let plain: BTreeMap<RepoPath, Edit> = units
            .flat_map(|unit| match unit {
                UnitId::File(path) => [source.path(path.as_str()), target.path(path.as_str())],
                _ => [None, None],
            })
            .flatten()
            .filter_map(|path| Some((path.clone(), self.sources.get(&path)?.clone())))
            .collect();
        files("file", &plain).collect::<Vec<_>>().into_iter()
    }
}

fn files<'e>(
    name: &'static str,
    edits: &'e BTreeMap<RepoPath, Edit>,
) -> impl Iterator<Item = (&'static str, Vec<String>)> + 'e {
    edits.iter().map(move |(path, edit)| {
        let path = path.to_string();
        match edit {
            Edit::Write { bytes, executable } => {
                let id = blob_id(bytes).to_string();
                (name, vec![path, mode(*executable), id])
            }
            Edit::Reuse { id, kind } => {
                let mode = match kind {
                    EntryKind::Symlink => "120000".to_owned(),
                    EntryKind::Submodule => "160000".to_owned(),
                    EntryKind::File => mode(false),
                    EntryKind::Executable => mode(true),
                };
                (name, vec![path, mode, id.to_string()])
            }
            Edit::Delete => ("delete", vec![path]),
        }
    })
}

fn mode(executable: bool) -> String {
    if executable { "100755" } else { "100644" }.to_owned()
}

/// A value as JSON with sorted keys; absence is no value.
fn written(value: Option<&Value>) -> String {
    let mut text = String::new();
    match value {
        Some(value) => canonical(value, &mut text),
        None => text.push_str("absent"),
    }
    text
}

/// The name of a class or a decision, as data has it.
fn word(value: &impl Serialize) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

fn block(text: &mut String, lines: impl Iterator<Item = (&'static str, Vec<String>)>) {
    let mut lines: Vec<_> = lines.collect();
    lines.sort();
    for (name, fields) in &lines {
        line(
            text,
            name,
            &fields.iter().map(String::as_str).collect::<Vec<_>>(),
        );
    }
}

fn line(text: &mut String, name: &str, fields: &[&str]) {
    text.push_str(name);
    for field in fields {
        let _ = write!(text, " {}:{field}", field.len());
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_field_can_be_taken_for_another_one() {
        let of = |fields: &[&str]| {
            let mut text = String::new();
            line(&mut text, "request", fields);
            text
        };
        assert_eq!(of(&["only", "a b"]), "request 4:only 3:a b\n");
        assert_ne!(of(&["only", "a 1:b"]), of(&["only", "a", "b"]));
        assert_ne!(
            of(&["only", "a\nrequest 4:keep"]),
            of(&["only", "a"]) + &of(&["keep"])
        );
    }

    #[test]
    fn the_order_of_lines_says_nothing() {
        let one = ("request", vec!["only".to_owned(), "a".to_owned()]);
        let two = ("request", vec!["keep".to_owned(), "b".to_owned()]);
        let of = |lines: Vec<_>| {
            let mut text = String::new();
            block(&mut text, lines.into_iter());
            text
        };
        assert_eq!(of(vec![one.clone(), two.clone()]), of(vec![two, one]));
    }
}
