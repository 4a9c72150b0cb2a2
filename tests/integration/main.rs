//! Behaviour as a person at a terminal would notice it, against real components.
