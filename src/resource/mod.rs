//! Kubernetes objects as they stand in files. Pure.
