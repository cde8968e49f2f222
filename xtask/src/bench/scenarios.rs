//! What is measured.

use std::time::Duration;

use serde_json::json;

use super::figures::{micros, percentile, ratio};
use super::load::{Load, Pace, drive};
use super::peers::{Guarding, Kind, Peer};
use super::provider::{EVENTS, PACED};
use super::report::Row;

/// One kind of traffic.
pub(crate) struct Scenario {
    /// Its word in rows and tables.
    pub(crate) name: &'static str,
    connections: usize,
    pace: Pace,
    body: fn() -> String,
    /// What our guard does meanwhile.
    guarding: Guarding,
}

/// The names of the rows about starting and idling, and what our guard does in them.
pub(crate) const STARTS: &[(&str, Guarding)] =
    &[("start", Guarding::Off), ("start_guard", Guarding::On)];

/// All of them but the start.
pub(crate) const ALL: &[Scenario] = &[
    saturating("plain_1kb", 64, plain),
    Scenario { pace: Pace::PerSecond(1_000), ..saturating("rate_1000", 32, plain) },
    saturating("prompt_37kb", 32, long_prompt),
    saturating("stream_burst", 16, stream),
    Scenario { pace: Pace::PerSecond(100), ..saturating("stream_paced", 32, paced) },
    saturating("chat_1k", 64, chat),
    Scenario { guarding: Guarding::WithoutNames, ..saturating("chat_1k_guard", 64, chat) },
    Scenario { guarding: Guarding::On, ..saturating("chat_1k_guard_names", 64, chat) },
];

const fn saturating(name: &'static str, connections: usize, body: fn() -> String) -> Scenario {
    Scenario { name, connections, pace: Pace::Saturating, body, guarding: Guarding::Off }
}

impl Scenario {
    /// Whether a gateway is driven in it.
    pub(crate) fn is_for(&self, peer: &Peer) -> bool {
        peer.kind == Kind::Nginx || peer.guarding == self.guarding
    }
}

/// Bytes of the plain request's body.
const PLAIN_BYTES: usize = 628;
/// Bytes of the long request's body.
const LONG_BYTES: usize = 37_000;
/// Bytes of the body of a request that the guard has something to do with.
const CHAT_BYTES: usize = 1_000;

/// Measures one kind of traffic through one gateway.
pub(crate) async fn run(
    scenario: &Scenario,
    peer: &Peer,
    duration: Duration,
    round: u32,
) -> anyhow::Result<Row> {
    let streams = scenario.name.starts_with("stream");
    let load = Load {
        request: request(peer.port, peer.key.as_deref(), &(scenario.body)()),
        port: peer.port,
        connections: scenario.connections,
        pace: scenario.pace,
        ends_with: if streams { "[DONE]" } else { "}" },
    };
    let mut sample = drive(load, &peer.process, duration).await?;
    let mut row = Row::new(peer.kind, scenario.name, round);
    let cpu = ratio(micros(sample.cpu), sample.answered);
    row.errors = sample.errors;
    row.requests_per_second = Some(per_second(sample.answered, sample.elapsed));
    row.cpu_us_per_request = Some(cpu);
    row.p50_us = percentile(&mut sample.latencies, 50);
    row.p99_us = percentile(&mut sample.latencies, 99);
    if streams {
        row.cpu_us_per_chunk = Some(cpu / f64::from(EVENTS));
        row.ttft_p50_us = percentile(&mut sample.first_bytes, 50);
    }
    row.rss_mib = Some(peer.process.resident_mib());
    Ok(row)
}

/// A gateway that was started beside the running ones: the time to its first answer, and its
/// memory after a second of rest.
pub(crate) async fn start(name: &'static str, peer: &Peer, took: Duration, round: u32) -> Row {
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut row = Row::new(peer.kind, name, round);
    row.start_ms = Some(micros(took) / 1_000.0);
    row.rss_mib = Some(peer.process.resident_mib());
    row
}

fn per_second(count: u64, elapsed: Duration) -> f64 {
    1e6 / ratio(micros(elapsed), count)
}

/// A whole plain request.
pub(crate) fn plain_request(port: u16, key: Option<&str>) -> Vec<u8> {
    request(port, key, &plain())
}

fn request(port: u16, key: Option<&str>, body: &str) -> Vec<u8> {
    let credential = key.map(|key| format!("authorization: Bearer {key}\r\n")).unwrap_or_default();
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n{credential}\
         user-agent: tollbar-bench\r\naccept: application/json\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn plain() -> String {
    padded(PLAIN_BYTES, |text| {
        json!({
            "model": "bench", "temperature": 0.2, "max_tokens": 256, "messages": [
                { "role": "system", "content": "You answer in one short paragraph." },
                { "role": "user", "content": text },
            ],
        })
    })
}

/// A letter with a mail address and a name in it: of nobody, but the guard cannot know.
fn chat() -> String {
    padded(CHAT_BYTES, |text| {
        let letter = format!("Marion Delacroix (m.delacroix@example.org) asks: {text}");
        json!({
            "model": "bench", "temperature": 0.2, "max_tokens": 256, "messages": [
                { "role": "system", "content": "You answer in one short paragraph." },
                { "role": "user", "content": letter },
            ],
        })
    })
}

/// A conversation: eight turns of equal length.
fn long_prompt() -> String {
    padded(LONG_BYTES, |text| {
        let turns = 8;
        let each = text.len() / turns;
        let mut messages = vec![json!({ "role": "system", "content": "You summarise." })];
        let words: Vec<char> = text.chars().collect();
        for (number, turn) in words.chunks(each.max(1)).enumerate() {
            let role = if number % 2 == 0 { "user" } else { "assistant" };
            messages.push(json!({ "role": role, "content": turn.iter().collect::<String>() }));
        }
        json!({ "model": "bench", "max_tokens": 256, "messages": messages })
    })
}

fn stream() -> String {
    streamed("bench")
}

fn paced() -> String {
    streamed(&format!("bench-{PACED}"))
}

fn streamed(model: &str) -> String {
    padded(PLAIN_BYTES, |text| {
        json!({
            "model": model, "stream": true,
            "messages": [{ "role": "user", "content": text }],
        })
    })
}

/// Fills a request with text until it has at least so many bytes; plain words, a line break
/// and a quote now and then, as prompts have them.
fn padded(bytes: usize, make: impl Fn(&str) -> serde_json::Value) -> String {
    let words = "The customer writes that the \"express\" parcel came late.\nWhat do we owe? ";
    let mut text = String::new();
    loop {
        let body = make(&text).to_string();
        if body.len() >= bytes {
            return body;
        }
        let missing = bytes - body.len();
        text.extend(words.chars().take(missing.min(words.len())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_have_the_sizes_that_the_page_states() {
        assert!((628..640).contains(&plain().len()), "{}", plain().len());
        assert!((628..640).contains(&stream().len()));
        assert!((1_000..1_016).contains(&chat().len()), "{}", chat().len());
        assert!((37_000..37_400).contains(&long_prompt().len()), "{}", long_prompt().len());
    }

    #[test]
    fn only_the_paced_stream_asks_for_pauses() {
        assert!(paced().contains(PACED) && !stream().contains(PACED) && !plain().contains(PACED));
    }
}
