//! A provider that costs next to nothing: its answers are made before the first request.

use std::time::Duration;

use memchr::memmem;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::wire::Wire;

/// The pieces of text in each stream; the first of them carries the role as well.
pub(crate) const EVENTS: u32 = 51;
/// What the model's name contains when its stream is to be paced.
pub(crate) const PACED: &str = "paced";
/// The pause between two events of a paced stream.
const PAUSE: Duration = Duration::from_millis(2);

/// A running provider; it stops when dropped.
pub(crate) struct Provider {
    /// Where it listens.
    pub(crate) port: u16,
    _tasks: JoinSet<()>,
}

/// The bytes of every answer.
struct Answers {
    plain: Vec<u8>,
    /// The head, then each event as a chunk of its own.
    stream: Vec<Vec<u8>>,
    usage: Vec<u8>,
    end: Vec<u8>,
}

impl Provider {
    /// Listens on a free port of the loopback device.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener));
        Ok(Self { port, _tasks: tasks })
    }
}

async fn accept(listener: TcpListener) {
    let answers: &'static Answers = Box::leak(Box::new(Answers::make()));
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(async move {
            // A gateway that closes a connection is no news; its client counts what is missing.
            let _ = serve(stream, answers).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(stream: TcpStream, answers: &Answers) -> std::io::Result<()> {
    let mut wire = Wire::new(stream)?;
    while wire.message().await?.is_some() {
        let request = wire.bytes();
        let asks = |text: &str| memmem::find(request, text.as_bytes()).is_some();
        if !asks_for_stream(request) {
            wire.send(&answers.plain).await?;
            continue;
        }
        let (paced, usage) = (asks(PACED), asks("include_usage"));
        for (number, piece) in answers.stream.iter().enumerate() {
            // Piece 0 is the head: it and the first event leave at once.
            if paced && number > 1 {
                tokio::time::sleep(PAUSE).await;
            }
            wire.send(piece).await?;
        }
        if usage {
            wire.send(&answers.usage).await?;
        }
        wire.send(&answers.end).await?;
    }
    Ok(())
}

fn asks_for_stream(request: &[u8]) -> bool {
    let key = b"\"stream\":";
    let value = memmem::find(request, key).and_then(|at| request.get(at + key.len()..));
    value.is_some_and(|value| value.trim_ascii_start().starts_with(b"true"))
}

impl Answers {
    fn make() -> Self {
        // Sized so that the whole body has about 1.1 KB.
        let text = "A gateway should add little to what a model takes. ".repeat(13);
        let body = json!({
            "id": "chatcmpl-bench-0000000000000000", "object": "chat.completion",
            "created": 1_767_225_600, "model": "bench-2026-01-01",
            "choices": [{
                "index": 0, "logprobs": null, "finish_reason": "stop",
                "message": { "role": "assistant", "content": text, "refusal": null },
            }],
            "usage": usage(), "service_tier": "default", "system_fingerprint": "fp_bench",
        })
        .to_string();
        let plain = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        // The last header is the one by which nginx learns not to collect this answer.
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
            transfer-encoding: chunked\r\nx-accel-buffering: no\r\n\r\n";
        let mut stream = vec![head.as_bytes().to_vec()];
        stream.extend((0..EVENTS).map(|number| chunk(&event(number))));
        let last = json!({
            "id": "chatcmpl-bench-0000000000000000", "object": "chat.completion.chunk",
            "created": 1_767_225_600, "model": "bench-2026-01-01", "choices": [], "usage": usage(),
        });
        let mut end = chunk("[DONE]");
        end.extend_from_slice(b"0\r\n\r\n");
        Self { plain: plain.into_bytes(), stream, usage: chunk(&last.to_string()), end }
    }
}

fn usage() -> serde_json::Value {
    json!({
        "prompt_tokens": 120, "completion_tokens": 130, "total_tokens": 250,
        "prompt_tokens_details": { "cached_tokens": 0 },
        "completion_tokens_details": { "reasoning_tokens": 0 },
    })
}

fn event(number: u32) -> String {
    let last = number + 1 == EVENTS;
    let delta = match number {
        0 => json!({ "role": "assistant", "content": "A" }),
        _ if last => json!({}),
        _ => json!({ "content": " little" }),
    };
    let reason = if last { json!("stop") } else { json!(null) };
    json!({
        "id": "chatcmpl-bench-0000000000000000", "object": "chat.completion.chunk",
        "created": 1_767_225_600, "model": "bench-2026-01-01", "system_fingerprint": "fp_bench",
        "choices": [{ "index": 0, "delta": delta, "logprobs": null, "finish_reason": reason }],
    })
    .to_string()
}

/// One event of a stream as one chunk of HTTP.
fn chunk(payload: &str) -> Vec<u8> {
    let event = format!("data: {payload}\n\n");
    format!("{:x}\r\n{event}\r\n", event.len()).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_a_stream_by_its_request() {
        assert!(asks_for_stream(b"{\"model\":\"a\",\"stream\": true}"));
        assert!(!asks_for_stream(b"{\"model\":\"a\",\"stream\":false}"));
        assert!(!asks_for_stream(b"{\"model\":\"a\",\"stream_options\":{}}"));
    }

    #[test]
    fn the_answers_have_the_sizes_that_the_page_states() {
        let answers = Answers::make();
        let body = answers.plain.len() - memmem::find(&answers.plain, b"\r\n\r\n").unwrap() - 4;
        assert!((1_050..1_150).contains(&body), "{body}");
        assert_eq!(answers.stream.len(), 1 + usize::try_from(EVENTS).unwrap());
    }
}
