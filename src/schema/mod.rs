//! Adapter: embedded and user-supplied schemas.
