//! The names that people give to environments, components, templates, layers
//! and products. They become folders, file names, label values and words of
//! the command line, so anything that one of those could misread is refused.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The longest name, in characters: what a Kubernetes label value may hold.
const LIMIT: usize = 63;

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} cannot be the name of {what}: {reason}")]
pub struct NameError {
    /// What was read.
    pub name: String,
    /// What it was meant to name.
    pub what: &'static str,
    /// The rule that it breaks.
    pub reason: &'static str,
}

fn broken_rule(name: &str) -> Option<&'static str> {
    let ends_well =
        |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    if name.is_empty() {
        return Some("it is empty");
    }
    if name.len() > LIMIT {
        return Some("it has more than 63 characters");
    }
    let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
    if !name.chars().all(known) {
        return Some("only lower-case letters, digits, '-', '_' and '.' may stand in it");
    }
    if !ends_well(name.chars().next()) || !ends_well(name.chars().next_back()) {
        return Some("it must start and end with a letter or digit");
    }
    if name.contains("..") {
        return Some("it contains '..'");
    }
    None
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident = $what:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(name: &str) -> Result<Self, NameError> {
                match broken_rule(name) {
                    None => Ok(Self(name.into())),
                    Some(reason) => Err(NameError { name: name.to_owned(), what: $what, reason }),
                }
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(&self.0)
            }
        }
    )*};
}

names! {
    /// The name of an environment.
    EnvironmentName = "an environment";
    /// The name of a component.
    ComponentName = "a component";
    /// The name of a template.
    TemplateName = "a template";
    /// The name of a layer.
    LayerName = "a layer";
    /// The name of a product.
    ProductName = "a product";
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn names_that_a_path_or_label_could_misread_are_refused() {
        for good in ["a", "cart", "redis-cart", "api.v2", "x_1", "0"] {
            assert_eq!(good.parse::<ComponentName>().unwrap().as_str(), good);
        }
        let long = "a".repeat(64);
        for bad in [
            "",
            "-a",
            "a-",
            ".",
            "..",
            "a..b",
            "a/b",
            "Cart",
            "a b",
            "ü",
            "a\n",
            "a,b",
            "a=b",
            long.as_str(),
        ] {
            assert!(bad.parse::<ComponentName>().is_err(), "{bad:?}");
        }
    }
}
