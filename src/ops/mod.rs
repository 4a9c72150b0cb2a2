//! Operations: gather (read-only), plan (pure), publish (the only writer).

pub mod backport;
pub mod bump_image;
pub mod commit;
pub mod comparison;
pub mod demo;
pub mod diff;
mod edited;
pub mod estate;
mod followed;
pub mod history;
pub mod init;
pub mod merge_driver;
pub mod pins;
pub mod promote;
pub mod publish;
mod records;
pub mod registries;
pub mod render;
mod right_cluster;
pub mod rollback;
pub mod status;
mod together;
pub mod validate;
mod validate_live;

pub use right_cluster::{LiveError, LiveRequest};
pub use together::get_ready;
pub use validate_live::{
    ADMISSION, CONFLICT, Fidelity, LiveReport, NO_NAMESPACE, REFUSED, UNKNOWN_KIND, Unjudged,
    WARNING, validate_live,
};
