//! Sites that `gitops.yaml` declares: a key path in YAML or JSON files, such as a
//! field of a custom resource, or a regular expression over any text.

use crate::image::{Digest, Reference, Tag};
use crate::product::decode;
use crate::product::{
    ComponentName, DeclaredPlace, DeclaredSite, EnvironmentEntry, PinEntry, Repository,
};
use crate::repo::{Location, OddEntry, RepoPath, Snapshot};
use crate::yaml::{Path, Stream};

use super::text::{Holds, TextPattern};
use super::{Deployed, Node, PinError, Shape, Site};

/// The declared sites of an environment, and the declarations that lead nowhere.
#[derive(Debug, Default)]
pub(super) struct Declared {
    pub(super) sites: Vec<(ComponentName, Site)>,
    pub(super) warnings: Vec<String>,
}

/// All sites that are declared and stand in this environment.
pub(super) fn declared_sites(
    snapshot: &Snapshot,
    entry: &EnvironmentEntry,
    repository: &Repository,
) -> Result<Declared, PinError> {
    let mut declared = Declared::default();
    for pin in &repository.pins {
        for site in &pin.sites {
            let before = declared.sites.len();
            let finder = Finder { pin, site };
            let pattern = site.pattern(&entry.name);
            for (file, _) in snapshot.entries() {
                if pattern
                    .as_ref()
                    .is_some_and(|pattern| pattern.matches(&entry.path, file))
                    && let Some(text) = snapshot.text(file)?
                {
                    declared.sites.extend(finder.find(file, text)?);
                }
            }
            let odd = snapshot.odd();
            let meant = |odd: &&OddEntry| {
                let pattern = pattern.as_ref();
                pattern.is_some_and(|it| it.matches_odd(&entry.path, odd))
            };
            for odd in odd.filter(meant) {
                declared.warnings.push(format!(
                    "{}: {odd} is not looked at: {}",
                    site.location,
                    odd.reason()
                ));
            }
            if declared.sites.len() == before {
                declared.warnings.push(format!(
                    "{}: nothing is pinned there in {}: {}",
                    site.location,
                    entry.name,
                    site.describe(&entry.name)
                ));
            }
        }
    }
    Ok(declared)
}

/// One declared site, looked for in one file after the other.
struct Finder<'a> {
    pin: &'a PinEntry,
    site: &'a DeclaredSite,
}

impl Finder<'_> {
    fn find(&self, file: &RepoPath, text: &str) -> Result<Vec<(ComponentName, Site)>, PinError> {
        match &self.site.place {
            DeclaredPlace::Key { path, holds } => self.in_yaml(file, text, path, *holds),
            DeclaredPlace::Regex(pattern) => self.in_text(file, text, pattern),
        }
    }

    fn in_yaml(
        &self,
        file: &RepoPath,
        text: &str,
        path: &Path,
        holds: Holds,
    ) -> Result<Vec<(ComponentName, Site)>, PinError> {
        let stream = Stream::parse(text).map_err(|source| PinError::Yaml {
            file: file.clone(),
            source,
        })?;
        let mut sites = Vec::new();
        for (number, document) in stream.documents().iter().enumerate() {
            let Some(found) = document.root().and_then(|root| root.at(path)) else {
                continue;
            };
            let found = document.resolve(found);
            let position = document.position(found.start());
            let location = Location::new(file.clone(), position.line, position.column);
            let Some(said) = found.as_str() else {
                return Err(PinError::Shape {
                    location,
                    reason: format!("{path} is no text; what is pinned stands in quotes"),
                });
            };
            let node = Node {
                file: file.clone(),
                document: number,
                path: path.clone(),
            };
            let deployed = self.deployed(&[(holds, said)], &location)?;
            sites.extend(self.named(location, deployed, node, Shape::Key(holds))?);
        }
        Ok(sites)
    }

    fn in_text(
        &self,
        file: &RepoPath,
        text: &str,
        pattern: &TextPattern,
    ) -> Result<Vec<(ComponentName, Site)>, PinError> {
        let mut sites = Vec::new();
        for (number, found) in pattern.find(text).into_iter().enumerate() {
            let Some((_, first)) = found.first() else {
                continue;
            };
            let location = decode::place(file, text, first.start);
            let said: Vec<(Holds, &str)> = found
                .iter()
                .map(|(holds, range)| (*holds, &text[range.clone()]))
                .collect();
            let deployed = self.deployed(&said, &location)?;
            let node = Node {
                file: file.clone(),
                document: 0,
                path: Path::root(),
            };
            let shape = Shape::Text {
                pattern: pattern.clone(),
                number,
            };
            sites.extend(self.named(location, deployed, node, shape)?);
        }
        Ok(sites)
    }

    /// What stands at a site, put together from its parts.
    fn deployed(&self, said: &[(Holds, &str)], location: &Location) -> Result<Deployed, PinError> {
        let wrong = |what: &str, text: &str, error: &dyn std::fmt::Display| PinError::Shape {
            location: location.clone(),
            reason: format!("{what} {text:?}: {error}"),
        };
        let (mut tag, mut digest): (Option<Tag>, Option<Digest>) = (None, None);
        for (holds, text) in said {
            match holds {
                Holds::Version => return Ok(Deployed::Version((*text).to_owned())),
                Holds::Image => {
                    let image = text.parse().map_err(|source| PinError::Image {
                        location: location.clone(),
                        text: (*text).to_owned(),
                        source,
                    })?;
                    return Ok(Deployed::Image(image));
                }
                Holds::Tag => {
                    let (name, pinned) = match text.split_once('@') {
                        Some((name, digest)) => (name, Some(digest)),
                        None => (*text, None),
                    };
                    tag = Some(name.parse().map_err(|error| wrong("tag", name, &error))?);
                    if let Some(text) = pinned {
                        digest = Some(
                            text.parse()
                                .map_err(|error| wrong("digest", text, &error))?,
                        );
                    }
                }
                Holds::Digest => {
                    digest = Some(
                        text.parse()
                            .map_err(|error| wrong("digest", text, &error))?,
                    );
                }
            }
        }
        match &self.pin.image {
            Some(image) => Ok(Deployed::Image(image.with(tag, digest))),
            // The decoder asks for the image's name where a site does not say it.
            None => Err(PinError::Shape {
                location: self.site.location.clone(),
                reason: "says no image".to_owned(),
            }),
        }
    }

    /// The site with its component; `None` for another image than the declared one,
    /// which a pattern of files may well reach.
    fn named(
        &self,
        location: Location,
        deployed: Deployed,
        node: Node,
        shape: Shape,
    ) -> Result<Option<(ComponentName, Site)>, PinError> {
        if let (Deployed::Image(found), Some(declared)) = (&deployed, &self.pin.image)
            && !found.same_repository(declared)
        {
            return Ok(None);
        }
        let image: Option<&Reference> = self.pin.image.as_ref();
        let component = match (&self.pin.component, image) {
            (Some(name), _) => name.clone(),
            (None, image) => image
                .map(Reference::last_segment)
                .unwrap_or_default()
                .parse()
                .map_err(|source| PinError::Name {
                    location: self.pin.location.clone(),
                    source,
                })?,
        };
        let site = Site {
            location,
            deployed,
            node,
            shape,
        };
        Ok(Some((component, site)))
    }
}
