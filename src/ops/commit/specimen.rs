//! Trying the templates before anybody needs them: on a change of each kind that has
//! everything such a change may have.

use super::{ComponentChange, Draft, ProductChange, TemplateError};
use crate::image::Digest;
use crate::product::{CommitAction, CommitEntry, EnvironmentName};
use crate::repo::CommitId;

/// Writes a message of each kind for a change of this environment.
///
/// # Errors
/// A template is wrong.
pub fn check(templates: &CommitEntry, environment: &EnvironmentName) -> Result<(), TemplateError> {
    let commit: Option<CommitId> = "1".repeat(40).parse().ok();
    let digest = Digest::sha256(b"").to_string();
    for action in CommitAction::ALL {
        let comes_from_elsewhere = match action {
            CommitAction::Promote | CommitAction::Rollback | CommitAction::Backport => true,
            CommitAction::BumpImage | CommitAction::Render => false,
        };
        let names = ["one", "two"];
        let draft = Draft {
            action,
            environment,
            product: Some(ProductChange {
                name: "product",
                from: Some("1.0.0"),
                version: Some("1.1.0"),
            }),
            source: commit
                .as_ref()
                .filter(|_| comes_from_elsewhere)
                .map(|commit| (environment, commit)),
            plan: &digest,
            proof: None,
            components: names.map(component).to_vec(),
            units: names.map(str::to_owned).into(),
            only: &[],
            reason: Some("a reason"),
            overrides: vec![("guard", "a reason")],
            subject: "a subject".to_owned(),
            lines: vec!["a line".to_owned()],
        };
        draft.message(None, templates)?;
    }
    Ok(())
}

fn component(name: &str) -> ComponentChange {
    let text = |text: &str| Some(text.to_owned());
    let page = |rest: &str| Some(format!("https://example.com/{name}{rest}"));
    ComponentChange {
        name: name.to_owned(),
        image: Some(format!("registry.example.com/{name}")),
        from: text("v1.0.0"),
        to: text("v1.1.0"),
        from_digest: Some(Digest::sha256(b"1")),
        digest: Some(Digest::sha256(b"2")),
        source: page(""),
        from_revision: text("1111111"),
        revision: text("2222222"),
        compare: page("/compare/1111111...2222222"),
        commit: page("/commit/2222222"),
    }
}
