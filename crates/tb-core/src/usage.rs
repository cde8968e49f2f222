//! The accounting record: one row per attempt, under one request id.

use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::prices::Cost;
use crate::{
    DataClass, KeyId, ModelName, NanoUsd, ProviderName, Purpose, RequestId, ServiceName, Surface,
    Timestamp,
};

/// Tokens by kind. The kinds partition: `input()` and `output()` are exact sums, nothing is
/// counted twice (`cache_*` are parts of the input, `reasoning` is a part of the output).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TokenCounts {
    /// Input that was neither read from nor written to the provider's prompt cache.
    pub input_fresh: u64,
    /// Input read from the provider's prompt cache.
    pub cache_read: u64,
    /// Input written to the provider's prompt cache (5-minute entries, or the only kind).
    pub cache_write: u64,
    /// Input written to the provider's prompt cache for one hour.
    pub cache_write_1h: u64,
    /// Output that the client can see.
    pub output_visible: u64,
    /// Hidden reasoning, billed as output.
    pub reasoning: u64,
}

impl TokenCounts {
    /// All input tokens.
    #[must_use]
    pub const fn input(&self) -> u64 {
        self.input_fresh
            .saturating_add(self.cache_read)
            .saturating_add(self.cache_write)
            .saturating_add(self.cache_write_1h)
    }

    /// All output tokens.
    #[must_use]
    pub const fn output(&self) -> u64 {
        self.output_visible.saturating_add(self.reasoning)
    }
}

/// Why an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// A whole answer, success or a proper error of the provider, was passed on.
    Complete,
    /// The client left before the end.
    ClientGone,
    /// The provider failed, cut the stream or sent garbage.
    UpstreamError,
    /// One of the time-outs or the deadline.
    Timeout,
    /// A limit of ours ended it.
    Limit,
    /// The guard ended it.
    Guard,
    /// The process died; settled at the next start.
    Crash,
}

impl EndReason {
    /// Every reason, for tables and metrics.
    pub const ALL: [Self; 7] = [
        Self::Complete,
        Self::ClientGone,
        Self::UpstreamError,
        Self::Timeout,
        Self::Limit,
        Self::Guard,
        Self::Crash,
    ];

    /// The word for it in rows and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::ClientGone => "client_gone",
            Self::UpstreamError => "upstream_error",
            Self::Timeout => "timeout",
            Self::Limit => "limit",
            Self::Guard => "guard",
            Self::Crash => "crash",
        }
    }
}

/// Where the token counts of a row come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UsageSource {
    /// The provider's final count.
    Provider,
    /// The provider's count so far, then the stream was cut.
    ProviderPartial,
    /// Our estimate from the bytes that went and came.
    Estimate,
    /// Nothing reached the provider, or it charges no tokens for this.
    None,
}

impl UsageSource {
    /// Every source, for tables and metrics.
    pub const ALL: [Self; 4] = [Self::Provider, Self::ProviderPartial, Self::Estimate, Self::None];

    /// The word for it in rows and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::ProviderPartial => "provider_partial",
            Self::Estimate => "estimate",
            Self::None => "none",
        }
    }
}

/// One attempt at a provider. `attempt` counts from 1; a request that ended before any
/// attempt has a single row with `attempt` 0 and no provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageRow {
    /// The request; several attempts share it.
    pub request_id: RequestId,
    /// 1 for the first attempt, 0 for a request that never reached a provider.
    pub attempt: u32,
    /// Whether this is the attempt whose outcome the client saw.
    pub is_final: bool,
    /// When the attempt began.
    pub started_at: Timestamp,
    /// The calling service, the tenant.
    pub service: ServiceName,
    /// The virtual key, or `None` with authentication off.
    pub key_id: Option<KeyId>,
    /// What the call was for.
    pub purpose: Purpose,
    /// The end user as the caller named them (`x-tollbar-user`, else the body's `user`).
    pub user: Option<String>,
    /// The public route.
    pub surface: Surface,
    /// Whether the client asked for a stream.
    pub stream: bool,
    /// The provider tried, if any.
    pub provider: Option<ProviderName>,
    /// What the client sent as `model`, when the configuration knows it; else `other`.
    pub model_requested: ModelName,
    /// The model id that was sent to the provider.
    pub model_resolved: Option<ModelName>,
    /// The model id that the provider says it served.
    pub model_served: Option<String>,
    /// The provider's HTTP status, or 0 when none came.
    pub status: u16,
    /// The stable error code shown to the client, when the attempt failed.
    pub error_code: Option<String>,
    /// Why it ended.
    pub end_reason: EndReason,
    /// Where `tokens` come from.
    pub usage_source: UsageSource,
    /// Tokens by kind.
    pub tokens: TokenCounts,
    /// What it cost.
    pub cost: Cost,
    /// The version of the price table, see [`crate::PriceTable::version`].
    pub price_version: Arc<str>,
    /// Milliseconds to the first output, for streams that produced any.
    pub ttft_ms: Option<u32>,
    /// Milliseconds from the start of the attempt to its end.
    pub duration_ms: u32,
    /// Microseconds that the gateway itself added before sending.
    pub overhead_us: u32,
    /// The hash of the configuration snapshot that served it.
    pub config_hash: u64,
    /// Which rung of the ladder this attempt or answer stands on.
    pub rung: Rung,
    /// Why this attempt was made.
    pub cause: Cause,
    /// Milliseconds that the gateway waited before this attempt.
    pub waited_ms: u32,
    /// Which of the provider's keys was used (index into `api_keys`).
    pub key_index: Option<u32>,
    /// What was passed over before this attempt or answer and why, as
    /// `provider/model=word;…`; the words stand in `docs/reliability.md`. What was passed over
    /// after the last attempt stands behind a `|`.
    pub passed_over: Option<String>,
    /// What the answer would have cost, for answers that came from the cache.
    pub saved: NanoUsd,
    /// What the guard found in the request and did with it, `email=2:tokenize,credit_card=1:mask`:
    /// kinds, counts and actions, never a value.
    pub guard: Option<String>,
    /// What characters the request had that people do not see, `zero_width=3,tags=1`.
    pub characters: Option<String>,
    /// Which of the key's secrets was presented, see [`crate::KeySecret::version`].
    pub secret_version: Option<u32>,
    /// Who the caller proved to be otherwise: a SPIFFE id, or issuer and subject of a token.
    pub workload: Option<Arc<str>>,
    /// Where the caller was, cut to its network (24 bits of IPv4, 48 of IPv6).
    pub peer: Option<IpAddr>,
    /// How sensitive the request was, the guard's findings included.
    pub data_class: DataClass,
    /// The operator's own classes of it, `trade_secret,export_controlled`.
    pub own_classes: Option<Arc<str>>,
    /// Where the provider processes data.
    pub region: Option<Arc<str>>,
    /// The agreement under which the provider got health data or the like.
    pub agreement: Option<Arc<str>>,
    /// HMAC-SHA-256 of the masked request under the tenant's key, to match content without
    /// keeping it.
    pub request_hmac: Option<[u8; 32]>,
    /// The same of the provider's answer, as it came.
    pub answer_hmac: Option<[u8; 32]>,
    /// The version of the prompt that the request named, `translate@3`.
    pub prompt: Option<Arc<str>>,
    /// The configuration of the provider's servers, as its answer says (`system_fingerprint`).
    pub fingerprint: Option<String>,
    /// Whether another model answered than the pinned one.
    pub has_drifted: bool,
}

/// The rungs of the ladder, from the best answer down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rung {
    /// A target of the requested model.
    #[default]
    Target,
    /// A target of a fallback model.
    FallbackModel,
    /// A fresh answer of the cache.
    Cache,
    /// An answer of the cache past its time to live, because nothing better was there.
    StaleCache,
    /// An answer by rule.
    Rules,
}

impl Rung {
    /// Every rung, for tables and metrics.
    pub const ALL: [Self; 5] =
        [Self::Target, Self::FallbackModel, Self::Cache, Self::StaleCache, Self::Rules];

    /// The word for it in rows and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Target => "target",
            Self::FallbackModel => "fallback_model",
            Self::Cache => "cache",
            Self::StaleCache => "stale_cache",
            Self::Rules => "rules",
        }
    }
}

/// Why an attempt was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The request came.
    #[default]
    First,
    /// The attempt before failed, and another target of the model was there.
    NextTarget,
    /// The attempt before failed, and the same target was asked again after a wait.
    Retry,
    /// The provider refused or throttled a key, and another one was there.
    NextKey,
    /// The targets of the model before were spent.
    FallbackModel,
    /// No target was healthy, so this one was asked nonetheless.
    AllUnhealthy,
}

impl Cause {
    /// Every cause, for tables.
    pub const ALL: [Self; 6] = [
        Self::First,
        Self::NextTarget,
        Self::Retry,
        Self::NextKey,
        Self::FallbackModel,
        Self::AllUnhealthy,
    ];

    /// The word for it in rows.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::NextTarget => "next_target",
            Self::Retry => "retry",
            Self::NextKey => "next_key",
            Self::FallbackModel => "fallback_model",
            Self::AllUnhealthy => "all_unhealthy",
        }
    }
}
