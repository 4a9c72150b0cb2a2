//! What must not be shown: secrets that this program sent, credentials inside of
//! addresses, values that are named or shaped like secrets. Refuses to know where a text
//! comes from or who reads it: adapters mask what others answered, reports mask what
//! repositories hold, and both do it here.

mod assigned;
mod beside;
mod commands;
mod concealed;
mod embedded;
mod folded;
mod lines;
mod names;
mod needles;
mod pairs;
mod sent;
mod settings;
mod shapes;
mod text;
mod values;

pub use concealed::Concealed;
pub use lines::Lines;
pub use names::is_secret_name;
pub use sent::Sent;
pub use shapes::{redact, redact_shapes};
pub use text::{clean, mask, mask_address, presentable};
pub use values::{HIDDEN, Secrecy, Step, is_secret_text};

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
