//! One text of an answer that comes in pieces: looked at, then restored.

use bytes::Bytes;

use super::AnswerBlocked;
use super::rules::{Duty, Rules, Writing};
use super::window::Window;

/// One field of one choice.
#[derive(Debug)]
pub(super) struct Field {
    writing: Writing,
    /// There where texts are looked at.
    window: Option<Window>,
    /// What may be the beginning of a placeholder.
    held: String,
    /// The last event with a piece of it: what is held back goes out in an event like this one.
    pub(super) last: Bytes,
}

impl Field {
    pub(super) fn new(writing: Writing, rules: &Rules) -> Self {
        let window = (rules.duty() != Duty::Off).then(|| Window::new(writing));
        Self { writing, window, held: String::new(), last: Bytes::new() }
    }

    /// Takes the next piece; gives what may go on.
    pub(super) fn push(&mut self, piece: &str, rules: &mut Rules) -> Result<String, AnswerBlocked> {
        match &mut self.window {
            None => Ok(rules.restore_piece(piece, self.writing, &mut self.held)),
            Some(window) => {
                let released = window.push(piece, rules)?;
                Ok(rules.restore_piece(&released, self.writing, &mut self.held))
            }
        }
    }

    /// The field is over: gives what was held back.
    pub(super) fn finish(&mut self, rules: &mut Rules) -> Result<String, AnswerBlocked> {
        let mut rest = String::new();
        if let Some(window) = &mut self.window {
            let released = window.finish(rules)?;
            rest = rules.restore_piece(&released, self.writing, &mut self.held);
        }
        rest.push_str(&std::mem::take(&mut self.held));
        Ok(rest)
    }

    /// Whether it remembers nothing.
    pub(super) fn is_idle(&self) -> bool {
        self.window.is_none() && self.held.is_empty()
    }
}
