//! What stands in the environment now: its pins, and which of them are meant.

use std::collections::BTreeMap;

use super::taken_back::{TakenBack, taken_back};
use super::{BumpError, Request};
use crate::ops::edited::stale_files;
use crate::ops::estate::Estate;
use crate::ops::followed::{Unfollowed, follow};
use crate::ops::pins::{PinsError, pins_of};
use crate::ops::records::records;
use crate::product::EnvironmentState;
use crate::product::pins::{FoundPins, Pin, PinError};
use crate::product::{ComponentName, EnvironmentName, Repository, nearest};
use crate::promotion::StaleFile;
use crate::template::Before;
use crate::template::RenderedIndex;

/// An environment, and the pins of it that a request is about.
#[derive(Debug, Clone)]
pub struct Scene {
    /// What `gitops.yaml` says.
    pub repository: Repository,
    /// The environment at its tip.
    pub state: EnvironmentState,
    /// What its sources render to now; `None` where nothing rendered is committed, or
    /// where they cannot be rendered.
    pub rendering: Option<Before>,
    /// Rendered files that are not that.
    pub stale: Vec<StaleFile>,
    /// The pins that the request is about, by component.
    pub pins: Vec<Pin>,
    /// Versions of them that somebody took back, newest first.
    pub taken_back: BTreeMap<ComponentName, Vec<TakenBack>>,
    /// What deserves a look.
    pub warnings: Vec<String>,
}

/// Reads an environment and finds the pins that a request is about.
///
/// # Errors
/// The request does not fit the environment.
pub fn read(estate: &Estate, request: &Request) -> Result<Scene, BumpError> {
    let entry = estate.environment(&request.environment)?;
    match (&entry.promote_from, &request.hotfix) {
        (Some(source), hotfix) => {
            let all_named = request.wishes.iter().all(|wish| wish.version.is_some());
            let named = !request.wishes.is_empty() && all_named;
            if hotfix.is_none() || !named && !request.pick {
                return Err(BumpError::Promoted {
                    environment: entry.name.clone(),
                    source_environment: source.clone(),
                    first: first_of(estate.repository(), source).clone(),
                });
            }
        }
        (None, Some(_)) => {
            return Err(BumpError::NoHotfix {
                environment: entry.name.clone(),
            });
        }
        (None, None) => {}
    }
    let state = estate.load(&request.environment)?;
    let mut found = pins_of(estate, &state).map_err(|error| match error {
        PinsError::Pin(error) => BumpError::Pin(error),
        PinsError::Git(error) => BumpError::Estate(error.into()),
    })?;
    let unfollowed = follow(estate, &state, &mut found);
    let unfollowed = unfollowed.map_err(|error| BumpError::Estate(error.into()))?;
    let FoundPins {
        pins: found,
        open,
        collisions,
        mut warnings,
        ..
    } = found;
    refuse_unfollowed(request, &unfollowed)?;
    let known = |(component, problem)| format!("{component}: {problem}");
    warnings.extend(unfollowed.iter().map(known));
    let pins = if request.wishes.is_empty() {
        warnings.extend(collisions.values().map(ToString::to_string));
        followed(request, found)?
    } else {
        let open: Vec<Pin> = open
            .into_iter()
            .filter(|pin| is_set(request, pin))
            .collect();
        let found = found.into_iter().chain(open).collect();
        named(request, &state, found, collisions)?
    };
    refuse_unmapped(&state, &pins)?;
    let chosen = |pin: &&Pin| {
        let mut wishes = request.wishes.iter();
        !wishes.any(|wish| wish.component == pin.component && wish.version.is_some())
    };
    let chosen: Vec<Pin> = pins.iter().filter(chosen).cloned().collect();
    let taken_back = if chosen.is_empty() {
        BTreeMap::new()
    } else {
        taken_back(estate, &state, &chosen).map_err(|error| BumpError::Estate(error.into()))?
    };
    let rendering = estate.rendered_before(&state).unwrap_or_default();
    let stale = match &rendering {
        Some(Before::Index(index)) => stale(estate, &state, index)?,
        Some(Before::Committed) | None => Vec::new(),
    };
    Ok(Scene {
        taken_back,
        rendering,
        stale,
        repository: estate.repository().clone(),
        state,
        pins,
        warnings,
    })
}

/// Which rendered files are stale, and which of those were edited by hand.
fn stale(
    estate: &Estate,
    state: &EnvironmentState,
    rendering: &RenderedIndex,
) -> Result<Vec<StaleFile>, BumpError> {
    // What can't be read of the records explains nothing; promotions say so.
    let records = records(&state.snapshot, &state.entry).unwrap_or_default();
    let found = stale_files(estate, state, rendering, &records);
    found.map_err(|error| BumpError::Estate(error.into()))
}

/// The environment that nothing is promoted into, where a chain begins.
fn first_of<'a>(repository: &'a Repository, from: &'a EnvironmentName) -> &'a EnvironmentName {
    let mut at = from;
    // Cycles were refused when the file was read; the bound costs nothing.
    for _ in 0..repository.environments.len() {
        let entry = repository.environment(at.as_str());
        match entry.and_then(|entry| entry.promote_from.as_ref()) {
            Some(source) => at = source,
            None => break,
        }
    }
    at
}

/// An image that the environment could not pull is not looked for elsewhere.
fn refuse_unmapped(state: &EnvironmentState, pins: &[Pin]) -> Result<(), BumpError> {
    let Some(tree) = &state.product else {
        return Ok(());
    };
    for pin in pins.iter().filter(|pin| pin.served.is_none()) {
        let node = tree.components.get(&pin.component);
        if let Some(image) = node.and_then(|node| node.component.image.as_ref()) {
            return Err(BumpError::Unmapped {
                environment: state.entry.name.clone(),
                component: pin.component.clone(),
                image: image.value.name().to_owned(),
            });
        }
    }
    Ok(())
}

/// Nothing is chosen for a component whose policy is not there.
fn refuse_unfollowed(request: &Request, unfollowed: &Unfollowed) -> Result<(), BumpError> {
    let wants = |component: &ComponentName| {
        let mut wishes = request.wishes.iter();
        request.wishes.is_empty()
            || wishes.any(|wish| wish.component == *component && wish.version.is_none())
    };
    match unfollowed.iter().find(|(component, _)| wants(component)) {
        None => Ok(()),
        Some((component, source)) => Err(BumpError::Source {
            component: component.clone(),
            source: source.clone(),
        }),
    }
}

/// Whether a version is named for a pin, which has none so far.
fn is_set(request: &Request, pin: &Pin) -> bool {
    let mut wishes = request.wishes.iter();
    wishes.any(|wish| wish.component == pin.component && wish.version.is_some())
}

type Collisions = BTreeMap<ComponentName, PinError>;

/// All pins that some policy may move.
fn followed(request: &Request, mut pins: Vec<Pin>) -> Result<Vec<Pin>, BumpError> {
    for pin in pins
        .iter_mut()
        .filter(|pin| pin.policy.is_none() && pin.image().is_some())
    {
        pin.policy = request.fallback.clone();
    }
    if request.pick {
        pins.retain(|pin| pin.image().is_some());
        if pins.is_empty() {
            return Err(BumpError::NoImages {
                environment: request.environment.clone(),
            });
        }
        return Ok(pins);
    }
    pins.retain(|pin| pin.policy.is_some());
    if pins.is_empty() {
        return Err(BumpError::NoPolicies {
            environment: request.environment.clone(),
        });
    }
    Ok(pins)
}

fn named(
    request: &Request,
    state: &EnvironmentState,
    found: Vec<Pin>,
    mut collisions: Collisions,
) -> Result<Vec<Pin>, BumpError> {
    let mut found: BTreeMap<ComponentName, Pin> = found
        .into_iter()
        .map(|pin| (pin.component.clone(), pin))
        .collect();
    let known: Vec<String> = found.keys().map(ToString::to_string).collect();
    let mut pins = BTreeMap::new();
    for wish in &request.wishes {
        let name = &wish.component;
        if pins.contains_key(name) {
            continue;
        }
        if let Some(collision) = collisions.remove(name) {
            return Err(collision.into());
        }
        let Some(mut pin) = found.remove(name) else {
            let exists = state
                .product
                .as_ref()
                .is_some_and(|tree| tree.components.contains_key(name));
            let (environment, component) = (request.environment.clone(), name.clone());
            return Err(if exists {
                BumpError::NothingPinned {
                    environment,
                    component,
                }
            } else {
                BumpError::UnknownComponent {
                    nearest: nearest(name.as_str(), known.iter().map(String::as_str)),
                    environment,
                    component,
                }
            });
        };
        if pin.policy.is_none() && pin.image().is_some() {
            pin.policy = request.fallback.clone();
        }
        if request.pick && pin.image().is_none() {
            return Err(BumpError::NotListed {
                component: name.clone(),
            });
        }
        if wish.version.is_none() && pin.policy.is_none() && !request.pick {
            return Err(BumpError::NoPolicy {
                component: name.clone(),
            });
        }
        pins.insert(name.clone(), pin);
    }
    Ok(pins.into_values().collect())
}
