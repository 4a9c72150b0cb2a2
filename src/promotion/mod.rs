//! Promotion: the units of one environment compared with those of another, what becomes
//! of each difference, and the bytes that follow. Pure.
//!
//! Owns what a unit is, how two states of it are compared, what the records on the
//! target say, and the plan with its digest. Knows nothing of Git, registries or
//! clusters: whoever gathers [`Facts`] does. State is copied by unit and key path;
//! branches are never merged and commits never replayed.

mod bytes;
mod compare;
mod confidential;
mod content;
mod decisions;
mod digest;
mod error;
mod facts;
mod file_bytes;
mod files;
mod images;
mod items;
mod left_out;
mod listed;
mod only;
mod pins;
mod plan;
mod planner;
mod promoted_files;
mod record;
mod records;
mod rename;
mod request;
mod selection;
mod splice;
mod units;
mod versions;
mod warnings;

pub(crate) use bytes::result as edits;
pub(crate) use bytes::{Scope, backported};
pub use compare::{Base, Class, Difference, compare, same};
pub(crate) use confidential::of as secrecy_of;
pub use content::together;
pub use decisions::{Decision, Item};
pub(crate) use digest::digest;
pub use error::PlanError;
pub(crate) use facts::understand;
pub use facts::{Facts, Side, StaleFile};
pub use files::Shares;
pub(crate) use files::{FileRules, align};
pub use items::compared;
pub(crate) use left_out::{LeftOut, sentence};
pub use pins::Arriving;
pub(crate) use pins::units as pin_units;
pub use plan::{Plan, Refusal, VersionChange};
pub use planner::plan;
pub use promoted_files::PromotedFiles;
pub(crate) use promoted_files::own_path;
pub use record::{Kept, Record, RecordError, Refused, canonical, content_digest};
pub use request::Request;
pub use selection::{SelectError, UnitSelector};
pub use units::{UnitId, Units, share_units, units};
pub(crate) use versions::{templates, version, versions};
