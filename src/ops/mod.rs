//! Operations: gather (read-only), plan (pure), publish (the only writer).

pub mod demo;
pub mod estate;
pub mod publish;
pub mod validate;
mod validate_live;

pub use validate_live::{
    ADMISSION, CONFLICT, Fidelity, LiveError, LiveReport, LiveRequest, NO_NAMESPACE, REFUSED,
    UNKNOWN_KIND, Unjudged, WARNING, validate_live,
};
pub mod diff;
pub mod status;
