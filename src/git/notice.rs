//! What a person may want to know while it happens: it takes its time, or was
//! not asked for. Facts only; the words are the edge's.

/// Something that Git does beside what it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// More history is fetched into a shallow repository.
    Deepening {
        /// The remote.
        remote: String,
        /// How many more commits of each branch.
        commits: u32,
    },
    /// The remote hands out whole histories only, so that is what is fetched.
    WholeHistory {
        /// The remote.
        remote: String,
    },
    /// The copy of a repository was damaged, and another one is made.
    CopyMadeAnew {
        /// The repository.
        of: String,
    },
}
