//! Operations: gather (read-only), plan (pure), publish (the only writer).

pub mod backport;
pub mod bump_image;
pub mod commit;
pub mod demo;
pub mod diff;
pub mod estate;
pub mod history;
pub mod init;
pub mod pins;
pub mod promote;
pub mod publish;
pub mod render;
pub mod rerender;
pub mod rollback;
pub mod status;
pub mod validate;
mod validate_live;

pub use validate_live::{
    ADMISSION, CONFLICT, Fidelity, LiveError, LiveReport, LiveRequest, NO_NAMESPACE, REFUSED,
    UNKNOWN_KIND, Unjudged, WARNING, validate_live,
};
