//! The words of the API and of JSON Schema, and keys that many callers use.

/// Keys of the API that hold text, or something with text in it.
#[rustfmt::skip]
pub(super) fn is_of_text(key: &str) -> bool {
    matches!(
        key,
        "allowed_tools" | "annotations" | "arguments" | "audio" | "cache_control" | "citations"
        | "code" | "content" | "context" | "context_management" | "custom" | "data"
        | "definition" | "delta" | "description" | "file" | "file_data" | "file_url"
        | "filename" | "function" | "function_call" | "functions" | "grammar" | "image"
        | "image_url" | "input" | "input_audio" | "instructions" | "json_schema" | "logit_bias"
        | "mask" | "messages" | "output" | "output_config" | "outputs" | "prediction"
        | "prompt" | "prompt_cache_key" | "queries" | "query" | "reasoning"
        | "reasoning_content" | "refusal" | "response_format" | "results" | "safety_identifier"
        | "source" | "stop" | "stop_sequences" | "stream_options" | "suffix" | "summary"
        | "system" | "text" | "thinking" | "title" | "tool_calls" | "tool_choice" | "tools"
        | "url" | "user"
    )
}

/// Keys of the API that hold a setting: a number or one of a few words.
#[rustfmt::skip]
pub(super) fn is_of_settings(key: &str) -> bool {
    matches!(
        key,
        "allowed_callers" | "background" | "best_of" | "budget_tokens" | "chunking_strategy"
        | "dimensions" | "disable_parallel_tool_use" | "echo" | "effort" | "encoding_format"
        | "environment" | "finish_reason" | "frequency_penalty" | "include"
        | "include_obfuscation" | "include_usage" | "index" | "input_fidelity" | "language"
        | "logprobs" | "max_completion_tokens" | "max_output_tokens" | "max_tokens"
        | "max_tool_calls" | "modalities" | "mode" | "moderation" | "n" | "output_compression"
        | "output_format" | "parallel_tool_calls" | "partial_images" | "phase"
        | "presence_penalty" | "prompt_cache_retention" | "quality" | "ranker"
        | "reasoning_effort" | "search_context_size" | "seed" | "service_tier" | "size"
        | "speed" | "stop_reason" | "store" | "stream" | "stream_format" | "strict" | "style"
        | "syntax" | "temperature" | "timestamp_granularities" | "top_k" | "top_logprobs"
        | "top_p" | "truncation" | "ttl" | "verbosity" | "version" | "voice"
        | "web_search_options"
    )
}

/// Keys of the API that hold the id, name or type of something.
#[rustfmt::skip]
pub(super) fn is_of_names(key: &str) -> bool {
    matches!(
        key,
        "call_id" | "connector_id" | "container" | "container_id" | "detail"
        | "encrypted_content" | "file_id" | "format" | "id" | "item_id" | "media_type"
        | "model" | "name" | "object" | "previous_response_id" | "response_id" | "role"
        | "server_label" | "signature" | "status" | "tool_call_id" | "tool_use_id" | "type"
    )
}

/// The keywords of a schema whose values name types and properties.
pub(super) fn is_of_schema(key: &str) -> bool {
    matches!(key, "type" | "format" | "required" | "$ref" | "$schema" | "$id" | "pattern")
}

/// Keys of the caller's that say no more than that a text follows.
pub(super) fn is_prose(key: &str) -> bool {
    matches!(
        key,
        "content"
            | "text"
            | "input"
            | "prompt"
            | "instructions"
            | "arguments"
            | "output"
            | "description"
            | "query"
            | "message"
            | "body"
            | "title"
            | "comment"
            | "summary"
    )
}

/// Words of the API that stand in such places again and again: they are no text of anybody.
#[rustfmt::skip]
pub(in crate::stages::scrub) fn is_word_of_api(text: &str) -> bool {
    matches!(
        text,
        "user" | "assistant" | "system" | "developer" | "tool" | "function" | "message" | "text"
        | "input_text" | "output_text" | "image_url" | "input_image" | "input_audio"
        | "input_file" | "image" | "file" | "document" | "tool_use" | "tool_result"
        | "function_call" | "function_call_output" | "thinking" | "reasoning" | "object"
        | "string" | "number" | "integer" | "boolean" | "array" | "null" | "json_object"
        | "json_schema" | "auto" | "none" | "required" | "any" | "float" | "base64" | "low"
        | "medium" | "high" | "ephemeral" | "completed"
    )
}

/// Names of members that schemas and callers use again and again, in order.
#[rustfmt::skip]
const COMMON_KEYS: [&str; 64] = [
    "action", "additionalProperties", "address", "allOf", "amount", "anyOf", "args", "author",
    "body", "category", "city", "code", "color", "comment", "const", "count", "country",
    "created_at", "currency", "date", "default", "email", "end", "enum", "error", "example",
    "filter", "first_name", "items", "key", "last_name", "lat", "limit", "lines", "location",
    "lon", "max", "maxLength", "maximum", "message", "min", "minLength", "minimum", "number",
    "offset", "oneOf", "options", "order", "page", "path", "phone", "price", "properties",
    "required", "result", "sort", "start", "state", "tags", "time", "total", "unit", "value",
    "zip",
];

/// Whether a key is such a name: no text of anybody, and no value that is looked for.
pub(in crate::stages::scrub) fn is_common_key(key: &str) -> bool {
    COMMON_KEYS.binary_search(&key).is_ok()
}
