//! The error envelopes that clients see.

use serde_json::Value;

use crate::json::write_string;

/// An error as the public API shows it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// HTTP status.
    pub status: u16,
    /// OpenAI's `type`: `invalid_request_error`, `authentication_error`, `rate_limit_error`, …
    pub kind: String,
    /// The stable code, if any.
    pub code: Option<String>,
    /// The field at fault, if any.
    pub param: Option<String>,
    /// What happened and what to do; never holds a secret or text of a request.
    pub message: String,
    /// Whose fault: `caller`, `policy`, `provider` or `gateway`.
    pub origin: &'static str,
    /// More members of the `tollbar` object (`limit`, `used`, `resets_at`, …). The names
    /// `request_id` and `origin` are taken and are left out here; the first of a repeated
    /// name counts.
    pub extra: Vec<(&'static str, Value)>,
}

impl ApiError {
    /// The caller's fault: the same request will fail again until it is changed.
    pub fn caller(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self::of("caller", status, code, message.into())
    }

    /// A rule of the operator forbids it: limits, budgets, models, networks, data classes.
    pub fn policy(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self::of("policy", status, code, message.into())
    }

    /// The providers failed.
    pub fn provider(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self::of("provider", status, code, message.into())
    }

    /// The gateway itself failed or is overloaded.
    pub fn gateway(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self::of("gateway", status, code, message.into())
    }

    fn of(origin: &'static str, status: u16, code: &str, message: String) -> Self {
        Self {
            status,
            kind: openai_kind(status).to_owned(),
            code: (!code.is_empty()).then(|| code.to_owned()),
            param: None,
            message,
            origin,
            extra: Vec::new(),
        }
    }

    /// Names the field at fault, as a path such as `messages[0].content`.
    #[must_use]
    pub fn param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// Replaces OpenAI's `type`, which otherwise follows from the status ([`openai_kind`]).
    #[must_use]
    pub fn kind(mut self, kind: impl Into<String>) -> Self {
        self.kind = kind.into();
        self
    }

    /// Adds a member to the `tollbar` object.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.extra.push((name, value.into()));
        self
    }

    /// `{"error":{"message","type","param","code","tollbar":{"request_id","origin"}}}`.
    ///
    /// The four keys of OpenAI are always present (`param` and `code` may be `null`): typed
    /// clients refuse an error without them. On one line, so that it also serves as the data of
    /// an event in a broken stream.
    #[must_use]
    pub fn openai(&self, request_id: &str) -> String {
        let mut out = String::with_capacity(self.message.len() + 192);
        out.push_str(r#"{"error":{"message":"#);
        write_string(&self.message, &mut out);
        out.push_str(r#","type":"#);
        write_string(&self.kind, &mut out);
        out.push_str(r#","param":"#);
        write_optional(self.param.as_deref(), &mut out);
        out.push_str(r#","code":"#);
        write_optional(self.code.as_deref(), &mut out);
        self.write_tollbar(request_id, false, &mut out);
        out.push_str("}}");
        out
    }

    /// `{"type":"error","error":{"type","message","tollbar":{…}},"request_id"}`, with
    /// Anthropic's error types derived from the status ([`anthropic_kind`]). Anthropic's
    /// envelope has no place for `code` and `param`, so these stand in `tollbar` when there are
    /// any.
    #[must_use]
    pub fn anthropic(&self, request_id: &str) -> String {
        let mut out = String::with_capacity(self.message.len() + 224);
        out.push_str(r#"{"type":"error","error":{"type":"#);
        write_string(anthropic_kind(self.status), &mut out);
        out.push_str(r#","message":"#);
        write_string(&self.message, &mut out);
        self.write_tollbar(request_id, true, &mut out);
        out.push_str(r#"},"request_id":"#);
        write_string(request_id, &mut out);
        out.push('}');
        out
    }

    fn write_tollbar(&self, request_id: &str, with_code: bool, out: &mut String) {
        out.push_str(r#","tollbar":{"request_id":"#);
        write_string(request_id, out);
        out.push_str(r#","origin":"#);
        write_string(self.origin, out);
        let mut taken = vec!["request_id", "origin"];
        if with_code {
            for (name, value) in [("code", &self.code), ("param", &self.param)] {
                if let Some(value) = value {
                    taken.push(name);
                    write_member(name, &Value::from(value.as_str()), out);
                }
            }
        }
        for (name, value) in &self.extra {
            if !taken.contains(name) {
                taken.push(name);
                write_member(name, value, out);
            }
        }
        out.push('}');
    }
}

fn write_member(name: &str, value: &Value, out: &mut String) {
    out.push(',');
    write_string(name, out);
    out.push(':');
    out.push_str(&value.to_string());
}

fn write_optional(text: Option<&str>, out: &mut String) {
    match text {
        Some(text) => write_string(text, out),
        None => out.push_str("null"),
    }
}

/// OpenAI's `type` for a status. OpenAI itself uses `invalid_request_error` for 404
/// (`model_not_found`) and for the other statuses from 400 to 499.
#[must_use]
pub fn openai_kind(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        403 => "permission_error",
        429 => "rate_limit_error",
        500.. => "server_error",
        _ => "invalid_request_error",
    }
}

/// Anthropic's `error.type` for a status, from the list of its API reference ("Errors"). A
/// status below 500 that the list lacks (405, 409, 415) is the caller's doing and becomes
/// `invalid_request_error`; anything else is `api_error`.
#[must_use]
pub fn anthropic_kind(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        429 => "rate_limit_error",
        504 => "timeout_error",
        503 | 529 => "overloaded_error",
        400..=499 => "invalid_request_error",
        _ => "api_error",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn openai_envelope_keeps_the_four_keys_when_they_are_null() {
        let mut error = ApiError::gateway(503, "overloaded", "try \"later\"\n");
        error.code = None;
        assert_eq!(
            error.openai("req_1"),
            r#"{"error":{"message":"try \"later\"\n","type":"server_error","param":null,"code":null,"tollbar":{"request_id":"req_1","origin":"gateway"}}}"#
        );
    }

    #[test]
    fn extra_members_stand_inside_tollbar_and_cannot_displace_ours() {
        let error = ApiError::policy(429, "budget_exceeded", "spent")
            .param("model")
            .with("limit", 5)
            .with("origin", "forged")
            .with("limit", 6);
        let seen: Value = serde_json::from_str(&error.openai("r")).unwrap();
        assert_eq!(
            seen["error"],
            json!({
                "message": "spent", "type": "rate_limit_error", "param": "model",
                "code": "budget_exceeded",
                "tollbar": {"request_id": "r", "origin": "policy", "limit": 5}
            })
        );
    }

    #[test]
    fn anthropic_envelope_carries_the_code_in_tollbar() {
        let error = ApiError::caller(422, "model_retired", "gone").param("model").with("code", 1);
        assert_eq!(
            error.anthropic("req_9"),
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"gone","tollbar":{"request_id":"req_9","origin":"caller","code":"model_retired","param":"model"}},"request_id":"req_9"}"#
        );
    }

    #[test]
    fn anthropic_types_follow_the_status() {
        let seen: Vec<_> = [400, 401, 402, 403, 404, 405, 413, 422, 429, 500, 502, 503, 504, 529]
            .into_iter()
            .map(|status| (status, anthropic_kind(status)))
            .collect();
        assert_eq!(
            seen,
            [
                (400, "invalid_request_error"),
                (401, "authentication_error"),
                (402, "billing_error"),
                (403, "permission_error"),
                (404, "not_found_error"),
                (405, "invalid_request_error"),
                (413, "invalid_request_error"),
                (422, "invalid_request_error"),
                (429, "rate_limit_error"),
                (500, "api_error"),
                (502, "api_error"),
                (503, "overloaded_error"),
                (504, "timeout_error"),
                (529, "overloaded_error"),
            ]
        );
    }
}
