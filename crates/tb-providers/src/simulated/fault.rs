//! Faults: by the dice of the settings, or forced by a directive in the prompt.

use std::time::Duration;

use bytes::Bytes;
use serde_json::json;

use super::ask::Ask;
use super::{Ending, Failure, Fault, Script, spoil};

/// The `retry-after` of a 429 or 503 that names none.
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// The longest delay and the most chunks that a directive may ask for.
const MAX_DELAY_MS: u64 = 600_000;
const MAX_CHUNKS: usize = 10_000;

/// A fault that happens to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Forced {
    kind: Kind,
    retry_after: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain(Fault),
    /// A status with a code of its own.
    Coded(u16, &'static str),
    /// A clean end in the middle.
    Truncate,
    /// Silence in the middle.
    Stall,
}

/// What the prompt says of the fault of an attempt.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Order {
    /// Nothing: the dice decide.
    #[default]
    Dice,
    /// None.
    Answer,
    /// This one.
    Fault(Forced),
}

/// What a prompt asks of the simulated provider itself.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Directives {
    pub(super) order: Order,
    pub(super) delay: Duration,
    /// The number of content chunks.
    pub(super) chunks: Option<usize>,
}

impl Directives {
    /// Finds `[[name:value]]` in a prompt; unknown ones are text. `attempt` counts from 1.
    pub(super) fn read(prompt: &str, attempt: u32) -> Self {
        let mut found = Self::default();
        for part in prompt.split("[[").skip(1) {
            let Some((inside, _)) = part.split_once("]]") else { continue };
            match inside.split_once(':') {
                Some(("fault", name)) => {
                    found.order = Forced::named(name).map_or(Order::Dice, Order::Fault);
                }
                Some(("faults", names)) => found.order = Order::of_attempt(names, attempt),
                Some(("delay_ms", value)) => {
                    let ms = value.parse::<u64>().unwrap_or(0).min(MAX_DELAY_MS);
                    found.delay = Duration::from_millis(ms);
                }
                Some(("chunks", value)) => {
                    found.chunks = value.parse().ok().map(|count: usize| count.min(MAX_CHUNKS));
                }
                _ => {}
            }
        }
        found
    }
}

impl Order {
    /// The entry of a list for an attempt.
    fn of_attempt(names: &str, attempt: u32) -> Self {
        let position = usize::try_from(attempt.saturating_sub(1)).unwrap_or(usize::MAX);
        let name = names.split(',').nth(position).map(str::trim);
        name.and_then(Forced::named).map_or(Self::Answer, Self::Fault)
    }
}

impl Forced {
    fn named(name: &str) -> Option<Self> {
        let (name, wait) = name.split_once(':').unwrap_or((name, ""));
        let kind = match name {
            "reset" => Kind::Plain(Fault::Reset),
            "cut" => Kind::Plain(Fault::Cut),
            "hang" => Kind::Plain(Fault::Hang),
            "garbage" => Kind::Plain(Fault::Garbage),
            "html" => Kind::Plain(Fault::Html),
            "error_event" => Kind::Plain(Fault::ErrorEvent),
            "early_error" => Kind::Plain(Fault::EarlyError),
            "early_cut" => Kind::Plain(Fault::EarlyCut),
            "startup_hang" => Kind::Plain(Fault::StartupHang),
            "truncate" => Kind::Truncate,
            "stall" => Kind::Stall,
            "quota" => Kind::Coded(429, "insufficient_quota"),
            "context" => Kind::Coded(400, "context_length_exceeded"),
            "filter" => Kind::Coded(400, "content_filter"),
            status => {
                let status = status.parse().ok().filter(|status| (300..600).contains(status))?;
                Kind::Plain(Fault::Status(status))
            }
        };
        Some(Self { kind, retry_after: wait.parse().ok().map(Duration::from_millis) })
    }

    /// The fault that the dice give, if any.
    pub(super) fn roll(failures: &[Failure], roll: f64) -> Option<Self> {
        let mut reached = 0.0;
        let failure = failures.iter().find(|failure| {
            reached += failure.share;
            roll < reached
        })?;
        Some(Self { kind: Kind::Plain(failure.fault), retry_after: failure.retry_after })
    }

    /// The script of a fault that leaves nothing of the answer.
    pub(super) fn instead_of_an_answer(&self, stream: bool) -> Option<Script> {
        let (status, code) = match self.kind {
            Kind::Plain(Fault::Status(status)) => (status, None),
            Kind::Coded(status, code) => (status, Some(code)),
            Kind::Plain(Fault::ErrorEvent | Fault::EarlyError) if !stream => (500, None),
            Kind::Plain(Fault::Reset) => return Some(bare(None, Ending::Cut)),
            Kind::Plain(Fault::Hang) => return Some(bare(Some(200), Ending::Hang)),
            Kind::Plain(Fault::Html) => return Some(html()),
            _ => return None,
        };
        let message = format!("The simulated provider fails with status {status}.");
        Some(ErrorAnswer { status, code, message, retry_after: self.retry_after }.script())
    }

    /// Spoils an answer that has begun.
    pub(super) fn spoil(&self, script: &mut Script, ask: &Ask) {
        match self.kind {
            Kind::Plain(Fault::Cut) => spoil::halve(script, Ending::Cut),
            Kind::Stall => spoil::halve(script, Ending::Hang),
            Kind::Truncate => spoil::halve(script, Ending::Clean),
            Kind::Plain(Fault::Garbage) => spoil::garbage(script),
            Kind::Plain(Fault::ErrorEvent) => {
                spoil::halve(script, Ending::Clean);
                spoil::error_event(script, ask);
            }
            Kind::Plain(Fault::EarlyError) => {
                spoil::keep_startup(script, ask, Ending::Clean);
                spoil::error_event(script, ask);
            }
            Kind::Plain(Fault::EarlyCut) => spoil::keep_startup(script, ask, Ending::Cut),
            Kind::Plain(Fault::StartupHang) => spoil::keep_startup(script, ask, Ending::Hang),
            _ => {}
        }
    }
}

fn bare(status: Option<u16>, ending: Ending) -> Script {
    Script { status, headers: Vec::new(), pieces: Vec::new(), ending }
}

fn html() -> Script {
    let page = "<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head>\
                <body><h1>Bad Gateway</h1></body></html>";
    Script {
        status: Some(502),
        headers: vec![("content-type", "text/html".to_owned())],
        pieces: vec![(Duration::ZERO, Bytes::from_static(page.as_bytes()))],
        ending: Ending::Clean,
    }
}

/// An error in OpenAI's envelope.
#[derive(Debug)]
pub(super) struct ErrorAnswer {
    pub(super) status: u16,
    /// The code; by the status when absent.
    pub(super) code: Option<&'static str>,
    pub(super) message: String,
    pub(super) retry_after: Option<Duration>,
}

impl ErrorAnswer {
    /// The script that sends it.
    pub(super) fn script(self) -> Script {
        let (kind, code) = match (self.status, self.code) {
            (429, Some(code)) => (code, Some(code)),
            (_, Some(code)) => ("invalid_request_error", Some(code)),
            (401, None) => ("invalid_request_error", Some("invalid_api_key")),
            (404, None) => ("invalid_request_error", Some("model_not_found")),
            (429, None) => ("requests", Some("rate_limit_exceeded")),
            (500.., None) => ("server_error", None),
            (_, None) => ("invalid_request_error", None),
        };
        let body = json!({"error": {
            "message": self.message, "type": kind, "param": null, "code": code,
        }});
        let mut script = super::json_script(self.status, &body);
        let may_wait = matches!(self.status, 429 | 503) && code != Some("insufficient_quota");
        if let Some(wait) = self.retry_after.or(may_wait.then_some(RETRY_AFTER)) {
            let ms = wait.as_millis();
            script.headers.push(("retry-after", ms.div_ceil(1_000).to_string()));
            script.headers.push(("retry-after-ms", ms.to_string()));
        }
        script
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forced(name: &str) -> Order {
        Order::Fault(Forced::named(name).unwrap())
    }

    #[test]
    fn reads_directives_and_leaves_other_brackets() {
        let prompt = "hi [[delay_ms:500]] [[chunks:50]] [[x]] [[fault:429:20]] [[";
        let found = Directives::read(prompt, 1);
        assert_eq!(found.delay, Duration::from_millis(500));
        assert_eq!(found.chunks, Some(50));
        let Order::Fault(fault) = found.order else { panic!("no fault") };
        assert_eq!(fault.kind, Kind::Plain(Fault::Status(429)));
        assert_eq!(fault.retry_after, Some(Duration::from_millis(20)));
        assert_eq!(Directives::read("[[fault:none]] [[delay_ms:x]]", 1), Directives::default());
    }

    #[test]
    fn each_attempt_gets_its_entry_of_the_list() {
        let order = |prompt, attempt| Directives::read(prompt, attempt).order;
        let list = "x [[faults:429:20, early_cut,ok,reset,nonsense]]";
        assert_eq!(order(list, 1), forced("429:20"));
        assert_eq!(order(list, 2), forced("early_cut"));
        assert_eq!(order(list, 3), Order::Answer);
        assert_eq!(order(list, 4), forced("reset"));
        for attempt in [5, 6, 100, u32::MAX] {
            assert_eq!(order(list, attempt), Order::Answer);
        }
        assert_eq!(order("[[faults:]]", 1), Order::Answer);
        assert_eq!(order("no list", 1), Order::Dice);
    }

    #[test]
    fn the_dice_keep_to_the_shares() {
        let failure = |fault, share| Failure { fault, share, retry_after: None };
        let failures = [failure(Fault::Reset, 0.25), failure(Fault::Hang, 0.5)];
        let rolled = |roll| Forced::roll(&failures, roll).map(|forced| forced.kind);
        assert_eq!(rolled(0.0), Some(Kind::Plain(Fault::Reset)));
        assert_eq!(rolled(0.25), Some(Kind::Plain(Fault::Hang)));
        assert_eq!(rolled(0.74), Some(Kind::Plain(Fault::Hang)));
        assert_eq!(rolled(0.75), None);
    }
}
