//! What becomes of one component: the guards, one after the other. Pure.

use std::cmp::Ordering;

use super::answer::{Answer, Selected};
use super::{BumpError, Decision, Refusal, Request, Row, TakenBack, Wanted, origins};
use crate::image::{Digest, Order, Origin, Platform, SelectError, Tag, TagPolicy, Why, coerce};
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
    taken_back: &[TakenBack],
) -> Result<Decided, BumpError> {
    let wish = request
        .wishes
        .iter()
        .find(|wish| wish.component == pin.component);
    let version = wish.and_then(|wish| wish.version.as_ref());
    let deciding = Deciding {
        request,
        pin,
        guards: Guards::of(request, pin),
        decided: Decided {
            row: bare(pin),
            target: None,
            refusal: None,
            warning: None,
        },
    };
    match (answer, version) {
        (answer, None) if pin.hold.is_some() => Ok(deciding.held(answer)),
        (_, Some(version)) if pin.image().is_none() => Ok(deciding.version(version)),
        (Some(answer), Some(version)) => deciding.named(version, answer),
        (Some(Answer::Selected(selected)), None) => Ok(deciding.selected(selected, taken_back)),
        (Some(Answer::Failed(error)), None) => Ok(deciding.end(Decision::Unknown(error.clone()))),
        (Some(Answer::Tie(tie)), None) => {
            let mut deciding = deciding;
            let SelectError::Tie { verdicts, .. } = tie;
            deciding.decided.row.verdicts = verdicts.clone();
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
        from_digest: origins::old(pin).and_then(|image| image.digest().cloned()),
        created: None,
        from_origin: Origin::default(),
        origin: Origin::default(),
        sites: pin.sites.iter().map(|site| site.location.clone()).collect(),
        verdicts: Vec::new(),
    }
}

/// How an image compares with what stands at the sites of a pin.
#[derive(Debug, PartialEq, Eq)]
enum Standing {
    /// All of them say it already.
    Deployed,
    /// All of them have the tag, and one lacks the digest that it should have.
    LacksDigest,
    /// The tag stands there with this digest, which is another one.
    Swapped(Digest),
    /// Something else stands there.
    Other,
}

struct Deciding<'a> {
    request: &'a Request,
    pin: &'a Pin,
    guards: Guards<'a>,
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

    /// Refuses what a policy chose.
    fn refuse_chosen(mut self, refusal: Refusal) -> Decided {
        match &refusal {
            Refusal::Vanished { tag, .. } => self.stopped(Why::Vanished(tag.clone())),
            Refusal::Platforms { missing, .. } => self.stopped(Why::Platforms(missing.clone())),
            Refusal::MutableTag { recorded, .. } => {
                self.stopped(Why::OtherImage(recorded.clone()));
            }
            _ => {}
        }
        self.refuse(refusal)
    }

    fn change(mut self, decision: Decision, target: Target) -> Decided {
        self.decided.target = Some(target);
        self.end(decision)
    }

    /// Held by declaration. What a registry may have said only explains.
    fn held(mut self, answer: Option<&Answer>) -> Decided {
        let reason = self.pin.hold.clone().unwrap_or_default();
        if let Some(Answer::Selected(selected)) = answer {
            self.decided.row.verdicts = selected.selection.verdicts.clone();
            self.stopped(Why::Held(reason.clone()));
        }
        self.end(Decision::Held(reason))
    }

    /// The tag that the policy chose is not taken: says why.
    fn stopped(&mut self, why: Why) {
        let mut verdicts = self.decided.row.verdicts.iter_mut();
        if let Some(verdict) = verdicts.find(|verdict| verdict.why == Why::Chosen) {
            verdict.why = why;
        }
    }

    /// In a registry that cannot be asked from here.
    fn not_asked(mut self) -> Decided {
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
        if let Some(refusal) = self.guards.hold() {
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
            Answer::NotAsked | Answer::Listed { .. } | Answer::Selected(_) | Answer::Tie(_) => {
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
            let refusal = self.guards.mutable(tag, asked, &found.digest);
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
        let standing = self.standing(tag.as_ref(), digest.as_ref(), false);
        if standing == Standing::Deployed {
            return self.end(Decision::Same);
        }
        if let Some(refusal) = self
            .guards
            .hold()
            .or_else(|| self.guards.platforms(tag.as_ref(), found))
        {
            return self.refuse(refusal);
        }
        let target = |tag| Target::Image {
            tag,
            digest: digest.clone(),
            pinned: false,
        };
        match (standing, &tag, &digest) {
            (Standing::Swapped(recorded), Some(tag), Some(found))
                if !self.request.allow.refresh_digests =>
            {
                let refusal = self.guards.mutable(tag, &recorded, found);
                self.refuse(refusal)
            }
            (Standing::Swapped(_) | Standing::LacksDigest, _, _) => {
                self.change(Decision::Refresh, target(tag))
            }
            _ => match tag.as_ref().and_then(|tag| self.guards.downgrade(tag)) {
                Some(refusal) => self.refuse(refusal),
                None => self.change(Decision::Bump, target(tag)),
            },
        }
    }

    /// An image gets what its policy chose.
    fn selected(mut self, selected: &Selected, taken_back: &[TakenBack]) -> Decided {
        let selection = &selected.selection;
        self.decided.row.beyond = selection.beyond.clone();
        self.decided.row.verdicts = selection.verdicts.clone();
        self.decided.row.created = selected.created;
        let (Some(chosen), Some(manifest)) = (&selection.chosen, &selected.manifest) else {
            return self.end(Decision::NoMatch);
        };
        if let Some(refusal) = self.vanished(selected, chosen) {
            return self.refuse_chosen(refusal);
        }
        let found = manifest.digest.clone();
        self.decided.row.to = Some(chosen.to_string());
        self.decided.row.digest = Some(found.clone());
        let order = self.pin.policy.as_ref().map(TagPolicy::order);
        let pinned = matches!(order, Some(Order::Digest(_)));
        let target = Target::Image {
            tag: Some(chosen.clone()),
            digest: Some(found.clone()),
            pinned,
        };
        let standing = self.standing(Some(chosen), Some(&found), pinned);
        if standing == Standing::Deployed {
            return self.end(Decision::Newest);
        }
        if let Some(back) = taken_back.iter().find(|back| back.is(chosen, &found))
            && !back.stands_in(self.pin)
        {
            self.decided.row.to = None;
            self.stopped(Why::Held(back.reason.clone()));
            return self.end(Decision::Held(back.reason.clone()));
        }
        if let Some(refusal) = self.guards.platforms(Some(chosen), Some(manifest)) {
            return self.refuse_chosen(refusal);
        }
        let takes = pinned || self.request.allow.refresh_digests;
        match standing {
            Standing::Swapped(recorded) if !takes && self.pin.tags() == [chosen] => {
                self.stopped(Why::OtherImage(recorded.clone()));
                self.end(Decision::OtherImage { recorded, found })
            }
            Standing::Swapped(recorded) if !takes => {
                let refusal = self.guards.mutable(chosen, &recorded, &found);
                self.refuse_chosen(refusal)
            }
            Standing::Swapped(_) | Standing::LacksDigest => self.change(Decision::Refresh, target),
            _ if self.guards.downgrade(chosen).is_some() => {
                self.decided.row.to = None;
                self.stopped(Why::Behind);
                let allowed = chosen.clone();
                self.end(Decision::Ahead { allowed })
            }
            _ => self.change(Decision::Bump, target),
        }
    }

    /// How the wanted image compares with what stands at the sites.
    fn standing(&self, tag: Option<&Tag>, digest: Option<&Digest>, pinned: bool) -> Standing {
        let images = || self.pin.sites.iter().filter_map(|site| site.image());
        let swapped = images()
            .filter(|image| tag.is_some() && image.tag() == tag)
            .filter_map(|image| image.digest())
            .find(|recorded| digest.is_some_and(|found| found != *recorded));
        if let Some(recorded) = swapped {
            return Standing::Swapped(recorded.clone());
        }
        let deployed = images().all(|image| match (image.tag(), image.digest()) {
            // Without a tag only the digest can tell.
            (None, written) => written.is_some() && written == digest,
            (written, _) => written == tag,
        });
        if !deployed {
            return Standing::Other;
        }
        let wanted = pinned || self.request.allow.refresh_digests && self.pin.holds_digest();
        // A site that holds a tag alone has no room for one, and lacks none.
        let room = self.pin.sites.iter().filter(|site| site.takes_digest());
        let lacks = room
            .filter_map(|site| site.image())
            .any(|image| image.digest().is_none());
        if wanted && lacks && digest.is_some() {
            return Standing::LacksDigest;
        }
        Standing::Deployed
    }

    fn vanished(&self, selected: &Selected, newest: &Tag) -> Option<Refusal> {
        let listed = selected.listed.as_ref()?;
        let tags = self.pin.tags();
        let tag = tags.into_iter().find(|tag| !listed.contains(*tag))?;
        Some(Refusal::Vanished {
            component: self.pin.component.clone(),
            tag: tag.clone(),
            newest: newest.clone(),
        })
    }
}

/// The guards that need no more than a pin and what is known of an image.
pub(super) struct Guards<'a> {
    request: &'a Request,
    pin: &'a Pin,
}

impl<'a> Guards<'a> {
    /// The guards of one pin.
    pub(super) fn of(request: &'a Request, pin: &'a Pin) -> Guards<'a> {
        Guards { request, pin }
    }

    /// A step back.
    pub(super) fn downgrade(&self, tag: &Tag) -> Option<Refusal> {
        if self.request.allow.downgrade {
            return None;
        }
        Some(Refusal::Downgrade {
            component: self.pin.component.clone(),
            from: self.newer_than(tag)?.to_string(),
            to: tag.to_string(),
        })
    }

    /// A hold by declaration.
    pub(super) fn hold(&self) -> Option<Refusal> {
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

    /// Platforms that the image lacks.
    pub(super) fn platforms(&self, tag: Option<&Tag>, found: Option<&Manifest>) -> Option<Refusal> {
        let tag = tag?;
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

#[cfg(test)]
mod tests;
