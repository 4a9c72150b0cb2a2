//! What Git stores, without Git: ids, paths, snapshots, change sets, commit messages.
