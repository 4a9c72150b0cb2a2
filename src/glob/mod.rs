//! Globs over names and paths, with limits: one that goes beyond them is refused. Imports
//! nothing, and all rooms may use it.

use std::fmt;

use globset::{GlobBuilder, GlobMatcher};

/// The longest glob, in bytes. The longest that people write are lists of folders in braces.
/// See `docs/limits.md`.
pub const LONGEST: usize = 1024;

/// The deepest braces within braces. The regular expression that a glob becomes nests as
/// deep, and is refused by its engine somewhere above 50.
/// See `docs/limits.md`.
pub const DEEPEST: usize = 8;

/// The most alternatives in the braces of one glob: each is tried at each place.
/// See `docs/limits.md`.
pub const ALTERNATIVES: usize = 256;

/// A pattern that names are matched with.
#[derive(Debug, Clone)]
pub struct Glob(GlobMatcher);

/// What `*` may match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// All characters: the names are no paths.
    Names,
    /// All but `/`, which `**` matches, too; a backslash is a character like others.
    Paths,
}

/// Why a text is not a glob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GlobError {
    /// It is longer than [`LONGEST`].
    Long,
    /// Its braces nest deeper than [`DEEPEST`].
    Deep,
    /// It has more than [`ALTERNATIVES`].
    Many,
    /// It does not follow the rules, in the words of the parser.
    Syntax(String),
}

impl std::error::Error for GlobError {}

impl fmt::Display for GlobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Long => write!(f, "longer than {LONGEST} bytes"),
            Self::Deep => write!(f, "braces nested deeper than {DEEPEST}"),
            Self::Many => write!(f, "more than {ALTERNATIVES} alternatives in braces"),
            Self::Syntax(reason) => f.write_str(reason),
        }
    }
}

impl Glob {
    /// Reads a glob.
    ///
    /// # Errors
    /// It is not one, or goes beyond a limit.
    pub fn new(text: &str, over: Over) -> Result<Self, GlobError> {
        if text.len() > LONGEST {
            return Err(GlobError::Long);
        }
        let (mut depth, mut deepest, mut commas) = (0_usize, 0, 0);
        for byte in text.bytes() {
            match byte {
                b'{' => depth += 1,
                b'}' => depth = depth.saturating_sub(1),
                b',' if depth > 0 => commas += 1,
                _ => {}
            }
            deepest = deepest.max(depth);
        }
        if deepest > DEEPEST {
            return Err(GlobError::Deep);
        }
        if commas >= ALTERNATIVES {
            return Err(GlobError::Many);
        }
        let mut builder = GlobBuilder::new(text);
        if over == Over::Paths {
            builder.literal_separator(true).backslash_escape(false);
        }
        let glob = builder.build();
        let glob = glob.map_err(|error| GlobError::Syntax(error.kind().to_string()))?;
        Ok(Self(glob.compile_matcher()))
    }

    /// The same for a name that is not UTF-8.
    pub fn is_match_bytes(&self, name: &[u8]) -> bool {
        let candidate = globset::Candidate::from_bytes(name);
        self.0.is_match_candidate(&candidate)
    }

    /// Whether a name or path is meant.
    pub fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn stars_stay_within_a_folder_of_paths_only() {
        assert!(
            Glob::new("*.yaml", Over::Names)
                .unwrap()
                .is_match("a/b.yaml")
        );
        assert!(
            !Glob::new("*.yaml", Over::Paths)
                .unwrap()
                .is_match("a/b.yaml")
        );
        assert!(
            Glob::new("**/*.yaml", Over::Paths)
                .unwrap()
                .is_match("a/b.yaml")
        );
        assert!(Glob::new("v{1,{2,3}}", Over::Names).unwrap().is_match("v3"));
    }

    #[test]
    fn globs_beyond_a_limit_are_refused_and_none_within_it_fails_to_compile() {
        let braces = |deep: usize| format!("{}a{}", "{".repeat(deep), "}".repeat(deep));
        let refused = |text: &str| Glob::new(text, Over::Paths).unwrap_err();
        assert_eq!(refused(&braces(400)), GlobError::Deep);
        assert_eq!(refused(&braces(5000)), GlobError::Long);
        assert_eq!(refused(&"{".repeat(5000)), GlobError::Long);
        assert_eq!(
            refused(&format!("{{{}}}", ",a".repeat(400))),
            GlobError::Many
        );
        assert!(matches!(refused("a["), GlobError::Syntax(_)));
        assert!(matches!(refused("{a"), GlobError::Syntax(_)));
        for text in [
            braces(DEEPEST),
            "?".repeat(LONGEST),
            "*".repeat(LONGEST),
            "**/".repeat(LONGEST / 3),
            "é".repeat(LONGEST / 2),
            "[!a-é]".repeat(LONGEST / 7),
            format!("{{{}}}", ",?*".repeat(ALTERNATIVES - 1)),
        ] {
            for over in [Over::Paths, Over::Names] {
                let glob = Glob::new(&text, over).unwrap();
                let _ = glob.is_match(&"a/".repeat(2000));
            }
        }
    }
}
