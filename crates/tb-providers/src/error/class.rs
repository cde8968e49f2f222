//! What an error means for the next step, by its status, its codes and, where vendors leave no
//! other sign, its message.
//!
//! Messages may quote the request. So a caller must not be able to word a request such that the
//! provider's error takes a key out of service: those classes are told by codes, or by how a
//! message begins.

use super::ErrorFields;
use crate::ErrorClass;

/// Codes and types of an account that has nothing left, or may not spend it.
const QUOTA: [&str; 8] = [
    "insufficient_quota",
    "billing_hard_limit_reached",
    "billing_not_active",
    "billing_limit_user_error",
    "billing_error",
    "QuotaExceeded",
    "Arrearage",
    "insufficient_balance",
];

/// How messages of the same begin, lower case.
const QUOTA_MESSAGES: [&str; 4] = [
    "your credit balance is too low",
    "you have reached your specified api usage limits",
    "out of call volume quota",
    "your prepayment credits are depleted",
];

/// Codes of refused content. `invalid_prompt` is how reasoning models of OpenAI tell it.
const POLICY: [&str; 7] = [
    "content_filter",
    "contentFilter",
    "content_policy_violation",
    "moderation_blocked",
    "ResponsibleAIPolicyViolation",
    "invalid_prompt",
    "content_safety",
];

/// Parts of messages of the same.
const POLICY_MESSAGES: [&str; 3] = [
    "blocked by content filtering policy",
    "triggering azure openai's content management policy",
    // xAI sends it with 403 and no code of its own.
    "content violates usage guidelines",
];

/// Codes and types of a prompt that does not fit.
const CONTEXT: [&str; 5] = [
    "context_length_exceeded",
    "exceed_context_size_error",
    "request_too_large",
    "tokens_limit_reached",
    "context_window_exceeded",
];

/// Parts of messages of the same: OpenAI, vLLM, llama.cpp, Ollama, TGI, Anthropic, Gemini,
/// Mistral, xAI, Cohere.
const CONTEXT_MESSAGES: [&str; 14] = [
    "maximum context length",
    "maximum model length",
    "maximum prompt length",
    "prompt is too long",
    "input is too long",
    "context window",
    "context size",
    "exceed context limit",
    "exceeds the context length",
    "exceeds the maximum number of tokens",
    "request payload size exceeds the limit",
    "prompt is too big compared to kv size",
    "`inputs` tokens + `max_new_tokens` must be",
    "total number of tokens in the prompt exceeds",
];

/// Messages of a 403 about something that the request names, not about the key, lower case.
const NAMED_THING_MESSAGES: [&str; 2] =
    ["you do not have permission to access the file", "cachedcontent not found"];

/// How messages about our account or its place begin though the status says "bad request".
const ACCOUNT_MESSAGES: [&str; 3] =
    ["api key not valid", "user location is not supported", "this organization has been disabled"];

/// What to do about an error.
pub(super) fn class_of(status: u16, fields: &ErrorFields) -> ErrorClass {
    let signs = Signs::read(fields);
    if signs.is_quota(status) {
        return ErrorClass::QuotaExhausted;
    }
    if signs.is_policy(status) {
        return ErrorClass::ContentPolicy;
    }
    if signs.is_context(status) {
        return ErrorClass::ContextTooLong;
    }
    if let Some(class) = signs.transient(status) {
        return class;
    }
    if signs.named(&["rate_limit_exceeded", "rate_limit_error"]) {
        return ErrorClass::RateLimit;
    }
    if signs.named(&["model_not_found", "DeploymentNotFound", "OperationNotSupported"]) {
        return ErrorClass::ModelNotFound;
    }
    if status == 403 && signs.begins(&NAMED_THING_MESSAGES) {
        return ErrorClass::BadRequest;
    }
    if signs.named(&["invalid_api_key", "authentication_error"])
        || matches!(status, 401 | 403)
        || signs.begins(&ACCOUNT_MESSAGES)
    {
        return ErrorClass::BadCredentials;
    }
    let about_stored = matches!(fields.param.as_deref(), Some("id" | "previous_response_id"));
    if status == 404 && !about_stored {
        return ErrorClass::ModelNotFound;
    }
    ErrorClass::BadRequest
}

/// The words of an error.
struct Signs<'a> {
    code: &'a str,
    inner_code: &'a str,
    kind: &'a str,
    param: &'a str,
    /// Lower case.
    message: String,
}

impl<'a> Signs<'a> {
    fn read(fields: &'a ErrorFields) -> Self {
        Self {
            code: fields.code.as_deref().unwrap_or_default(),
            inner_code: fields.inner_code.as_deref().unwrap_or_default(),
            kind: fields.kind.as_deref().unwrap_or_default(),
            param: fields.param.as_deref().unwrap_or_default(),
            message: fields.message.to_ascii_lowercase(),
        }
    }

    fn named(&self, words: &[&str]) -> bool {
        words.iter().any(|word| [self.code, self.inner_code, self.kind].contains(word))
    }

    fn says(&self, parts: &[&str]) -> bool {
        parts.iter().any(|part| self.message.contains(part))
    }

    fn begins(&self, beginnings: &[&str]) -> bool {
        beginnings.iter().any(|beginning| self.message.starts_with(beginning))
    }

    fn is_quota(&self, status: u16) -> bool {
        self.named(&QUOTA)
            || status == 402
            || self.begins(&QUOTA_MESSAGES)
            // With a code, the code tells: Gemini words its rate limits like this too.
            || (status == 429
                && self.code.is_empty()
                && self.begins(&["you exceeded your current quota"]))
    }

    fn is_policy(&self, status: u16) -> bool {
        self.named(&POLICY) || (matches!(status, 400 | 403) && self.says(&POLICY_MESSAGES))
    }

    fn is_context(&self, status: u16) -> bool {
        // A text over a limit of its own does not fit either, unlike an id or a name.
        let long_text = self.code == "string_above_max_length"
            && (self.param.contains("content")
                || ["input", "prompt", "instructions"].iter().any(|p| self.param.starts_with(p)));
        // Overload and rate limits speak of tokens and windows too.
        let may_say = !matches!(status, 401 | 403 | 408 | 409 | 425 | 429 | 503 | 529);
        // One request larger than a minute's tokens never passes, whatever the wait.
        let over_a_minute = status == 429 && self.begins(&["request too large for"]);
        status == 413
            || over_a_minute
            || self.named(&CONTEXT)
            || long_text
            || (may_say && self.says(&CONTEXT_MESSAGES))
    }

    /// The class of a failure that may pass by itself. 408, 409 and 425 ask for another try
    /// (RFC 9110 and 8470), 498 is a vendor's "no capacity", 499 a cancelled call.
    fn transient(&self, status: u16) -> Option<ErrorClass> {
        let overloaded = self.named(&["overloaded_error", "NoCapacity", "EngineOverloaded"]);
        match status {
            429 if !overloaded => Some(ErrorClass::RateLimit),
            429 | 498 | 503 | 529 => Some(ErrorClass::Overloaded),
            408 | 409 | 425 | 499 | 500.. if !overloaded => Some(ErrorClass::ServerError),
            408 | 409 | 425 | 499 | 500.. => Some(ErrorClass::Overloaded),
            _ => None,
        }
    }
}

/// The status that an error inside a stream would have had.
pub(super) fn stream_status(fields: &ErrorFields) -> u16 {
    let number = fields.code.as_deref().and_then(|code| code.parse::<u16>().ok());
    if let Some(status) = number.filter(|status| (400..600).contains(status)) {
        return status;
    }
    let words = [&fields.kind, &fields.code, &fields.inner_code];
    let has =
        |parts: &[&str]| words.into_iter().flatten().any(|w| parts.iter().any(|p| w.contains(p)));
    for (parts, status) in [
        (["rate_limit", "insufficient_quota", "RESOURCE_EXHAUSTED"].as_slice(), 429),
        (&["billing"], 402),
        (&["overloaded", "UNAVAILABLE", "slow_down"], 503),
        (&["authentication", "invalid_api_key", "UNAUTHENTICATED"], 401),
        (&["permission", "PERMISSION_DENIED"], 403),
        (&["not_found", "NOT_FOUND"], 404),
        (&["request_too_large"], 413),
        (&["invalid_request", "INVALID_ARGUMENT", "invalid_prompt"], 400),
        (&["content_filter", "content_policy", "context_length", "exceed_context_size"], 400),
    ] {
        if has(parts) {
            return status;
        }
    }
    500
}
