//! `usage`: sums over usage rows, read from the storage, also while a server runs.

use std::process::ExitCode;

use tb_core::ports::UsageQuery;
use tb_core::{Clock, Timestamp};
use tb_engine::SystemClock;
use tb_server::admin::{parse_group_by, period_ms, usage_columns, usage_values};

use crate::cli::Usage;
use crate::configuration::Configuration;
use crate::failure::Failed;
use crate::output::{Format, Rows};
use crate::storage;

/// Prints the sums.
pub(super) fn run(
    options: &Usage,
    configuration: &Configuration,
    format: Format,
) -> anyhow::Result<ExitCode> {
    let by = parse_group_by(&options.by).map_err(Failed::usage)?;
    let since = options.since.as_deref().map(moment).transpose()?;
    let until = options.until.as_deref().map(moment).transpose()?;
    let loaded = configuration.load_loudly(true)?;
    let stores = storage::open_existing(&loaded.snapshot)?;
    let mut rows = Rows::new(usage_columns(&by));
    for sum in stores.usage.sum(&UsageQuery { by, since, until })? {
        rows.push(usage_values(&sum));
    }
    rows.print(format)?;
    Ok(ExitCode::SUCCESS)
}

/// `7d` before now, a day (from its midnight in UTC), or a moment of RFC 3339.
pub(super) fn moment(text: &str) -> Result<Timestamp, Failed> {
    if let Some(ms) = period_ms(text) {
        return Ok(SystemClock.now().plus_ms(-ms));
    }
    let midnight = || {
        let day: jiff::civil::Date = text.parse().ok()?;
        day.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|moment| moment.timestamp())
    };
    // A date alone also parses as a moment in some notations, so the date is tried first.
    midnight()
        .or_else(|| text.parse().ok())
        .map(|moment| Timestamp::from_unix_ms(moment.as_millisecond()))
        .ok_or_else(|| {
            Failed::usage(format!(
                "`{text}` is not a moment; write 7d, 2026-11-01 or 2026-11-01T12:00:00Z"
            ))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_days_and_moments() {
        assert_eq!(moment("1970-01-02").unwrap().unix_ms(), 86_400_000);
        assert_eq!(moment("1970-01-01T00:00:01Z").unwrap().unix_ms(), 1_000);
        assert_eq!(moment("1970-01-01T01:00:00+01:00").unwrap().unix_ms(), 0);
        assert!(moment("yesterday").is_err());
    }
}
