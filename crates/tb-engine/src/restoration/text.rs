//! Answers that are text and no JSON: transcripts, subtitles.

use bytes::Bytes;

use super::AnswerBlocked;
use super::field::Field;
use super::rules::{Rules, Writing};

/// A text under way, whatever the pieces that its bytes come in.
#[derive(Debug)]
pub(super) struct Text {
    field: Field,
    /// The beginning of a character.
    cut: Vec<u8>,
    /// It is not UTF-8: the rest passes.
    is_unreadable: bool,
}

impl Text {
    pub(super) fn new(rules: &Rules) -> Self {
        let field = Field::new(Writing::Text, rules);
        Self { field, cut: Vec::new(), is_unreadable: false }
    }

    /// Takes the next bytes; gives what may go on.
    pub(super) fn push(
        &mut self,
        bytes: &Bytes,
        rules: &mut Rules,
    ) -> Result<Bytes, AnswerBlocked> {
        if self.is_unreadable {
            return Ok(bytes.clone());
        }
        let mut all = std::mem::take(&mut self.cut);
        all.extend_from_slice(bytes);
        let (readable, is_cut) = match std::str::from_utf8(&all) {
            Ok(_) => (all.len(), true),
            Err(fault) => (fault.valid_up_to(), fault.error_len().is_none()),
        };
        let rest = all.split_off(readable);
        let text = String::from_utf8(all).unwrap_or_default();
        let mut out = self.field.push(&text, rules)?.into_bytes();
        if is_cut {
            self.cut = rest;
        } else {
            out.extend_from_slice(self.field.finish(rules)?.as_bytes());
            out.extend_from_slice(&rest);
            self.is_unreadable = true;
        }
        Ok(Bytes::from(out))
    }

    /// The text is over: gives what was held back.
    pub(super) fn finish(&mut self, rules: &mut Rules) -> Result<Bytes, AnswerBlocked> {
        let mut out = self.field.finish(rules)?.into_bytes();
        out.append(&mut self.cut);
        Ok(Bytes::from(out))
    }
}
