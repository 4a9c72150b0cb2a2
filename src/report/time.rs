//! Points in time: relative for people, RFC 3339 in data. The clock is not
//! read here; whoever asks brings the present along.

use jiff::Timestamp;
use jiff::tz::Offset;

use super::count;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// How long `seconds` are, in the largest unit that says enough: `3 days`.
pub fn lapse(seconds: u64) -> String {
    let (number, unit) = match seconds {
        0..MINUTE => (seconds, "second"),
        MINUTE..HOUR => (seconds / MINUTE, "minute"),
        HOUR..DAY => (seconds / HOUR, "hour"),
        _ if seconds < 60 * DAY => (seconds / DAY, "day"),
        _ if seconds < 730 * DAY => (seconds / (30 * DAY), "month"),
        _ => (seconds / (365 * DAY), "year"),
    };
    count(usize::try_from(number).unwrap_or(usize::MAX), unit)
}

/// `then`, seen from `now` (both in seconds since 1970): `2 days ago`.
pub fn ago(then: i64, now: i64) -> String {
    let distance = now.abs_diff(then);
    match (distance, then > now) {
        (0, _) => "just now".to_owned(),
        (_, false) => format!("{} ago", lapse(distance)),
        // Clocks of two machines differ; a commit may come from tomorrow.
        (_, true) => format!("in {}", lapse(distance)),
    }
}

/// `seconds` since 1970 as RFC 3339 in the zone `offset_minutes` east of UTC.
/// A commit may claim any point in time and any zone: those outside the
/// calendar are written at its nearest end, impossible zones as UTC.
pub fn rfc3339(seconds: i64, offset_minutes: i32) -> String {
    let seconds = seconds.clamp(
        Timestamp::MIN.as_second() + 1,
        Timestamp::MAX.as_second() - 1,
    );
    let moment = Timestamp::from_second(seconds).unwrap_or_default();
    match Offset::from_seconds(offset_minutes.saturating_mul(60)) {
        Ok(offset) if offset_minutes != 0 => moment.display_with_offset(offset).to_string(),
        _ => moment.to_string(),
    }
}

/// The day of `seconds` since 1970 in UTC, `2026-01-31`.
pub fn date(seconds: i64) -> String {
    let moment = rfc3339(seconds, 0);
    moment.split('T').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_unit_that_says_enough() {
        assert_eq!(ago(100, 100), "just now");
        assert_eq!(ago(96, 100), "4 seconds ago");
        assert_eq!(ago(0, 61), "1 minute ago");
        assert_eq!(ago(0, 2 * 86_400 + 5), "2 days ago");
        assert_eq!(ago(0, 90 * 86_400), "3 months ago");
        assert_eq!(ago(0, 800 * 86_400), "2 years ago");
    }

    #[test]
    fn a_commit_from_tomorrow_says_so() {
        assert_eq!(ago(7200, 0), "in 2 hours");
    }

    #[test]
    fn data_carries_the_zone_of_its_author() {
        assert_eq!(rfc3339(1_709_164_800, 0), "2024-02-29T00:00:00Z");
        assert_eq!(rfc3339(0, 120), "1970-01-01T02:00:00+02:00");
        assert_eq!(rfc3339(0, -210), "1969-12-31T20:30:00-03:30");
    }

    #[test]
    fn impossible_values_do_not_panic() {
        assert!(rfc3339(i64::MAX, 0).starts_with("9999-12-"));
        assert!(rfc3339(i64::MIN, i32::MIN).starts_with("-009999-"));
        assert_eq!(rfc3339(0, 100_000), "1970-01-01T00:00:00Z");
    }
}
