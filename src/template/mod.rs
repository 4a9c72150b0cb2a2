//! Rendering: products, environments and templates to resources. Pure.
