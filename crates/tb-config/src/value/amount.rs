//! Amounts with units: durations, sizes and money, in exact integers.

use std::time::Duration;

use crate::codes::Code;
use crate::redact::quoted;
use crate::value::Mistake;

/// Milliseconds of each unit, largest first.
const DURATION_UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Bytes of each unit, largest first; `b`, `kb` and so on by ISO 80000-13.
const SIZE_UNITS: [(&str, u64); 7] = [
    ("gib", 1 << 30),
    ("gb", 1_000_000_000),
    ("mib", 1 << 20),
    ("mb", 1_000_000),
    ("kib", 1 << 10),
    ("kb", 1_000),
    ("b", 1),
];

/// Splits the leading digits off; both parts must be there.
fn leading_number(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end)?;
    Some((digits.parse().ok()?, rest))
}

/// Reads `250ms`, `30s`, `1h30m`, `7d`.
pub(crate) fn duration(text: &str) -> Result<Duration, Mistake> {
    let wrong = || {
        Mistake::new(
            Code::BadDuration,
            format!("{} is not a duration", quoted(text)),
            "write a whole number and a unit: \"250ms\", \"30s\", \"5m\", \"1h\", \"7d\"",
        )
    };
    let mut total: u64 = 0;
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let (number, after) = leading_number(rest).ok_or_else(wrong)?;
        let end = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, next) = after.split_at_checked(end).ok_or_else(wrong)?;
        let (_, ms) = DURATION_UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
        total = number.checked_mul(*ms).and_then(|ms| total.checked_add(ms)).ok_or_else(wrong)?;
        rest = next;
    }
    Ok(Duration::from_millis(total))
}

/// The shortest text that [`duration`] reads back as the same.
pub(crate) fn show_duration(duration: Duration) -> String {
    let ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if ms == 0 {
        return "0s".to_owned();
    }
    let fits = DURATION_UNITS.iter().find(|(_, unit)| ms.is_multiple_of(*unit));
    fits.map_or_else(|| format!("{ms}ms"), |(name, unit)| format!("{}{name}", ms / unit))
}

/// Reads `16MiB`, `1GB`, `512`.
pub(crate) fn size(text: &str) -> Result<u64, Mistake> {
    let read = || {
        let (number, unit) = leading_number(text.trim())?;
        let unit = unit.trim().to_ascii_lowercase();
        if unit.is_empty() {
            return Some(number);
        }
        let (_, bytes) = SIZE_UNITS.iter().find(|(name, _)| *name == unit)?;
        number.checked_mul(*bytes)
    };
    read().ok_or_else(|| {
        Mistake::new(
            Code::BadSize,
            format!("{} is not a size", quoted(text)),
            "write a whole number and a unit: \"512KiB\", \"16MiB\", \"1GB\"",
        )
    })
}

/// The shortest text in binary units that [`size`] reads back as the same.
pub(crate) fn show_size(bytes: u64) -> String {
    for (name, unit) in [("GiB", 1_u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)] {
        if bytes > 0 && bytes.is_multiple_of(unit) {
            return format!("{}{name}", bytes / unit);
        }
    }
    format!("{bytes}B")
}

/// Reads dollars as micro-dollars from their digits: `0.15`, `25.00 usd`.
pub(crate) fn micro_usd(text: &str) -> Result<u64, Mistake> {
    exact_micro_usd(text).ok_or_else(|| {
        Mistake::new(
            Code::BadMoney,
            format!("{} is not an amount of dollars", quoted(text)),
            "write a number with at most six decimals: 0.15, or \"0.15 usd\"",
        )
    })
}

fn exact_micro_usd(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.strip_suffix("usd").or_else(|| text.strip_suffix("USD")).unwrap_or(text);
    let digits = digits.trim_end().strip_prefix('+').unwrap_or(digits.trim_end());
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let only_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !only_digits(whole) || !only_digits(fraction) {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > 6 {
        return None;
    }
    let micro: u64 = format!("{fraction:0<6}").parse().ok()?;
    whole.parse::<u64>().ok()?.checked_mul(1_000_000)?.checked_add(micro)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_durations_and_prints_them_back() {
        for (text, ms) in [
            ("250ms", 250),
            ("30s", 30_000),
            ("5m", 300_000),
            ("1h", 3_600_000),
            ("7d", 604_800_000),
            ("1h30m", 5_400_000),
            ("1m500ms", 60_500),
            ("0s", 0),
        ] {
            let read = duration(text).unwrap();
            assert_eq!(read.as_millis(), ms, "{text}");
            assert_eq!(duration(&show_duration(read)).unwrap(), read, "{text}");
        }
        assert_eq!(show_duration(Duration::from_mins(10)), "10m");
    }

    #[test]
    fn refuses_what_is_not_a_duration() {
        for text in [
            "",
            "30",
            "s",
            "30 sec",
            "1.5s",
            "-1s",
            "30S",
            "99999999999999999999s",
            "9999999999999999d",
            "\u{0663}s",
        ] {
            assert_eq!(duration(text).unwrap_err().code, Code::BadDuration, "{text}");
        }
    }

    #[test]
    fn reads_sizes_and_prints_them_back() {
        for (text, bytes) in [
            ("16MiB", 16 << 20),
            ("512 KiB", 512 << 10),
            ("1GB", 1_000_000_000),
            ("42", 42),
            ("7b", 7),
        ] {
            assert_eq!(size(text).unwrap(), bytes, "{text}");
            assert_eq!(size(&show_size(bytes)).unwrap(), bytes, "{text}");
        }
        for text in ["", "MiB", "1.5MiB", "16 Mi", "99999999999GiB"] {
            assert_eq!(size(text).unwrap_err().code, Code::BadSize, "{text}");
        }
    }

    #[test]
    fn reads_dollars_without_a_float() {
        for (text, micro) in [
            ("0.15", 150_000),
            ("10", 10_000_000),
            ("0.000001", 1),
            ("0.1500000000", 150_000),
            ("25.00 usd", 25_000_000),
            ("0.3", 300_000),
        ] {
            assert_eq!(micro_usd(text).unwrap(), micro, "{text}");
        }
        for text in ["", ".5", "1.", "-1", "1e3", "0.0000001", "1,5", "inf", "99999999999999999"] {
            assert_eq!(micro_usd(text).unwrap_err().code, Code::BadMoney, "{text}");
        }
    }
}
