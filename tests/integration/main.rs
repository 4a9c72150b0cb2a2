//! Behaviour as a person at a terminal would notice it, against real components.
#![allow(unreachable_pub, reason = "a test binary has no other crate to reach")]

mod components;
mod support;
