//! Operations: gather (read-only), plan (pure), publish (the only writer).
