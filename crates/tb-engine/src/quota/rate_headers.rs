//! What is left of a caller's limits, as the headers that clients of OpenAI read.

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
    let mut text = String::with_capacity(32);
    let number = |text: &mut String, number: u64| {
        text.clear();
        push_number(text, number);
        HeaderValue::from_str(text).ok()
    };
    let (most, left) = (number(&mut text, room.most)?, number(&mut text, room.left)?);
    text.clear();
    push_duration(&mut text, room.resets_in_ms);
    Some([most, left, HeaderValue::from_str(&text).ok()?])
}

/// Decimal digits: six numbers stand in every answer, and formatting costs more than the limits.
fn push_number(text: &mut String, number: u64) {
    if number >= 10 {
        push_number(text, number / 10);
    }
    text.push(char::from_digit(u32::try_from(number % 10).unwrap_or(0), 10).unwrap_or('0'));
}

/// `120ms`, `8.64s`, `6m0s`, `23h59m5s`: durations as OpenAI writes them.
fn push_duration(text: &mut String, ms: u64) {
    if ms < 1_000 {
        push_number(text, ms);
        text.push_str(if ms == 0 { "s" } else { "ms" });
        return;
    }
    let (hours, minutes) = (ms / 3_600_000, ms / 60_000 % 60);
    let (seconds, rest) = (ms / 1_000 % 60, ms % 1_000);
    if hours > 0 {
        push_number(text, hours);
        text.push('h');
    }
    if hours > 0 || minutes > 0 {
        push_number(text, minutes);
        text.push('m');
    }
    push_number(text, seconds);
    if rest > 0 {
        text.push('.');
        for digit in [rest / 100, rest / 10 % 10, rest % 10] {
            push_number(text, digit);
        }
        text.truncate(text.trim_end_matches('0').len());
    }
    text.push('s');
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
            let mut written = String::new();
            push_duration(&mut written, ms);
            assert_eq!(written, text);
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
