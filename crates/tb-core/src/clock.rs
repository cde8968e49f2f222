//! Time as a value. Nothing below the binary reads the wall clock by itself.

use serde::{Deserialize, Serialize};

/// A moment: milliseconds since the Unix epoch, UTC.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The moment `ms` milliseconds after the Unix epoch.
    #[must_use]
    pub const fn from_unix_ms(ms: i64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn unix_ms(self) -> i64 {
        self.0
    }

    /// This moment moved by `ms` milliseconds; saturates at the ends of the range.
    #[must_use]
    pub const fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// RFC 3339 with milliseconds, in UTC: `2026-11-23T13:12:00.000Z`.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        jiff::Timestamp::from_millisecond(self.0)
            .map_or_else(|_| self.0.to_string(), |moment| format!("{moment:.3}"))
    }

    /// Reads RFC 3339 with any offset.
    #[must_use]
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        text.parse::<jiff::Timestamp>().ok().map(|moment| Self(moment.as_millisecond()))
    }

    /// The form of dates in HTTP headers (RFC 9110, 5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`.
    #[must_use]
    pub fn to_http_date(self) -> String {
        jiff::Timestamp::from_millisecond(self.0).map_or_else(
            |_| self.0.to_string(),
            |moment| moment.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string(),
        )
    }

    /// The UTC calendar day, `2026-11-23`.
    #[must_use]
    pub fn utc_day(self) -> String {
        self.to_rfc3339().split('T').next().unwrap_or_default().to_owned()
    }
}

/// Where moments come from. The binary passes the system clock, tests pass one they set.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_and_reads_moments_as_the_standards_have_them() {
        let moment = Timestamp(784_111_777_000);
        assert_eq!(moment.to_http_date(), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(Timestamp::parse_rfc3339(&moment.to_rfc3339()), Some(moment));
        assert_eq!(Timestamp::parse_rfc3339("1994-11-06T09:49:37+01:00"), Some(moment));
        assert_eq!(Timestamp::parse_rfc3339("1994-11-06"), None);
    }
}
