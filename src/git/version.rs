//! Which `git` program this is: only asked when one does not know an option.

/// The oldest Git that works, as major and minor version: `git fetch` knows
/// `--no-write-fetch-head` and `--stdin` since 2.29, and a credential helper of one
/// address is matched by its whole origin since 2.26. One release later, the oldest that
/// a supported distribution (Debian 11) has.
pub const OLDEST_GIT: (u32, u32) = (2, 30);

/// How Git ends that does not know an option.
pub(super) const USAGE: i32 = 129;

/// Reads `git version 2.39.5 (Apple Git-154)`.
pub(super) fn version(said: &str) -> Option<(u32, u32)> {
    let numbers = said.trim().strip_prefix("git version ")?;
    let mut numbers = numbers.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(
            version("git version 2.39.5 (Apple Git-154)\n"),
            Some((2, 39))
        );
        assert_eq!(version("git version 2.9.0.windows.1"), Some((2, 9)));
        assert_eq!(version("git version 3.0-rc0"), None);
        assert_eq!(version(""), None);
        assert!(version("git version 2.9.0") < Some(OLDEST_GIT));
    }
}
