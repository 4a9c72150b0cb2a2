//! Promotion: the units of one environment written into another as one commit.
//!
//! [`prepare`] makes a plan that is complete, the caller shows it, and `ops::publish`
//! writes it.

mod error;
mod images;
mod message;
mod prepare;
mod reviewed;
mod validation;

pub use error::PromoteError;
pub use images::look_for_images;
pub use message::{planned, planned_together};
pub use prepare::prepare;
pub use reviewed::{PLAN_SCHEMA, Reviewed, ReviewedError};
