//! Flux's `ImagePolicy` and `ImageRepository` objects, read as policies: which tags
//! may follow, and of which image. What Flux would do and this tool does not is said.

use serde_json::Value;

use crate::image::{FilterSpec, PolicySpec, Reference, TagPolicy};
use crate::product::{PolicyName, PolicySource, nearest};
use crate::repo::{Location, RepoPath, Snapshot};
use crate::yaml::{Document, Stream};

/// The API group of both kinds; versions differ in nothing that is read here.
const GROUP: &str = "image.toolkit.fluxcd.io/";

/// All image policies of some files.
#[derive(Debug, Clone, Default)]
pub struct FluxPolicies {
    policies: Vec<(Name, FluxPolicy)>,
    images: Vec<(Name, Reference)>,
    suspended: Vec<Name>,
    /// Repositories that leave tags out, and where they say so.
    excluding: Vec<(Name, Location)>,
}

/// One image policy, and what it says about its image.
#[derive(Debug, Clone)]
pub(super) struct FluxPolicy {
    repository: Name,
    /// `None` where it could not be understood; a warning says why.
    pub(super) policy: Option<TagPolicy>,
    /// Digests are written beside tags.
    pub(super) digests: bool,
    /// Flux was told not to act on it.
    pub(super) suspended: bool,
    pub(super) warnings: Vec<String>,
}

/// What a pin has to follow.
#[derive(Debug, Clone)]
pub struct Follow {
    /// The policy.
    pub policy: TagPolicy,
    /// Flux was told not to act on it.
    pub suspended: bool,
    /// The image that it chooses tags of, where that is known.
    pub image: Option<Reference>,
    /// What Flux does otherwise.
    pub warnings: Vec<String>,
}

/// Why nothing follows from the name of a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// Nothing bears the name.
    #[error("there is no ImagePolicy {name} in this repository{}", nearest_of(.nearest.as_deref()))]
    Missing {
        /// The name.
        name: PolicyName,
        /// A name that exists and looks alike.
        nearest: Option<String>,
    },
    /// Several bear it and say different things.
    #[error("several ImagePolicy objects may be {name}, and they differ")]
    Several {
        /// The name.
        name: PolicyName,
    },
    /// It cannot be followed.
    #[error("nothing can follow ImagePolicy {name}: {reason}")]
    Unfit {
        /// The name.
        name: PolicyName,
        /// Why.
        reason: String,
    },
}

fn nearest_of(name: Option<&str>) -> String {
    name.map(|name| format!(", did you mean {name}?"))
        .unwrap_or_default()
}

/// The name of an object. Without a namespace in its file, a kustomization gives it one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Name {
    namespace: Option<String>,
    name: String,
}

impl Name {
    fn of(metadata: Option<&Value>, fallback: Option<&str>) -> Option<Self> {
        let text = |field: &str| Some(metadata?.get(field)?.as_str()?.to_owned());
        Some(Self {
            namespace: text("namespace").or_else(|| fallback.map(str::to_owned)),
            name: text("name")?,
        })
    }

    fn wanted(name: &PolicyName) -> Self {
        Self {
            namespace: Some(name.namespace.clone()),
            name: name.name.clone(),
        }
    }

    fn may_be(&self, other: &Name) -> bool {
        let same = match (&self.namespace, &other.namespace) {
            (Some(one), Some(two)) => one == two,
            _ => true,
        };
        self.name == other.name && same
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Without a namespace any fits; most people use Flux's own.
        let namespace = self.namespace.as_deref().unwrap_or("flux-system");
        write!(f, "{namespace}:{}", self.name)
    }
}

impl FluxPolicies {
    /// Reads all files of a snapshot whose contents are there. A file that cannot be
    /// parsed holds no policy, as for Flux.
    pub fn read(snapshot: &Snapshot) -> Self {
        let mut found = Self::default();
        for (file, _) in snapshot.entries() {
            if let Some(text) = yaml_text(snapshot, file, GROUP)
                && let Ok(stream) = Stream::parse(text)
            {
                for document in stream.documents() {
                    found.object(file, document);
                }
            }
        }
        found
    }

    fn object(&mut self, file: &RepoPath, document: &Document) {
        let Ok(object) = document.value() else {
            return;
        };
        let text = |field: &str| object.get(field).and_then(Value::as_str);
        if !text("apiVersion").is_some_and(|version| version.starts_with(GROUP)) {
            return;
        }
        let Some(name) = Name::of(object.get("metadata"), None) else {
            return;
        };
        let Some(spec) = object.get("spec") else {
            return;
        };
        let suspended = spec.get("suspend").and_then(Value::as_bool) == Some(true);
        let position = document.position(document.root().map_or(0, |root| root.start()));
        let location = Location::new(file.clone(), position.line, position.column);
        match text("kind") {
            Some("ImageRepository") => {
                let image = spec.get("image").and_then(Value::as_str);
                if let Some(image) = image.and_then(|image| image.parse().ok()) {
                    self.images.push((name.clone(), image));
                }
                if spec.get("exclusionList").is_some() {
                    self.excluding.push((name.clone(), location));
                }
                if suspended {
                    self.suspended.push(name);
                }
            }
            Some("ImagePolicy") => {
                let mut policy = read_policy(spec, &name, &location);
                policy.suspended = suspended;
                self.policies.push((name, policy));
            }
            _ => {}
        }
    }

    /// What a pin has to follow that names a policy.
    ///
    /// # Errors
    /// There is none of that name, or none that can be followed.
    pub fn follow(&self, source: &PolicySource) -> Result<Follow, SourceError> {
        let name = &source.name;
        let fitting = |(found, _): &&(Name, FluxPolicy)| found.may_be(&Name::wanted(name));
        if self.policies.iter().filter(fitting).count() == 0 {
            let known: Vec<String> = self.policies.iter().map(|(it, _)| it.to_string()).collect();
            return Err(SourceError::Missing {
                nearest: nearest(&name.to_string(), known.iter().map(String::as_str)),
                name: name.clone(),
            });
        }
        let several = || SourceError::Several { name: name.clone() };
        let found = self
            .policy(&name.namespace, &name.name)
            .ok_or_else(several)?;
        let unfit = |reason: String| SourceError::Unfit {
            name: name.clone(),
            reason,
        };
        let Some(policy) = &found.policy else {
            return Err(unfit(found.warnings.join("; ")));
        };
        Ok(Follow {
            policy: source
                .refine(policy)
                .map_err(|error| unfit(error.to_string()))?,
            suspended: found.suspended,
            image: self.image(&found).cloned(),
            warnings: found.warnings,
        })
    }

    /// The policy of that name; `None` where there is none, or several that differ.
    pub(super) fn policy(&self, namespace: &str, name: &str) -> Option<FluxPolicy> {
        let wanted = Name {
            namespace: Some(namespace.to_owned()),
            name: name.to_owned(),
        };
        let mut fitting = self
            .policies
            .iter()
            .filter(|(name, _)| name.may_be(&wanted))
            .map(|(_, policy)| policy);
        let mut found = fitting.next()?.clone();
        if fitting.any(|other| other.policy != found.policy || other.digests != found.digests) {
            return None;
        }
        for (name, location) in &self.excluding {
            if name.may_be(&found.repository) {
                found.warnings.push(format!(
                    "{location}: Flux leaves out the tags in exclusionList of ImageRepository {}; \
                    here those count unless a filter drops them",
                    name.name
                ));
            }
        }
        found.suspended |= self
            .suspended
            .iter()
            .any(|name| name.may_be(&found.repository));
        Some(found)
    }

    /// The image that a policy chooses tags of.
    pub(super) fn image(&self, policy: &FluxPolicy) -> Option<&Reference> {
        let mut fitting = self
            .images
            .iter()
            .filter(|(name, _)| name.may_be(&policy.repository))
            .map(|(_, image)| image);
        let first = fitting.next()?;
        fitting
            .all(|other| other.same_repository(first))
            .then_some(first)
    }
}

/// A YAML file's text, when it was read and holds these words.
pub(super) fn yaml_text<'a>(
    snapshot: &'a Snapshot,
    file: &RepoPath,
    words: &str,
) -> Option<&'a str> {
    let name = file.file_name()?;
    if !name.ends_with(".yaml") && !name.ends_with(".yml") && name != "Kustomization" {
        return None;
    }
    let text = snapshot.text(file).ok()??;
    text.contains(words).then_some(text)
}

fn read_policy(spec: &Value, name: &Name, location: &Location) -> FluxPolicy {
    let text = |path: &str| {
        spec.pointer(path)
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    let mut warnings = Vec::new();
    let order = |kind: &str| {
        spec.pointer(&format!("/policy/{kind}")).map(|policy| {
            match policy.get("order").and_then(Value::as_str) {
                // Flux calls it ascending when the last of them is taken, and so do we.
                Some("desc") => "desc".to_owned(),
                _ => "asc".to_owned(),
            }
        })
    };
    let filter = text("/filterTags/pattern").map(|pattern| FilterSpec {
        pattern,
        extract: text("/filterTags/extract").filter(|extract| !extract.is_empty()),
    });
    let wanted = PolicySpec {
        semver: text("/policy/semver/range"),
        numeric: order("numerical"),
        alphabetical: order("alphabetical"),
        filter,
        ..PolicySpec::default()
    };
    let policy = match TagPolicy::new(&wanted) {
        Ok(policy) => Some(policy),
        Err(error) => {
            warnings.push(format!(
                "{location}: ImagePolicy {} is not understood, so nothing follows it: {error}",
                name.name
            ));
            None
        }
    };
    let digests = text("/digestReflectionPolicy").unwrap_or_default();
    if digests == "Always" {
        warnings.push(format!(
            "{location}: ImagePolicy {} has Flux follow a tag whose image changes \
            (digestReflectionPolicy: Always); here that takes --refresh-digests",
            name.name
        ));
    }
    FluxPolicy {
        repository: Name::of(spec.get("imageRepositoryRef"), name.namespace.as_deref()).unwrap_or(
            Name {
                namespace: name.namespace.clone(),
                name: String::new(),
            },
        ),
        policy,
        digests: matches!(digests.as_str(), "IfNotPresent" | "Always"),
        suspended: false,
        warnings,
    }
}
