//! Adapter: OCI registries and image layout directories.
