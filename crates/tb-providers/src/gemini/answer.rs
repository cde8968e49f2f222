//! What a GenerateContentResponse holds, and a whole one as a chat completion.

use serde_json::{Value, json};
use tb_core::TokenCounts;

use crate::pivot::{Object, count_at, list_at, size, text_at, usage_to_chat};
use crate::{AnswerFacts, Malformed};

/// Gemini's running token counts. `promptTokenCount` includes the cache,
/// `candidatesTokenCount` excludes the thoughts.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Usage {
    prompt: u64,
    tool_prompt: u64,
    cached: u64,
    candidates: u64,
    thoughts: u64,
}

impl Usage {
    /// Takes the latest counts; a count that is missing keeps its last value.
    pub(super) fn update(&mut self, answer: &Value) -> Option<TokenCounts> {
        let usage = answer.get("usageMetadata")?;
        let set = |field: &mut u64, key| *field = count_at(usage, key).unwrap_or(*field);
        set(&mut self.prompt, "promptTokenCount");
        set(&mut self.tool_prompt, "toolUsePromptTokenCount");
        set(&mut self.cached, "cachedContentTokenCount");
        set(&mut self.candidates, "candidatesTokenCount");
        set(&mut self.thoughts, "thoughtsTokenCount");
        let input = self.prompt.saturating_add(self.tool_prompt);
        let cache_read = self.cached.min(input);
        Some(TokenCounts {
            input_fresh: input.saturating_sub(cache_read),
            cache_read,
            output_visible: self.candidates,
            reasoning: self.thoughts,
            ..TokenCounts::default()
        })
    }
}

/// The output in the parts of one candidate.
#[derive(Debug, Default)]
pub(super) struct Output {
    /// Text of the answer.
    pub(super) text: String,
    /// Summaries of thoughts.
    pub(super) thoughts: String,
    /// Tool calls in the chat shape, without `index`.
    pub(super) calls: Vec<Value>,
    /// Pictures, as chat parts with data URIs.
    pub(super) images: Vec<Value>,
    /// The signature on a part other than a call.
    pub(super) signature: Option<String>,
}

impl Output {
    /// Reads the parts of `candidate`. Calls without an id get one from the answer's id and
    /// their number, `calls_before` of which came in earlier events.
    pub(super) fn read(candidate: &Value, answer_id: &str, calls_before: usize) -> Self {
        let mut out = Self::default();
        let content = candidate.get("content").unwrap_or(&Value::Null);
        for part in list_at(content, "parts") {
            out.part(part, answer_id, calls_before);
        }
        out
    }

    fn part(&mut self, part: &Value, answer_id: &str, calls_before: usize) {
        let signature = text_at(part, "thoughtSignature");
        if let Some(call) = part.get("functionCall") {
            let number = calls_before.saturating_add(self.calls.len());
            let id = text_at(call, "id").filter(|id| !id.is_empty()).map_or_else(
                || format!("call_{answer_id}_{number}").replace("__", "_"),
                str::to_owned,
            );
            let function = json!({
                "name": text_at(call, "name").unwrap_or_default(),
                "arguments": call.get("args").unwrap_or(&json!({})).to_string(),
            });
            let mut call = json!({"id": id, "type": "function", "function": function});
            if let (Some(mark), Some(object)) = (signature, call.as_object_mut()) {
                object.insert("extra_content".to_owned(), extra_content(mark));
            }
            self.calls.push(call);
            return;
        }
        if let Some(text) = text_at(part, "text") {
            let thought = part.get("thought") == Some(&Value::Bool(true));
            if thought { &mut self.thoughts } else { &mut self.text }.push_str(text);
        }
        if let Some(data) = part.get("inlineData") {
            let kind = text_at(data, "mimeType").unwrap_or("application/octet-stream");
            let url = format!("data:{kind};base64,{}", text_at(data, "data").unwrap_or_default());
            self.images.push(json!({"type": "image_url", "image_url": {"url": url}}));
        }
        if let Some(mark) = signature {
            self.signature = Some(mark.to_owned());
        }
    }

    /// Bytes of text and arguments.
    pub(super) fn bytes(&self) -> u64 {
        let calls =
            self.calls.iter().filter_map(|call| text_at(call.get("function")?, "arguments"));
        let calls = calls.map(size).fold(0, u64::saturating_add);
        size(&self.text).saturating_add(size(&self.thoughts)).saturating_add(calls)
    }

    /// Whether there is anything for the client.
    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
            && self.thoughts.is_empty()
            && self.calls.is_empty()
            && self.images.is_empty()
    }

    /// The fields that a message and a delta share.
    pub(super) fn fields(self, calls: Vec<Value>) -> Object {
        let mut out = Object::new();
        if !self.thoughts.is_empty() {
            out.insert("reasoning_content".to_owned(), json!(self.thoughts));
        }
        if !calls.is_empty() {
            out.insert("tool_calls".to_owned(), Value::Array(calls));
        }
        if !self.images.is_empty() {
            out.insert("images".to_owned(), Value::Array(self.images));
        }
        if let Some(mark) = self.signature {
            out.insert("extra_content".to_owned(), extra_content(&mark));
        }
        out
    }
}

fn extra_content(signature: &str) -> Value {
    json!({"google": {"thought_signature": signature}})
}

/// The chat finish reason. Gemini says `STOP` when it calls a tool.
///
/// # Errors
/// The model wrote a call that is none: another attempt may do better.
pub(super) fn finish_reason(reason: &str, calls: bool) -> Result<&'static str, Malformed> {
    match reason {
        "MAX_TOKENS" => Ok("length"),
        "MALFORMED_FUNCTION_CALL" | "UNEXPECTED_TOOL_CALL" => {
            Err(Malformed("the model made a malformed function call"))
        }
        "SAFETY" | "RECITATION" | "LANGUAGE" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" => {
            Ok("content_filter")
        }
        image if image.starts_with("IMAGE_") => Ok("content_filter"),
        _ if calls => Ok("tool_calls"),
        _ => Ok("stop"),
    }
}

/// What a prompt that Gemini blocked gets: an empty answer that ended by the content filter,
/// with the reason as the refusal.
pub(super) fn blocked(answer: &Value) -> Option<String> {
    let reason = text_at(answer.get("promptFeedback")?, "blockReason")?;
    Some(format!("The provider blocked the prompt ({reason})."))
}

/// Translates a whole answer and reads its facts.
///
/// # Errors
/// When there are no candidates and no reason for that, or a malformed function call.
pub(super) fn to_chat(answer: &Value, created: i64) -> Result<(Value, AnswerFacts), Malformed> {
    let id = text_at(answer, "responseId").unwrap_or_default();
    let mut facts = AnswerFacts {
        tokens: Usage::default().update(answer),
        served_model: text_at(answer, "modelVersion").map(str::to_owned),
        finished: true,
        ..AnswerFacts::default()
    };
    facts.tokens_final = facts.tokens.is_some();
    let mut choices = Vec::new();
    for candidate in list_at(answer, "candidates") {
        choices.push(choice(candidate, id, &mut facts)?);
    }
    if choices.is_empty() {
        let refusal = blocked(answer).ok_or(Malformed("the answer has no candidates"))?;
        facts.output_seen = true;
        let message = json!({"role": "assistant", "content": null, "refusal": refusal});
        choices.push(json!({
            "index": 0, "message": message, "logprobs": null, "finish_reason": "content_filter",
        }));
    }
    let mut chat = json!({
        "id": id,
        "object": "chat.completion",
        "created": created,
        "model": facts.served_model.as_deref().unwrap_or_default(),
        "choices": choices,
    });
    if let (Some(tokens), Some(object)) = (&facts.tokens, chat.as_object_mut()) {
        object.insert("usage".to_owned(), usage_to_chat(tokens));
    }
    Ok((chat, facts))
}

fn choice(candidate: &Value, id: &str, facts: &mut AnswerFacts) -> Result<Value, Malformed> {
    let mut output = Output::read(candidate, id, 0);
    facts.output_bytes = facts.output_bytes.saturating_add(output.bytes());
    facts.output_seen |= !output.is_empty();
    let calls = std::mem::take(&mut output.calls);
    let finish = text_at(candidate, "finishReason");
    facts.finished &= finish.is_some();
    let finish = finish.map(|reason| finish_reason(reason, !calls.is_empty())).transpose()?;
    let text = std::mem::take(&mut output.text);
    let text = if text.is_empty() && !calls.is_empty() { Value::Null } else { json!(text) };
    let mut message = Object::new();
    message.insert("role".to_owned(), json!("assistant"));
    message.insert("content".to_owned(), text);
    message.insert("refusal".to_owned(), Value::Null);
    message.extend(output.fields(calls));
    Ok(json!({
        "index": count_at(candidate, "index").unwrap_or(0),
        "message": message,
        "logprobs": logprobs(candidate),
        "finish_reason": finish,
    }))
}

fn logprobs(candidate: &Value) -> Value {
    let Some(result) = candidate.get("logprobsResult") else {
        return Value::Null;
    };
    let token = |of: &Value| {
        let text = text_at(of, "token").unwrap_or_default();
        json!({"token": text, "logprob": of.get("logProbability"), "bytes": text.as_bytes()})
    };
    let tops = list_at(result, "topCandidates");
    let chosen =
        list_at(result, "chosenCandidates").iter().enumerate().map(|(position, chosen)| {
            let mut entry = token(chosen);
            let top = tops.get(position).map_or(&[][..], |top| list_at(top, "candidates"));
            if let Some(object) = entry.as_object_mut() {
                object.insert("top_logprobs".to_owned(), top.iter().map(token).collect());
            }
            entry
        });
    json!({"content": chosen.collect::<Vec<_>>(), "refusal": null})
}
