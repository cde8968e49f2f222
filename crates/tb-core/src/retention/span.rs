//! Spans of half an hour in UTC, by which files of records are cut.

use std::fmt;

use crate::Timestamp;

/// The length of a span in milliseconds. It and the time between two runs must be less than the
/// hour for which a record may outlive its time, because a file goes as a whole.
pub const SPAN_MS: i64 = 30 * 60 * 1_000;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
const MINUTE_MS: i64 = 60 * 1_000;

/// Half an hour of UTC, written as its beginning: `2026-11-23T1430`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(i64);

impl Span {
    /// The span that holds a moment.
    #[must_use]
    pub const fn of(moment: Timestamp) -> Self {
        Self(moment.unix_ms().div_euclid(SPAN_MS))
    }

    /// Its first moment.
    #[must_use]
    pub const fn start(self) -> Timestamp {
        Timestamp(self.0.saturating_mul(SPAN_MS))
    }

    /// The first moment after it.
    #[must_use]
    pub const fn end(self) -> Timestamp {
        Timestamp(self.0.saturating_add(1).saturating_mul(SPAN_MS))
    }

    /// Reads what `Display` prints.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (day, time) = text.split_once('T')?;
        let (hours, minutes) = time.split_at_checked(2)?;
        let minutes = hours.parse::<i64>().ok()? * 60 + minutes.parse::<i64>().ok()?;
        let span = Self::of(day_start(day)?.plus_ms(minutes * MINUTE_MS));
        (span.to_string() == text).then_some(span)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.start().unix_ms();
        let (year, month, day) = civil(ms.div_euclid(DAY_MS));
        let minutes = ms.rem_euclid(DAY_MS) / MINUTE_MS;
        write!(f, "{year:04}-{month:02}-{day:02}T{:02}{:02}", minutes / 60, minutes % 60)
    }
}

/// The midnight (UTC) with which a calendar day such as `2026-11-23` begins.
#[must_use]
pub fn day_start(text: &str) -> Option<Timestamp> {
    let mut parts = text.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    // Four and five digits: request ids have room for the year 10889.
    if !(0..100_000).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let days = days(year, month, day);
    (civil(days) == (year, month, day)).then(|| Timestamp(days * DAY_MS))
}

/// The calendar day that lies this many days after 1970-01-01, in the proleptic Gregorian
/// calendar (Hinnant, "chrono-compatible low-level date algorithms"): jiff ends with the year
/// 9999, request ids do not.
const fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

/// The reverse of [`civil`].
const fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted_month = (month + 9) % 12;
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}
