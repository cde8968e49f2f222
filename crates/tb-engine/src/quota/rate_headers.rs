//! What is left of a caller's limits, as the headers that clients of OpenAI read.

use std::fmt::Write;

use http::{HeaderName, HeaderValue};
use tb_core::quota::{Room, Standing};

use crate::headers as names;

/// The headers of the tightest limits of requests and of tokens.
pub(crate) fn rate_headers(standing: Standing) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
    let requests = (
        [names::LIMIT_REQUESTS, names::REMAINING_REQUESTS, names::RESET_REQUESTS],
        standing.requests,
    );
    let tokens =
        ([names::LIMIT_TOKENS, names::REMAINING_TOKENS, names::RESET_TOKENS], standing.tokens);
    [requests, tokens]
        .into_iter()
        .filter_map(|(names, room)| Some(names.into_iter().zip(values(room?)?)))
        .flatten()
}

fn values(room: Room) -> Option<[HeaderValue; 3]> {
    let reset = HeaderValue::from_str(&duration(room.resets_in_ms)).ok()?;
    Some([HeaderValue::from(room.most), HeaderValue::from(room.left), reset])
}

/// `120ms`, `8.64s`, `6m0s`, `23h59m5s`: durations as OpenAI writes them.
fn duration(ms: u64) -> String {
    let mut text = String::with_capacity(12);
    if ms < 1_000 {
        let unit = if ms == 0 { "s" } else { "ms" };
        let _ = write!(text, "{ms}{unit}");
        return text;
    }
    let (hours, minutes) = (ms / 3_600_000, ms / 60_000 % 60);
    let (seconds, rest) = (ms / 1_000 % 60, ms % 1_000);
    // Writing to a String cannot fail.
    if hours > 0 {
        let _ = write!(text, "{hours}h");
    }
    if hours > 0 || minutes > 0 {
        let _ = write!(text, "{minutes}m");
    }
    let _ = write!(text, "{seconds}");
    if rest > 0 {
        let fraction = format!("{rest:03}");
        let _ = write!(text, ".{}", fraction.trim_end_matches('0'));
    }
    text.push('s');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_clients_read_them() {
        for (ms, text) in [
            (0, "0s"),
            (12, "12ms"),
            (8_640, "8.64s"),
            (60_000, "1m0s"),
            (360_000, "6m0s"),
            (86_345_001, "23h59m5.001s"),
        ] {
            assert_eq!(duration(ms), text);
        }
    }

    #[test]
    fn what_is_not_limited_has_no_header() {
        let room = Room { most: 10, left: 3, resets_in_ms: 61_000 };
        let standing = Standing { tokens: Some(room), requests: None };
        let headers: Vec<_> = rate_headers(standing)
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        let expected = [
            "x-ratelimit-limit-tokens: 10",
            "x-ratelimit-remaining-tokens: 3",
            "x-ratelimit-reset-tokens: 1m1s",
        ];
        assert_eq!(headers, expected);
    }
}
