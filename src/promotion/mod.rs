//! Promotion: the units of one environment compared with those of another, what becomes
//! of each difference, and the bytes that follow. Pure.
//!
//! Owns what a unit is, how two states of it are compared, what the records on the
//! target say, and the plan with its digest. Knows nothing of Git, registries or
//! clusters: whoever gathers [`Facts`] does. State is copied by unit and key path;
//! branches are never merged and commits never replayed.

mod adoption;
mod aliases;
mod answers;
mod author;
mod base;
mod bytes;
mod compare;
mod confidential;
mod content;
mod decisions;
mod digest;
mod dotenv;
mod error;
mod facts;
mod file_bytes;
mod files;
pub mod gate;
#[cfg(test)]
mod histories;
mod images;
mod items;
mod judge;
mod left_out;
mod listed;
pub mod merge;
mod mode;
mod next_record;
mod only;
mod past;
mod pins;
mod places;
mod plan;
mod planner;
mod promoted_files;
mod record;
mod record_text;
mod records;
mod renames;
mod request;
mod rolled_back;
mod seal;
mod selection;
mod settle;
mod shape;
mod splice;
mod texts;
mod units;
mod versions;
mod warnings;
mod window;

pub use answers::{Answers, Unreached};
pub use author::Author;
pub(crate) use bytes::result as edits;
pub(crate) use bytes::{Scope, backported};
pub use compare::{Base, Class, Difference, compare, same};
pub(crate) use confidential::of as secrecy_of;
pub use content::together;
pub use decisions::Item;
pub(crate) use digest::Approved;
pub(crate) use dotenv::{is_named as is_dotenv, values as dotenv_values};
pub use error::PlanError;
pub(crate) use facts::understand;
pub use facts::{AtTip, Facts, Side, StaleFile};
pub use files::Shares;
pub(crate) use files::{FileRules, align};
pub use gate::{Guard, GuardError};
pub use items::compared;
pub use judge::{Line, Marks, Unit, judge, questions};
pub(crate) use left_out::{LeftOut, sentence};
pub use mode::file_of;
pub use next_record::{Extent, Promoted, Tip, adopted};
pub use past::{End, Lines, Past, Pasts, Questions, State};
pub use pins::Arriving;
pub(crate) use pins::{files_of as pin_files, units as pin_units};
pub use places::is_place;
pub use plan::{Plan, Refusal, VersionChange};
pub use planner::{decided, plan};
pub use promoted_files::PromotedFiles;
pub(crate) use promoted_files::{own_path, shared_name};
pub use record::{FileState, Kept, Origin, Record, RecordError, Refused, RefusedContent};
pub use record::{Sighting, Writer, canonical, content_digest};
pub use renames::Renames;
pub use request::Request;
pub use rolled_back::RolledBack;
pub use selection::{SelectError, UnitSelector};
pub use settle::{Answer, Decision, settle};
pub use shape::{TextRule, other_shapes, shape, text_follows, unit_shape};
pub use texts::{Text, TextLine};
pub use units::{UnitId, Units, share_units, units};
pub(crate) use versions::{templates, version, versions};
