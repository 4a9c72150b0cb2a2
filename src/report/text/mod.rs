//! One file per report: what a person reads on a terminal. Answer first, then
//! why, then what to type next; aligned columns, no boxes, colour only adds.

pub mod bump_image;
mod diff;
mod history;
mod pins;
pub mod promote;
pub mod render;
mod rollback;
mod status;
mod validate;

pub use diff::diff;
pub use history::history;
pub use pins::pins;
pub use rollback::{rollback, rollback_candidates, rollback_data, rollback_refusal};
pub use status::status;
pub use validate::validate;
