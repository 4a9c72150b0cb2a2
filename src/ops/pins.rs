//! `pins`: every image reference and version that an environment deploys, where each
//! is written, which tags may follow it, and where its sites disagree. Reads only.

use std::collections::BTreeSet;

use serde::Serialize;

use super::estate::{Estate, EstateError};
use super::followed::{follow, is_yaml};
use crate::git::{GitError, Selection};
use crate::image::TagPolicy;
use crate::product::EnvironmentState;
use crate::product::pins::{
    Deployed, FluxPolicies, FoundPins, Pin, PinError, Site, environment_pins, environment_pins_by,
    product_pins, with_declared_sites,
};
use crate::product::{EnvironmentName, Update};
use crate::repo::{Location, RepoPath};
use crate::template::served_image;

/// The JSON Schema of the data that `pins` answers with.
pub const PINS_SCHEMA: &str = include_str!("../../schemas/pin-report.json");

/// The pins of some environments.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PinReport {
    /// The environments, in the order of `gitops.yaml`.
    pub environments: Vec<EnvironmentPins>,
}

/// The pins of one environment.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EnvironmentPins {
    /// Its name.
    pub name: String,
    /// The branch that holds it.
    pub branch: String,
    /// The branch's tip; absent when it could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Its pins, by component.
    pub pins: Vec<PinStatus>,
    /// Names that two different images would bear, so that neither is a pin.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub collisions: Vec<String>,
    /// What deserves a look.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Why nothing can be said about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// One pin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PinStatus {
    /// The component.
    pub component: String,
    /// The image's name as it is written; absent for what is no image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The name under which the environment pulls it, where that is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub served: Option<String>,
    /// The versions that stand at its sites: several are a disagreement.
    pub versions: Vec<String>,
    /// Whether its sites say different things, in tag or digest.
    pub disagree: bool,
    /// Its policy in a few words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Flux's `ImagePolicy` that it is taken from, where that was said by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_from: Option<String>,
    /// Why it should stay as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<String>,
    /// Where it is written.
    pub sites: Vec<SiteStatus>,
}

/// One place where a pin is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SiteStatus {
    /// Where a person finds it.
    pub location: Location,
    /// What kind of place it is.
    pub kind: &'static str,
    /// What stands there, as a whole.
    pub deployed: String,
    /// The place in a shared base that says so, as long as the environment says nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inherited_from: Option<Location>,
}

/// The pins of an environment with the policies that `gitops.yaml` adds.
///
/// # Errors
/// The first file or entry that cannot be understood.
pub(crate) fn pins_of(estate: &Estate, state: &EnvironmentState) -> Result<FoundPins, PinsError> {
    let repository = estate.repository();
    let (snapshot, entry) = (&state.snapshot, &state.entry);
    let mut found = match &state.product {
        Some(tree) => {
            let mut pins = product_pins(tree);
            for pin in &mut pins {
                pin.served = served_image(tree, &pin.component);
            }
            with_declared_sites(pins, snapshot, entry, repository)?
        }
        None => {
            let found = environment_pins(snapshot, entry, repository)?;
            if found.unresolved && !entry.path.is_root() {
                // Flux's objects often stand with the clusters, apart from what they watch.
                let selection = Selection::under(vec![RepoPath::root()], is_yaml);
                let whole = estate.git.snapshot(&state.commit, &selection)?;
                let policies = FluxPolicies::read(&whole);
                environment_pins_by(snapshot, entry, repository, &policies)?
            } else {
                found
            }
        }
    };
    for pin in &mut found.pins {
        // What the sites say themselves counts more than what is said about the image.
        let written = pin.sites.iter().find_map(Site::image);
        let declared = repository
            .pins
            .iter()
            .find(|entry| entry.is_about(&pin.component, written));
        if let Some(declared) = declared {
            if pin.policy.is_none() && pin.source.is_none() {
                let update = declared.policy.as_ref();
                pin.policy = update.and_then(Update::own).cloned();
                pin.source = update.and_then(Update::source).cloned();
            }
            pin.hold = pin.hold.take().or_else(|| declared.hold.clone());
        }
    }
    Ok(found)
}

/// Why the pins of an environment are not known.
#[derive(Debug, thiserror::Error)]
pub enum PinsError {
    /// A file or a site cannot be understood.
    #[error(transparent)]
    Pin(#[from] PinError),
    /// Git failed.
    #[error(transparent)]
    Git(#[from] GitError),
}

/// The pins of these environments; of all where none is named.
///
/// # Errors
/// An environment that does not exist, or Git failed. An environment that cannot be
/// understood says so in its own place.
pub fn pins(estate: &Estate, wanted: &[EnvironmentName]) -> Result<PinReport, EstateError> {
    for name in wanted {
        estate.environment(name)?;
    }
    let mut report = PinReport::default();
    for entry in &estate.repository().environments {
        if !wanted.is_empty() && !wanted.contains(&entry.name) {
            continue;
        }
        let mut environment = EnvironmentPins {
            name: entry.name.to_string(),
            branch: entry.branch.to_string(),
            ..EnvironmentPins::default()
        };
        match estate.load(&entry.name) {
            Ok(state) => describe(&mut environment, estate, &state)?,
            Err(error @ (EstateError::Unborn { .. } | EstateError::Model { .. })) => {
                environment.problem = Some(error.to_string());
            }
            Err(error) => return Err(error),
        }
        report.environments.push(environment);
    }
    Ok(report)
}

fn describe(
    found: &mut EnvironmentPins,
    estate: &Estate,
    state: &EnvironmentState,
) -> Result<(), EstateError> {
    found.commit = Some(state.commit.to_string());
    match pins_of(estate, state).and_then(|mut pins| {
        let problems = follow(estate, state, &mut pins)?;
        let said = problems.iter();
        let said = said.map(|(component, problem)| format!("{component}: {problem}"));
        pins.warnings.extend(said);
        Ok(pins)
    }) {
        Ok(pins) => {
            found.pins = pins.pins.iter().map(pin_status).collect();
            found.collisions = pins.collisions.values().map(ToString::to_string).collect();
            found.warnings = pins.warnings;
        }
        Err(PinsError::Pin(error)) => found.problem = Some(error.to_string()),
        Err(PinsError::Git(error)) => return Err(error.into()),
    }
    Ok(())
}

fn pin_status(pin: &Pin) -> PinStatus {
    let written = pin.sites.iter().find_map(Site::image);
    let served = pin.served.as_ref().map(|image| image.name().to_owned());
    let image = written.map(|image| image.name().to_owned());
    PinStatus {
        component: pin.component.to_string(),
        served: served.filter(|served| Some(served) != image.as_ref()),
        image,
        versions: pin.versions(),
        disagree: disagree(pin),
        policy: pin.policy.as_ref().map(TagPolicy::summary),
        policy_from: pin.source.as_ref().map(|source| source.name.to_string()),
        hold: pin.hold.clone(),
        sites: pin.sites.iter().map(site_status).collect(),
    }
}

fn site_status(site: &Site) -> SiteStatus {
    SiteStatus {
        location: site.location.clone(),
        kind: site.kind().name(),
        deployed: match &site.deployed {
            Deployed::Image(image) => image.to_string(),
            Deployed::Version(version) => version.clone(),
        },
        inherited_from: site.inherited_from().cloned(),
    }
}

/// Whether two sites name different tags, or different digests. A site that leaves
/// one of them out contradicts nobody.
fn disagree(pin: &Pin) -> bool {
    let images = || pin.sites.iter().filter_map(Site::image);
    let digests: BTreeSet<String> = images()
        .filter_map(|image| image.digest().map(ToString::to_string))
        .collect();
    let versions: BTreeSet<&String> = pin
        .sites
        .iter()
        .filter_map(|site| match &site.deployed {
            Deployed::Version(version) => Some(version),
            Deployed::Image(_) => None,
        })
        .collect();
    pin.tags().len() > 1 || digests.len() > 1 || versions.len() > 1
}
