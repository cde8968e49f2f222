//! An answer of the gateway, read.

use anyhow::{Context, bail, ensure};
use memchr::memmem;
use serde_json::Value;

/// An answer that came whole, as far as HTTP is concerned.
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) content: Content,
}

/// What it holds.
pub(crate) enum Content {
    /// One JSON document.
    Json(Value),
    /// The events of a stream.
    Events(Events),
}

/// The events of a stream.
#[derive(Default)]
pub(crate) struct Events {
    /// All but the error and the end.
    pub(crate) chunks: Vec<Value>,
    /// `[DONE]` came.
    pub(crate) is_done: bool,
    /// The error event.
    pub(crate) error: Option<Value>,
}

impl Answer {
    /// Reads a response with its head.
    pub(crate) fn read(bytes: &[u8]) -> anyhow::Result<Self> {
        let end = memmem::find(bytes, b"\r\n\r\n").context("no head")?;
        let (head, rest) = bytes.split_at(end);
        let head = std::str::from_utf8(head)?;
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).context("no status")?;
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let mut answer =
            Self { status: status.parse()?, headers, content: Content::Json(Value::Null) };
        let rest = rest.get(4..).unwrap_or_default();
        let body = match answer.header("transfer-encoding") {
            Some("chunked") => unchunked(rest)?,
            _ => rest.to_vec(),
        };
        answer.content = if answer.header("content-type") == Some("text/event-stream") {
            Content::Events(events(std::str::from_utf8(&body)?)?)
        } else {
            Content::Json(serde_json::from_slice(&body).context("the body is no JSON")?)
        };
        Ok(answer)
    }

    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The text so far.
    pub(crate) fn text(&self) -> String {
        match &self.content {
            Content::Json(body) => string(body, "/choices/0/message/content").to_owned(),
            Content::Events(events) => {
                let chunks = events.chunks.iter();
                chunks.map(|chunk| string(chunk, "/choices/0/delta/content")).collect()
            }
        }
    }

    /// The model that each part of the answer names.
    pub(crate) fn models(&self) -> Vec<&str> {
        match &self.content {
            Content::Json(body) => vec![string(body, "/model")],
            Content::Events(events) => {
                events.chunks.iter().map(|chunk| string(chunk, "/model")).collect()
            }
        }
    }

    /// `finish_reason`.
    pub(crate) fn finish(&self) -> Option<&str> {
        let reason = |part: &'_ Value| part.pointer("/choices/0/finish_reason").is_some();
        match &self.content {
            Content::Json(body) => body.pointer("/choices/0/finish_reason")?.as_str(),
            Content::Events(events) => {
                let last = events.chunks.iter().rfind(|chunk| reason(chunk))?;
                last.pointer("/choices/0/finish_reason")?.as_str()
            }
        }
    }

    /// What the answer says of its degradation: in its body or its first event.
    pub(crate) fn mark(&self) -> Option<&Value> {
        match &self.content {
            Content::Json(body) => body.pointer("/tollbar/degraded"),
            Content::Events(events) => events.chunks.first()?.pointer("/tollbar/degraded"),
        }
    }

    /// `usage.total_tokens` where the answer has it.
    pub(crate) fn total_tokens(&self) -> Option<u64> {
        match &self.content {
            Content::Json(body) => body.pointer("/usage/total_tokens")?.as_u64(),
            Content::Events(_) => None,
        }
    }

    /// The error of a refusal or of a stream.
    pub(crate) fn error(&self) -> Option<&Value> {
        match &self.content {
            Content::Json(body) => body.get("error"),
            Content::Events(events) => events.error.as_ref(),
        }
    }
}

fn string<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn events(text: &str) -> anyhow::Result<Events> {
    let mut events = Events::default();
    for data in text.lines().filter_map(|line| line.strip_prefix("data: ")) {
        ensure!(!events.is_done && events.error.is_none(), "something follows the end");
        if data == "[DONE]" {
            events.is_done = true;
            continue;
        }
        let chunk: Value = serde_json::from_str(data).context("an event is no JSON")?;
        match chunk.get("error") {
            Some(error) => events.error = Some(error.clone()),
            None => events.chunks.push(chunk),
        }
    }
    Ok(events)
}

fn unchunked(mut rest: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = memmem::find(rest, b"\r\n").context("a chunk without a size")?;
        let size = std::str::from_utf8(rest.get(..line).unwrap_or_default())?;
        let size = usize::from_str_radix(size, 16)?;
        if size == 0 {
            return Ok(body);
        }
        let from = line + 2;
        let Some(content) = rest.get(from..from + size) else { bail!("a chunk is cut") };
        body.extend_from_slice(content);
        rest = rest.get(from + size + 2..).context("a chunk without an end")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_whole_answers_and_streams() {
        let whole = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\ncontent-length: 99\r\n\r\n{\"model\":\"m\",\"choices\":[{\"message\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}]}";
        let answer = Answer::read(whole).unwrap();
        assert_eq!((answer.text().as_str(), answer.finish()), ("hi", Some("stop")));
        let events = [
            r#"{"model":"m","choices":[{"delta":{"content":"hi"}}]}"#,
            r#"{"error":{"code":"c"}}"#,
        ];
        let events = events.map(|data| format!("data: {data}\n\n"));
        let chunks = events.map(|event| format!("{:x}\r\n{event}\r\n", event.len())).concat();
        let stream = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
             transfer-encoding: chunked\r\n\r\n{chunks}0\r\n\r\n"
        );
        let answer = Answer::read(stream.as_bytes()).unwrap();
        assert_eq!((answer.text().as_str(), answer.models().as_slice()), ("hi", ["m"].as_slice()));
        assert_eq!(answer.error().unwrap()["code"], "c");
        assert!(Answer::read(b"HTTP/1.1 200 OK\r\n\r\nnothing").is_err());
    }
}
