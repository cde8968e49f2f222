//! The chunks of chat and text completions.

use bytes::Bytes;
use tb_api::json::{Document, Step, Value};
use tb_api::sse::SseEvent;

use super::key::{Ends, FieldKey};
use super::unlisted::Unlisted;
use super::whole::quoted;

/// A field of a choice that streams in pieces.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum InChoice {
    /// A text of `delta`, by its name.
    Delta(&'static str),
    /// `delta.audio.transcript`
    Transcript,
    /// `delta.function_call.arguments`
    FunctionCall,
    /// `delta.tool_calls[…].function.arguments`, by the call's index.
    Arguments(u64),
    /// `delta.tool_calls[…].custom.input`, by the call's index.
    Input(u64),
    /// `text` of a text completion.
    Text,
    /// Any other text of `delta`.
    Unlisted(Unlisted),
}

/// The texts of a delta, in the order in which models write them.
const TEXTS: [&str; 4] = ["content", "reasoning", "reasoning_content", "refusal"];

/// What a chunk says of its choices.
#[derive(Debug)]
pub(super) struct Chunk {
    bytes: Bytes,
    choices: Vec<Choice>,
    /// It has a list of no choices, or tells the usage: all is said.
    is_last: bool,
}

#[derive(Debug)]
struct Choice {
    index: u64,
    /// The indexes of the tool calls in its delta.
    calls: Vec<u64>,
    is_finished: bool,
}

impl Chunk {
    pub(super) fn read(document: &Document) -> Self {
        let choices = document.get("choices");
        let usage = document.get("usage").filter(|usage| !usage.is_null());
        let choices = choices.iter().flat_map(Value::elements).zip(0..).map(|(choice, place)| {
            let calls = choice.get("delta").and_then(|delta| delta.get("tool_calls"));
            let calls = calls.iter().flat_map(Value::elements).zip(0..);
            Choice {
                index: index_of(choice, place),
                calls: calls.map(|(call, place)| index_of(call, place)).collect(),
                is_finished: choice
                    .get("finish_reason")
                    .and_then(|reason| reason.as_str())
                    .is_some_and(|reason| !reason.is_empty()),
            }
        });
        let choices: Vec<Choice> = choices.collect();
        let is_told = document.get("choices").is_some() || usage.is_some();
        let bytes = document.bytes().clone();
        Self { bytes, is_last: choices.is_empty() && is_told, choices }
    }

    pub(super) fn key(&self, path: &[Step<'_>]) -> Option<FieldKey> {
        let [Step::Key(choices), Step::Index(place), rest @ ..] = path else { return None };
        let choice = self.choices.get(*place).filter(|_| choices == "choices")?;
        let field = match rest {
            [Step::Key(text)] if text == "text" => InChoice::Text,
            [Step::Key(delta), rest @ ..] if delta == "delta" => {
                let known = in_delta(rest, &choice.calls);
                known.or_else(|| self.unlisted(choice.index, rest).map(InChoice::Unlisted))?
            }
            _ => return None,
        };
        Some(FieldKey::Choice(choice.index, field))
    }

    /// The field of a text that is in none of the known places below `delta`.
    fn unlisted(&self, choice: u64, path: &[Step<'_>]) -> Option<Unlisted> {
        let document = Document::parse(self.bytes.clone()).ok()?;
        Unlisted::of(delta_of(&document, choice)?, path)
    }

    pub(super) fn ends(&self) -> Ends {
        if self.is_last {
            return Ends::All;
        }
        let finished = self.choices.iter().filter(|choice| choice.is_finished);
        Ends::Choices(finished.map(|choice| choice.index).collect())
    }
}

/// The delta of the choice with this index.
fn delta_of(document: &Document, choice: u64) -> Option<Value<'_>> {
    let mut choices = document.get("choices")?.elements().zip(0..);
    choices.find(|(value, place)| index_of(*value, *place) == choice)?.0.get("delta")
}

fn index_of(value: Value<'_>, place: u64) -> u64 {
    value.get("index").and_then(|index| index.as_u64()).unwrap_or(place)
}

fn in_delta(path: &[Step<'_>], calls: &[u64]) -> Option<InChoice> {
    match path {
        [Step::Key(name)] => TEXTS.into_iter().find(|text| text == name).map(InChoice::Delta),
        [Step::Key(parent), Step::Key(name)] => match (parent.as_ref(), name.as_ref()) {
            ("audio", "transcript") => Some(InChoice::Transcript),
            ("function_call", "arguments") => Some(InChoice::FunctionCall),
            _ => None,
        },
        [Step::Key(list), Step::Index(place), Step::Key(parent), Step::Key(name)]
            if list == "tool_calls" =>
        {
            let call = *calls.get(*place)?;
            match (parent.as_ref(), name.as_ref()) {
                ("function", "arguments") => Some(InChoice::Arguments(call)),
                ("custom", "input") => Some(InChoice::Input(call)),
                _ => None,
            }
        }
        _ => None,
    }
}

impl InChoice {
    pub(super) fn is_json(&self, wants_json: bool) -> bool {
        match self {
            Self::Arguments(_) | Self::FunctionCall => true,
            Self::Delta("content") => wants_json,
            Self::Unlisted(field) => field.is_json(),
            Self::Delta(_) | Self::Transcript | Self::Input(_) | Self::Text => false,
        }
    }

    /// A chunk like the last one, with only this piece.
    pub(super) fn event(&self, choice: u64, last: &Bytes, text: &str) -> Option<SseEvent> {
        let document = Document::parse(last.clone()).ok()?;
        let produced = match self {
            Self::Unlisted(field) => {
                format!(r#""delta":{}"#, field.delta(delta_of(&document, choice)?, text)?)
            }
            known => known.produced(&quoted(text)),
        };
        let choices =
            format!(r#"[{{"index":{choice},{produced},"logprobs":null,"finish_reason":null}}]"#);
        let mut edits = document.edit();
        edits.set(&["choices"], &choices).remove(&["obfuscation"]);
        if document.get("usage").is_some() {
            edits.set(&["usage"], "null");
        }
        Some(SseEvent::data(edits.apply()))
    }

    /// The member of a choice that has the text.
    fn produced(&self, text: &str) -> String {
        match self {
            Self::Text => format!(r#""text":{text}"#),
            // Its place is known from the last event alone.
            Self::Unlisted(_) => r#""delta":{}"#.to_owned(),
            Self::Delta(name) => format!(r#""delta":{{"{name}":{text}}}"#),
            Self::Transcript => format!(r#""delta":{{"audio":{{"transcript":{text}}}}}"#),
            Self::FunctionCall => format!(r#""delta":{{"function_call":{{"arguments":{text}}}}}"#),
            Self::Arguments(call) => format!(
                r#""delta":{{"tool_calls":[{{"index":{call},"function":{{"arguments":{text}}}}}]}}"#
            ),
            Self::Input(call) => format!(
                r#""delta":{{"tool_calls":[{{"index":{call},"custom":{{"input":{text}}}}}]}}"#
            ),
        }
    }
}
