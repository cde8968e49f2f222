//! How long a provider asks to wait.

use std::time::Duration;

use http::HeaderMap;

/// Longer waits mean "not today": a day, in milliseconds.
const MAX_MS: u64 = 86_400_000;

/// Milliseconds to wait, from `retry-after-ms`, `x-ms-retry-after-ms`, `retry-after` (seconds,
/// or an HTTP date taken against the answer's own `date`, since there is no clock here), else
/// from the `x-ratelimit-reset-*` of the exhausted dimension. At most a day.
#[must_use]
pub fn retry_after_ms(headers: &HeaderMap) -> Option<u64> {
    text(headers, "retry-after-ms")
        .or_else(|| text(headers, "x-ms-retry-after-ms"))
        .and_then(|value| millis(value, 1.0))
        .or_else(|| text(headers, "retry-after").and_then(|value| retry_after(headers, value)))
        .or_else(|| reset(headers))
        .map(|ms| ms.min(MAX_MS))
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// A non-negative decimal number times `scale` milliseconds, rounded up.
fn millis(value: &str, scale: f64) -> Option<u64> {
    let number = value.parse::<f64>().ok().filter(|number| !number.is_nan())?;
    let seconds = number * scale / 1_000.0;
    let capped = seconds.min(Duration::from_millis(MAX_MS).as_secs_f64());
    let nanos = Duration::try_from_secs_f64(capped).ok()?.as_nanos();
    u64::try_from(nanos.div_ceil(1_000_000)).ok()
}

fn retry_after(headers: &HeaderMap, value: &str) -> Option<u64> {
    if let Some(ms) = millis(value, 1_000.0) {
        return Some(ms);
    }
    let until = httpdate::parse_http_date(value).ok()?;
    let now = httpdate::parse_http_date(text(headers, "date")?).ok()?;
    let wait = until.duration_since(now).unwrap_or_default();
    u64::try_from(wait.as_millis()).ok()
}

/// The longest reset among the dimensions with nothing left.
fn reset(headers: &HeaderMap) -> Option<u64> {
    [
        ("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
        ("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
    ]
    .into_iter()
    .filter(|(remaining, _)| text(headers, remaining) == Some("0"))
    .filter_map(|(_, reset)| go_duration(text(headers, reset)?))
    .filter(|ms| *ms > 0)
    .max()
}

/// A Go duration (`1h2m3.5s`, `12ms`), or plain seconds as Azure sends them.
fn go_duration(value: &str) -> Option<u64> {
    let mut rest = value;
    let mut total = 0u64;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, tail) = rest.split_at_checked(digits)?;
        let letters = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at_checked(letters)?;
        let scale = match unit {
            "h" => 3_600_000.0,
            "m" => 60_000.0,
            "s" | "" => 1_000.0,
            "ms" => 1.0,
            "us" | "µs" => 0.001,
            "ns" => 0.000_001,
            _ => return None,
        };
        total = total.saturating_add(millis(number, scale)?);
        rest = tail;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(pairs: &[(&'static str, &'static str)]) -> Option<u64> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().unwrap());
        }
        retry_after_ms(&headers)
    }

    #[test]
    fn prefers_the_most_exact_header() {
        assert_eq!(wait(&[("retry-after-ms", "250"), ("retry-after", "1")]), Some(250));
        assert_eq!(wait(&[("x-ms-retry-after-ms", "70"), ("retry-after", "1")]), Some(70));
        assert_eq!(wait(&[("retry-after", "1.5")]), Some(1_500));
        assert_eq!(wait(&[]), None);
    }

    #[test]
    fn takes_http_dates_against_the_answers_own_date() {
        let until = ("retry-after", "Mon, 23 Nov 2026 12:00:30 GMT");
        assert_eq!(wait(&[until, ("date", "Mon, 23 Nov 2026 12:00:00 GMT")]), Some(30_000));
        assert_eq!(wait(&[until, ("date", "Mon, 23 Nov 2026 13:00:00 GMT")]), Some(0));
        assert_eq!(wait(&[until]), None);
    }

    #[test]
    fn waits_for_the_exhausted_dimension() {
        let both = [
            ("x-ratelimit-remaining-requests", "5"),
            ("x-ratelimit-reset-requests", "6m0s"),
            ("x-ratelimit-remaining-tokens", "0"),
            ("x-ratelimit-reset-tokens", "1m2.5s"),
        ];
        assert_eq!(wait(&both), Some(62_500));
        assert_eq!(go_duration("12ms"), Some(12));
        assert_eq!(go_duration("1h0m1s"), Some(3_601_000));
        assert_eq!(go_duration("7"), Some(7_000));
        assert_eq!(go_duration("-1"), None);
        assert_eq!(go_duration("soon"), None);
    }

    #[test]
    fn refuses_absurd_values() {
        for value in ["-1", "NaN", "soon", ""] {
            assert_eq!(wait(&[("retry-after", value)]), None, "{value}");
        }
        assert_eq!(wait(&[("retry-after", "1e300")]), Some(MAX_MS));
        assert_eq!(wait(&[("retry-after", "inf")]), Some(MAX_MS));
    }
}
