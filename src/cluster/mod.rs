//! Adapter: the Kubernetes API server.
