//! What helps when a plan may not be written as it is.

use crate::promotion::{Decision, Item, Plan, Refusal, Request};

/// A line of advice for each refusal, commands to copy among them.
pub(super) fn hints(plan: &Plan, request: &Request) -> Vec<String> {
    let target = &plan.target.0;
    let chosen = chosen(request);
    let mut hints = Vec::new();
    for refusal in &plan.refusals {
        match refusal {
            Refusal::Diverged { .. } => {
                let mut units: Vec<String> =
                    plan.undecided().map(|item| item.unit.to_string()).collect();
                units.dedup();
                let first = units.first().cloned().unwrap_or_default();
                let rest: Vec<_> = units.iter().skip(1).cloned().collect();
                let overwrite = if rest.is_empty() {
                    String::new()
                } else {
                    format!(" --overwrite {}", rest.join(","))
                };
                hints.push("say what to do with each, for example".to_owned());
                hints.push(format!(
                    "  kubectl gitops promote {target}{chosen} --keep {first}{overwrite}"
                ));
                let hotfix = plan
                    .undecided()
                    .find(|item| item.difference.class == crate::promotion::Class::Hotfix);
                if let Some(hotfix) = hotfix {
                    hints.push(format!(
                        "  kubectl gitops backport {target} --only {}",
                        hotfix.unit
                    ));
                }
            }
            Refusal::RenderedHotfix { paths } => {
                let names: Vec<_> = paths.iter().map(|path| path.as_str()).collect();
                hints.push("carry the change into product.yaml, environment.yaml or a template, or drop it:".to_owned());
                hints.push(format!(
                    "  kubectl gitops promote {target}{chosen} --overwrite {}",
                    names.join(",")
                ));
            }
            Refusal::Incomplete { missing, .. } => {
                let all: Vec<&str> = request
                    .only
                    .iter()
                    .chain(missing)
                    .map(String::as_str)
                    .collect();
                hints.push("take them along:".to_owned());
                hints.push(format!(
                    "  kubectl gitops promote {target} --only {}",
                    all.join(",")
                ));
            }
            Refusal::Order { expected } => {
                if let Some(expected) = expected {
                    hints.push(format!(
                        "  kubectl gitops promote {target} --from {expected}"
                    ));
                }
                hints.push("or set the guard aside: --override order 'REASON'".to_owned());
            }
            Refusal::MissingImages { .. } => {
                hints.push("push them there first, or leave them out with --only; a registry without a login may also hide them".to_owned());
                hints.push("or set the guard aside: --override images 'REASON'".to_owned());
            }
            Refusal::Validation { .. } => {
                hints.push("look closer with kubectl gitops validate, or set the guard aside: --override validation 'REASON'".to_owned());
            }
        }
    }
    hints
}

/// The words that chose what is promoted, for a command to copy.
fn chosen(request: &Request) -> String {
    let mut words = String::new();
    if !request.only.is_empty() {
        words.push_str(" --only ");
        words.push_str(&request.only.join(","));
    }
    if request.images_only {
        words.push_str(" --images-only");
    }
    words
}

/// How what was rolled back may come back, where that is all that is left.
pub(super) fn release(plan: &Plan) -> Option<String> {
    let refused = |item: &&Item| item.decision == Decision::Refused;
    let first = plan.items.iter().find(refused)?;
    let target = &plan.target.0;
    Some(format!(
        "it stays away until it changes; to let it back: kubectl gitops promote {target} --release {}",
        first.unit
    ))
}
