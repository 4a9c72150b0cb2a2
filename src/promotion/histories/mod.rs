//! Generated histories of three environments, promoted by the rules of this room and
//! watched by an oracle that knows who meant what.
#![allow(
    clippy::unwrap_used,
    clippy::too_many_arguments,
    clippy::needless_range_loop,
    reason = "a model of a world: units and keys are numbers, and rows of several tables"
)]

mod dice;
mod figures;
mod oracle;
mod people;
mod promotion;
mod tests;
mod world;
