//! Rendering: products, environments and templates to resources. Pure.
//!
//! Owns how values merge, what a template may see and do, and what rendered
//! files are called. Refuses values that a template does not declare, and
//! everything that would make two renderings of the same tree differ: there is
//! no clock, no chance, no host, no file and no network in here.

mod bounds;
mod chain;
mod collect;
mod context;
mod engine;
mod error;
mod filters;
mod index;
mod inputs;
mod merge;
mod message;
mod render;
mod rerender;
mod scene;
mod split;
mod trace;

pub use chain::get_ready;
pub use engine::Reads;
pub use error::{RenderCause, RenderError, RenderProblem};
pub use index::{IndexedFile, RenderedIndex, sources_digest};
pub use inputs::{Level, LevelKind, levels, origin, served_image};
pub use message::{MessageError, write_message};
pub use render::{
    FILES_FOLDER, RENDERER_VERSION, RenderedFile, Renderer, Rendering, render, render_components,
};
pub use rerender::{
    Before, ChangeKind, KnownRendering, PROOF, RenderedChange, RerenderError, Rerendered, proof,
    rerender, stale,
};
pub(crate) use rerender::{digest, rendered_product};
pub use trace::{Origin, Trace};

#[cfg(test)]
mod tests;
