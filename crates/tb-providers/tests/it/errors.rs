//! What each dialect makes of its providers' errors: one row for each way they word them.

use http::HeaderMap;
use tb_core::Surface;
use tb_providers::ErrorClass::{self, *};
use tb_providers::{DialectName, UpstreamError, dialect};

use crate::support::shape;

type Row = (u16, &'static str, ErrorClass);

fn classified(name: DialectName, status: u16, body: &str) -> UpstreamError {
    dialect(name).classify(status, &HeaderMap::new(), body.as_bytes())
}

fn check(name: DialectName, rows: &[Row]) {
    for (status, body, class) in rows {
        assert_eq!(classified(name, *status, body).class, *class, "{name:?} {status} {body}");
    }
}

const OPENAI: &[Row] = &[
    (
        429,
        r#"{"error":{"message":"Rate limit reached","type":"tokens","code":"rate_limit_exceeded"}}"#,
        RateLimit,
    ),
    (
        429,
        r#"{"error":{"message":"x","type":"insufficient_quota","code":"insufficient_quota"}}"#,
        QuotaExhausted,
    ),
    (
        429,
        r#"{"error":{"message":"Your account is not active","code":"billing_not_active"}}"#,
        QuotaExhausted,
    ),
    (400, r#"{"error":{"message":"x","code":"billing_hard_limit_reached"}}"#, QuotaExhausted),
    (
        429,
        r#"{"error":{"message":"You exceeded your current quota, please check","code":null}}"#,
        QuotaExhausted,
    ),
    (402, "{}", QuotaExhausted),
    (503, "busy", Overloaded),
    (
        503,
        r#"{"error":{"message":"Slow down","type":"server_error","code":"slow_down"}}"#,
        Overloaded,
    ),
    (500, r#"{"error":{"message":"boom","type":"server_error"}}"#, ServerError),
    (408, r#"{"error":{"message":"Request timeout"}}"#, ServerError),
    (409, r#"{"error":{"message":"Conflict","code":"conversation_locked"}}"#, ServerError),
    (425, "", ServerError),
    (401, r#"{"error":{"message":"no","code":"invalid_api_key"}}"#, BadCredentials),
    (
        403,
        r#"{"error":{"message":"no","code":"unsupported_country_region_territory"}}"#,
        BadCredentials,
    ),
    (403, r#"{"detail":"no"}"#, BadCredentials),
    (
        429,
        r#"{"error":{"message":"Request too large for m in organization o on tokens per min (TPM): Limit 30000, Requested 342389.","type":"tokens","code":"rate_limit_exceeded"}}"#,
        ContextTooLong,
    ),
    (
        429,
        r#"{"error":{"message":"Rate limit reached for m: Request too large for now","code":"rate_limit_exceeded"}}"#,
        RateLimit,
    ),
    (
        403,
        r#"{"code":"The caller does not have permission to execute the specified operation","error":"Content violates usage guidelines. Team: t"}"#,
        ContentPolicy,
    ),
    (
        403,
        r#"{"error":{"message":"Project `p` does not have access to model `m`","code":"model_not_found"}}"#,
        ModelNotFound,
    ),
    (404, r#"{"error":{"message":"m","code":"model_not_found"}}"#, ModelNotFound),
    (404, r#"{"error":{"message":"Response with id 'r' not found.","param":"id"}}"#, BadRequest),
    (
        400,
        r#"{"error":{"message":"m","code":"previous_response_not_found","param":"previous_response_id"}}"#,
        BadRequest,
    ),
    (400, r#"{"error":{"message":"m","code":"context_length_exceeded"}}"#, ContextTooLong),
    (
        400,
        r#"{"error":{"message":"This model's maximum context length is 8 tokens"}}"#,
        ContextTooLong,
    ),
    (
        400,
        r#"{"error":{"message":"m","code":"string_above_max_length","param":"messages[0].content"}}"#,
        ContextTooLong,
    ),
    (
        400,
        r#"{"error":{"message":"m","code":"string_above_max_length","param":"user"}}"#,
        BadRequest,
    ),
    (413, "", ContextTooLong),
    (400, r#"{"error":{"message":"m","code":"content_policy_violation"}}"#, ContentPolicy),
    (400, r#"{"error":{"message":"m","code":"moderation_blocked"}}"#, ContentPolicy),
    (
        400,
        r#"{"error":{"message":"Invalid prompt: flagged","code":"invalid_prompt"}}"#,
        ContentPolicy,
    ),
    (400, r#"{"error":{"message":"m","type":"invalid_request_error"}}"#, BadRequest),
    (422, r#"{"detail":[{"msg":"field required"}]}"#, BadRequest),
    (302, "", Malformed),
    (200, "<html></html>", Malformed),
    (404, "<html>nope</html>", Malformed),
    (502, "<html>nope</html>", ServerError),
];

#[test]
fn openai() {
    check(DialectName::OpenAi, OPENAI);
}

const COMPATIBLE: &[Row] = &[
    // vLLM
    (
        400,
        r#"{"object":"error","message":"This model's maximum context length is 4096 tokens.","type":"BadRequestError","code":400}"#,
        ContextTooLong,
    ),
    (
        400,
        r#"{"error":{"message":"The decoder prompt (length 9) is longer than the maximum model length of 8.","code":400}}"#,
        ContextTooLong,
    ),
    (
        400,
        r#"{"object":"error","message":"bad n","type":"BadRequestError","code":400}"#,
        BadRequest,
    ),
    (
        404,
        r#"{"object":"error","message":"The model `x` does not exist.","type":"NotFoundError","code":404}"#,
        ModelNotFound,
    ),
    // llama.cpp
    (
        400,
        r#"{"error":{"code":400,"message":"the request exceeds the available context size","type":"exceed_context_size_error"}}"#,
        ContextTooLong,
    ),
    (
        500,
        r#"{"error":{"code":500,"message":"the request exceeds the available context size","type":"server_error"}}"#,
        ContextTooLong,
    ),
    (
        503,
        r#"{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}"#,
        Overloaded,
    ),
    // Ollama
    (400, r#"{"error":"the input length exceeds the context length"}"#, ContextTooLong),
    (404, r#"{"error":"model \"x\" not found, try pulling it first"}"#, ModelNotFound),
    // Text Generation Inference
    (
        422,
        r#"{"error":"Input validation error: `inputs` tokens + `max_new_tokens` must be <= 8","error_type":"validation"}"#,
        ContextTooLong,
    ),
    // xAI
    (
        400,
        r#"{"error":"This model's maximum prompt length is 8 but the request contains 9 tokens."}"#,
        ContextTooLong,
    ),
    // Groq
    (
        413,
        r#"{"error":{"message":"Request too large","type":"tokens","code":"rate_limit_exceeded"}}"#,
        ContextTooLong,
    ),
    (498, r#"{"error":{"message":"capacity exceeded"}}"#, Overloaded),
    // OpenRouter
    (
        403,
        r#"{"error":{"code":403,"message":"Input was flagged","metadata":{"reasons":["x"],"flagged_input":"y"}}}"#,
        ContentPolicy,
    ),
    // Cloudflare and other proxies
    (403, "<html>Sorry, you have been blocked</html>", Malformed),
    (403, "error code: 1020", Malformed),
    (401, "<html>who are you</html>", BadCredentials),
    (520, "<html></html>", ServerError),
    (524, "error code: 524", ServerError),
    (529, "", Overloaded),
];

#[test]
fn servers_and_proxies_that_are_compatible_with_openai() {
    check(DialectName::OpenAi, COMPATIBLE);
}

const AZURE: &[Row] = &[
    (
        429,
        r#"{"error":{"code":"429","message":"Requests have exceeded token rate limit. Please retry after 17 seconds."}}"#,
        RateLimit,
    ),
    (
        429,
        r#"{"error":{"code":"NoCapacity","message":"The system is experiencing high demand."}}"#,
        Overloaded,
    ),
    (
        403,
        r#"{"error":{"code":"403","message":"Out of call volume quota. Quota will be replenished in 2 days."}}"#,
        QuotaExhausted,
    ),
    (403, r#"{"error":{"code":"QuotaExceeded","message":"m"}}"#, QuotaExhausted),
    (
        400,
        r#"{"error":{"code":"content_filter","message":"m","status":400,"innererror":{"code":"ResponsibleAIPolicyViolation"}}}"#,
        ContentPolicy,
    ),
    (
        400,
        r#"{"error":{"message":"m","innererror":{"code":"ResponsibleAIPolicyViolation"}}}"#,
        ContentPolicy,
    ),
    (
        400,
        r#"{"error":{"code":"BadRequest","message":"m","inner_error":{"code":"ResponsibleAIPolicyViolation"}}}"#,
        ContentPolicy,
    ),
    (403, r#"{"error":{"code":"content_filter","message":"m"}}"#, ContentPolicy),
    (
        401,
        r#"{"error":{"code":"401","message":"Access denied due to invalid subscription key"}}"#,
        BadCredentials,
    ),
    (404, r#"{"error":{"code":"DeploymentNotFound","message":"m"}}"#, ModelNotFound),
    (400, r#"{"error":{"code":"OperationNotSupported","message":"m"}}"#, ModelNotFound),
    (408, r#"{"error":{"code":"Timeout","message":"The operation was timeout."}}"#, ServerError),
];

#[test]
fn azure() {
    check(DialectName::Azure, AZURE);
    let (status, body, _) = AZURE[0];
    let error = classified(DialectName::Azure, status, body);
    assert_eq!(error.retry_after_ms, Some(17_000), "no header says it");
}

const ANTHROPIC: &[Row] = &[
    (
        400,
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"max_tokens: Field required"}}"#,
        BadRequest,
    ),
    (
        400,
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 9 tokens > 8 maximum"}}"#,
        ContextTooLong,
    ),
    (
        400,
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"input length and `max_tokens` exceed context limit: 1 + 2 > 2"}}"#,
        ContextTooLong,
    ),
    (
        400,
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"Output blocked by content filtering policy"}}"#,
        ContentPolicy,
    ),
    (
        400,
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the API."}}"#,
        QuotaExhausted,
    ),
    (
        400,
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"You have reached your specified API usage limits."}}"#,
        QuotaExhausted,
    ),
    (
        400,
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"This organization has been disabled."}}"#,
        BadCredentials,
    ),
    (
        401,
        r#"{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}"#,
        BadCredentials,
    ),
    (402, r#"{"type":"error","error":{"type":"billing_error","message":"m"}}"#, QuotaExhausted),
    (403, r#"{"type":"error","error":{"type":"permission_error","message":"m"}}"#, BadCredentials),
    (
        404,
        r#"{"type":"error","error":{"type":"not_found_error","message":"model: x"}}"#,
        ModelNotFound,
    ),
    (413, r#"{"type":"error","error":{"type":"request_too_large","message":"m"}}"#, ContextTooLong),
    (429, r#"{"type":"error","error":{"type":"rate_limit_error","message":"m"}}"#, RateLimit),
    (500, r#"{"type":"error","error":{"type":"api_error","message":"m"}}"#, ServerError),
    (504, r#"{"type":"error","error":{"type":"timeout_error","message":"m"}}"#, ServerError),
    (529, r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#, Overloaded),
];

#[test]
fn anthropic() {
    check(DialectName::Anthropic, ANTHROPIC);
}

const DAILY: &str = r#"{"error":{"code":429,"message":"Quota","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaId":"GenerateRequestsPerDayPerProjectPerModel"}]}]}}"#;

const GEMINI: &[Row] = &[
    (
        400,
        r#"{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT"}}"#,
        BadCredentials,
    ),
    (
        400,
        r#"{"error":{"code":400,"message":"User location is not supported for the API use.","status":"FAILED_PRECONDITION"}}"#,
        BadCredentials,
    ),
    (
        400,
        r#"{"error":{"code":400,"message":"The input token count (9) exceeds the maximum number of tokens allowed (8).","status":"INVALID_ARGUMENT"}}"#,
        ContextTooLong,
    ),
    (
        400,
        r#"{"error":{"code":400,"message":"Request payload size exceeds the limit: 20971520 bytes.","status":"INVALID_ARGUMENT"}}"#,
        ContextTooLong,
    ),
    (
        400,
        r#"{"error":{"code":400,"message":"Invalid value","status":"INVALID_ARGUMENT"}}"#,
        BadRequest,
    ),
    (
        403,
        r#"{"error":{"code":403,"message":"Your API key was reported as leaked.","status":"PERMISSION_DENIED"}}"#,
        BadCredentials,
    ),
    (
        403,
        r#"{"error":{"code":403,"message":"You do not have permission to access the File x or it may not exist.","status":"PERMISSION_DENIED"}}"#,
        BadRequest,
    ),
    (
        403,
        r#"{"error":{"code":403,"message":"CachedContent not found (or permission denied)","status":"PERMISSION_DENIED"}}"#,
        BadRequest,
    ),
    (
        404,
        r#"{"error":{"code":404,"message":"models/x is not found","status":"NOT_FOUND"}}"#,
        ModelNotFound,
    ),
    (
        429,
        r#"{"error":{"code":429,"message":"Resource has been exhausted (e.g. check quota).","status":"RESOURCE_EXHAUSTED"}}"#,
        RateLimit,
    ),
    (
        429,
        r#"[{"error":{"code":429,"message":"You exceeded your current quota, please check","status":"RESOURCE_EXHAUSTED"}}]"#,
        QuotaExhausted,
    ),
    (429, DAILY, QuotaExhausted),
    (499, r#"{"error":{"code":499,"message":"m","status":"CANCELLED"}}"#, ServerError),
    (500, r#"{"error":{"code":500,"message":"m","status":"INTERNAL"}}"#, ServerError),
    (
        503,
        r#"{"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}"#,
        Overloaded,
    ),
    (504, r#"{"error":{"code":504,"message":"m","status":"DEADLINE_EXCEEDED"}}"#, ServerError),
];

#[test]
fn gemini() {
    check(DialectName::Gemini, GEMINI);
    let limited = r#"[{"error":{"code":429,"message":"You exceeded your current quota","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"17s"}]}}]"#;
    let error = classified(DialectName::Gemini, 429, limited);
    assert_eq!((error.class, error.retry_after_ms), (RateLimit, Some(17_000)));
    let headers = HeaderMap::from_iter([(http::header::RETRY_AFTER, "3".parse().unwrap())]);
    let error = dialect(DialectName::Gemini).classify(429, &headers, limited.as_bytes());
    assert_eq!(error.retry_after_ms, Some(3_000), "a header says it");
    let worded = limited.replace("current quota", "current quota. Please retry in 5.5s.");
    assert_eq!(classified(DialectName::Gemini, 429, &worded).retry_after_ms, Some(17_000));
    let only_worded = worded.replace("retryDelay", "other");
    let error = classified(DialectName::Gemini, 429, &only_worded);
    assert_eq!((error.class, error.retry_after_ms), (RateLimit, Some(5_500)));
}

#[test]
fn a_request_cannot_be_worded_such_that_its_error_takes_a_key_out_of_service() {
    for quoted in [
        "Your credit balance is too low",
        "API key not valid",
        "You exceeded your current quota",
        "You have reached your specified API usage limits",
        "This organization has been disabled",
    ] {
        for name in
            [DialectName::OpenAi, DialectName::Azure, DialectName::Anthropic, DialectName::Gemini]
        {
            let body = format!(r#"{{"error":{{"message":"Invalid value: '{quoted}'"}}}}"#);
            assert_eq!(classified(name, 400, &body).class, BadRequest, "{name:?} {quoted}");
        }
    }
}

const IN_STREAMS: &[(DialectName, Surface, &str, ErrorClass, u16)] = &[
    (
        DialectName::OpenAi,
        Surface::ChatCompletions,
        r#"{"error":{"message":"m","code":"context_length_exceeded"}}"#,
        ContextTooLong,
        400,
    ),
    (
        DialectName::OpenAi,
        Surface::ChatCompletions,
        r#"{"error":{"message":"m","type":"server_error"}}"#,
        ServerError,
        500,
    ),
    (
        DialectName::OpenAi,
        Surface::Responses,
        r#"{"type":"error","code":"rate_limit_exceeded","message":"Please try again in 6ms."}"#,
        RateLimit,
        429,
    ),
    (
        DialectName::OpenAi,
        Surface::Responses,
        r#"{"type":"error","code":"insufficient_quota","message":"m"}"#,
        QuotaExhausted,
        429,
    ),
    (
        DialectName::OpenAi,
        Surface::Responses,
        r#"{"type":"error","error":{"type":"server_error","message":"m"}}"#,
        ServerError,
        500,
    ),
    (
        DialectName::Anthropic,
        Surface::Messages,
        r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#,
        Overloaded,
        529,
    ),
    (
        DialectName::Anthropic,
        Surface::ChatCompletions,
        r#"{"type":"error","error":{"type":"api_error","message":"m"}}"#,
        ServerError,
        500,
    ),
    (
        DialectName::Anthropic,
        Surface::Messages,
        r#"{"type":"error","error":{"type":"request_too_large","message":"m"}}"#,
        ContextTooLong,
        413,
    ),
    (
        DialectName::Gemini,
        Surface::ChatCompletions,
        r#"{"error":{"code":503,"message":"m","status":"UNAVAILABLE"}}"#,
        Overloaded,
        503,
    ),
    (
        DialectName::Gemini,
        Surface::Messages,
        r#"{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED"}}"#,
        RateLimit,
        429,
    ),
];

#[test]
fn errors_inside_a_stream_have_the_same_classes() {
    for (name, surface, data, class, status) in IN_STREAMS.iter().copied() {
        let mut decoder = dialect(name).stream(shape(surface, false), "m");
        let bytes = format!("event: error\ndata: {data}\n\n").into();
        let error = decoder.push(&bytes, &mut Vec::new()).unwrap_err();
        assert_eq!((error.class, error.status), (class, status), "{name:?} {data}");
        let told = data.contains("6ms").then_some(6);
        assert_eq!(error.retry_after_ms, told);
    }
}
