//! The way back: placeholders of an answer become what they stand for, and what the model
//! itself writes is looked at first. Whole answers and streams give the same text.

mod blocks;
mod chunks;
mod events;
mod exempt;
mod field;
mod json_place;
mod key;
mod leaf;
mod named;
mod numbers;
mod odds;
mod rules;
mod signs;
mod tally;
#[cfg(test)]
mod tests;
mod text;
mod unlisted;
mod whole;
mod window;

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use serde_json::{Map, Value};
use tb_api::sse::{SseEvent, SseParser};
use tb_config::OnTrouble;
use tb_core::Surface;

use self::events::Events;
use self::rules::{Duty, Rules};
use self::text::Text;
use crate::guarded::Guarded;
use crate::refusal::Refusal;

pub(crate) use self::exempt::outside as outside_own_marks;
pub(crate) use self::tally::Tally;

/// The rules of the service forbid what the model wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AnswerBlocked {
    /// What was found, as `us_ssn=1`; empty where the guard itself failed.
    pub(crate) found: String,
}

impl AnswerBlocked {
    /// What the client is told: kinds, never values.
    pub(crate) fn refusal(&self) -> Refusal {
        if self.found.is_empty() {
            let message = "The answer could not be looked at, and the rules of this service forbid \
                to give it unseen. The request id names it in the logs.";
            let (status, code) = (500, "guard_failed");
            return Refusal::Policy { status, code, message: message.to_owned() };
        }
        let message =
            format!("The rules of this service forbid what the model answered ({}).", self.found);
        Refusal::Policy { status: 400, code: "pii_blocked", message }
    }
}

impl AnswerBlocked {
    /// The same as members of `error.tollbar`: `types`, how many of each kind.
    pub(crate) fn members(&self) -> Vec<(&'static str, Value)> {
        let counts = self.found.split(',').filter_map(|one| one.split_once('='));
        let types: Map<String, Value> = counts
            .map(|(kind, count)| (kind.to_owned(), count.parse::<u64>().unwrap_or(1).into()))
            .collect();
        if types.is_empty() { Vec::new() } else { vec![("types", types.into())] }
    }
}

/// The way back of one answer.
#[derive(Debug)]
pub(crate) struct Restoration {
    surface: Surface,
    rules: Rules,
    events: Events,
    text: Text,
}

impl Restoration {
    /// For the answer to a request; nothing where answers may go out as they are.
    pub(crate) fn of(guarded: &Arc<Guarded>, surface: Surface) -> Option<Self> {
        if guarded.leaves_answers() {
            return None;
        }
        let rules = Rules::new(guarded);
        let (events, text) = (Events::new(surface), Text::new(&rules));
        Some(Self { surface, rules, events, text })
    }

    /// Whether texts are looked at, which takes a while.
    pub(crate) fn looks(&self) -> bool {
        self.rules.duty() != Duty::Off
    }

    /// What is done with an answer when this itself fails.
    pub(crate) fn on_error(&self) -> OnTrouble {
        self.rules.on_error()
    }

    /// A whole answer.
    pub(crate) fn whole(&mut self, body: Bytes) -> Result<Bytes, AnswerBlocked> {
        if matches!(self.surface, Surface::Embeddings | Surface::CountTokens)
            || (self.rules.duty() == Duty::Off && !signs::may_hold_placeholder(&body))
        {
            return Ok(body);
        }
        whole::restored(body, self.surface, &mut self.rules)
    }

    /// The next event of a stream: adds what may go out now.
    pub(crate) fn event(
        &mut self,
        event: SseEvent,
        out: &mut Vec<SseEvent>,
    ) -> Result<(), AnswerBlocked> {
        self.events.event(event, &mut self.rules, out)
    }

    /// The stream is over, or breaks off here: adds what was held back.
    pub(crate) fn finish(&mut self, out: &mut Vec<SseEvent>) -> Result<(), AnswerBlocked> {
        self.events.finish(&mut self.rules, out)
    }

    /// A whole stream, as it was kept.
    pub(crate) fn kept_stream(&mut self, body: &Bytes) -> Result<Bytes, AnswerBlocked> {
        let (mut events, mut out) = (Vec::new(), Vec::new());
        let mut parser = SseParser::new(usize::MAX);
        let read = parser.push(body, &mut events).and_then(|()| parser.finish(&mut events));
        if read.is_err() {
            return whole::unread(body.clone(), &mut self.rules);
        }
        for event in events {
            self.event(event, &mut out)?;
        }
        self.finish(&mut out)?;
        let mut bytes = BytesMut::with_capacity(body.len());
        out.iter().for_each(|event| event.write(&mut bytes));
        Ok(bytes.freeze())
    }

    /// The next bytes of an answer that is text.
    pub(crate) fn text(&mut self, bytes: &Bytes) -> Result<Bytes, AnswerBlocked> {
        self.text.push(bytes, &mut self.rules)
    }

    /// The text is over: gives what was held back.
    pub(crate) fn text_end(&mut self) -> Result<Bytes, AnswerBlocked> {
        self.text.finish(&mut self.rules)
    }

    /// What came of it since this was last asked.
    pub(crate) fn take_tally(&mut self) -> Tally {
        std::mem::take(&mut self.rules.tally)
    }
}
