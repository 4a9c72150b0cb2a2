//! Asking a person what becomes of each hotfix and conflict. The answers are what
//! `--keep`, `--overwrite` and `--reason` say otherwise.

use super::Prepared;
use crate::cli::edge::context::Context;
use crate::cli::edge::failure::Failure;
use crate::promotion::{Author, Item, Request};
use crate::report::text::promote as text;

/// The request with an answer to everything that is undecided; `None`: the person
/// would rather stop.
pub(super) fn ask(context: &Context, prepared: &Prepared) -> Result<Option<Request>, Failure> {
    let plan = &prepared.plan;
    let (source, target) = (&plan.source.0, &plan.target.0);
    let mut request = prepared.request.clone();
    let asked: Vec<&Item> = plan.undecided().collect();
    for (number, item) in asked.iter().enumerate() {
        let (ours, theirs) = text::values(item);
        let mut choices = vec![
            format!("keep {ours}, as in {target}"),
            format!("take {theirs}, as in {source}"),
            "stop here, and write nothing".to_owned(),
        ];
        if number + 1 < asked.len() {
            choices.push(format!("keep this and all the rest, as in {target}"));
            choices.push(format!("take this and all the rest, as in {source}"));
        }
        match context.ui.choose(&question(item), &choices, 0)? {
            0 => request.keep.push(item.label()),
            1 => request.overwrite.push(item.label()),
            3 => {
                request.keep.push("all".to_owned());
                break;
            }
            4 => {
                request.overwrite.push("all".to_owned());
                break;
            }
            _ => return Ok(None),
        }
    }
    if request.reason.is_none() {
        let reason = context.ui.line("why? (recorded; may be left empty)")?;
        request.reason = Some(reason.trim().to_owned()).filter(|reason| !reason.is_empty());
    }
    Ok(Some(request))
}

fn question(item: &Item) -> String {
    let author = item.changed_by.as_ref();
    let by = author.and_then(Author::commit).map(|commit| {
        let (short, subject) = (commit.id.short(), &commit.message.subject);
        format!(", {short} by {}: {subject}", commit.author.email)
    });
    format!("{}{}", item.shown_label(), by.unwrap_or_default())
}
