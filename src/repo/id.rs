//! Object ids, as Git writes them: 40 (SHA-1) or 64 (SHA-256) lowercase
//! hexadecimal digits. Abbreviated ids and revisions are refused; the adapter
//! resolves those.

use std::fmt;
use std::str::FromStr;

use sha1::Digest as _;

/// The hash function that a repository names its objects with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ObjectFormat {
    /// 40 hexadecimal digits, the usual one.
    Sha1,
    /// 64 hexadecimal digits (`extensions.objectFormat = sha256`).
    Sha256,
}

/// Why a text is not an object id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not an object id (40 or 64 hexadecimal digits)")]
pub struct IdError {
    /// What was read.
    pub text: String,
}

fn parse(text: &str) -> Result<Box<str>, IdError> {
    let hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if hex && matches!(text.len(), 40 | 64) {
        Ok(text.to_ascii_lowercase().into_boxed_str())
    } else {
        Err(IdError {
            text: text.to_owned(),
        })
    }
}

macro_rules! object_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Box<str>);

        impl $name {
            /// All digits.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The first seven digits, for people.
            pub fn short(&self) -> &str {
                &self.0[..7]
            }

            /// The hash function that made it.
            pub fn format(&self) -> ObjectFormat {
                if self.0.len() == 40 {
                    ObjectFormat::Sha1
                } else {
                    ObjectFormat::Sha256
                }
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                parse(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), &self.0)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(&self.0)
            }
        }
    };
}

object_id! {
    /// The id of a commit.
    CommitId
}

object_id! {
    /// The id of any object that a reference may point at: a commit, or an annotated tag.
    ObjectId
}

impl From<CommitId> for ObjectId {
    fn from(id: CommitId) -> Self {
        Self(id.0)
    }
}

impl PartialEq<CommitId> for ObjectId {
    fn eq(&self, other: &CommitId) -> bool {
        self.0 == other.0
    }
}

object_id! {
    /// The id of a file's content: equal ids are equal bytes.
    BlobId
}

impl BlobId {
    /// The id with these raw bytes, 20 or 32 of them.
    ///
    /// # Errors
    /// The bytes are no object id.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, IdError> {
        match bytes.len() {
            20 | 32 => Ok(Self(hex(bytes))),
            _ => Err(IdError {
                text: hex(bytes).into(),
            }),
        }
    }
}

/// The id that Git gives these bytes in a SHA-1 repository.
pub fn blob_id(bytes: &[u8]) -> BlobId {
    blob_id_in(ObjectFormat::Sha1, bytes)
}

/// The id that Git gives these bytes in a repository of this format.
pub fn blob_id_in(format: ObjectFormat, bytes: &[u8]) -> BlobId {
    let header = format!("blob {}\0", bytes.len());
    match format {
        ObjectFormat::Sha1 => BlobId(hex(&sha1::Sha1::new()
            .chain_update(header)
            .chain_update(bytes)
            .finalize())),
        ObjectFormat::Sha256 => BlobId(hex(&sha2::Sha256::new()
            .chain_update(header)
            .chain_update(bytes)
            .finalize())),
    }
}

fn hex(bytes: &[u8]) -> Box<str> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text.into_boxed_str()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn blob_ids_are_those_of_git_hash_object() {
        assert_eq!(
            blob_id(b"hello\n").as_str(),
            "ce013625030ba8dba906f756967f9e9ca394464a"
        );
        assert_eq!(
            blob_id(b"").as_str(),
            "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
        );
        assert_eq!(
            blob_id_in(ObjectFormat::Sha256, b"").as_str(),
            "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813"
        );
    }

    #[test]
    fn ids_are_read_whole_and_in_lower_case() {
        let id: CommitId = "CE013625030BA8DBA906F756967F9E9CA394464A".parse().unwrap();
        assert_eq!(id.short(), "ce01362");
        assert_eq!(id.format(), ObjectFormat::Sha1);
        for wrong in ["", "ce01362", "HEAD", &"g".repeat(40), &"a".repeat(41)] {
            assert!(wrong.parse::<CommitId>().is_err(), "{wrong}");
        }
        assert_eq!(
            "a".repeat(64).parse::<BlobId>().unwrap().format(),
            ObjectFormat::Sha256
        );
    }
}
