//! What keeps a template from taking all of the stack, the memory or the time.
//!
//! The engine counts steps and the bytes that they make. Not counted by it: text that nests
//! without end ([`text`]), lists that it puts together lazily and values that hold themselves
//! many times over ([`values`], which [`guard`] lets the template use), what comparisons look
//! at ([`comparing`], [`sorting`]), and what else takes long in one step ([`bench`]).

mod bench;
mod comparing;
mod guard;
mod joined;
mod sorting;
mod text;
mod values;

pub(super) use bench::{Bench, PATIENCE, Stuck, on_known_stack};
pub(super) use guard::{Guarded, guarded};
pub(super) use text::TextFault;
pub(super) use values::Size;

/// Adds the guarded operations to an engine, and puts bounded ones in the place of its own.
pub(super) fn install(engine: &mut minijinja::Environment<'_>) {
    values::install(engine);
    comparing::install(engine);
    sorting::install(engine);
}

#[cfg(test)]
mod tests;
