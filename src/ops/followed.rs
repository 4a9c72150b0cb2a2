//! Policies that stand elsewhere: Flux's `ImagePolicy` objects that components and pins
//! name. They are looked for among the environment's own files, then in the whole of
//! its branch, then on the default branch: Flux's objects often stand with the
//! clusters, apart from what they watch.

use std::collections::BTreeMap;

use super::estate::Estate;
use crate::git::{GitError, Selection};
use crate::product::ComponentName;
use crate::product::EnvironmentState;
use crate::product::pins::{FluxPolicies, Follow, FoundPins, Pin, SourceError};
use crate::repo::{CommitId, RepoPath};

/// Why components have no policy that they name.
pub(crate) type Unfollowed = BTreeMap<ComponentName, SourceError>;

/// Gives every pin that names a policy elsewhere that policy; tells which have none.
///
/// # Errors
/// Git failed.
pub(crate) fn follow(
    estate: &Estate,
    state: &EnvironmentState,
    found: &mut FoundPins,
) -> Result<Unfollowed, GitError> {
    let all = found.pins.iter_mut().chain(&mut found.open);
    let mut open: Vec<&mut Pin> = all.filter(|pin| pin.source.is_some()).collect();
    let mut problems = Unfollowed::new();
    for place in [Place::Environment, Place::Branch, Place::Default] {
        if open.is_empty() {
            break;
        }
        let Some(policies) = place.policies(estate, state)? else {
            continue;
        };
        open.retain_mut(|pin| {
            let Some(source) = &pin.source else {
                return false;
            };
            match policies.follow(source) {
                Ok(follow) => {
                    problems.remove(&pin.component);
                    found.warnings.extend(taken(pin, follow));
                    false
                }
                Err(problem) => {
                    let missing = matches!(problem, SourceError::Missing { .. });
                    let known = problems.entry(pin.component.clone());
                    // A name that is only like it may stand in any of the places.
                    let problem_before = known.or_insert_with(|| problem.clone());
                    if !missing
                        || matches!(problem_before, SourceError::Missing { nearest: None, .. })
                    {
                        *problem_before = problem;
                    }
                    missing
                }
            }
        });
    }
    Ok(problems)
}

/// Gives a pin its policy; what Flux would do otherwise is told.
fn taken(pin: &mut Pin, follow: Follow) -> Vec<String> {
    let mut warnings = follow.warnings;
    if let (Some(source), Some(theirs), Some(ours)) = (&pin.source, &follow.image, pin.written())
        && !theirs.same_repository(ours)
    {
        warnings.push(format!(
            "{}: ImagePolicy {} is about {}, and here it chooses tags of {}",
            pin.component,
            source.name,
            theirs.name(),
            ours.name()
        ));
    }
    if follow.suspended {
        let reason = || "its image policy is suspended in Flux".to_owned();
        pin.hold.get_or_insert_with(reason);
    }
    pin.policy = Some(follow.policy);
    warnings
}

/// Where policies may stand.
#[derive(Clone, Copy)]
enum Place {
    Environment,
    Branch,
    Default,
}

impl Place {
    /// The policies there; `None` where that was looked at before, or does not exist.
    fn policies(
        self,
        estate: &Estate,
        state: &EnvironmentState,
    ) -> Result<Option<FluxPolicies>, GitError> {
        let whole = |commit: &CommitId| {
            let selection = Selection::under(vec![RepoPath::root()], is_yaml);
            let snapshot = estate.git.snapshot(commit, &selection)?;
            Ok::<_, GitError>(Some(FluxPolicies::read(&snapshot)))
        };
        match self {
            Place::Environment => Ok(Some(FluxPolicies::read(&state.snapshot))),
            Place::Branch => whole(&state.commit),
            Place::Default => {
                let remote = estate.remote.as_ref();
                let Ok(branch) = estate.git.default_branch(remote) else {
                    return Ok(None);
                };
                match estate.git.tip(remote, &branch)? {
                    Some(tip) if tip != state.commit => whole(&tip),
                    _ => Ok(None),
                }
            }
        }
    }
}

/// Whether a file may hold objects.
pub(super) fn is_yaml(path: &RepoPath) -> bool {
    path.file_name()
        .is_some_and(|name| name.ends_with(".yaml") || name.ends_with(".yml"))
}
