//! Finding and reading `gitops.yaml`: raw to resolved, each value with its origin.
