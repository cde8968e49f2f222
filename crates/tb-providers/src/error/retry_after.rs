//! How long a provider asks to wait.

use std::time::{Duration, SystemTime};

use http::HeaderMap;

/// Longer waits mean "not today": a day, in milliseconds.
const MAX_MS: u64 = 86_400_000;

/// A wait that only a message tells is at most this long, in milliseconds: messages may quote
/// the request.
const MAX_TOLD_MS: u64 = 60_000;

/// Dimensions of rate limits: what remains, and how long until it is full again. OpenAI and
/// Azure give a Go duration or seconds, Anthropic a time (RFC 3339).
const DIMENSIONS: [(&str, &str); 6] = [
    ("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
    ("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
    ("anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset"),
    ("anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"),
    ("anthropic-ratelimit-input-tokens-remaining", "anthropic-ratelimit-input-tokens-reset"),
    ("anthropic-ratelimit-output-tokens-remaining", "anthropic-ratelimit-output-tokens-reset"),
];

/// Milliseconds to wait: the longest of `retry-after-ms`, `x-ms-retry-after-ms`, `retry-after`
/// (seconds, or an HTTP date) and the resets of the exhausted dimensions. Times are taken
/// against the answer's own `date`, since there is no clock here. At most a day.
///
/// A `retry-after` that is `retry-after-ms` rounded up to seconds says nothing more.
#[must_use]
pub fn retry_after_ms(headers: &HeaderMap) -> Option<u64> {
    let exact = ["retry-after-ms", "x-ms-retry-after-ms"]
        .into_iter()
        .filter_map(|name| millis(text(headers, name)?, 1.0))
        .max();
    let rounded = text(headers, "retry-after")
        .and_then(|value| retry_after(headers, value))
        .filter(|ms| exact.is_none_or(|exact| *ms > exact.div_ceil(1_000).saturating_mul(1_000)));
    [exact, rounded, reset(headers)].into_iter().flatten().max().map(|ms| ms.min(MAX_MS))
}

/// The wait that the message of a rate limit tells: "try again in 1.2s", "retry after 17
/// seconds". At most a minute.
pub(super) fn told_in(message: &str) -> Option<u64> {
    let message = message.to_ascii_lowercase();
    let marks = ["try again in ", "retry after ", "retry in "];
    let (_, wait) = marks.iter().find_map(|mark| message.split_once(mark))?;
    let mut words = wait.split_ascii_whitespace();
    let number = words.next()?.trim_end_matches(['.', ',']);
    let unit = words.next().unwrap_or_default();
    let ms = if number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        match unit.trim_end_matches(['.', ',']) {
            "ms" | "millisecond" | "milliseconds" => millis(number, 1.0),
            "s" | "second" | "seconds" => millis(number, 1_000.0),
            "minute" | "minutes" => millis(number, 60_000.0),
            _ => None,
        }
    } else {
        go_duration(number)
    };
    ms.map(|ms| ms.min(MAX_TOLD_MS))
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
    wait_until(headers, until)
}

/// From the answer's `date` until then; 0 when that is past.
fn wait_until(headers: &HeaderMap, until: SystemTime) -> Option<u64> {
    let now = httpdate::parse_http_date(text(headers, "date")?).ok()?;
    let wait = until.duration_since(now).unwrap_or_default();
    u64::try_from(wait.as_millis()).ok()
}

/// The longest reset among the dimensions with nothing left. Azure says -1 for that too.
fn reset(headers: &HeaderMap) -> Option<u64> {
    let resets = DIMENSIONS.into_iter().filter_map(|(remaining, reset)| {
        let remaining = text(headers, remaining)?.parse::<f64>().ok()?;
        let reset = text(headers, reset).filter(|_| remaining <= 0.0)?;
        match reset.parse::<jiff::Timestamp>() {
            Ok(until) => wait_until(headers, SystemTime::from(until)),
            Err(_) => go_duration(reset),
        }
    });
    resets.filter(|ms| *ms > 0).max()
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
    fn takes_the_longest_wait() {
        assert_eq!(wait(&[("retry-after-ms", "250"), ("x-ms-retry-after-ms", "300")]), Some(300));
        assert_eq!(wait(&[("retry-after-ms", "250"), ("retry-after", "5")]), Some(5_000));
        assert_eq!(wait(&[("retry-after-ms", "9000"), ("retry-after", "5")]), Some(9_000));
        assert_eq!(wait(&[("retry-after", "1.5")]), Some(1_500));
        let reset = [
            ("retry-after", "2"),
            ("x-ratelimit-remaining-tokens", "0"),
            ("x-ratelimit-reset-tokens", "6s"),
        ];
        assert_eq!(wait(&reset), Some(6_000));
        assert_eq!(wait(&[]), None);
    }

    #[test]
    fn seconds_that_only_round_milliseconds_say_nothing_more() {
        assert_eq!(wait(&[("retry-after-ms", "250"), ("retry-after", "1")]), Some(250));
        assert_eq!(wait(&[("x-ms-retry-after-ms", "1070"), ("retry-after", "2")]), Some(1_070));
        assert_eq!(wait(&[("retry-after-ms", "0"), ("retry-after", "1")]), Some(1_000));
    }

    #[test]
    fn waits_until_the_times_that_anthropic_tells() {
        let limits = [
            ("date", "Mon, 23 Nov 2026 12:00:00 GMT"),
            ("anthropic-ratelimit-requests-remaining", "12"),
            ("anthropic-ratelimit-requests-reset", "2026-11-23T13:00:00Z"),
            ("anthropic-ratelimit-output-tokens-remaining", "0"),
            ("anthropic-ratelimit-output-tokens-reset", "2026-11-23T12:00:09Z"),
            ("anthropic-ratelimit-tokens-remaining", "0"),
            ("anthropic-ratelimit-tokens-reset", "2026-11-23T14:00:07+02:00"),
        ];
        assert_eq!(wait(&limits), Some(9_000));
        assert_eq!(wait(limits.get(1..).unwrap()), None, "without a date nothing is known");
    }

    #[test]
    fn azure_tells_an_exhausted_dimension_by_minus_one() {
        let azure = [
            ("x-ratelimit-remaining-requests", "-1"),
            ("x-ratelimit-reset-requests", "17"),
            ("x-ratelimit-remaining-tokens", "-1"),
            ("x-ratelimit-reset-tokens", "0"),
        ];
        assert_eq!(wait(&azure), Some(17_000));
        let mut unknown = azure;
        unknown[1].1 = "-1";
        assert_eq!(wait(&unknown), None);
    }

    #[test]
    fn reads_the_wait_in_a_message() {
        for (message, ms) in [
            ("Rate limit reached. Please try again in 1.2s. Visit", Some(1_200)),
            ("Please try again in 6m0s.", Some(60_000)),
            ("Please try again in 20ms.", Some(20)),
            ("Please retry after 17 seconds.", Some(17_000)),
            ("Try again in 2 minutes", Some(60_000)),
            ("retry after a while", None),
            ("retry after 5", None),
            ("retry after ", None),
            ("slow down", None),
        ] {
            assert_eq!(told_in(message), ms, "{message}");
        }
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
