//! All pins of an environment that has no product manifest: sites of every kind,
//! gathered by component.

use std::collections::BTreeMap;

use crate::product::{ComponentName, EnvironmentEntry, PinEntry, Repository};
use crate::repo::{OddEntry, RepoPath, Snapshot};

use super::declared::declared_sites;
use super::flux::marked_sites;
use super::flux_policy::FluxPolicies;
use super::inherited::inherited_sites;
use super::kustomize::kustomize_sites;
use super::scan::scanned_sites;
use super::{Pin, PinError, Site};

/// What an environment pins.
#[derive(Debug, Default)]
pub struct FoundPins {
    /// The pins, by component.
    pub pins: Vec<Pin>,
    /// Images that are named and given no version, by component: there one can be
    /// written, by who names the component or declares the image.
    pub open: Vec<Pin>,
    /// Components whose name two different images would bear; they have no pin.
    pub collisions: BTreeMap<ComponentName, PinError>,
    /// What deserves a look.
    pub warnings: Vec<String>,
    /// Whether Flux markers name policies or images that these files do not hold.
    pub unresolved: bool,
}

/// The pins of an environment, found in its files and where `gitops.yaml` says.
///
/// # Errors
/// The first file or entry that cannot be understood.
pub fn environment_pins(
    snapshot: &Snapshot,
    entry: &EnvironmentEntry,
    repository: &Repository,
) -> Result<FoundPins, PinError> {
    environment_pins_by(snapshot, entry, repository, &FluxPolicies::read(snapshot))
}

/// The same with Flux's image policies read elsewhere in the repository.
///
/// # Errors
/// The first file or entry that cannot be understood.
pub fn environment_pins_by(
    snapshot: &Snapshot,
    entry: &EnvironmentEntry,
    repository: &Repository,
    policies: &FluxPolicies,
) -> Result<FoundPins, PinError> {
    let mut sites = kustomize_sites(snapshot, &entry.path, &repository.pins)?;
    // The neighbours in a shared folder are other environments.
    sites.retain(|(_, site)| entry.holds(site.file()));
    let declared = declared_sites(snapshot, entry, repository)?;
    sites.extend(declared.sites);
    let marked = marked_sites(snapshot, entry, &repository.pins, policies, &sites)?;
    sites.extend(marked.sites.iter().cloned());
    let scanned = scanned_sites(snapshot, entry, &repository.pins, &sites);
    sites.extend(scanned.sites);
    let inherited = inherited_sites(snapshot, entry, &repository.pins, &sites);
    sites.extend(inherited.sites);
    let (open, sites): (Vec<_>, Vec<_>) = sites.into_iter().partition(|(_, site)| site.is_open());
    let mut found = gathered(Vec::new(), sites);
    found.add_open(open, &repository.pins);
    marked.apply(&mut found.pins);
    found.warnings = declared.warnings;
    found.warnings.extend(marked.warnings);
    found.warnings.extend(scanned.warnings);
    found.warnings.extend(inherited.warnings);
    found.warnings.extend(not_looked_at(snapshot, entry));
    found.unresolved = marked.unresolved;
    Ok(found)
}

/// YAML and JSON files of an environment that may pin images, and whose names cannot be
/// said.
fn not_looked_at(snapshot: &Snapshot, entry: &EnvironmentEntry) -> Option<String> {
    let odd: Vec<&OddEntry> = snapshot
        .odd_under(&entry.path)
        .filter(|odd| odd.is_manifest() && entry.holds_odd(odd))
        .collect();
    let first = odd.first()?;
    let others = match odd.len() {
        1 => String::new(),
        2 => " nor 1 other file".to_owned(),
        many => format!(" nor {} other files", many - 1),
    };
    let reason = first.reason();
    Some(format!(
        "{first} is not looked at for images ({reason}){others}"
    ))
}

/// The pins of all kustomizations below a folder.
///
/// # Errors
/// The first file or entry that cannot be understood.
pub fn kustomize_pins(snapshot: &Snapshot, folder: &RepoPath) -> Result<FoundPins, PinError> {
    Ok(gathered(
        Vec::new(),
        kustomize_sites(snapshot, folder, &[])?,
    ))
}

/// A product's pins with the further sites that `gitops.yaml` declares for them.
///
/// # Errors
/// The first file or site that cannot be understood.
pub fn with_declared_sites(
    pins: Vec<Pin>,
    snapshot: &Snapshot,
    entry: &EnvironmentEntry,
    repository: &Repository,
) -> Result<FoundPins, PinError> {
    let declared = declared_sites(snapshot, entry, repository)?;
    Ok(FoundPins {
        warnings: declared.warnings,
        ..gathered(pins, declared.sites)
    })
}

/// Sites by the component that each belongs to, added to the pins that there are.
fn gathered(pins: Vec<Pin>, sites: Vec<(ComponentName, Site)>) -> FoundPins {
    let mut pins: BTreeMap<ComponentName, Pin> = pins
        .into_iter()
        .map(|pin| (pin.component.clone(), pin))
        .collect();
    let mut collisions = BTreeMap::new();
    for (component, site) in sites {
        match pins.get_mut(&component) {
            None => {
                let pin = Pin {
                    component: component.clone(),
                    served: None,
                    policy: None,
                    source: None,
                    hold: None,
                    sites: vec![site],
                };
                pins.insert(component, pin);
            }
            Some(pin) => match check_same(pin, &site) {
                Ok(()) => pin.sites.push(site),
                Err(collision) => {
                    collisions.entry(component).or_insert(collision);
                }
            },
        }
    }
    pins.retain(|component, _| !collisions.contains_key(component));
    FoundPins {
        pins: pins.into_values().collect(),
        collisions,
        ..FoundPins::default()
    }
}

impl FoundPins {
    /// Adds places that name an image and no version, of components that have none
    /// elsewhere: beside a version they belong to who left them open.
    fn add_open(&mut self, sites: Vec<(ComponentName, Site)>, declared: &[PinEntry]) {
        let mut open = gathered(Vec::new(), sites).pins;
        let known = |pin: &Pin| self.pins.iter().any(|it| it.component == pin.component);
        open.retain(|pin| !known(pin) && !self.collisions.contains_key(&pin.component));
        let is_declared = |pin: &Pin| {
            let mut entries = declared.iter();
            entries.any(|entry| entry.is_about(&pin.component, pin.written()))
        };
        let (pins, open): (Vec<Pin>, Vec<Pin>) = open.into_iter().partition(is_declared);
        self.open = open;
        self.pins.extend(pins);
        self.pins.sort_by(|a, b| a.component.cmp(&b.component));
    }
}

fn check_same(pin: &Pin, site: &Site) -> Result<(), PinError> {
    let Some(first) = pin.sites.first() else {
        return Ok(());
    };
    let same = match (first.image(), site.image()) {
        (Some(one), Some(other)) => one.same_repository(other),
        (None, None) => first.origin() == site.origin(),
        _ => false,
    };
    let name = |site: &Site| match site.image() {
        Some(image) => image.name().to_owned(),
        None => site.origin().unwrap_or("a version").to_owned(),
    };
    if same {
        return Ok(());
    }
    Err(PinError::Collision {
        component: pin.component.clone(),
        first_image: name(first),
        first: first.location.clone(),
        second_image: name(site),
        second: site.location.clone(),
    })
}
