//! What becomes of one component: the guards, one after the other. Pure.

use std::cmp::Ordering;

use super::answer::{Answer, Selected};
use super::{BumpError, Decision, Refusal, Request, Row, Wanted};
use crate::image::{Digest, Order, Platform, Tag, TagPolicy, coerce};
use crate::product::pins::{Pin, Target};
use crate::registry::Manifest;

/// A component's row, and what its sites shall say.
pub(super) struct Decided {
    pub(super) row: Row,
    pub(super) target: Option<Target>,
    pub(super) refusal: Option<Refusal>,
    pub(super) warning: Option<String>,
}

/// Decides about one pin.
pub(super) fn decide(
    request: &Request,
    pin: &Pin,
    answer: Option<&Answer>,
) -> Result<Decided, BumpError> {
    let wish = request
        .wishes
        .iter()
        .find(|wish| wish.component == pin.component);
    let version = wish.and_then(|wish| wish.version.as_ref());
    let deciding = Deciding {
        request,
        pin,
        decided: Decided {
            row: bare(pin),
            target: None,
            refusal: None,
            warning: None,
        },
    };
    match (answer, version) {
        (_, Some(version)) if pin.image().is_none() => Ok(deciding.version(version)),
        (Some(answer), Some(version)) => deciding.named(version, answer),
        (Some(Answer::Selected(selected)), None) => Ok(deciding.selected(selected)),
        (Some(Answer::Failed(error)), None) => Ok(deciding.end(Decision::Unknown(error.clone()))),
        (Some(Answer::Tie(tie)), None) => {
            let refusal = Refusal::Tie {
                component: pin.component.clone(),
                source: tie.clone(),
            };
            Ok(deciding.refuse(refusal))
        }
        _ => Ok(deciding.not_asked()),
    }
}

fn bare(pin: &Pin) -> Row {
    Row {
        component: pin.component.clone(),
        image: pin.image().map(|image| image.name().to_owned()),
        from: pin.versions(),
        to: None,
        digest: None,
        decision: Decision::Same,
        policy: pin.policy.as_ref().map(TagPolicy::summary),
        beyond: None,
        created: None,
        sites: pin.sites.iter().map(|site| site.location.clone()).collect(),
        verdicts: Vec::new(),
    }
}

struct Deciding<'a> {
    request: &'a Request,
    pin: &'a Pin,
    decided: Decided,
}

impl Deciding<'_> {
    fn end(mut self, decision: Decision) -> Decided {
        self.decided.row.decision = decision;
        self.decided
    }

    fn refuse(mut self, refusal: Refusal) -> Decided {
        self.decided.refusal = Some(refusal);
        self.end(Decision::Refused)
    }

    fn change(mut self, decision: Decision, target: Target) -> Decided {
        self.decided.target = Some(target);
        self.end(decision)
    }

    /// Held, or in a registry that cannot be asked from here.
    fn not_asked(mut self) -> Decided {
        if let Some(reason) = &self.pin.hold {
            let reason = reason.clone();
            return self.end(Decision::Held(reason));
        }
        self.decided.warning = Some(format!(
            "{} was not looked for: its registry cannot be reached from here",
            self.pin.component
        ));
        self.end(Decision::Same)
    }

    /// Something that is no image gets the version that a person named.
    fn version(mut self, version: &Wanted) -> Decided {
        let to = version.to_string();
        self.decided.row.to = Some(to.clone());
        if self.pin.versions() == [to.as_str()] {
            return self.end(Decision::Same);
        }
        if let Some(refusal) = self.hold() {
            return self.refuse(refusal);
        }
        let older = |from: &String| match (coerce(from), coerce(&to)) {
            (Some(from), Some(to)) => from > to,
            _ => false,
        };
        if let Some(from) = self.pin.versions().into_iter().find(older)
            && !self.request.allow.downgrade
        {
            let component = self.pin.component.clone();
            return self.refuse(Refusal::Downgrade {
                component,
                from,
                to,
            });
        }
        self.change(Decision::Bump, Target::Version(to))
    }

    /// An image gets the tag or digest that a person named.
    fn named(mut self, version: &Wanted, answer: &Answer) -> Result<Decided, BumpError> {
        let (tag, digest) = version.parts(&self.pin.component)?;
        self.decided.row.to = Some(match (&tag, &digest) {
            (Some(tag), _) => tag.to_string(),
            (None, Some(digest)) => digest.short(),
            (None, None) => version.to_string(),
        });
        let found = match answer {
            Answer::Exists(manifest, created) => {
                self.decided.row.created = *created;
                Some(manifest)
            }
            Answer::UnknownTag(nearest) => {
                return Err(BumpError::UnknownTag {
                    component: self.pin.component.clone(),
                    image: self.decided.row.image.unwrap_or_default(),
                    tag: version.to_string(),
                    nearest: nearest.clone(),
                });
            }
            Answer::Failed(error) => {
                let error = error.clone();
                return Ok(self.end(Decision::Unknown(error)));
            }
            Answer::NotAsked | Answer::Selected(_) | Answer::Tie(_) => {
                self.decided.warning = Some(format!(
                    "{} was not checked: its registry cannot be reached from here",
                    self.pin.component
                ));
                None
            }
        };
        if let (Some(tag), Some(asked), Some(found)) = (&tag, &digest, found)
            && *asked != found.digest
        {
            let refusal = self.mutable(tag, asked, &found.digest);
            return Ok(self.refuse(refusal));
        }
        let digest = found.map(|manifest| manifest.digest.clone()).or(digest);
        Ok(self.image(tag, digest, found))
    }

    /// The guards between a known image and its sites.
    fn image(
        mut self,
        tag: Option<Tag>,
        digest: Option<Digest>,
        found: Option<&Manifest>,
    ) -> Decided {
        self.decided.row.digest = digest.clone();
        if self.is_deployed(tag.as_ref(), digest.as_ref()) {
            return self.end(Decision::Same);
        }
        if let Some(refusal) = self.hold() {
            return self.refuse(refusal);
        }
        if let Some(tag) = &tag {
            if let Some(refusal) = self.platforms(tag, found) {
                return self.refuse(refusal);
            }
            if self.pin.tags() == [tag] {
                let refresh = self.request.allow.refresh_digests;
                return match (self.pin.digest(), &digest) {
                    (Some(recorded), Some(found)) if recorded != found && !refresh => {
                        let refusal = self.mutable(tag, recorded, found);
                        self.refuse(refusal)
                    }
                    (None, _) if !refresh => self.end(Decision::Same),
                    _ => {
                        let target = Target::Image {
                            tag: Some(tag.clone()),
                            digest,
                        };
                        self.change(Decision::Refresh, target)
                    }
                };
            }
            if let Some(from) = self.newer_than(tag)
                && !self.request.allow.downgrade
            {
                let refusal = Refusal::Downgrade {
                    component: self.pin.component.clone(),
                    from: from.to_string(),
                    to: tag.to_string(),
                };
                return self.refuse(refusal);
            }
        }
        self.change(Decision::Bump, Target::Image { tag, digest })
    }

    /// An image gets what its policy chose.
    fn selected(mut self, selected: &Selected) -> Decided {
        let selection = &selected.selection;
        self.decided.row.beyond = selection.beyond.clone();
        self.decided.row.verdicts = selection.verdicts.clone();
        self.decided.row.created = selected.created;
        let (Some(chosen), Some(manifest)) = (&selection.chosen, &selected.manifest) else {
            return self.end(Decision::NoMatch);
        };
        let current: Vec<Tag> = self.pin.tags().into_iter().cloned().collect();
        let gone = |tag: &&Tag| {
            selected
                .listed
                .as_ref()
                .is_some_and(|all| !all.contains(*tag))
        };
        if let Some(tag) = current.iter().find(gone) {
            let refusal = Refusal::Vanished {
                component: self.pin.component.clone(),
                tag: tag.clone(),
                newest: chosen.clone(),
            };
            return self.refuse(refusal);
        }
        self.decided.row.to = Some(chosen.to_string());
        self.decided.row.digest = Some(manifest.digest.clone());
        if let Some(refusal) = self.platforms(chosen, Some(manifest)) {
            return self.refuse(refusal);
        }
        let target = Target::Image {
            tag: Some(chosen.clone()),
            digest: Some(manifest.digest.clone()),
        };
        if current == [chosen.clone()] {
            return self.same_tag(manifest, target);
        }
        if self.newer_than(chosen).is_some() && !self.request.allow.downgrade {
            self.decided.row.to = None;
            let allowed = chosen.clone();
            return self.end(Decision::Ahead { allowed });
        }
        self.change(Decision::Bump, target)
    }

    /// The policy chose the tag that is deployed; is it still the same image?
    fn same_tag(self, manifest: &Manifest, target: Target) -> Decided {
        let policy = self.pin.policy.as_ref().map(TagPolicy::order);
        let follows_digest = matches!(policy, Some(Order::Digest(_)));
        let takes = follows_digest || self.request.allow.refresh_digests;
        let found = manifest.digest.clone();
        match self.pin.digest().cloned() {
            Some(recorded) if recorded == found => self.end(Decision::Newest),
            _ if takes => self.change(Decision::Refresh, target),
            Some(recorded) => self.end(Decision::OtherImage { recorded, found }),
            None => self.end(Decision::Newest),
        }
    }

    /// Whether all sites already say this, as far as each says anything about it.
    fn is_deployed(&self, tag: Option<&Tag>, digest: Option<&Digest>) -> bool {
        self.pin
            .sites
            .iter()
            .filter_map(|site| site.image())
            .all(|image| {
                let same_tag =
                    image.tag() == tag || (image.tag().is_none() && image.digest().is_some());
                let same_digest = match (image.digest(), digest) {
                    (Some(written), Some(wanted)) => written == wanted,
                    (None, _) => tag.is_some() && !self.request.allow.refresh_digests,
                    (Some(_), None) => true,
                };
                same_tag && same_digest
            })
    }

    fn hold(&self) -> Option<Refusal> {
        let reason = self.pin.hold.as_ref()?;
        // Who fixes an incident has said why already.
        self.request.hotfix.is_none().then(|| Refusal::Held {
            component: self.pin.component.clone(),
            reason: reason.clone(),
        })
    }

    fn mutable(&self, tag: &Tag, recorded: &Digest, found: &Digest) -> Refusal {
        Refusal::MutableTag {
            component: self.pin.component.clone(),
            tag: tag.clone(),
            recorded: recorded.clone(),
            found: found.clone(),
        }
    }

    fn platforms(&self, tag: &Tag, found: Option<&Manifest>) -> Option<Refusal> {
        let wanted = self.pin.policy.as_ref()?.platforms();
        let offered = found?.platforms.as_ref()?;
        let lacks = |wish: &&Platform| !offered.iter().any(|offer| wish.is_served_by(offer));
        let missing: Vec<Platform> = wanted.iter().filter(lacks).cloned().collect();
        (!missing.is_empty()).then(|| Refusal::Platforms {
            component: self.pin.component.clone(),
            tag: tag.clone(),
            missing,
        })
    }

    /// A deployed tag that is newer than this one, by the policy's order or else as
    /// versions are ordered.
    fn newer_than(&self, tag: &Tag) -> Option<Tag> {
        let by_policy = |from: &Tag| self.pin.policy.as_ref()?.compare(from, tag);
        let by_version = |from: &Tag| {
            let (from, to) = (coerce(from.as_str())?, coerce(tag.as_str())?);
            Some(from.cmp_precedence(&to))
        };
        let newer =
            |from: &&&Tag| by_policy(from).or_else(|| by_version(from)) == Some(Ordering::Greater);
        self.pin.tags().iter().find(newer).map(|tag| (*tag).clone())
    }
}
