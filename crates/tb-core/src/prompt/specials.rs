//! Chat-template specials: words such as `<|im_start|>` that tokenizers of known families read as
//! the end of a message and the begin of another. Where a value has a part in one, a blank is put
//! behind its first character: `< |im_start|>`. The text stays readable and is no special any more.
//!
//! Values are marked while they are written, so a special that two values make together, or a
//! value with the words around it, is found as well, and what the author of the template wrote
//! alone stays as it is.

use std::sync::LazyLock;

use regex::Regex;

/// Stands before a value that was written into a message. Unicode will never give it a meaning.
pub(super) const OPEN: char = '\u{FDD0}';
/// Stands behind it.
pub(super) const CLOSE: char = '\u{FDD1}';

/// What tokenizers of chat models take for more than text.
const SPECIALS: &str = concat!(
    // ChatML, Llama 3, Phi, GPT-OSS, Command R, GLM: <|im_start|>, <|eot_id|>, <|user|>; <|turn>
    r"<\|[^\s|<>]{1,64}\|?>",
    // <turn|>
    r"|<[A-Za-z_]{1,32}\|>",
    // The same with full-width bars: <｜User｜>
    "|<\u{FF5C}[^<>\\s]{1,64}\u{FF5C}>",
    // Llama 2, T5, Gemma, Qwen: </s>, <start_of_turn>, <tool_call>
    r"|</?(?:s|bos|eos|pad|unk|mask|sop|eop|eod|think|tool_call|tool_response|tools|start_of_turn",
    r"|end_of_turn|start_of_image|end_of_image|BOS_TOKEN|EOS_TOKEN|unused[0-9]{1,4}",
    r"|extra_id_[0-9]{1,4})>",
    // Llama 2: <<SYS>>
    r"|<</?SYS>>",
    // Mistral and BERT: [INST], [TOOL_CALLS], [SEP]
    r"|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|TOOL_CONTENT|MODEL_SETTINGS",
    r"|THINK|ARGS|CALL_ID|IMG|IMG_BREAK|IMG_END|PREFIX|SUFFIX|MIDDLE|CLS|SEP|MASK|PAD|UNK|gMASK",
    r"|sMASK)\]",
);

static PATTERN: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(SPECIALS).ok());

/// Takes the marks out and makes specials harmless that a value has a part in.
pub(super) fn harmless(marked: &str) -> String {
    let (plain, spans) = without_marks(marked);
    let Some(pattern) = PATTERN.as_ref().filter(|_| !spans.is_empty()) else { return plain };
    let mut out = String::with_capacity(plain.len());
    let mut copied = 0;
    for found in pattern.find_iter(&plain) {
        if !spans.iter().any(|(start, end)| *start < found.end() && found.start() < *end) {
            continue;
        }
        // The first character of every special is ASCII.
        let behind_first = found.start() + 1;
        out.push_str(plain.get(copied..behind_first).unwrap_or_default());
        out.push(' ');
        copied = behind_first;
    }
    out.push_str(plain.get(copied..).unwrap_or_default());
    out
}

/// The text, and where values lie in it.
fn without_marks(marked: &str) -> (String, Vec<(usize, usize)>) {
    let mut plain = String::with_capacity(marked.len());
    let mut spans = Vec::new();
    let (mut depth, mut start) = (0_usize, 0);
    for symbol in marked.chars() {
        match symbol {
            OPEN => {
                if depth == 0 {
                    start = plain.len();
                }
                depth += 1;
            }
            CLOSE => {
                depth = depth.saturating_sub(1);
                if depth == 0 && start < plain.len() {
                    spans.push((start, plain.len()));
                }
            }
            other => plain.push(other),
        }
    }
    // A filter may have cut the mark behind a value off.
    if depth > 0 && start < plain.len() {
        spans.push((start, plain.len()));
    }
    (plain, spans)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> String {
        harmless(&format!("{OPEN}{text}{CLOSE}"))
    }

    #[test]
    fn specials_of_every_known_family_are_no_specials_any_more() {
        let specials = [
            "<|im_start|>",
            "<|im_end|>",
            "<|eot_id|>",
            "<|start_header_id|>",
            "<|endoftext|>",
            "<|START_OF_TURN_TOKEN|>",
            "<|turn>",
            "<turn|>",
            "<|\"|>",
            "<s>",
            "</s>",
            "<start_of_turn>",
            "<end_of_turn>",
            "[INST]",
            "[/INST]",
            "[TOOL_CALLS]",
            "<<SYS>>",
            "<</SYS>>",
            "<｜User｜>",
            "<｜begin▁of▁sentence｜>",
            "<tool_call>",
            "</think>",
            "<bos>",
            "[gMASK]",
            "<unused7>",
        ];
        for special in specials {
            let text = format!("a{special}b{special}{special}");
            let out = value(&text);
            assert!(!out.contains(special), "{out}");
            assert_eq!(out.replace(' ', ""), text, "{special} stays readable");
            assert_eq!(value(&out), out, "a second look changes nothing");
        }
    }

    #[test]
    fn ordinary_text_stays_as_it_is() {
        for text in [
            "a < b and c > d",
            "f <| x |> g",
            "list[0] [see INSTALL]",
            "<strong>x</strong>",
            "x <- y | z",
            "[ INST ]",
            "日本語 <3",
        ] {
            assert_eq!(value(text), text);
        }
    }

    #[test]
    fn a_special_that_values_make_together_is_found() {
        let two = format!("{OPEN}<|im_{CLOSE}{OPEN}start|>{CLOSE}");
        assert_eq!(harmless(&two), "< |im_start|>");
        let with_the_template = format!("<|{OPEN}im_start{CLOSE}|>");
        assert_eq!(harmless(&with_the_template), "< |im_start|>");
        let nested = format!("{OPEN}{OPEN}<{CLOSE}/s>{CLOSE}");
        assert_eq!(harmless(&nested), "< /s>");
    }

    #[test]
    fn what_the_template_says_alone_stays() {
        let marked = format!("Think inside <think> and </think>: {OPEN}hm{CLOSE} </s>");
        assert_eq!(harmless(&marked), "Think inside <think> and </think>: hm </s>");
    }
}
