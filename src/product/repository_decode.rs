//! Reading `gitops.yaml`, and the checks that need all of its environments.

use crate::repo::{RepoPath, blob_id};
use crate::yaml::{Decoder, Field, Fields, Resolved};

use super::commit::commit;
use super::decode::{self, At, Parts};
use super::error::{ModelError, Problem, nearest};
use super::pin_decode::pins;
use super::repository::{
    ClusterEntry, EnvironmentEntry, FilePattern, Layer, Promotion, PullRequests, RegistryEntry,
    Repository, RuleEntry, RuleLevel, WriteMode,
};
use super::{EnvironmentName, Located};

/// What promotion moves where `gitops.yaml` does not say.
const PROMOTED: [&str; 3] = ["product.yaml", "components/**", "templates/**"];

impl Repository {
    /// Reads `gitops.yaml`.
    ///
    /// # Errors
    /// Everything that is wrong with it; another `requires` alone, because the
    /// rest is then for another version to judge.
    pub fn decode(path: &RepoPath, text: &str) -> Result<Self, Vec<ModelError>> {
        let stream = decode::stream(path, text).map_err(|error| vec![error])?;
        decode::single(path, &stream).map_err(|error| vec![error])?;
        let at = At {
            file: path,
            document: 0,
        };
        let required = decode::document(&stream, at, "Repository", |_, parts| requires(at, parts));
        if let Ok(Some(error)) = required {
            return Err(vec![error]);
        }
        let read = decode::document(&stream, at, "Repository", |decoder, parts| {
            repository(at, decoder, parts)
        });
        let mut repository = read?;
        repository.text = blob_id(text.as_bytes());
        let errors = repository.contradictions();
        if errors.is_empty() {
            Ok(repository)
        } else {
            Err(errors)
        }
    }

    /// Environments that contradict each other.
    fn contradictions(&self) -> Vec<ModelError> {
        let mut errors = Vec::new();
        for (index, entry) in self.environments.iter().enumerate() {
            for other in &self.environments[..index] {
                errors.extend(clash(entry, other));
            }
            if let Some(source) = &entry.promote_from {
                errors.extend(self.unknown_source(entry, source));
            }
        }
        if errors.is_empty() {
            errors.extend(self.promotion_cycle());
        }
        errors
    }

    fn unknown_source(
        &self,
        entry: &EnvironmentEntry,
        source: &EnvironmentName,
    ) -> Option<ModelError> {
        if self.environment(source.as_str()).is_some() {
            return None;
        }
        let known = self.environments.iter().map(|it| it.name.as_str());
        let problem = Problem::Unknown {
            what: "environment",
            name: source.to_string(),
            suggestion: nearest(
                source.as_str(),
                known.filter(|name| *name != entry.name.as_str()),
            ),
        };
        Some(ModelError::new(entry.location.clone(), problem))
    }

    fn promotion_cycle(&self) -> Option<ModelError> {
        self.environments.iter().find_map(|start| {
            let mut names = vec![start.name.to_string()];
            let mut at = start;
            while let Some(source) = &at.promote_from {
                names.push(source.to_string());
                at = self.environment(source.as_str())?;
                if at.name == start.name {
                    let problem = Problem::Cycle {
                        what: "environments are promoted from each other",
                        names,
                    };
                    return Some(ModelError::new(start.location.clone(), problem));
                }
                if names.len() > self.environments.len() {
                    return None;
                }
            }
            None
        })
    }
}

/// Two environments with one name, or at places that overlap.
fn clash(entry: &EnvironmentEntry, other: &EnvironmentEntry) -> Option<ModelError> {
    let first = other.location.clone();
    let name = entry.name.to_string();
    if entry.name == other.name {
        let problem = Problem::Duplicate {
            what: "environment",
            name,
            first,
        };
        return Some(ModelError::new(entry.location.clone(), problem));
    }
    if entry.branch != other.branch {
        return None;
    }
    let how = if entry.path == other.path {
        (entry.files_pattern() == other.files_pattern()).then_some("at the same place as")?
    } else if entry.files.is_some() || other.files.is_some() {
        return None;
    } else if entry.path.starts_with(&other.path) {
        "inside"
    } else if other.path.starts_with(&entry.path) {
        "around"
    } else {
        return None;
    };
    let problem = Problem::SamePlace {
        name,
        how,
        other: other.name.to_string(),
        first,
    };
    Some(ModelError::new(entry.location.clone(), problem))
}

/// `Some(Some(error))` when the file wants another version of this tool.
#[allow(
    clippy::option_option,
    reason = "the outer one says that the file was read"
)]
fn requires(at: At<'_>, parts: Parts<'_>) -> Option<Option<ModelError>> {
    let Some(range) = parts
        .spec
        .and_then(|spec| spec.fields()?.optional("requires"))
    else {
        return Some(None);
    };
    let wanted = range.string()?;
    let running = env!("CARGO_PKG_VERSION");
    let matches = match (
        semver::VersionReq::parse(&wanted),
        semver::Version::parse(running),
    ) {
        (Ok(wanted), Ok(running)) => wanted.matches(&running),
        _ => return Some(None),
    };
    let problem = Problem::Requires {
        wanted,
        running: running.to_owned(),
    };
    Some((!matches).then(|| ModelError::new(at.of(&range), problem)))
}

fn repository<'c>(at: At<'_>, decoder: &'c Decoder<'c>, parts: Parts<'c>) -> Option<Repository> {
    let name = parts.name.and_then(|field| field.parse());
    let Some(spec) = parts.spec else {
        decoder.fail(0, "spec is missing");
        return None;
    };
    let mut spec = spec.fields()?;
    if let Some(range) = spec.optional("requires")
        && let Some(text) = range.string()
        && let Err(error) = semver::VersionReq::parse(&text)
    {
        range.fail(format!("is no range of versions: {error}"));
    }
    let entries = spec.required("environments");
    let items = entries
        .as_ref()
        .map(|field| field.list())
        .unwrap_or_default();
    if let Some(field) = entries.filter(|_| items.is_empty()) {
        field.fail("names no environment");
    }
    let environments = items
        .iter()
        .filter_map(|item| environment(at, item))
        .collect();
    let pull_requests = spec.optional("pullRequests").and_then(|field| {
        field.one_of(&[
            ("none", PullRequests::None),
            ("gitlab", PullRequests::Gitlab),
            ("agit", PullRequests::Agit),
        ])
    });
    let promotion = promotion(at, spec.optional("promotion"));
    let rendered = spec
        .optional("rendered")
        .and_then(|field| folder(&field, "must be a folder inside the environment"));
    let layers = spec
        .optional("layers")
        .map(|field| field.list())
        .unwrap_or_default();
    let layers = layers.iter().filter_map(|item| layer(at, item)).collect();
    let rules = spec
        .optional("rules")
        .map(|field| field.map())
        .unwrap_or_default();
    let registries = spec
        .optional("registries")
        .map(|field| field.map())
        .unwrap_or_default();
    let pins = pins(at, spec.optional("pins"));
    let commit = commit(at, decoder.document(), spec.optional("commit"));
    spec.finish();
    Some(Repository {
        name,
        environments,
        pull_requests: pull_requests.unwrap_or_default(),
        promotion: promotion?,
        rendered,
        layers,
        rules: rules
            .into_iter()
            .filter_map(|(name, field)| Some((name, rule(at, &field)?)))
            .collect(),
        registries: registries
            .into_iter()
            .filter_map(|(host, field)| Some((host, registry(&field)?)))
            .collect(),
        pins,
        commit: commit?,
        text: blob_id(b""),
    })
}

fn environment(at: At<'_>, item: &Field<'_>) -> Option<EnvironmentEntry> {
    let mut fields = item.fields()?;
    let name = fields
        .required("name")
        .and_then(|field| at.parse::<EnvironmentName>(&field));
    let branch = fields.required("branch").and_then(|field| field.parse());
    let path = match fields.optional("path") {
        Some(field) => folder(
            &field,
            "must be a folder; leave it out for the branch's root",
        )?,
        None => RepoPath::root(),
    };
    let files = fields.optional("files").and_then(|field| files(&field));
    let source = fields
        .optional("promoteFrom")
        .and_then(|field| at.parse::<EnvironmentName>(&field));
    let write = fields.optional("write").and_then(|field| {
        field.one_of(&[("push", WriteMode::Push), ("branch", WriteMode::Branch)])
    });
    let cluster = fields
        .optional("cluster")
        .and_then(|field| cluster(at, &field));
    let kubernetes = fields
        .optional("kubernetes")
        .and_then(|field| minor_version(&field));
    fields.finish();
    let Located {
        value: name,
        location,
    } = name?;
    let promote_from = source.map(|source| {
        if source.value == name {
            item.fail(format!("is promoted from itself: {name}"));
        }
        source.value
    });
    Some(EnvironmentEntry {
        name,
        branch: branch?,
        path,
        files,
        promote_from,
        write: write.unwrap_or_default(),
        cluster,
        kubernetes,
        location,
    })
}

fn folder(field: &Field<'_>, advice: &str) -> Option<RepoPath> {
    let path: RepoPath = field.parse()?;
    if path.is_root() {
        field.fail(advice);
        return None;
    }
    Some(path)
}

fn files(field: &Field<'_>) -> Option<String> {
    let text = field.string()?;
    if let Err(reason) = FilePattern::parse(&text.replace("{env}", "x")) {
        field.fail(format!("is no pattern: {reason}"));
        return None;
    }
    Some(text)
}

fn minor_version(field: &Field<'_>) -> Option<String> {
    let text = field.string()?;
    let minor = text.strip_prefix("1.").unwrap_or_default();
    if minor.is_empty() || !minor.bytes().all(|b| b.is_ascii_digit()) {
        field.fail(format!(
            "must be a minor version such as \"1.36\", not {text}"
        ));
        return None;
    }
    Some(text)
}

fn cluster(at: At<'_>, field: &Field<'_>) -> Option<ClusterEntry> {
    let mut fields = field.fields()?;
    let text = |fields: &mut Fields<'_>, name| fields.optional(name).and_then(|it| it.string());
    let context = text(&mut fields, "context");
    let uid = text(&mut fields, "uid");
    let namespace = fields.optional("namespace");
    let namespace = namespace.and_then(|field| {
        let text = field.string()?;
        if !is_dns_label(&text) {
            field.fail(format!("{text:?} cannot be a namespace"));
        }
        Some(text)
    });
    fields.finish();
    Some(ClusterEntry {
        context,
        uid,
        namespace,
        location: at.of(field),
    })
}

fn is_dns_label(text: &str) -> bool {
    let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !text.is_empty()
        && text.len() <= 63
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text.chars().all(known)
}

fn promotion(at: At<'_>, field: Option<Field<'_>>) -> Option<Promotion> {
    let mut files: Vec<FilePattern> = Vec::new();
    let mut environment_owned = Vec::new();
    let (mut named, mut check_images) = (false, false);
    if let Some(field) = field {
        let mut fields = field.fields()?;
        if let Some(list) = fields.optional("files") {
            named = true;
            for item in list.list() {
                match item.string().map(|text| FilePattern::parse(&text)) {
                    Some(Ok(pattern)) => files.push(pattern),
                    Some(Err(reason)) => item.fail(format!("is no pattern: {reason}")),
                    None => {}
                }
            }
        }
        environment_owned = at.list(fields.optional("environmentOwned"));
        let checks = fields.optional("checkImages").and_then(|it| it.bool());
        check_images = checks.unwrap_or_default();
        fields.finish();
    }
    if !named {
        files = PROMOTED
            .iter()
            .filter_map(|text| FilePattern::parse(text).ok())
            .collect();
    }
    Some(Promotion {
        files,
        named,
        environment_owned: environment_owned
            .into_iter()
            .map(|path| path.value)
            .collect(),
        check_images,
    })
}

fn layer(at: At<'_>, item: &Field<'_>) -> Option<Layer> {
    let mut fields = item.fields()?;
    let name = fields.required("name").and_then(|field| field.parse());
    let strings = |field: Option<Field<'_>>| field.map(|it| it.strings()).unwrap_or_default();
    let owners = strings(fields.optional("owners"));
    let resources = strings(fields.optional("resources"));
    let components = at.list(fields.optional("components"));
    fields.finish();
    Some(Layer {
        name: name?,
        owners,
        resources,
        components: components.into_iter().map(|it| it.value).collect(),
        location: at.of(item),
    })
}

fn rule(at: At<'_>, field: &Field<'_>) -> Option<RuleEntry> {
    let location = at.of(field);
    // `off` without quotes is a boolean for Kubernetes.
    let level = if field.node().resolved() == Some(Resolved::Bool(false)) {
        RuleLevel::Off
    } else {
        let words = [
            ("off", RuleLevel::Off),
            ("warn", RuleLevel::Warn),
            ("enforce", RuleLevel::Enforce),
        ];
        field.one_of(&words)?
    };
    Some(RuleEntry { level, location })
}

fn registry(field: &Field<'_>) -> Option<RegistryEntry> {
    let mut fields = field.fields()?;
    let layout = fields.optional("layout").and_then(|it| it.string());
    let plain = fields.optional("plainHTTP").and_then(|it| it.bool());
    fields.finish();
    match (layout, plain) {
        (Some(_), Some(true)) => {
            field.fail("has both layout and plainHTTP");
            None
        }
        (Some(layout), _) => Some(RegistryEntry::Layout(layout)),
        (None, Some(true)) => Some(RegistryEntry::PlainHttp),
        (None, _) => {
            field.fail("says neither layout nor plainHTTP: true");
            None
        }
    }
}
