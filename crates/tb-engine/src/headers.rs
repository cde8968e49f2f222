//! The names of our headers, made once: looking a name up by its text costs a parse.

use http::HeaderName;

macro_rules! names {
    ($($(#[$doc:meta])* $constant:ident = $text:literal;)*) => {
        $($(#[$doc])* pub const $constant: HeaderName = HeaderName::from_static($text);)*
    };
}

names! {
    /// What the call is for.
    PURPOSE = "x-tollbar-purpose";
    /// The end user of the caller.
    USER = "x-tollbar-user";
    /// The class of the data; may only tighten.
    DATA_CLASS = "x-tollbar-data-class";
    /// A shorter deadline.
    TIMEOUT_MS = "x-tollbar-timeout-ms";
    /// `off`: no other model and no answer of the gateway's own.
    FALLBACK = "x-tollbar-fallback";
    /// The provider that answered.
    PROVIDER = "x-tollbar-provider";
    /// What the client named.
    MODEL_REQUESTED = "x-tollbar-model-requested";
    /// What was sent to the provider.
    MODEL_RESOLVED = "x-tollbar-model-resolved";
    /// What the provider says it served.
    MODEL_SERVED = "x-tollbar-model-served";
    /// The trace of attempts.
    ATTEMPTS = "x-tollbar-attempts";
    /// What the cache did.
    CACHE = "x-tollbar-cache";
    /// The greatest age of a kept answer, in seconds.
    CACHE_MAX_AGE = "x-tollbar-cache-max-age";
    /// What the answer can be purged from the cache by.
    CACHE_TAG = "x-tollbar-cache-tag";
    /// What the cache did, as RFC 9211 has it.
    CACHE_STATUS = "cache-status";
    /// How far the answer is from what was asked.
    DEGRADED = "x-tollbar-degraded";
    /// The cost of a whole answer.
    COST_USD = "x-tollbar-cost-usd";
    /// What the gateway itself added.
    OVERHEAD_MS = "x-tollbar-overhead-ms";
    /// Request fields that the provider's dialect cannot express.
    DROPPED_FIELDS = "x-tollbar-dropped-fields";
    /// What the guard found in the request.
    GUARD = "x-tollbar-guard";
    /// The characters in it that people do not see.
    CHARACTERS = "x-tollbar-characters";
    /// The prompt that was used, with the number of its version.
    PROMPT = "x-tollbar-prompt";
    /// The hash of that version.
    PROMPT_HASH = "x-tollbar-prompt-hash";
    /// The request's id.
    REQUEST_ID = "x-request-id";
    /// Whether the SDK should try again.
    SHOULD_RETRY = "x-should-retry";
    /// Milliseconds after which to try again.
    RETRY_AFTER_MS = "retry-after-ms";
    /// The tightest limit on requests.
    LIMIT_REQUESTS = "x-ratelimit-limit-requests";
    /// What is left of it.
    REMAINING_REQUESTS = "x-ratelimit-remaining-requests";
    /// When all of it is there again.
    RESET_REQUESTS = "x-ratelimit-reset-requests";
    /// The tightest limit on tokens.
    LIMIT_TOKENS = "x-ratelimit-limit-tokens";
    /// What is left of it.
    REMAINING_TOKENS = "x-ratelimit-remaining-tokens";
    /// When all of it is there again.
    RESET_TOKENS = "x-ratelimit-reset-tokens";
    /// Tells proxies not to hold a stream back.
    ACCEL_BUFFERING = "x-accel-buffering";
    /// When the key that was used is refused, if that is soon.
    KEY_EXPIRES = "x-tollbar-key-expires";
    /// What should be known of the version that answered.
    PIN = "x-tollbar-pin";
    /// A credential, in the second place for it.
    X_API_KEY = "x-api-key";
    /// A credential, in the third place for it.
    API_KEY = "api-key";
}
