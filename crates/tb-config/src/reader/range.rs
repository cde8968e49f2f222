//! The ranges of the table of keys.

use std::time::Duration;

use crate::codes::Code;
use crate::keys::{Key, Kind};
use crate::value::amount::{duration, show_size};
use crate::value::{Bytes, Mistake, Value, Written};

/// Ten years: longer times are typing errors, and some clocks cannot add them to now.
const MAX_DURATION: Duration = Duration::from_secs(3_650 * 86_400);

/// Numbers, durations and sizes must lie in the range that the table of keys gives.
pub(super) fn check(rule: &Key, written: Written<'_>) -> Result<(), Mistake> {
    let range = match rule.kind {
        Kind::Whole { min, max } => whole(written, min, max),
        Kind::Duration { min_ms } | Kind::DurationOrForever { min_ms } => time(written, min_ms),
        Kind::Size { min, max } => size(written, min, max),
        _ => None,
    };
    range.map_or(Ok(()), |range| {
        let message = format!("`{}` {range}", rule.name);
        Err(Mistake::new(Code::OutOfRange, message, "choose a value within that range"))
    })
}

/// What the number should be, when it is not.
fn whole(written: Written<'_>, min: i64, max: i64) -> Option<String> {
    let fits = written.integer().is_some_and(|number| (min..=max).contains(&number));
    (!fits).then(|| {
        if max == i64::MAX {
            format!("is at least {min}")
        } else {
            format!("lies between {min} and {max}")
        }
    })
}

fn time(written: Written<'_>, min_ms: u64) -> Option<String> {
    let time = duration(written.text()?).ok()?;
    if time < Duration::from_millis(min_ms) {
        return Some("must be longer than nothing".to_owned());
    }
    (time > MAX_DURATION).then(|| "is at most 3650d".to_owned())
}

fn size(written: Written<'_>, min: u64, max: u64) -> Option<String> {
    let size = Bytes::read(written)?.ok()?.0;
    let range = || format!("lies between {} and {}", show_size(min), show_size(max));
    (!(min..=max).contains(&size)).then(range)
}
