//! What a person can pick from: per component the versions that its policy allows and
//! no known guard keeps away.
//!
//! Pure. Offers nothing that naming it (`COMPONENT=TAG`) would surely be refused; what
//! only the registry's answer about one tag can tell is left to the plan.

use jiff::Timestamp;

use super::answer::{Answer, Answers, Selected};
use super::decide::{Guards, decide};
use super::{BumpError, Decision, Refusal, Request, Scene, TakenBack, Wanted, Wish};
use crate::image::{Digest, Order, SelectError, Tag, TagPolicy, Verdict, Why, coerce};
use crate::product::ComponentName;
use crate::product::pins::Pin;

/// The components that can be given a version, and those that cannot.
#[derive(Debug, Clone, PartialEq)]
pub struct Choices {
    /// By name.
    pub components: Vec<Choice>,
    /// Components that are not offered, and why.
    pub left_out: Vec<(ComponentName, Absence)>,
}

/// Why a component is not offered.
#[derive(Debug, Clone, PartialEq)]
pub enum Absence {
    /// It is held, for this reason.
    Held(String),
    /// Its registry cannot be reached from here by declaration.
    NotAsked,
    /// Its registry failed.
    Unknown(crate::registry::RegistryError),
    /// The registry lists nothing that may be taken.
    Nothing,
}

/// One component, and the versions that it may get.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// The component.
    pub component: ComponentName,
    /// The versions that stand at its sites.
    pub now: Vec<String>,
    /// Its policy in a few words.
    pub policy: Option<String>,
    /// What its policy would do without being asked.
    pub decision: Option<Decision>,
    /// Newest first; never empty.
    pub offers: Vec<Offer>,
    /// Which of them is proposed.
    pub proposed: usize,
    /// A newer release that its policy does not allow.
    pub beyond: Option<Tag>,
    /// Tags that are newer or as new, and why they are not offered.
    pub left_out: Vec<Verdict>,
    /// Tags that the guard against steps back keeps away.
    pub older: Vec<Tag>,
    /// The deployed tag, where the registry no longer lists it.
    pub gone: Option<Tag>,
}

impl Choice {
    /// Whether its policy would take something newer.
    pub fn has_newer(&self) -> bool {
        self.decision.as_ref().is_some_and(Decision::is_change)
    }
}

/// A version that may be picked.
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    /// The tag.
    pub tag: Tag,
    /// Whether it is deployed.
    pub now: bool,
    /// When the image was made, where that is known already.
    pub created: Option<Timestamp>,
    /// What a person should know before picking it.
    pub remark: Option<Remark>,
    /// What asks for it; `None`: it stands there, and nothing is to be done.
    pub wish: Option<Wish>,
}

/// What a person should know about an offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remark {
    /// Somebody took it back; by which commit.
    TakenBack(String),
    /// The deployed tag is another image now.
    OtherImage,
    /// As new as others, but another image: this one.
    Tied(Digest),
    /// Another name of the image that the policy chose.
    SameImage,
}

/// What may be picked for `request`, which is one that a person shall choose for.
///
/// # Errors
/// A registry failed, unless the request keeps going.
pub fn choices(request: &Request, scene: &Scene, answers: &Answers) -> Result<Choices, BumpError> {
    let mut choices = Choices {
        components: Vec::new(),
        left_out: Vec::new(),
    };
    let mut failed = Vec::new();
    for pin in &scene.pins {
        let taken_back = scene.taken_back.get(&pin.component);
        let picking = Picking {
            request,
            pin,
            guards: Guards::of(request, pin),
            taken_back: taken_back.map_or(&[][..], Vec::as_slice),
        };
        match picking.choice(answers.get(&pin.component))? {
            Ok(choice) => choices.components.push(choice),
            Err(absence) => {
                if let Absence::Unknown(error) = &absence {
                    failed.push((pin.component.clone(), error.clone()));
                }
                choices.left_out.push((pin.component.clone(), absence));
            }
        }
    }
    if !failed.is_empty() && !request.keep_going {
        return Err(BumpError::Registry { failed });
    }
    Ok(choices)
}

struct Picking<'a> {
    request: &'a Request,
    pin: &'a Pin,
    guards: Guards<'a>,
    taken_back: &'a [TakenBack],
}

impl Picking<'_> {
    fn choice(&self, answer: Option<&Answer>) -> Result<Result<Choice, Absence>, BumpError> {
        if let Some(Refusal::Held { reason, .. }) = self.guards.hold() {
            return Ok(Err(Absence::Held(reason)));
        }
        let mut choice = Choice {
            component: self.pin.component.clone(),
            now: self.pin.versions(),
            policy: self.pin.policy.as_ref().map(TagPolicy::summary),
            decision: None,
            offers: Vec::new(),
            proposed: 0,
            beyond: None,
            left_out: Vec::new(),
            older: Vec::new(),
            gone: None,
        };
        match answer {
            Some(Answer::Selected(selected)) => self.selected(&mut choice, selected)?,
            Some(Answer::Tie(SelectError::Tie { verdicts, .. })) => {
                for verdict in verdicts {
                    match &verdict.why {
                        Why::Tied(digest) => {
                            let remark = Some(Remark::Tied(digest.clone()));
                            self.offer(&mut choice, &verdict.tag, remark);
                        }
                        Why::Older => self.offer(&mut choice, &verdict.tag, None),
                        _ => {}
                    }
                }
            }
            Some(Answer::Listed { tags, dates }) => {
                for tag in newest_first(tags) {
                    self.offer(&mut choice, tag, None);
                }
                for offer in &mut choice.offers {
                    offer.created = dates.get(&offer.tag).copied();
                }
            }
            Some(Answer::Failed(error)) => return Ok(Err(Absence::Unknown(error.clone()))),
            _ => return Ok(Err(Absence::NotAsked)),
        }
        if choice.offers.is_empty() {
            return Ok(Err(Absence::Nothing));
        }
        Ok(Ok(choice))
    }

    /// What a policy allows, in its order.
    fn selected(&self, choice: &mut Choice, selected: &Selected) -> Result<(), BumpError> {
        let answer = Answer::Selected(Box::new(selected.clone()));
        let row = decide(self.request, self.pin, Some(&answer), self.taken_back)?.row;
        choice.beyond = selected.selection.beyond.clone();
        choice.gone = selected.listed.as_ref().and_then(|listed| {
            let mut tags = self.pin.tags().into_iter();
            tags.find(|tag| !listed.contains(*tag)).cloned()
        });
        let followed = matches!(
            self.pin.policy.as_ref().map(TagPolicy::order),
            Some(Order::Digest(_))
        );
        for verdict in &selected.selection.verdicts {
            let tag = &verdict.tag;
            match &verdict.why {
                Why::Chosen if self.lacks_platforms(selected, choice) => {}
                Why::Chosen => {
                    let other = matches!(row.decision, Decision::OtherImage { .. });
                    let remark = other.then_some(Remark::OtherImage);
                    self.offer(choice, tag, remark);
                }
                Why::SameImage => self.offer(choice, tag, Some(Remark::SameImage)),
                Why::Older => self.offer(choice, tag, None),
                Why::TooYoung(_) => choice.left_out.push(verdict.clone()),
                _ => {}
            }
        }
        for offer in &mut choice.offers {
            offer.created = selected.dates.get(&offer.tag).copied();
            if Some(&offer.tag) == selected.selection.chosen.as_ref() {
                offer.created = offer.created.or(selected.created);
                if followed && row.decision.is_change() {
                    // The tag is the same, and its policy takes the image that it has now.
                    offer.now = false;
                    offer.wish = Some(self.wish(None));
                }
            }
        }
        let chosen = |offer: &Offer| Some(&offer.tag) == selected.selection.chosen.as_ref();
        let place = match row.decision.is_change() {
            true => choice.offers.iter().position(chosen),
            false => choice.offers.iter().position(|offer| offer.now),
        };
        choice.proposed = place.unwrap_or(0);
        choice.decision = Some(row.decision);
        Ok(())
    }

    /// Leaves the chosen tag out when its image is not built for all that is wanted.
    fn lacks_platforms(&self, selected: &Selected, choice: &mut Choice) -> bool {
        let Some(chosen) = &selected.selection.chosen else {
            return false;
        };
        match self
            .guards
            .platforms(Some(chosen), selected.manifest.as_ref())
        {
            Some(Refusal::Platforms { tag, missing, .. }) if !self.stands(&tag) => {
                let why = Why::Platforms(missing);
                choice.left_out.push(Verdict { tag, why });
                true
            }
            _ => false,
        }
    }

    fn offer(&self, choice: &mut Choice, tag: &Tag, remark: Option<Remark>) {
        let now = self.stands(tag);
        if !now && self.guards.downgrade(tag).is_some() {
            choice.older.push(tag.clone());
            return;
        }
        let back = self.taken_back.iter();
        // Which image a tag has is asked when it was picked.
        let back = back.filter(|back| back.digest.is_none() && back.tag == *tag);
        let back = back
            .map(|back| Remark::TakenBack(back.reason.clone()))
            .next();
        if now {
            choice.proposed = choice.offers.len();
        }
        let again = self.request.allow.refresh_digests;
        choice.offers.push(Offer {
            tag: tag.clone(),
            now,
            created: None,
            remark: back.filter(|_| !now).or(remark),
            wish: (!now || again).then(|| self.wish(Some(tag))),
        });
    }

    /// Whether all sites say this tag.
    fn stands(&self, tag: &Tag) -> bool {
        self.pin.tags() == [tag]
    }

    fn wish(&self, tag: Option<&Tag>) -> Wish {
        Wish {
            component: self.pin.component.clone(),
            version: tag.map(Wanted::from),
        }
    }
}

/// Versions, the highest first, and then what is none, by name.
fn newest_first(tags: &[Tag]) -> Vec<&Tag> {
    let mut tags: Vec<&Tag> = tags.iter().filter(|tag| !tag.is_attachment()).collect();
    tags.sort_by_cached_key(|tag| {
        let version = coerce(tag.as_str());
        std::cmp::Reverse((version, tag.as_str().to_owned()))
    });
    tags
}
