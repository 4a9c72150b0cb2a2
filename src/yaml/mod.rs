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
mod shape;
mod stream;
mod value;
mod written;

pub use decode::{DecodeError, Decoder, Field, Fields};
pub use edit::{Aliases, EditError, Editor, Wish, literal_indent, same_values, set_strings};
pub use emit::{needs_quotes, quote, to_yaml, to_yaml_as_written};
pub use error::{YamlError, YamlErrorKind};
pub use node::{Entry, Node, NodeKind, Position, Properties, Scalar, Span, Style};
pub use parts::{Part, Parts};
pub use path::{Path, PathError, Step, said_of, value_at};
pub use scalar::Resolved;
pub use shape::{entry_key, entry_span, entry_spans, masked};
pub use stream::{Document, Stream};
pub use value::{parse_values, written_values};
pub use written::{Written, from_record, is_null, plain, shown, str_of, text_of, to_record};
