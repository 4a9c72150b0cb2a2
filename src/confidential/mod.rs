//! What must not be shown: secrets that this program sent, credentials inside of
//! addresses, values that are named or shaped like secrets. Refuses to know where a text
//! comes from or who reads it: adapters mask what others answered, reports mask what
//! repositories hold, and both do it here.

mod sent;
mod text;

pub use sent::Sent;
pub use text::{clean, mask, mask_address, presentable};
