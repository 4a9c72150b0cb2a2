//! Reading `pins:` of `gitops.yaml`.

use crate::image::Reference;
use crate::yaml::Field;

use super::decode::At;
use super::pins::{Holds, TextPattern};
use super::repository::{DeclaredPlace, DeclaredSite, FilePattern, PinEntry};
use super::update::update;

/// All entries, with what they contradict each other in.
pub(super) fn pins(at: At<'_>, field: Option<Field<'_>>) -> Vec<PinEntry> {
    let mut pins: Vec<PinEntry> = Vec::new();
    for item in field.map(|field| field.list()).unwrap_or_default() {
        let Some(pin) = pin(at, &item) else { continue };
        for other in &pins {
            let first = &other.location;
            if let (Some(one), Some(two)) = (&other.image, &pin.image)
                && one.same_repository(two)
            {
                item.fail(format!("names an image that stands at {first} already"));
            } else if pin.component.is_some() && other.component == pin.component {
                item.fail(format!("names a component that stands at {first} already"));
            }
        }
        pins.push(pin);
    }
    pins
}

fn pin(at: At<'_>, item: &Field<'_>) -> Option<PinEntry> {
    let mut fields = item.fields()?;
    let named = fields.has("image");
    let image = fields.optional("image").and_then(|field| {
        let image = field.parse::<Reference>()?;
        if image.tag().is_some() || image.digest().is_some() {
            field.fail("must be the name alone, without tag and digest");
        }
        Some(image)
    });
    let component = fields.optional("component").and_then(|field| field.parse());
    let policy = fields
        .optional("policy")
        .and_then(|field| update(at, &field));
    let hold = fields.optional("hold").and_then(|field| field.string());
    let listed = fields.optional("sites");
    let items = listed.as_ref().map(Field::list).unwrap_or_default();
    if let Some(field) = listed.filter(|_| items.is_empty()) {
        field.fail("names no site");
    }
    let mut sites = Vec::new();
    for item in &items {
        if let Some(site) = site(at, item) {
            fits(item, &site, named);
            sites.push(site);
        }
    }
    fields.finish();
    if named && image.is_none() {
        return None;
    }
    if image.is_none() && (component.is_none() || items.is_empty()) {
        item.fail("says neither image, nor component and sites");
        return None;
    }
    Some(PinEntry {
        image,
        component,
        policy: policy.map(|policy| policy.value),
        hold,
        sites,
        location: at.of(item),
    })
}

/// Whether a site says, together with its entry, what is deployed.
fn fits(item: &Field<'_>, site: &DeclaredSite, has_image: bool) {
    for holds in site.holds() {
        match (holds, has_image) {
            (Holds::Version, true) => {
                item.fail("holds a version, which an image has not: say tag");
            }
            (Holds::Tag | Holds::Digest, false) => {
                item.fail(format!(
                    "holds a {}, so the entry must say the image's name",
                    holds.word()
                ));
            }
            _ => {}
        }
    }
}

fn site(at: At<'_>, item: &Field<'_>) -> Option<DeclaredSite> {
    let mut fields = item.fields()?;
    let file = fields.required("file").and_then(|field| {
        let text = field.string()?;
        if let Err(reason) = FilePattern::parse(&text.replace("{env}", "x")) {
            field.fail(format!("is no pattern: {reason}"));
            return None;
        }
        Some(text)
    });
    let key = fields.optional("key");
    let regex = fields.optional("regex");
    let holds = fields.optional("holds");
    let place = match (&key, &regex) {
        (Some(key), None) => {
            let path: Option<crate::yaml::Path> = key.parse();
            if path.as_ref().is_some_and(crate::yaml::Path::is_root) {
                key.fail("must lead to a field");
            }
            let holds = match &holds {
                Some(field) => field.one_of(&Holds::WORDS),
                None => Some(Holds::Image),
            };
            path.zip(holds)
                .map(|(path, holds)| DeclaredPlace::Key { path, holds })
        }
        (None, Some(regex)) => {
            if let Some(field) = &holds {
                field.fail("belongs to key; the groups of a regex say what they hold");
            }
            regex
                .string()
                .and_then(|text| match TextPattern::parse(&text) {
                    Ok(pattern) => Some(DeclaredPlace::Regex(pattern)),
                    Err(reason) => {
                        regex.fail(reason);
                        None
                    }
                })
        }
        (Some(_), Some(_)) => {
            item.fail("has both key and regex");
            None
        }
        (None, None) => {
            item.fail("says neither key nor regex");
            None
        }
    };
    fields.finish();
    Some(DeclaredSite {
        file: file?,
        place: place?,
        location: at.of(item),
    })
}
