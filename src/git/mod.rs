//! Adapter: Git's object database, references, fetch and push.
