//! Tags and digests as the distribution specification spells them.
//! Refuses everything a registry would refuse, so that no bad name travels on.

use std::fmt;
use std::str::FromStr;

/// A tag: one to 128 of `A-Z a-z 0-9 _ . -`, not starting with `.` or `-`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(String);

/// Why a text is not a tag.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TagError {
    /// No text.
    #[error("a tag may not be empty")]
    Empty,
    /// Longer than the specification's 128 characters.
    #[error("a tag has at most 128 characters, this one has {0}")]
    TooLong(usize),
    /// A character that tags do not have, at this place (counted from 1).
    #[error("character {character:?} at place {place} does not belong in a tag")]
    Character {
        /// The character.
        character: char,
        /// Its place, counted in characters from 1.
        place: usize,
    },
}

impl Tag {
    /// The tag as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the name of something that hangs on an image instead of an
    /// image: cosign's and the referrers fallback's `sha256-<hex>[.sig|.att|.sbom]`.
    pub fn is_attachment(&self) -> bool {
        let Some((algorithm, rest)) = self.0.split_once('-') else {
            return false;
        };
        let length = match algorithm {
            "sha256" => 64,
            "sha384" => 96,
            "sha512" => 128,
            _ => return false,
        };
        // The specification cuts long digests to 64 characters in referrer tags.
        let hex = rest.bytes().take_while(u8::is_ascii_hexdigit).count();
        (hex == length || hex == 64) && matches!(rest.as_bytes().get(hex), None | Some(b'.' | b'-'))
    }
}

impl FromStr for Tag {
    type Err = TagError;

    fn from_str(text: &str) -> Result<Self, TagError> {
        if text.is_empty() {
            return Err(TagError::Empty);
        }
        for (index, character) in text.chars().enumerate() {
            let inside = character.is_ascii_alphanumeric()
                || character == '_'
                || (index > 0 && matches!(character, '.' | '-'));
            if !inside {
                let place = index + 1;
                return Err(TagError::Character { character, place });
            }
        }
        if text.len() > 128 {
            return Err(TagError::TooLong(text.len()));
        }
        Ok(Tag(text.to_owned()))
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl AsRef<str> for Tag {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl serde::Serialize for Tag {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// A content digest, `algorithm:hex`, by one of the two algorithms that the image
/// specification registers: what is written can be proven by anybody who reads it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(String);

/// Algorithms with their number of hexadecimal digits (OCI image specification,
/// "Registered Algorithms").
const ALGORITHMS: [(&str, usize); 2] = [("sha256", 64), ("sha512", 128)];

/// Why a text is not a digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// Not of the shape `algorithm:hex`.
    #[error("a digest looks like sha256:<64 hexadecimal digits>")]
    Shape,
    /// An algorithm that no registry has to know, or a broken one.
    #[error("the algorithm of a digest is sha256 or sha512, not {algorithm}")]
    Algorithm {
        /// The algorithm.
        algorithm: String,
    },
    /// A known algorithm with another number of digits.
    #[error("a {algorithm} digest has {wanted} hexadecimal digits, this one has {found}")]
    Length {
        /// The algorithm.
        algorithm: String,
        /// Digits it should have.
        wanted: usize,
        /// Digits that it has.
        found: usize,
    },
}

impl Digest {
    /// The SHA-256 digest of these bytes.
    pub fn sha256(bytes: &[u8]) -> Digest {
        use sha2::Digest as _;
        spell("sha256", &sha2::Sha256::digest(bytes))
    }

    /// Checks bytes against this digest.
    ///
    /// # Errors
    /// The digest that the bytes really have, by the same algorithm.
    pub fn check(&self, bytes: &[u8]) -> Result<(), Digest> {
        use sha2::Digest as _;
        let found = match self.algorithm() {
            "sha512" => spell("sha512", &sha2::Sha512::digest(bytes)),
            _ => Digest::sha256(bytes),
        };
        if found == *self { Ok(()) } else { Err(found) }
    }

    /// The whole digest as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The algorithm, such as `sha256`.
    pub fn algorithm(&self) -> &str {
        self.0
            .split_once(':')
            .map_or("", |(algorithm, _)| algorithm)
    }

    /// The hexadecimal digits.
    pub fn hex(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, hex)| hex)
    }

    /// Enough of the digest for a person: the algorithm and twelve digits.
    pub fn short(&self) -> String {
        let hex = self.hex();
        format!("{}:{}", self.algorithm(), hex.get(..12).unwrap_or(hex))
    }
}

fn spell(algorithm: &str, bytes: &[u8]) -> Digest {
    use std::fmt::Write as _;
    let mut text = format!("{algorithm}:");
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    Digest(text)
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let (algorithm, hex) = text.split_once(':').ok_or(DigestError::Shape)?;
        let mut parts = algorithm.split(['+', '.', '-', '_']);
        let named = parts.all(|part| {
            part.starts_with(|c: char| c.is_ascii_lowercase())
                && part
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        });
        let digits = hex
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if !named || !digits || hex.is_empty() {
            return Err(DigestError::Shape);
        }
        let known = ALGORITHMS.iter().find(|(name, _)| *name == algorithm);
        match known {
            None => Err(DigestError::Algorithm {
                algorithm: algorithm.to_owned(),
            }),
            Some((_, wanted)) if *wanted != hex.len() => Err(DigestError::Length {
                algorithm: algorithm.to_owned(),
                wanted: *wanted,
                found: hex.len(),
            }),
            Some(_) => Ok(Digest(text.to_owned())),
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl AsRef<str> for Digest {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl serde::Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_what_a_registry_takes() {
        for good in ["latest", "v1.2.3", "_x", "1.0-alpha_2", &"a".repeat(128)] {
            assert_eq!(good.parse::<Tag>().unwrap().as_str(), good);
        }
        assert_eq!("".parse::<Tag>(), Err(TagError::Empty));
        assert_eq!("a".repeat(129).parse::<Tag>(), Err(TagError::TooLong(129)));
        for (bad, place) in [(".x", 1), ("-x", 1), ("a b", 2), ("ü", 1), ("a\u{1b}[", 2)] {
            match bad.parse::<Tag>() {
                Err(TagError::Character { place: found, .. }) => assert_eq!(found, place),
                other => panic!("{bad:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn tags_of_signatures_are_told_from_images() {
        let hex = "0".repeat(64);
        for attached in ["", ".sig", ".att", ".sbom", "-x"] {
            let tag: Tag = format!("sha256-{hex}{attached}").parse().unwrap();
            assert!(tag.is_attachment(), "{tag}");
        }
        for image in ["sha256-1234", "v1.2.3", "sha256", "sha1-0000"] {
            assert!(!image.parse::<Tag>().unwrap().is_attachment(), "{image}");
        }
        assert!(
            !format!("sha256-{hex}x")
                .parse::<Tag>()
                .unwrap()
                .is_attachment()
        );
    }

    #[test]
    fn digests_have_the_length_of_their_algorithm() {
        let good = format!("sha256:{}", "ab".repeat(32));
        let digest: Digest = good.parse().unwrap();
        assert_eq!(
            (digest.algorithm(), digest.short().as_str()),
            ("sha256", "sha256:abababababab")
        );
        assert!(matches!(
            "sha256:abcd".parse::<Digest>(),
            Err(DigestError::Length {
                wanted: 64,
                found: 4,
                ..
            })
        ));
        for bad in [
            "",
            "sha256",
            "sha256:",
            &good.to_uppercase(),
            "x:12",
            ":ab",
            "sha256:zz",
        ] {
            assert!(bad.parse::<Digest>().is_err(), "{bad}");
        }
        let long = format!("sha512:{}", "0".repeat(128));
        assert_eq!(long.parse::<Digest>().unwrap().as_str(), long);
        for (algorithm, digits) in [("md5", 32), ("sha1", 40), ("sha384", 96), ("blake3", 64)] {
            let text = format!("{algorithm}:{}", "0".repeat(digits));
            let algorithm = algorithm.to_owned();
            assert_eq!(
                text.parse::<Digest>(),
                Err(DigestError::Algorithm { algorithm })
            );
        }
    }

    #[test]
    fn bytes_are_checked_by_the_algorithm_of_their_digest() {
        for algorithm in ["sha256", "sha512"] {
            let digest: Digest = match algorithm {
                "sha256" => Digest::sha256(b"x"),
                _ => "sha512:a4abd4448c49562d828115d13a1fccea927f52b4d5459297f8b43e42da89238bc13626e43dcb38ddb082488927ec904fb42057443983e88585179d50551afe62".parse().unwrap(),
            };
            assert_eq!(digest.check(b"x"), Ok(()));
            assert_eq!(digest.check(b"y").unwrap_err().algorithm(), algorithm);
        }
    }

    #[test]
    fn digests_of_bytes_are_the_published_ones() {
        assert_eq!(
            Digest::sha256(b"").as_str(),
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }
}
