//! Time as data: microseconds since 1970 in UTC. The clock is read at the edge only.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Microseconds since 1970-01-01T00:00:00Z.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Time(pub i64);

/// Microseconds of a day.
pub const DAY_US: i64 = 86_400_000_000;

impl Time {
    /// Reads an RFC 3339 time, any offset.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let stamp: Timestamp = text.parse().ok()?;
        Some(Self(stamp.as_microsecond()))
    }

    /// This time and a number of seconds, saturating.
    #[must_use]
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1_000_000)))
    }

    /// Days since 1970: the time bucket in which idempotency keys lie.
    #[must_use]
    pub const fn day(self) -> i64 {
        self.0.div_euclid(DAY_US)
    }
}

/// Appwrite's form: `2026-08-21T12:42:38.123+00:00`, milliseconds, always UTC.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stamp = Timestamp::from_microsecond(self.0).unwrap_or(Timestamp::UNIX_EPOCH);
        write!(f, "{}", stamp.strftime("%Y-%m-%dT%H:%M:%S%.3f+00:00"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_digits_and_a_numeric_offset() {
        assert_eq!(Time(0).to_string(), "1970-01-01T00:00:00.000+00:00");
        assert_eq!(
            Time::parse("2026-08-21T14:42:38.123456+02:00").map(|t| t.to_string()),
            Some("2026-08-21T12:42:38.123+00:00".to_owned())
        );
    }

    #[test]
    fn nonsense_is_not_a_time() {
        for text in ["", "yesterday", "2026-13-01T00:00:00Z", "2026-08-21"] {
            assert_eq!(Time::parse(text), None, "{text}");
        }
    }
}
