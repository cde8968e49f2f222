//! The JSON shapes of keys, usage and attempts, shared by the admin API and the command line.

mod credentials;

use serde::Serialize;
use serde_json::{Value, json};
use tb_config::EffectiveValue;
use tb_core::ports::{GroupBy, UsageSum};
use tb_core::{Cost, UsageRow};

pub use self::credentials::{KeyView, NewKeyView, NewTokenView, TokenView};

/// The column of a grouping.
#[must_use]
pub const fn group_by_name(by: GroupBy) -> &'static str {
    match by {
        GroupBy::Key => "key",
        GroupBy::Model => "model",
        GroupBy::Service => "service",
        GroupBy::User => "user",
        GroupBy::Purpose => "purpose",
        GroupBy::Day => "day",
        GroupBy::Provider => "provider",
        GroupBy::DataClass => "data_class",
    }
}

const GROUPINGS: [GroupBy; 8] = [
    GroupBy::Key,
    GroupBy::Model,
    GroupBy::Service,
    GroupBy::User,
    GroupBy::Purpose,
    GroupBy::Day,
    GroupBy::Provider,
    GroupBy::DataClass,
];

/// Reads a list of groupings, `model,day`; an empty one is none.
///
/// # Errors
/// Says which word is not one, or stands twice, and which there are.
pub fn parse_group_by(list: &str) -> Result<Vec<GroupBy>, String> {
    let mut found = Vec::new();
    for word in list.split(',').map(str::trim).filter(|word| !word.is_empty()) {
        let by = GROUPINGS.into_iter().find(|by| group_by_name(*by) == word).ok_or_else(|| {
            let known = GROUPINGS.map(group_by_name).join(", ");
            format!("`{word}` is not a grouping; there are: {known}")
        })?;
        if found.contains(&by) {
            return Err(format!("`{word}` stands twice"));
        }
        found.push(by);
    }
    Ok(found)
}

/// The columns of usage sums: the groupings, then the contract's figures.
#[must_use]
pub fn usage_columns(by: &[GroupBy]) -> Vec<&'static str> {
    let mut columns: Vec<_> = by.iter().map(|by| group_by_name(*by)).collect();
    columns.extend([
        "requests",
        "attempts",
        "errors",
        "input_tokens",
        "cached_input_tokens",
        "output_tokens",
        "reasoning_tokens",
        "cost_micro_usd",
        "estimated_cost_micro_usd",
        "unpriced_requests",
        "saved_micro_usd",
    ]);
    columns
}

/// The values of one sum, in the order of [`usage_columns`].
#[must_use]
pub fn usage_values(sum: &UsageSum) -> Vec<Value> {
    let mut values: Vec<Value> = sum.group.iter().map(|value| json!(value)).collect();
    values.extend([
        json!(sum.requests),
        json!(sum.attempts),
        json!(sum.errors),
        json!(sum.input_tokens),
        json!(sum.cached_input_tokens),
        json!(sum.output_tokens),
        json!(sum.reasoning_tokens),
        json!(sum.cost.micro_usd()),
        json!(sum.estimated_cost.micro_usd()),
        json!(sum.unpriced_requests),
        json!(sum.saved.micro_usd()),
    ]);
    values
}

/// One attempt of a request.
#[derive(Debug, Clone, Serialize)]
pub struct AttemptView {
    /// `req_…`
    pub request_id: String,
    /// From 1; 0 for a request that never reached a provider.
    pub attempt: u32,
    /// Whether the client saw the outcome of this attempt.
    pub is_final: bool,
    /// RFC 3339.
    pub started_at: String,
    /// The same in Unix milliseconds, for `before`.
    pub started_at_ms: i64,
    /// The calling service.
    pub service: String,
    /// The public half of the key; null with authentication off.
    pub key_id: Option<String>,
    /// What the call was for.
    pub purpose: String,
    /// The end user.
    pub user: Option<String>,
    /// The public route.
    pub route: &'static str,
    /// Whether the client asked for a stream.
    pub stream: bool,
    /// The provider tried.
    pub provider: Option<String>,
    /// What the client sent as `model`, or `other`.
    pub model_requested: String,
    /// What was sent to the provider.
    pub model_resolved: Option<String>,
    /// What the provider says it served.
    pub model_served: Option<String>,
    /// What the answer says of the provider's servers.
    pub system_fingerprint: Option<String>,
    /// Whether another model answered than the pinned one.
    pub drift: bool,
    /// The version of the prompt that the request named, `translate@3`.
    pub prompt: Option<String>,
    /// The provider's HTTP status, 0 when none came.
    pub status: u16,
    /// The stable error code.
    pub error_code: Option<String>,
    /// Why it ended.
    pub end_reason: &'static str,
    /// Where the tokens come from.
    pub usage_source: &'static str,
    /// All input tokens.
    pub input_tokens: u64,
    /// Input read from the provider's cache.
    pub cached_input_tokens: u64,
    /// Input written to the provider's cache.
    pub cache_write_tokens: u64,
    /// All output tokens.
    pub output_tokens: u64,
    /// Reasoning tokens, part of the output.
    pub reasoning_tokens: u64,
    /// `measured`, `estimated`, `unpriced` or `free`.
    pub cost_kind: &'static str,
    /// Micro-dollars, rounded; null when unpriced.
    pub cost_micro_usd: Option<i64>,
    /// The version of the price table.
    pub price_version: String,
    /// Milliseconds to the first output of a stream.
    pub ttft_ms: Option<u32>,
    /// Milliseconds from the start of the attempt to its end.
    pub duration_ms: u32,
    /// Microseconds that the gateway itself added.
    pub overhead_us: u32,
    /// The configuration that served it, 16 hexadecimal digits.
    pub config_hash: String,
    /// `target`, `fallback_model`, `cache`, `stale_cache` or `rules`.
    pub rung: &'static str,
    /// Why this attempt was made.
    pub cause: &'static str,
    /// Milliseconds that the gateway waited before it.
    pub waited_ms: u32,
    /// Which of the provider's keys was used, from 0.
    pub key_index: Option<u32>,
    /// What was passed over before it and why, as `provider/model=word;…`; behind `|` what was
    /// after it, when nothing else followed.
    pub passed_over: Option<String>,
    /// Micro-dollars that an answer from the cache would have cost.
    pub saved_micro_usd: i64,
    /// What the guard found and did, as `email=2:tokenize,credit_card=1:mask`.
    pub guard: Option<String>,
    /// What unseen characters the request had, as `zero_width=3,tags=1`.
    pub characters: Option<String>,
}

impl From<&UsageRow> for AttemptView {
    fn from(row: &UsageRow) -> Self {
        let (cost_kind, cost_micro_usd) = match row.cost {
            Cost::Measured(amount) => ("measured", Some(amount.micro_usd())),
            Cost::Estimated(amount) => ("estimated", Some(amount.micro_usd())),
            Cost::Unpriced => ("unpriced", None),
            Cost::Free => ("free", Some(0)),
        };
        let tokens = &row.tokens;
        Self {
            request_id: row.request_id.to_string(),
            attempt: row.attempt,
            is_final: row.is_final,
            started_at: row.started_at.to_rfc3339(),
            started_at_ms: row.started_at.unix_ms(),
            service: row.service.to_string(),
            key_id: row.key_id.map(|id| id.to_string()),
            purpose: row.purpose.to_string(),
            user: row.user.clone(),
            route: row.surface.label(),
            stream: row.stream,
            provider: row.provider.as_ref().map(ToString::to_string),
            model_requested: row.model_requested.to_string(),
            model_resolved: row.model_resolved.as_ref().map(ToString::to_string),
            model_served: row.model_served.clone(),
            system_fingerprint: row.fingerprint.clone(),
            drift: row.has_drifted,
            prompt: row.prompt.as_deref().map(str::to_owned),
            status: row.status,
            error_code: row.error_code.clone(),
            end_reason: row.end_reason.as_str(),
            usage_source: row.usage_source.as_str(),
            input_tokens: tokens.input(),
            cached_input_tokens: tokens.cache_read,
            cache_write_tokens: tokens.cache_write.saturating_add(tokens.cache_write_1h),
            output_tokens: tokens.output(),
            reasoning_tokens: tokens.reasoning,
            cost_kind,
            cost_micro_usd,
            price_version: row.price_version.to_string(),
            ttft_ms: row.ttft_ms,
            duration_ms: row.duration_ms,
            overhead_us: row.overhead_us,
            config_hash: format!("{:016x}", row.config_hash),
            rung: row.rung.as_str(),
            cause: row.cause.as_str(),
            waited_ms: row.waited_ms,
            key_index: row.key_index,
            passed_over: row.passed_over.clone(),
            saved_micro_usd: row.saved.micro_usd(),
            guard: row.guard.clone(),
            characters: row.characters.clone(),
        }
    }
}

/// One effective value of the configuration.
#[derive(Debug, Clone, Serialize)]
pub struct EffectiveView {
    /// Its path.
    pub key: String,
    /// In TOML's notation; `[secret]` for secrets.
    pub value: String,
    /// `flag`, `env NAME`, `FILE:LINE` or `default`.
    pub source: String,
}

impl From<EffectiveValue> for EffectiveView {
    fn from(value: EffectiveValue) -> Self {
        Self { key: value.key, value: value.value, source: value.source }
    }
}
