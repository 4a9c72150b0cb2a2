//! Why edits are refused.

use super::super::error::YamlError;
use super::super::node::Position;
use super::super::path::Path;

/// Why an edit was refused. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The text cannot be read or edited at all.
    #[error("{0}")]
    Yaml(#[from] YamlError),
    /// There is no such document.
    #[error("there is no document {}", index + 1)]
    NoDocument {
        /// Which one, from 0.
        index: usize,
    },
    /// There is nothing at the path.
    #[error("{path} is not there")]
    NotFound {
        /// The path.
        path: Path,
    },
    /// The path leads through a value that has no such parts.
    #[error("{path} is not {expected} (line {})", position.line)]
    Kind {
        /// The part of the path that is there.
        path: Path,
        /// What it would have to be.
        expected: &'static str,
        /// Its place.
        position: Position,
    },
    /// The target is an alias, or stands behind one.
    #[error("{path} is the alias {alias} (line {}): its value belongs to another place", position.line)]
    Alias {
        /// The path that is an alias.
        path: Path,
        /// The alias with its `*`.
        alias: String,
        /// Its place.
        position: Position,
    },
    /// The value comes from another mapping through `<<`.
    #[error("{path} is inherited through << (line {})", position.line)]
    Inherited {
        /// The target.
        path: Path,
        /// The place of the value that is inherited.
        position: Position,
    },
    /// The target's value, or one around it, is used again by an alias.
    #[error("{path} is part of a value that the alias at line {} uses too", alias.line)]
    Shared {
        /// The target.
        path: Path,
        /// The place of the alias.
        alias: Position,
    },
    /// The key stands twice.
    #[error("{path} stands twice, at lines {} and {}", first.line, second.line)]
    Duplicate {
        /// The key.
        path: Path,
        /// The first place.
        first: Position,
        /// The second place.
        second: Position,
    },
    /// A shape that is not edited.
    #[error("{path} is written in a way that cannot be edited (line {}): {what}", position.line)]
    Unsupported {
        /// The target.
        path: Path,
        /// What the shape is.
        what: &'static str,
        /// Its place.
        position: Position,
    },
    /// The edited text, read by another parser, is not what was meant.
    #[error("the edited text would not read as it should: {detail}")]
    Unproven {
        /// Where the two readings part.
        detail: String,
    },
}
