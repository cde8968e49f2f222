//! What happened to a request, step by step: why each attempt was made, how long the gateway
//! waited before it, how it ended, and which rung answered.

use serde::Serialize;
use tb_core::{Cause, EndReason, Rung, UsageRow};

/// One step of a request's way down the ladder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LadderStep {
    /// The attempt's number; an answer of the gateway's own has the next one, or 0 when
    /// nothing was sent at all.
    pub attempt: u32,
    /// `target`, `fallback_model`, `cache`, `stale_cache` or `rules`.
    pub rung: &'static str,
    /// `provider/model`; null when nothing was sent.
    pub target: Option<String>,
    /// Why this step was taken: `first`, `next_target`, `retry`, `next_key`, `fallback_model`,
    /// `all_unhealthy`.
    pub cause: &'static str,
    /// Milliseconds that the gateway waited before it.
    pub waited_ms: u32,
    /// Which of the provider's keys was used, from 0.
    pub key_index: Option<u32>,
    /// What was passed over before it and why, `provider/model=word`.
    pub passed_over: Vec<String>,
    /// What was passed over after it, when nothing else followed: why that was so.
    pub passed_over_after: Vec<String>,
    /// `ok`, or the error code.
    pub outcome: String,
    /// The provider's HTTP status, 0 when none came.
    pub status: u16,
    /// Milliseconds from its start to its end.
    pub duration_ms: u32,
    /// Whether the client got this.
    pub is_final: bool,
    /// What the guard found in the request and did, each `kind=count:action`.
    pub guard: Vec<String>,
    /// What unseen characters the request had, each `class=count`.
    pub characters: Vec<String>,
    /// The same for people.
    pub sentence: String,
}

/// The steps of a request, from its rows in order.
#[must_use]
pub fn ladder(rows: &[UsageRow]) -> Vec<LadderStep> {
    rows.iter().map(step).collect()
}

fn step(row: &UsageRow) -> LadderStep {
    let target = match (&row.provider, &row.model_resolved) {
        (Some(provider), Some(model)) => Some(format!("{provider}/{model}")),
        _ => None,
    };
    let outcome = match (&row.error_code, row.end_reason) {
        (Some(code), _) => code.clone(),
        (None, EndReason::Complete) => "ok".to_owned(),
        (None, other) => other.as_str().to_owned(),
    };
    let passed_over = row.passed_over.as_deref().unwrap_or_default();
    let (before, after) = passed_over.split_once('|').unwrap_or((passed_over, ""));
    let sentence = sentence(row, target.as_deref(), &outcome);
    LadderStep {
        attempt: row.attempt,
        rung: row.rung.as_str(),
        target,
        cause: row.cause.as_str(),
        waited_ms: row.waited_ms,
        key_index: row.key_index,
        passed_over: words(before, ';'),
        passed_over_after: words(after, ';'),
        outcome,
        status: row.status,
        duration_ms: row.duration_ms,
        is_final: row.is_final,
        guard: words(row.guard.as_deref().unwrap_or_default(), ','),
        characters: words(row.characters.as_deref().unwrap_or_default(), ','),
        sentence,
    }
}

fn words(list: &str, between: char) -> Vec<String> {
    list.split(between).filter(|one| !one.is_empty()).map(str::to_owned).collect()
}

fn sentence(row: &UsageRow, target: Option<&str>, outcome: &str) -> String {
    let Some(target) = target else {
        return without_provider(row, outcome);
    };
    let why = match row.cause {
        Cause::First => "asked",
        Cause::NextTarget => "asked as the next target",
        Cause::Retry => "asked again",
        Cause::NextKey => "asked with another key",
        Cause::FallbackModel => "asked as a fallback model",
        Cause::AllUnhealthy => "asked although no target was healthy",
    };
    let waited = match row.waited_ms {
        0 => String::new(),
        ms => format!("after a wait of {ms} ms, "),
    };
    let how = match (row.end_reason, row.status) {
        (EndReason::Complete, _) if outcome == "ok" => "it answered".to_owned(),
        (EndReason::ClientGone, _) => "the client left".to_owned(),
        (EndReason::Crash, _) => "the gateway was stopped hard meanwhile".to_owned(),
        (_, 0) => format!("it failed ({outcome})"),
        (_, status) => format!("it failed ({outcome}, status {status})"),
    };
    let took = row.duration_ms;
    format!("{waited}{target} was {why}; {how} after {took} ms")
}

fn without_provider(row: &UsageRow, outcome: &str) -> String {
    let answered = row.end_reason == EndReason::Complete && outcome == "ok";
    match row.rung {
        Rung::Cache if answered => "answered from the cache".to_owned(),
        Rung::StaleCache if answered => {
            "answered from the cache, past its time to live, because nothing better was there"
                .to_owned()
        }
        Rung::Rules if answered => "answered by rule, because nothing better was there".to_owned(),
        _ => format!("ended before anything was sent ({outcome})"),
    }
}
