//! What helps when a plan may not be written as it is. What loses nothing comes first;
//! what drops a change follows, each one alone.

use std::collections::BTreeSet;

use crate::cli::edge::hint::{CommandLine, Hint};
use crate::promotion::{Class, Decision, Guard, Item, Plan, Refusal};

/// How many destructive answers are offered.
const OFFERED: usize = 3;

/// The hints for each refusal of a plan; `again` is the command that was typed.
pub(super) fn hints(plan: &Plan, again: &CommandLine) -> Vec<Hint> {
    let mut hints = Vec::new();
    for refusal in &plan.refusals {
        hints.extend(match refusal {
            Refusal::Diverged { .. } => diverged(plan, again),
            Refusal::RenderedHotfix { paths } => {
                let names = || paths.iter().map(|path| path.as_str());
                vec![
                    Hint::new(
                        "to keep an edit for good, make it in product.yaml, environment.yaml or a template",
                    ),
                    Hint::command("drop the edits", again.clone().option("--overwrite", names())),
                ]
            }
            Refusal::Incomplete { missing, .. } => {
                let fuller = again.clone().option("--only", missing);
                vec![Hint::command("take them along", fuller)]
            }
            Refusal::OffBranch { .. } => vec![
                Hint::command("promote the newest state", again.clone().without("--rev")),
                skip("promote that commit in spite of it", again, Guard::Order),
            ],
            Refusal::Order { expected } => order(plan, again, expected.as_ref()),
            Refusal::MissingImages { .. } => vec![
                Hint::new("push the images there first, or leave them out with --only; a registry without a login may also hide them"),
                skip("promote without them", again, Guard::Images),
            ],
            Refusal::Validation { .. } => vec![
                Hint::command(
                    "see all findings",
                    CommandLine::gitops(["validate", plan.source.0.as_str()]),
                ),
                skip("promote in spite of them", again, Guard::Validation),
            ],
        });
    }
    hints
}

fn diverged(plan: &Plan, again: &CommandLine) -> Vec<Hint> {
    let (source, target) = (&plan.source.0, &plan.target.0);
    let mut hints = vec![Hint::command(
        format!("keep the values of {target}"),
        again.clone().option("--keep", ["all"]),
    )];
    if plan.undecided().all(|item| item.marks.is_base_unknown) {
        let adopt = again.clone().without("--images-only").without("--rev");
        hints.push(Hint::command(
            format!("take {target} as it is, and be asked about that no more"),
            adopt.flag("--adopt"),
        ));
    }
    let hotfixes: BTreeSet<String> = plan
        .undecided()
        .filter(|item| item.difference.class == Class::Hotfix)
        .map(|item| item.unit.to_string())
        .collect();
    if !hotfixes.is_empty() {
        let backport = CommandLine::gitops(["backport", target.as_str()]);
        hints.push(Hint::command(
            format!("carry the hotfixes to {source}"),
            backport.option("--only", hotfixes),
        ));
    }
    let mut units: Vec<String> = plan.undecided().map(|item| item.unit.to_string()).collect();
    units.dedup();
    hints.extend(units.into_iter().take(OFFERED).map(|unit| {
        let words = format!("drop what {target} has of {unit}");
        Hint::command(words, again.clone().option("--overwrite", [unit]))
    }));
    hints
}

fn order(
    plan: &Plan,
    again: &CommandLine,
    expected: Option<&crate::product::EnvironmentName>,
) -> Vec<Hint> {
    let usual = expected.map(|expected| {
        let usual = again.clone().without("--from").without("--rev");
        Hint::command(
            format!("promote what {expected} has"),
            usual.option("--from", [expected.as_str()]),
        )
    });
    let words = format!("promote from {} out of order", plan.source.0);
    usual
        .into_iter()
        .chain([skip(words, again, Guard::Order)])
        .collect()
}

/// Skipping a guard, with the reason.
fn skip(words: impl Into<String>, again: &CommandLine, guard: Guard) -> Hint {
    Hint::command(
        words,
        again.clone().words("--override", [guard.name(), "REASON"]),
    )
}

/// How what was rolled back may come back, where that is all that is left.
pub(super) fn release(plan: &Plan, again: &CommandLine) -> Option<Hint> {
    let refused = |item: &&Item| item.decision == Decision::Refused;
    let first = plan.items.iter().find(refused)?;
    let unit = first.unit.to_string();
    Some(Hint::command(
        "skipped until it changes; to promote it anyway",
        again.clone().option("--release", [unit]),
    ))
}
