//! Image references on the distribution grammar.
//!
//! The author's spelling is kept and written back byte for byte; the normalised
//! form (`docker.io`, `library/`) exists for comparing only. "No tag" stays
//! different from `latest`. Refuses bare image ids.

use std::fmt;
use std::str::FromStr;

use super::tag::{Digest, DigestError, Tag, TagError};

/// A reference as somebody wrote it: `[host/]path[:tag][@digest]`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    name: String,
    /// Length of the host in `name`, when one is written.
    host: Option<usize>,
    tag: Option<Tag>,
    digest: Option<Digest>,
}

/// A repository of a registry, normalised: equal values mean the same place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Repository {
    host: String,
    path: String,
}

/// Why a text is no image reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// Nothing stands there, or nothing before the tag.
    #[error("the image has no name")]
    Empty,
    /// A scheme such as `https://` stands before the name.
    #[error("an image reference has no scheme, but this one starts with {0:?}")]
    Scheme(String),
    /// The host part is no host.
    #[error("{0:?} is no registry host")]
    Host(String),
    /// A path component breaks the grammar.
    #[error("{component:?} is no part of an image name: {reason}")]
    Component {
        /// The component.
        component: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The name is longer than 255 characters.
    #[error("an image name has at most 255 characters, this one has {0}")]
    TooLong(usize),
    /// 64 hexadecimal digits: an image id, which names nothing in a registry.
    #[error("64 hexadecimal digits are an image id, which no registry can be asked for")]
    ImageId,
    /// The part after `:`.
    #[error("tag {text:?}: {source}")]
    Tag {
        /// What stands there.
        text: String,
        /// Why it is no tag.
        source: TagError,
    },
    /// The part after `@`.
    #[error("digest {text:?}: {source}")]
    Digest {
        /// What stands there.
        text: String,
        /// Why it is no digest.
        source: DigestError,
    },
}

impl Reference {
    /// The name as written: host and path, without tag and digest.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The host as written, if one is.
    pub fn host(&self) -> Option<&str> {
        self.host.map(|length| &self.name[..length])
    }

    /// The path as written: the name without its host.
    pub fn path(&self) -> &str {
        self.host
            .map_or(&self.name, |length| &self.name[length + 1..])
    }

    /// The last segment of the path, which names the component where nothing else does.
    pub fn last_segment(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or(&self.name)
    }

    /// The tag, when one is written.
    pub fn tag(&self) -> Option<&Tag> {
        self.tag.as_ref()
    }

    /// The digest, when one is written.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// The place in a registry, normalised.
    pub fn repository(&self) -> Repository {
        let host = self.host().unwrap_or("docker.io").to_ascii_lowercase();
        let host = match host.as_str() {
            "index.docker.io" | "registry-1.docker.io" => "docker.io".to_owned(),
            _ => host,
        };
        let path = self.path();
        let path = if host == "docker.io" && !path.contains('/') {
            format!("library/{path}")
        } else {
            path.to_owned()
        };
        Repository { host, path }
    }

    /// The same name with this tag and digest instead.
    #[must_use]
    pub fn with(&self, tag: Option<Tag>, digest: Option<Digest>) -> Reference {
        Reference {
            tag,
            digest,
            ..self.clone()
        }
    }

    /// The reference in its normalised spelling.
    #[must_use]
    pub fn normalised(&self) -> Reference {
        self.repository()
            .reference(self.tag.clone(), self.digest.clone())
    }

    /// Whether both name the same repository, however they are spelt.
    pub fn same_repository(&self, other: &Reference) -> bool {
        self.repository() == other.repository()
    }
}

impl Repository {
    /// The registry's host and port, lower case, `docker.io` for Docker Hub.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The path in the registry, with `library/` where Docker Hub needs it.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// A reference into this repository.
    pub fn reference(&self, tag: Option<Tag>, digest: Option<Digest>) -> Reference {
        Reference {
            name: format!("{}/{}", self.host, self.path),
            host: Some(self.host.len()),
            tag,
            digest,
        }
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.host, self.path)
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        if let Some(end) = text.find("://") {
            return Err(ReferenceError::Scheme(text[..end + 3].to_owned()));
        }
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(parse_digest(digest)?)),
            None => (text, None),
        };
        // A colon after the last slash starts a tag; before it, a port.
        let slash = rest.rfind('/').map_or(0, |at| at + 1);
        let (name, tag) = match rest[slash..].find(':') {
            Some(colon) => {
                let (name, tag) = rest.split_at(slash + colon);
                (name, Some(parse_tag(&tag[1..])?))
            }
            None => (rest, None),
        };
        let host = parse_name(name)?;
        Ok(Reference {
            name: name.to_owned(),
            host,
            tag,
            digest,
        })
    }
}

fn parse_tag(text: &str) -> Result<Tag, ReferenceError> {
    text.parse().map_err(|source| ReferenceError::Tag {
        text: text.to_owned(),
        source,
    })
}

fn parse_digest(text: &str) -> Result<Digest, ReferenceError> {
    text.parse().map_err(|source| ReferenceError::Digest {
        text: text.to_owned(),
        source,
    })
}

/// Checks a name and gives the length of its host.
fn parse_name(name: &str) -> Result<Option<usize>, ReferenceError> {
    if name.is_empty() {
        return Err(ReferenceError::Empty);
    }
    if name.len() > 255 {
        return Err(ReferenceError::TooLong(name.len()));
    }
    if name.len() == 64 && name.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(ReferenceError::ImageId);
    }
    let host = match name.split_once('/') {
        Some((first, _)) if is_host_like(first) => {
            check_host(first)?;
            Some(first.len())
        }
        _ => None,
    };
    let path = host.map_or(name, |length| &name[length + 1..]);
    for component in path.split('/') {
        check_component(component)?;
    }
    Ok(host)
}

fn is_host_like(first: &str) -> bool {
    first.contains(['.', ':']) || first.eq_ignore_ascii_case("localhost")
}

fn check_host(host: &str) -> Result<(), ReferenceError> {
    let wrong = || ReferenceError::Host(host.to_owned());
    let (name, port) = if let Some(rest) = host.strip_prefix('[') {
        let (address, after) = rest.split_once(']').ok_or_else(wrong)?;
        address.parse::<std::net::Ipv6Addr>().map_err(|_| wrong())?;
        match after.strip_prefix(':') {
            Some(port) => (None, Some(port)),
            None if after.is_empty() => (None, None),
            None => return Err(wrong()),
        }
    } else {
        match host.split_once(':') {
            Some((name, port)) => (Some(name), Some(port)),
            None => (Some(host), None),
        }
    };
    if let Some(port) = port
        && (!port.bytes().all(|b| b.is_ascii_digit()) || port.parse::<u16>().is_err())
    {
        return Err(wrong());
    }
    let labels_hold = name.is_none_or(|name| {
        name.split('.').all(|label| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-')
        })
    });
    if labels_hold { Ok(()) } else { Err(wrong()) }
}

/// `[a-z0-9]+` joined by `.`, `_`, `__` or any number of `-`.
fn check_component(component: &str) -> Result<(), ReferenceError> {
    let wrong = |reason| {
        Err(ReferenceError::Component {
            component: component.to_owned(),
            reason,
        })
    };
    if component.is_empty() {
        return wrong("it is empty");
    }
    if component.bytes().any(|b| b.is_ascii_uppercase()) {
        return wrong("upper case letters do not belong there");
    }
    let inside = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
    if !component.bytes().all(inside) {
        return wrong("only a-z, 0-9, '.', '_' and '-' belong there");
    }
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = component.as_bytes();
    if !alphanumeric(bytes[0]) || !alphanumeric(bytes[bytes.len() - 1]) {
        return wrong("it starts and ends with a letter or digit");
    }
    let separators = component.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    for separator in separators.filter(|text| !text.is_empty()) {
        let dashes = separator.bytes().all(|b| b == b'-');
        if !dashes && !matches!(separator, "." | "_" | "__") {
            return wrong("between letters stand one '.', one or two '_', or dashes");
        }
    }
    Ok(())
}

impl fmt::Display for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name)?;
        if let Some(tag) = &self.tag {
            write!(formatter, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(formatter, "@{digest}")?;
        }
        Ok(())
    }
}

impl serde::Serialize for Reference {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl serde::Serialize for Repository {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Reference {
        text.parse()
            .unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn parts_and_spelling_are_kept() {
        let hex = "0".repeat(64);
        let text = format!("registry.example.com:5000/shop/cart:v1.2@sha256:{hex}");
        let reference = parse(&text);
        assert_eq!(reference.to_string(), text);
        assert_eq!(reference.host(), Some("registry.example.com:5000"));
        assert_eq!(reference.path(), "shop/cart");
        assert_eq!(reference.last_segment(), "cart");
        assert_eq!(reference.tag().unwrap().as_str(), "v1.2");
        assert_eq!(reference.digest().unwrap().hex(), hex);
        for text in [
            "nginx",
            "nginx:1",
            "library/nginx",
            "localhost/x:1",
            "[::1]:5000/a/b",
            "my-host:80/a__b/c--d:_",
            "a.b/c",
            "shop/cart",
            "Example.COM/shop/cart",
        ] {
            assert_eq!(parse(text).to_string(), text);
        }
    }

    #[test]
    fn no_tag_is_not_latest() {
        assert_eq!(parse("nginx").tag(), None);
        assert_ne!(parse("nginx"), parse("nginx:latest"));
    }

    #[test]
    fn only_host_like_first_parts_are_hosts() {
        assert_eq!(parse("shop/cart").host(), None);
        assert_eq!(parse("localhost/cart").host(), Some("localhost"));
        assert_eq!(parse("[::1]/cart").host(), Some("[::1]"));
        assert_eq!(parse("cart:5000").host(), None);
        assert_eq!(parse("cart:5000").tag().unwrap().as_str(), "5000");
    }

    #[test]
    fn docker_hub_is_one_place_however_spelt() {
        let all = [
            "nginx",
            "library/nginx",
            "docker.io/nginx",
            "docker.io/library/nginx:1",
            "index.docker.io/library/nginx",
            "registry-1.docker.io/library/nginx",
        ];
        for text in all {
            assert!(parse(text).same_repository(&parse("nginx")), "{text}");
        }
        assert_eq!(
            parse("nginx:1").normalised().to_string(),
            "docker.io/library/nginx:1"
        );
        assert_eq!(
            parse("shop/cart").repository().to_string(),
            "docker.io/shop/cart"
        );
        assert_eq!(
            parse("registry.example.com/nginx").repository().path(),
            "nginx"
        );
        assert!(parse("EXAMPLE.com/a").same_repository(&parse("example.com/a")));
    }

    #[test]
    fn what_no_registry_takes_is_refused_with_the_reason() {
        let table = [
            ("", "the image has no name"),
            (":v1", "the image has no name"),
            ("https://example.com/a", "no scheme"),
            ("example.com/Shop/a", "upper case"),
            ("R/x", "upper case"),
            ("example.com//a", "it is empty"),
            ("a/", "it is empty"),
            ("a..b", "between letters"),
            ("-a", "starts and ends"),
            ("a b", "only a-z"),
            ("nginx:ü", "does not belong in a tag"),
            ("nginx:", "a tag may not be empty"),
            ("nginx@sha256:12", "64 hexadecimal digits"),
            ("nginx@", "a digest looks like"),
            ("exa_mple.com/a", "no registry host"),
            ("example.com:99999/a", "no registry host"),
            ("[::z]/a", "no registry host"),
        ];
        for (text, reason) in table {
            let error = text.parse::<Reference>().unwrap_err().to_string();
            assert!(error.contains(reason), "{text:?}: {error}");
        }
        assert_eq!(
            "0".repeat(64).parse::<Reference>(),
            Err(ReferenceError::ImageId)
        );
        assert!("a".repeat(256).parse::<Reference>().is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_text_parses_to_itself_or_is_refused(text in "[a-zA-Z0-9._:/@\\-\\[\\]ü]{0,40}") {
            if let Ok(reference) = text.parse::<Reference>() {
                prop_assert_eq!(reference.to_string(), text);
                let normalised = reference.normalised();
                prop_assert_eq!(normalised.normalised(), normalised.clone());
                prop_assert_eq!(normalised.to_string().parse::<Reference>().unwrap(), normalised);
            }
        }

        #[test]
        fn well_formed_references_are_taken(
            host in "((([a-zA-Z][a-zA-Z0-9-]{0,5}[a-z0-9]\\.[a-zA-Z]{2,3}|localhost|\\[[0-9a-f]{1,4}::[0-9A-F]{1,4}\\])(:[1-9][0-9]{0,3})?|[a-z]{1,6}:[1-9][0-9]{0,3})/)?",
            path in "[a-z0-9]{1,8}(/[a-z0-9]{1,8}([._-][a-z0-9]{1,8}){0,2}){0,3}",
            tag in "(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,12})?",
            digest in "(@sha256:[0-9a-f]{64})?",
        ) {
            let text = format!("{host}{path}{tag}{digest}");
            let reference = text.parse::<Reference>().unwrap();
            prop_assert_eq!(reference.to_string(), text);
        }
    }
}
