//! Who and when, as it stands in a commit. Refuses characters that would end
//! the field early.

use std::fmt;
use std::str::FromStr;

/// The author or committer of a commit.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Signature {
    /// The name.
    pub name: String,
    /// The mail address.
    pub email: String,
    /// Seconds since 1970-01-01 UTC.
    pub seconds: i64,
    /// The zone, in minutes east of UTC.
    pub offset_minutes: i32,
}

/// Why a line is not a signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{line:?} is not \"Name <address> seconds zone\"")]
pub struct SignatureError {
    /// What was read.
    pub line: String,
}

impl FromStr for Signature {
    type Err = SignatureError;

    /// Reads what `git var GIT_AUTHOR_IDENT` prints.
    fn from_str(line: &str) -> Result<Self, SignatureError> {
        parse(line.trim_end()).ok_or_else(|| SignatureError {
            line: line.to_owned(),
        })
    }
}

fn parse(line: &str) -> Option<Signature> {
    let (name, rest) = line.split_once('<')?;
    let (email, when) = rest.rsplit_once('>')?;
    let (seconds, zone) = when.trim().split_once(' ')?;
    let (sign, digits) = match zone.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = digits.split_at_checked(digits.len().checked_sub(2)?)?;
    Some(Signature {
        name: name.trim().to_owned(),
        email: email.trim().to_owned(),
        seconds: seconds.parse().ok()?,
        offset_minutes: sign * (hours.parse::<i32>().ok()? * 60 + minutes.parse::<i32>().ok()?),
    })
}

fn clean(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control() && !matches!(c, '<' | '>'))
        .collect()
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let zone = self.offset_minutes.abs();
        write!(
            f,
            "{} <{}> {} {}{:02}{:02}",
            clean(&self.name),
            clean(&self.email),
            self.seconds,
            if self.offset_minutes < 0 { '-' } else { '+' },
            zone / 60,
            zone % 60
        )
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_survives_reading_and_writing() {
        for line in [
            "Ada <ada@example.com> 1700000000 +0530",
            "Ada B. <ada@example.com> 1700000000 -0930",
            " <> 0 +0000",
        ] {
            let signature: Signature = line.parse().unwrap();
            assert_eq!(signature.to_string(), line);
        }
        let west: Signature = "a <b> 1 -0130".parse().unwrap();
        assert_eq!(west.offset_minutes, -90);
        for bad in ["", "a <b>", "a <b> x +0000", "a <b> 1 0000", "a <b> 1 +é"] {
            assert!(bad.parse::<Signature>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_name_cannot_forge_another_header() {
        let forged = Signature {
            name: "x>\ncommitter y".into(),
            email: "a>b".into(),
            seconds: 1,
            offset_minutes: 0,
        };
        assert_eq!(forged.to_string(), "xcommitter y <ab> 1 +0000");
    }
}
