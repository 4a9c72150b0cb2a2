//! What a GitOps repository says: products, components, environments, templates, pins. Pure.
