//! Calendar periods in a time zone.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span as CivilSpan, Timestamp as Moment};

use crate::{Budget, BudgetWindow, Timestamp};

/// A calendar period: from its first moment to the first one after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// The first moment.
    pub begin: Timestamp,
    /// The first moment of the next one.
    pub end: Timestamp,
}

impl Period {
    /// The period of `budget` in which `now` lies. A zone that is not known counts as UTC.
    #[must_use]
    pub fn of(budget: &Budget, now: Timestamp) -> Self {
        Self::at(budget.window, &zone(&budget.time_zone), now)
    }

    pub(super) fn at(window: BudgetWindow, zone: &TimeZone, now: Timestamp) -> Self {
        Self::calendar(window, zone, now).unwrap_or_else(|| Self::days_of_the_epoch(now))
    }

    /// Where the calendar ends (the year 9999) there are days of 24 hours.
    fn days_of_the_epoch(now: Timestamp) -> Self {
        const DAY_MS: i64 = 86_400_000;
        let begin = Timestamp(now.0.saturating_sub(now.0.rem_euclid(DAY_MS)));
        Self { begin, end: begin.plus_ms(DAY_MS) }
    }

    fn calendar(window: BudgetWindow, zone: &TimeZone, now: Timestamp) -> Option<Self> {
        let today = Moment::from_millisecond(now.0).ok()?.to_zoned(zone.clone()).date();
        let (first, length) = match window {
            BudgetWindow::Day => (today, CivilSpan::new().days(1)),
            BudgetWindow::Week => {
                let since_monday = today.weekday().to_monday_zero_offset();
                let monday = today.checked_sub(CivilSpan::new().days(since_monday)).ok()?;
                (monday, CivilSpan::new().weeks(1))
            }
            BudgetWindow::Month => (today.first_of_month(), CivilSpan::new().months(1)),
            BudgetWindow::Quarter => {
                let month = (today.month() - 1) / 3 * 3 + 1;
                (Date::new(today.year(), month, 1).ok()?, CivilSpan::new().months(3))
            }
        };
        let next = first.checked_add(length).ok()?;
        Some(Self { begin: midnight(first, zone)?, end: midnight(next, zone)? })
    }
}

/// The first moment of a day; where midnight is skipped, the first one after it.
fn midnight(day: Date, zone: &TimeZone) -> Option<Timestamp> {
    let first = day.to_zoned(zone.clone()).ok()?.timestamp();
    Some(Timestamp(first.as_millisecond()))
}

/// A zone by its IANA name, UTC where it is not known: the configuration checks names.
pub(super) fn zone(name: &str) -> TimeZone {
    if name == "UTC" { TimeZone::UTC } else { TimeZone::get(name).unwrap_or(TimeZone::UTC) }
}
