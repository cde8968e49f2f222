//! Token counts out of a `usage` object, all of OpenAI's key names.

use tb_core::TokenCounts;

use crate::scan::{self, Scan};

/// More tokens than any model handles; larger numbers are cut here so that sums stay exact.
const MAX_TOKENS: u64 = 1_000_000_000_000;

/// The numbers as the provider gave them.
#[derive(Debug, Default)]
struct Raw {
    input: Option<u64>,
    output: Option<u64>,
    total: Option<u64>,
    cached: u64,
    cache_write: u64,
    reasoning: u64,
}

/// Reads a `usage` object: Chat Completions and embeddings (`prompt_tokens`, which includes
/// the cached ones; `completion_tokens`, which includes reasoning) or Responses, images and
/// audio (`input_tokens`, `output_tokens`). `None` when it holds no count.
#[must_use]
pub fn token_counts(usage: &[u8]) -> Option<TokenCounts> {
    let raw = read(usage)?;
    let (input, output) = match (raw.input, raw.output) {
        (None, None) => return None,
        (input, output) => (input.unwrap_or(0), output.unwrap_or(0)),
    };
    let cache_read = raw.cached.min(input);
    let cache_write = raw.cache_write.min(input - cache_read);
    // Some vendors count reasoning beside the completion; their total tells.
    let beside = raw.reasoning > 0 && raw.total == Some(input + output + raw.reasoning);
    let (output_visible, reasoning) = if beside {
        (output, raw.reasoning)
    } else {
        let reasoning = raw.reasoning.min(output);
        (output - reasoning, reasoning)
    };
    Some(TokenCounts {
        input_fresh: input - cache_read - cache_write,
        cache_read,
        cache_write,
        cache_write_1h: 0,
        output_visible,
        reasoning,
    })
}

fn read(usage: &[u8]) -> Option<Raw> {
    let mut raw = Raw::default();
    let mut scan = Scan::object(usage).ok()?;
    while let Some(member) = scan.member().ok()? {
        match member.key {
            b"prompt_tokens" | b"input_tokens" => raw.input = count(member.value).or(raw.input),
            b"completion_tokens" | b"output_tokens" => {
                raw.output = count(member.value).or(raw.output);
            }
            b"total_tokens" => raw.total = count(member.value),
            b"prompt_tokens_details" | b"input_tokens_details" => {
                if let Some(cached) = detail(member.value, "cached_tokens") {
                    raw.cached = cached;
                }
                raw.cache_write = detail(member.value, "cache_write_tokens").unwrap_or(0);
            }
            b"completion_tokens_details" | b"output_tokens_details" => {
                raw.reasoning = detail(member.value, "reasoning_tokens").unwrap_or(0);
            }
            b"prompt_cache_hit_tokens" => raw.cached = count(member.value).unwrap_or(raw.cached),
            _ => {}
        }
    }
    Some(raw)
}

fn detail(details: &[u8], key: &str) -> Option<u64> {
    count(scan::member(details, key)?)
}

/// A count; negative numbers, fractions and other values are absent, absurd ones are cut.
fn count(value: &[u8]) -> Option<u64> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let text = std::str::from_utf8(value).ok()?;
    Some(text.parse().unwrap_or(MAX_TOKENS).min(MAX_TOKENS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_chat_usage() {
        let usage = br#"{"prompt_tokens":100,"completion_tokens":50,"total_tokens":150,
            "prompt_tokens_details":{"cached_tokens":60,"cache_write_tokens":10,"audio_tokens":0},
            "completion_tokens_details":{"reasoning_tokens":20}}"#;
        let counts = token_counts(usage).unwrap();
        assert_eq!((counts.input_fresh, counts.cache_read, counts.cache_write), (30, 60, 10));
        assert_eq!((counts.output_visible, counts.reasoning), (30, 20));
    }

    #[test]
    fn reads_the_keys_of_responses_and_embeddings() {
        let responses = br#"{"input_tokens":7,"input_tokens_details":{"cached_tokens":2},
            "output_tokens":5,"output_tokens_details":{"reasoning_tokens":5},"total_tokens":12}"#;
        let counts = token_counts(responses).unwrap();
        assert_eq!((counts.input_fresh, counts.cache_read), (5, 2));
        assert_eq!((counts.output_visible, counts.reasoning), (0, 5));
        let embeddings = token_counts(br#"{"prompt_tokens":8,"total_tokens":8}"#).unwrap();
        assert_eq!((embeddings.input(), embeddings.output()), (8, 0));
    }

    #[test]
    fn counts_reasoning_beside_the_completion_when_the_total_says_so() {
        let usage = br#"{"prompt_tokens":10,"completion_tokens":5,"total_tokens":45,
            "completion_tokens_details":{"reasoning_tokens":30}}"#;
        assert_eq!(token_counts(usage).unwrap().output(), 35);
    }

    #[test]
    fn absurd_numbers_saturate_or_are_absent() {
        let huge = br#"{"prompt_tokens":99999999999999999999999,"completion_tokens":-5}"#;
        let counts = token_counts(huge).unwrap();
        assert_eq!((counts.input(), counts.output()), (MAX_TOKENS, 0));
        let clamped = br#"{"prompt_tokens":5,"prompt_tokens_details":{"cached_tokens":50},
            "completion_tokens":1,"completion_tokens_details":{"reasoning_tokens":9}}"#;
        let counts = token_counts(clamped).unwrap();
        assert_eq!((counts.input(), counts.cache_read), (5, 5));
        assert_eq!((counts.output(), counts.reasoning), (1, 1));
        for none in [
            "{}",
            "null",
            r#"{"prompt_tokens":null}"#,
            r#"{"prompt_tokens":"5"}"#,
            r#"{"seconds":3}"#,
        ] {
            assert_eq!(token_counts(none.as_bytes()), None, "{none}");
        }
    }
}
