//! The only YAML walker: documents with byte spans, scalars as Kubernetes reads
//! them, decoding of our own kinds, and edits that keep every other byte.
//!
//! Text is parsed once into a [`Stream`]; everything else points into it by
//! byte [`Span`]. Values leave as [`serde_json::Value`]. Refused: files that are
//! Go templates, keys that are not scalars, alias bombs, and nesting without end.

mod decode;
mod edit;
mod emit;
mod error;
mod node;
mod parse;
mod parts;
mod path;
mod quick;
mod scalar;
mod stream;
mod value;

pub use decode::{DecodeError, Decoder, Field, Fields};
pub use edit::{EditError, Editor, Wish, literal_indent, set_strings};
pub use emit::{needs_quotes, quote, to_yaml};
pub use error::{YamlError, YamlErrorKind};
pub use node::{Entry, Node, NodeKind, Position, Properties, Scalar, Span, Style};
pub use parts::{Part, Parts};
pub use path::{Path, PathError, Step, said_of, value_at};
pub use scalar::Resolved;
pub use stream::{Document, Stream};
pub use value::parse_values;
