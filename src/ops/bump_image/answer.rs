//! Asking the registries, in as few batches as the policies allow.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::listing;
use super::origins::{self, Origins};
use super::proof;
use super::{BumpError, Request, Scene, Wanted};
use crate::image::{
    Candidate, Digest, Order, Origin, Reference, Repository, SelectError, Selection, Step, Tag,
    TagPolicy, select,
};
use crate::product::ComponentName;
use crate::product::pins::{Pin, Target};
use crate::registry::{Fault, Manifest, ManifestQuery, Registries, RegistryError};

/// How many times a policy may ask for more facts, up to eight tags each time; an image
/// that is older than a thousand young ones is not looked for.
const ROUNDS: usize = 130;

/// Answers by component.
pub(super) type Components = BTreeMap<ComponentName, Answer>;

/// What the registries said.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answers {
    components: Components,
    origins: Origins,
}

impl Answers {
    /// What was said about a component.
    pub fn get(&self, component: &ComponentName) -> Option<&Answer> {
        self.components.get(component)
    }

    /// All of it.
    pub fn values(&self) -> impl Iterator<Item = &Answer> {
        self.components.values()
    }

    /// Where the images were built from that a pin has and gets.
    pub(super) fn origins(&self, pin: &Pin, target: &Target) -> (Origin, Origin) {
        let of = |image: Option<Reference>| {
            let known = image.and_then(|image| self.origins.get(&image));
            known.cloned().unwrap_or_default()
        };
        (of(origins::old(pin)), of(origins::new(pin, target)))
    }
}

/// What a registry said about one component.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// Nothing was asked: it is no image, it is held and no explanation is wanted, or
    /// its registry cannot be reached from here by declaration.
    NotAsked,
    /// The tag or digest that a person named exists.
    Exists(Manifest, Option<Timestamp>),
    /// The tag that a person named does not exist.
    UnknownTag(Vec<Tag>),
    /// All tags, where a person picks and no policy says which of them count.
    Listed {
        /// The tags, by name.
        tags: Vec<Tag>,
        /// The dates that cost no request.
        dates: BTreeMap<Tag, Timestamp>,
    },
    /// Its policy looked at all tags.
    Selected(Box<Selected>),
    /// Its policy cannot choose.
    Tie(SelectError),
    /// The registry failed.
    Failed(RegistryError),
}

/// What a policy chose.
#[derive(Debug, Clone, PartialEq)]
pub struct Selected {
    /// The choice.
    pub selection: Selection,
    /// All tags that the registry lists; `None` when it was not asked for a list.
    pub listed: Option<BTreeSet<Tag>>,
    /// The manifest of the chosen tag.
    pub manifest: Option<Manifest>,
    /// When the chosen image was made, where that is known.
    pub created: Option<Timestamp>,
    /// The dates of other tags that the choice had to know.
    pub dates: BTreeMap<Tag, Timestamp>,
}

/// Asks for everything that a plan needs to know. Failures are answers too.
///
/// # Errors
/// A version that was asked for is not a tag or digest.
pub fn ask(
    scene: &Scene,
    request: &Request,
    registries: &Registries,
    now: Timestamp,
) -> Result<Answers, BumpError> {
    let mut answers = Components::new();
    let mut explicit = Vec::new();
    let mut choosing = Vec::new();
    let mut open = Vec::new();
    for pin in &scene.pins {
        let wish = request
            .wishes
            .iter()
            .find(|wish| wish.component == pin.component);
        let version = wish.and_then(|wish| wish.version.as_ref());
        let reachable = scene
            .state
            .product
            .as_ref()
            .is_none_or(|tree| tree.environment.registry_reachable);
        match (pin.image(), version, &pin.policy) {
            (Some(image), Some(version), _) => {
                let (tag, digest) = version.parts(&pin.component)?;
                if reachable {
                    explicit.push((pin, image.with(tag, digest)));
                } else {
                    answers.insert(pin.component.clone(), Answer::NotAsked);
                }
            }
            (Some(image), None, Some(policy))
                if reachable && (request.explain || moves(request, pin)) =>
            {
                choosing.push(Choosing::new(pin, image, policy));
            }
            (Some(image), None, None) if reachable && request.pick && moves(request, pin) => {
                open.push((pin, image));
            }
            _ => {
                answers.insert(pin.component.clone(), Answer::NotAsked);
            }
        }
    }
    answers.extend(named(&explicit, registries));
    answers.extend(chosen(choosing, registries, now));
    answers.extend(listing::listed(&open, registries));
    if request.pick {
        listing::add_dates(&scene.pins, &mut answers, registries);
    }
    // What a commit says is not asked for where there is none yet.
    let origins = match request.pick {
        true => Origins::new(),
        false => {
            proof::prove(scene, request, registries, &mut answers);
            origins::ask(scene, request, registries, &answers)
        }
    };
    Ok(Answers {
        origins,
        components: answers,
    })
}

/// Whether nothing holds a pin where it is; who picks for a hotfix has said why already.
fn moves(request: &Request, pin: &Pin) -> bool {
    pin.hold.is_none() || request.pick && request.hotfix.is_some()
}

impl Wanted {
    /// Tag and digest of an image's version.
    pub(super) fn parts(
        &self,
        component: &ComponentName,
    ) -> Result<(Option<Tag>, Option<Digest>), BumpError> {
        let (tag, digest) = match self.text.split_once('@') {
            Some((tag, digest)) => (Some(tag).filter(|tag| !tag.is_empty()), Some(digest)),
            None => (Some(self.text.as_str()), None),
        };
        let tag = tag.map(|text| {
            text.parse().map_err(|source| BumpError::Tag {
                component: component.clone(),
                text: text.to_owned(),
                source,
            })
        });
        let digest = digest.map(|text| {
            text.parse().map_err(|source| BumpError::Digest {
                component: component.clone(),
                text: text.to_owned(),
                source,
            })
        });
        Ok((tag.transpose()?, digest.transpose()?))
    }
}

/// Asks for the manifests that a person named.
fn named(explicit: &[(&Pin, Reference)], registries: &Registries) -> Components {
    let query = |(pin, reference): &(&Pin, Reference)| ManifestQuery {
        // Asked by tag, so that a digest that does not belong to it is noticed.
        reference: match reference.tag() {
            Some(tag) => reference.with(Some(tag.clone()), None),
            None => reference.clone(),
        },
        platforms: pin
            .policy
            .as_ref()
            .is_some_and(|policy| !policy.platforms().is_empty()),
    };
    let queries: Vec<ManifestQuery> = explicit.iter().map(query).collect();
    let found = registries.manifests(&queries);
    let dates = dates(registries, queries.iter().map(|query| &query.reference));
    let mut answers = Components::new();
    let mut missing = Vec::new();
    for (((pin, reference), found), date) in explicit.iter().zip(found).zip(dates) {
        let answer = match found {
            Ok(manifest) => Answer::Exists(manifest, date),
            Err(error) if error.fault() == Fault::NotFound && reference.tag().is_some() => {
                missing.push((*pin, reference, error));
                continue;
            }
            Err(error) => Answer::Failed(error),
        };
        answers.insert(pin.component.clone(), answer);
    }
    // A registry also says "not found" to those who may not know: only a list that
    // lacks the tag proves that it does not exist.
    let repositories: Vec<Repository> = missing
        .iter()
        .map(|(_, reference, _)| reference.repository())
        .collect();
    for ((pin, reference, error), tags) in missing.into_iter().zip(registries.tags(&repositories)) {
        let answer = match (tags, reference.tag()) {
            (Ok(tags), Some(tag)) if !tags.contains(tag) => Answer::UnknownTag(alike(tag, &tags)),
            _ => Answer::Failed(error),
        };
        answers.insert(pin.component.clone(), answer);
    }
    answers
}

/// Dates of images that cost no request: those of layout directories.
fn dates<'a>(
    registries: &Registries,
    references: impl Iterator<Item = &'a Reference>,
) -> Vec<Option<Timestamp>> {
    let date = |reference: &Reference| {
        if !registries.is_local(&reference.repository()) {
            return None;
        }
        let facts = registries.facts(&[(reference.clone(), None)]).pop()?;
        facts.ok()?.created
    };
    references.map(date).collect()
}

/// Up to five tags that exist: those most like the wanted one, else the last by name.
fn alike(wanted: &Tag, tags: &[Tag]) -> Vec<Tag> {
    let mut images: Vec<&Tag> = tags.iter().filter(|tag| !tag.is_attachment()).collect();
    let similarity = |tag: &Tag| strsim::jaro_winkler(tag.as_str(), wanted.as_str());
    images.sort_by(|a, b| {
        similarity(b)
            .total_cmp(&similarity(a))
            .then_with(|| b.cmp(a))
    });
    images.into_iter().take(5).cloned().collect()
}

/// A policy on its way to a choice.
struct Choosing<'a> {
    pin: &'a Pin,
    image: &'a Reference,
    policy: &'a TagPolicy,
    candidates: BTreeMap<Tag, Candidate>,
    listed: Option<BTreeSet<Tag>>,
    answer: Option<Answer>,
}

impl<'a> Choosing<'a> {
    fn new(pin: &'a Pin, image: &'a Reference, policy: &'a TagPolicy) -> Self {
        Choosing {
            pin,
            image,
            policy,
            candidates: BTreeMap::new(),
            listed: None,
            answer: None,
        }
    }

    fn start(&mut self, tags: impl IntoIterator<Item = Tag>) {
        let bare = |tag: Tag| {
            let candidate = Candidate {
                tag: tag.clone(),
                digest: None,
                created: None,
            };
            (tag, candidate)
        };
        self.candidates = tags.into_iter().map(bare).collect();
    }

    fn step(&self, now: Timestamp) -> Result<Step, SelectError> {
        let candidates: Vec<Candidate> = self.candidates.values().cloned().collect();
        // Where sites disagree, no tag is more current than another.
        let current = match self.pin.tags().as_slice() {
            [only] => Some(*only),
            _ => None,
        };
        select(self.policy, current, &candidates, now)
    }

    fn reference(&self, tag: &Tag) -> Reference {
        self.image.with(Some(tag.clone()), None)
    }
}

/// Lists tags and lets every policy choose, fetching digests and dates as they need them.
fn chosen(mut all: Vec<Choosing<'_>>, registries: &Registries, now: Timestamp) -> Components {
    list(&mut all, registries);
    let mut needs_digests: Vec<(usize, Tag)>;
    let mut needs_dates: Vec<(usize, Tag)>;
    for round in 0..=ROUNDS {
        (needs_digests, needs_dates) = (Vec::new(), Vec::new());
        for (index, one) in all.iter_mut().enumerate() {
            if one.answer.is_some() {
                continue;
            }
            match one.step(now) {
                Ok(Step::Done(selection)) => {
                    let chosen = selection
                        .chosen
                        .as_ref()
                        .and_then(|tag| one.candidates.get(tag));
                    one.answer = Some(Answer::Selected(Box::new(Selected {
                        created: chosen.and_then(|candidate| candidate.created),
                        listed: one.listed.take(),
                        manifest: None,
                        dates: one
                            .candidates
                            .values()
                            .filter_map(|one| Some((one.tag.clone(), one.created?)))
                            .collect(),
                        selection,
                    })));
                }
                Ok(Step::NeedDigests(tags)) => {
                    needs_digests.extend(tags.into_iter().map(|tag| (index, tag)));
                }
                Ok(Step::NeedDates(tags)) => {
                    needs_dates.extend(tags.into_iter().map(|tag| (index, tag)));
                }
                Err(tie) => one.answer = Some(Answer::Tie(tie)),
            }
        }
        if round == ROUNDS || needs_digests.is_empty() && needs_dates.is_empty() {
            break;
        }
        fetch_digests(&mut all, &needs_digests, registries);
        fetch_dates(&mut all, &needs_dates, registries);
    }
    ask_for_manifests(&mut all, registries);
    let give_up = |image: &Reference| RegistryError::Malformed {
        registry: image.repository().host().to_owned(),
        what: image.repository().path().to_owned(),
        reason: "no image is old enough among the thousand newest".to_owned(),
    };
    all.into_iter()
        .map(|one| {
            let answer = one
                .answer
                .unwrap_or_else(|| Answer::Failed(give_up(one.image)));
            (one.pin.component.clone(), answer)
        })
        .collect()
}

/// The tags of every repository; those that are only followed by digest need no list.
fn list(all: &mut [Choosing<'_>], registries: &Registries) {
    let mut repositories = BTreeSet::new();
    for one in all.iter_mut() {
        match one.policy.order() {
            Order::Digest(tag) => one.start([tag.clone()]),
            _ => {
                repositories.insert(one.image.repository());
            }
        }
    }
    let repositories: Vec<Repository> = repositories.into_iter().collect();
    let lists: BTreeMap<&Repository, _> = repositories
        .iter()
        .zip(registries.tags(&repositories))
        .collect();
    for one in all.iter_mut() {
        match lists.get(&one.image.repository()) {
            Some(_) if matches!(one.policy.order(), Order::Digest(_)) => {}
            Some(Ok(tags)) => {
                one.start(tags.iter().cloned());
                one.listed = Some(tags.iter().cloned().collect());
            }
            Some(Err(error)) => one.answer = Some(Answer::Failed(error.clone())),
            None => {}
        }
    }
}

fn fetch_digests(all: &mut [Choosing<'_>], needs: &[(usize, Tag)], registries: &Registries) {
    let query = |(index, tag): &(usize, Tag)| ManifestQuery {
        reference: all[*index].reference(tag),
        platforms: false,
    };
    let queries: Vec<ManifestQuery> = needs.iter().map(query).collect();
    for ((index, tag), found) in needs.iter().zip(registries.manifests(&queries)) {
        let one = &mut all[*index];
        match (found, one.candidates.get_mut(tag)) {
            (Ok(manifest), Some(candidate)) => candidate.digest = Some(manifest.digest),
            (Err(error), _) => one.answer = Some(Answer::Failed(error)),
            (Ok(_), None) => {}
        }
    }
}

fn fetch_dates(all: &mut [Choosing<'_>], needs: &[(usize, Tag)], registries: &Registries) {
    let query = |(index, tag): &(usize, Tag)| {
        let one = &all[*index];
        (one.reference(tag), one.policy.platforms().first().cloned())
    };
    let queries: Vec<_> = needs.iter().map(query).collect();
    for ((index, tag), found) in needs.iter().zip(registries.facts(&queries)) {
        let one = &mut all[*index];
        let undated = || RegistryError::Malformed {
            registry: one.image.repository().host().to_owned(),
            what: format!("{}:{tag}", one.image.repository().path()),
            reason: "the image does not say when it was made".to_owned(),
        };
        let created = found.and_then(|facts| facts.created.ok_or_else(undated));
        match (created, one.candidates.get_mut(tag)) {
            (Ok(created), Some(candidate)) => candidate.created = Some(created),
            (Err(error), _) => one.answer = Some(Answer::Failed(error)),
            (Ok(_), None) => {}
        }
    }
}

/// Asks for the manifest of every chosen tag: nothing is written that does not exist.
fn ask_for_manifests(all: &mut [Choosing<'_>], registries: &Registries) {
    let mut queries = Vec::new();
    for (index, one) in all.iter().enumerate() {
        if let Some(Answer::Selected(selected)) = &one.answer
            && let Some(tag) = &selected.selection.chosen
        {
            let query = ManifestQuery {
                reference: one.reference(tag),
                platforms: !one.policy.platforms().is_empty(),
            };
            queries.push((index, query));
        }
    }
    let asked: Vec<ManifestQuery> = queries.iter().map(|(_, query)| query.clone()).collect();
    let found = registries.manifests(&asked);
    let dates = dates(registries, asked.iter().map(|query| &query.reference));
    for (((index, _), found), date) in queries.iter().zip(found).zip(dates) {
        let one = &mut all[*index];
        match (found, &mut one.answer) {
            (Ok(manifest), Some(Answer::Selected(selected))) => {
                selected.manifest = Some(manifest);
                selected.created = selected.created.or(date);
            }
            (Err(error), answer) => *answer = Some(Answer::Failed(error)),
            (Ok(_), _) => {}
        }
    }
}
