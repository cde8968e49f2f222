//! The gateway as the target of a run: its public API, with a virtual key, so that guard, quotas,
//! data classes and the audit log hold for evaluations too.

mod answer;

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use tb_eval::case::Measure;
use tb_eval::run::{Answer, AskFault, Asking, Embedded, FaultKind, Target};

use crate::client::{self, Request, exchange};

/// The gateway has deadlines of its own; beyond this it hangs.
const PATIENCE: Duration = Duration::from_secs(600);
/// What no other case will fare better with.
const HOPELESS: [&str; 14] = [
    "invalid_api_key",
    "key_expired",
    "key_revoked",
    "model_not_allowed",
    "model_not_found",
    "model_not_pinned",
    "model_retired",
    "network_not_allowed",
    "purpose_required",
    "purpose_not_allowed",
    "prompt_not_found",
    "prompt_required",
    "budget_exceeded",
    "invalid_json",
];

/// A running gateway.
pub(super) struct Gateway {
    pub(super) address: SocketAddr,
    pub(super) key: String,
    pub(super) model: String,
    pub(super) purpose: Purpose,
}

/// What calls are said to be for.
pub(super) struct Purpose {
    name: String,
    is_default: bool,
    /// The service has no such purpose, and nobody asked for it: none is named.
    refused: AtomicBool,
}

impl Purpose {
    pub(super) fn of(named: Option<String>) -> Self {
        let is_default = named.is_none();
        let name = named.unwrap_or_else(|| "evaluation".to_owned());
        Self { name, is_default, refused: AtomicBool::new(false) }
    }

    fn header(&self) -> Option<&str> {
        (!self.refused.load(Ordering::Relaxed)).then_some(self.name.as_str())
    }

    /// Whether it helps to ask again, without a purpose.
    fn can_do_without(&self, fault: &AskFault) -> bool {
        self.is_default
            && fault.message.starts_with("purpose_not_allowed")
            && self.header().is_some()
    }
}

/// An answer with its times.
struct Timed {
    answer: client::Answer,
    latency: Duration,
    first_token: Option<Duration>,
}

impl Gateway {
    fn post(&self, path: &str, body: &Value, streamed: bool) -> Result<Timed, AskFault> {
        let had_purpose = self.purpose.header().is_some();
        match self.post_once(path, body, streamed) {
            Err(fault) if had_purpose && self.purpose.can_do_without(&fault) => {
                self.purpose.refused.store(true, Ordering::Relaxed);
                self.post_once(path, body, streamed)
            }
            // Another thread found out between asking and looking.
            Err(fault)
                if self.purpose.is_default
                    && had_purpose
                    && fault.message.starts_with("purpose_not_allowed") =>
            {
                self.post_once(path, body, streamed)
            }
            outcome => outcome,
        }
    }

    fn post_once(&self, path: &str, body: &Value, streamed: bool) -> Result<Timed, AskFault> {
        let body = body.to_string();
        let request = Request { method: "POST", path, key: &self.key, body: &body };
        // An answer out of the cache, or of a fallback, says nothing about the target.
        let mut headers = vec![("x-tollbar-cache", "off"), ("x-tollbar-fallback", "off")];
        headers.extend(self.purpose.header().map(|name| ("x-tollbar-purpose", name)));
        let began = Instant::now();
        let mut first_token = None;
        let answer = exchange(self.address, &request, (&headers, PATIENCE), &mut |bytes| {
            if streamed && first_token.is_none() && answer::has_token(bytes) {
                first_token = Some(began.elapsed());
            }
        })
        .map_err(|error| unreachable(&error))?;
        let latency = began.elapsed();
        if answer.status == 200 {
            return Ok(Timed { answer, latency, first_token });
        }
        Err(refused(&answer))
    }
}

impl Target for Gateway {
    fn ask(&self, request: &Map<String, Value>, how: &Asking<'_>) -> Result<Answer, AskFault> {
        let mut body = request.clone();
        body.insert("model".to_owned(), how.model.unwrap_or(&self.model).into());
        if how.streamed {
            body.insert("stream".to_owned(), true.into());
            body.insert("stream_options".to_owned(), json!({ "include_usage": true }));
        }
        let timed = self.post("/v1/chat/completions", &Value::Object(body), how.streamed)?;
        let head = &timed.answer;
        let request_id = head.header("x-request-id").map(str::to_owned);
        let read =
            if how.streamed { answer::events(&head.body) } else { answer::whole(&head.body) };
        let mut answer = read.map_err(|message| AskFault {
            kind: FaultKind::Failed,
            retry_after: None,
            message,
            request_id: request_id.clone(),
        })?;
        let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
        answer.measures.insert(Measure::LatencyMs, milliseconds(timed.latency));
        if let Some(first) = timed.first_token {
            answer.measures.insert(Measure::TtftMs, milliseconds(first));
        }
        if let Some(cost) = cost(head) {
            answer.measures.insert(Measure::CostMicroUsd, cost);
        }
        answer.served_model =
            head.header("x-tollbar-model-served").map(str::to_owned).or(answer.served_model);
        answer.prompt_hash = head.header("x-tollbar-prompt-hash").map(str::to_owned);
        answer.request_id = request_id;
        Ok(answer)
    }

    fn embed(&self, model: &str, texts: &[&str]) -> Result<Embedded, AskFault> {
        let body = json!({ "model": model, "input": texts, "encoding_format": "float" });
        let timed = self.post("/v1/embeddings", &body, false)?;
        let vectors = answer::vectors(&timed.answer.body).ok_or_else(|| AskFault {
            kind: FaultKind::Failed,
            retry_after: None,
            message: "the answer holds no embeddings".to_owned(),
            request_id: timed.answer.header("x-request-id").map(str::to_owned),
        })?;
        Ok(Embedded { vectors, cost_micro_usd: cost(&timed.answer) })
    }
}

fn cost(answer: &client::Answer) -> Option<f64> {
    Some(answer.header("x-tollbar-cost-usd")?.parse::<f64>().ok()? * 1e6)
}

fn unreachable(error: &std::io::Error) -> AskFault {
    let kind = match error.kind() {
        // It took the request; nobody knows what came of it.
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::InvalidData => FaultKind::Failed,
        _ => FaultKind::Away,
    };
    let message = format!("no answer from the gateway: {error}");
    AskFault { kind, retry_after: None, message, request_id: None }
}

/// An error of the gateway, by its code; its sentence may be about the request and is not kept,
/// but where everything fails it says what to do.
fn refused(answer: &client::Answer) -> AskFault {
    let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    let text = |name: &str| body.pointer(&format!("/error/{name}")).and_then(Value::as_str);
    let status = answer.status;
    let code = text("code").map_or_else(|| format!("status {status}"), str::to_owned);
    let seconds = answer.header("retry-after").and_then(|text| text.parse::<u64>().ok());
    let retry_after = seconds.map(Duration::from_secs);
    let kind = if HOPELESS.contains(&code.as_str()) || status == 401 {
        FaultKind::Hopeless
    } else if matches!(status, 429 | 503) || retry_after.is_some() {
        FaultKind::Busy
    } else {
        FaultKind::Failed
    };
    let message = match (kind, text("message")) {
        (FaultKind::Hopeless, Some(message)) => format!("{code}: {message}"),
        _ => code,
    };
    let request_id = answer.header("x-request-id").map(str::to_owned);
    AskFault { kind, retry_after, message, request_id }
}
