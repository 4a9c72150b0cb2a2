//! Image references, tags, digests, tag policies and version ranges. Pure.
