//! The sample requests, each with what it must end as.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::client::{Answer, Request, send};

/// One kind of sample request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sample {
    /// An answer in one piece.
    Plain,
    /// An answer as a stream.
    Streamed,
    /// Vectors.
    Embeddings,
    /// Anthropic's shape.
    Messages,
    /// The first target fails, the second answers.
    FailedOver,
    /// All targets of the model fail, another model answers.
    FallbackModel,
    /// Nothing answers but a rule.
    ByRule,
    /// The same question again and again.
    Repeated,
    /// The provider breaks off in the middle of a stream.
    CutStream,
    /// A key that nobody made.
    WrongKey,
    /// A model that nobody configured.
    UnknownModel,
}

/// A key of the right form and checksum length that no gateway has made.
const WRONG_KEY: &str = "tb_live_00000000_0000000000000000000000000000000000000000000000000";

impl Sample {
    /// Every kind, with how many of it are sent.
    pub(crate) const SCRIPT: [(Self, usize); 11] = [
        (Self::Plain, 12),
        (Self::Streamed, 12),
        (Self::Embeddings, 4),
        (Self::Messages, 4),
        (Self::FailedOver, 12),
        (Self::FallbackModel, 4),
        (Self::ByRule, 4),
        (Self::Repeated, 6),
        (Self::CutStream, 3),
        (Self::WrongKey, 2),
        (Self::UnknownModel, 2),
    ];

    /// What the summary calls it.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Plain => "plain answer",
            Self::Streamed => "streamed answer",
            Self::Embeddings => "embeddings",
            Self::Messages => "Anthropic's API",
            Self::FailedOver => "first provider fails (429, 500)",
            Self::FallbackModel => "the model's provider is down",
            Self::ByRule => "every provider is down",
            Self::Repeated => "a question asked again",
            Self::CutStream => "provider cuts the stream",
            Self::WrongKey => "wrong key",
            Self::UnknownModel => "unknown model",
        }
    }

    /// What its script says.
    pub(crate) const fn ending(self) -> &'static str {
        match self {
            Self::Plain | Self::Embeddings | Self::Messages => "200",
            Self::Streamed => "200, ends with [DONE]",
            Self::FailedOver => "200 from the second provider",
            Self::FallbackModel => "200 from the fallback model",
            Self::ByRule => "200 by rule, marked",
            Self::Repeated => "200 from the cache, but for the first",
            Self::CutStream => "an error event, no [DONE]",
            Self::WrongKey => "401 invalid_api_key",
            Self::UnknownModel => "404 model_not_found",
        }
    }

    /// Sends it; `Err` says how it ended otherwise than its script says.
    pub(crate) fn run(self, address: SocketAddr, key: &str, number: usize) -> Result<(), String> {
        let body = self.body(number).to_string();
        let key = if self == Self::WrongKey { WRONG_KEY } else { key };
        let request = Request { method: "POST", path: self.path(), key, body: &body };
        let answer = send(address, &request).map_err(|error| error.to_string())?;
        self.judge(&answer)
    }

    const fn path(self) -> &'static str {
        match self {
            Self::Embeddings => "/v1/embeddings",
            Self::Messages => "/v1/messages",
            _ => "/v1/chat/completions",
        }
    }

    fn body(self, number: usize) -> Value {
        let user = format!("visitor-{}", number % 3);
        let text = format!("Please repeat the sentence number {number} of the demonstration.");
        let chat = |model: &str, text: &str, stream: bool| {
            json!({
                "model": model,
                "messages": [{ "role": "user", "content": text }],
                "stream": stream,
                "user": user,
            })
        };
        match self {
            Self::Plain | Self::WrongKey => chat("assistant", &text, false),
            Self::Streamed => chat("assistant", &text, true),
            Self::Embeddings => json!({ "model": "assistant", "input": [text], "user": user }),
            Self::Messages => json!({
                "model": "assistant",
                "max_tokens": 100,
                "messages": [{ "role": "user", "content": text }],
            }),
            Self::FailedOver => chat("resilient", &text, false),
            Self::FallbackModel => chat("backed-up", &text, false),
            Self::ByRule => chat("down", "When are you open?", false),
            Self::Repeated => chat("repeated", "Is the answer always the same?", false),
            Self::CutStream => chat("assistant", &format!("[[fault:cut]] {text}"), true),
            Self::UnknownModel => chat("no-such-model", &text, false),
        }
    }

    fn judge(self, answer: &Answer) -> Result<(), String> {
        let body = &answer.body;
        let attempts = answer.header("x-tollbar-attempts").unwrap_or_default();
        let degraded = answer.header("x-tollbar-degraded").unwrap_or_default();
        let cache = answer.header("x-tollbar-cache").unwrap_or_default();
        let is_done = body.contains("data: [DONE]");
        let as_scripted = match self {
            Self::Plain => answer.status == 200 && body.contains("\"chat.completion\""),
            Self::Streamed => answer.status == 200 && is_done && !body.contains("\"error\""),
            Self::Embeddings => answer.status == 200 && body.contains("\"embedding\""),
            Self::Messages => answer.status == 200 && body.contains("\"end_turn\""),
            Self::FailedOver => {
                let tried: Vec<&str> = attempts.split(';').collect();
                // Once its breaker is open, the failing provider is not even asked.
                answer.status == 200
                    && match tried.as_slice() {
                        [first, second] => {
                            (first.ends_with("=429") || first.ends_with("=500"))
                                && second.ends_with("=200")
                        }
                        [only] => only.starts_with("steady/") && only.ends_with("=200"),
                        _ => false,
                    }
            }
            Self::FallbackModel => answer.status == 200 && degraded == "fallback_model",
            Self::ByRule => {
                answer.status == 200 && degraded == "rules" && body.contains("\"tollbar\"")
            }
            Self::Repeated => answer.status == 200 && matches!(cache, "hit" | "miss"),
            Self::CutStream => answer.status == 200 && body.contains("\"error\"") && !is_done,
            Self::WrongKey => answer.status == 401 && body.contains("\"invalid_api_key\""),
            Self::UnknownModel => answer.status == 404 && body.contains("\"model_not_found\""),
        };
        if as_scripted {
            return Ok(());
        }
        let start: String = body.chars().take(300).collect();
        Err(format!("status {}, attempts `{attempts}`, body: {start}", answer.status))
    }
}
