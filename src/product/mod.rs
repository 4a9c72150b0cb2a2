//! What a GitOps repository says: products, components, environments, templates, pins. Pure.

mod compare;

pub use compare::{Base, Class, Difference, compare, value_at};
