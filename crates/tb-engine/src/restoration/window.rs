//! A text looked at while it comes. What may have to be hidden is held back until it is
//! certain what it is; what is only counted goes on at once.

use tb_guard::Finding;

use super::AnswerBlocked;
use super::json_place::JsonPlace;
use super::leaf::Place;
use super::rules::{Duty, Rules, Writing};

/// So much of the end is held back. What is longer than this, and cut by it, is not found; the
/// longest structured identifiers have about 40 characters, most secrets less than 200.
const HELD_BYTES: usize = 256;

/// So much of what went on before gives context to what follows.
const CONTEXT_BYTES: usize = 256;

/// What holds nothing back is looked at in pieces of this size.
const REPORTED_BYTES: usize = 4 * 1024;

/// A text without white space is cut all the same from here on, so that memory is bounded.
const LONGEST_WORD: usize = 8 * 1024;

/// One text under way.
#[derive(Debug)]
pub(super) struct Window {
    writing: Writing,
    /// Context, then what is not looked at yet.
    text: String,
    /// Where the latter begins.
    from: usize,
    /// It is looked at when so much of it is there.
    due: usize,
    /// What lies at `from`, in a JSON text.
    place: JsonPlace,
}

impl Window {
    pub(super) fn new(writing: Writing) -> Self {
        let place = JsonPlace::default();
        Self { writing, text: String::new(), from: 0, due: 0, place }
    }

    /// Takes the next piece; gives what may go on.
    pub(super) fn push(&mut self, piece: &str, rules: &mut Rules) -> Result<String, AnswerBlocked> {
        self.text.push_str(piece);
        let new = self.text.len().saturating_sub(self.from);
        if rules.duty() == Duty::Intervene {
            if new < self.due.max(2 * HELD_BYTES) {
                return Ok(String::new());
            }
            let released = self.advance(false, rules)?;
            self.due = self.text.len().saturating_sub(self.from) + HELD_BYTES;
            return Ok(released);
        }
        if new >= self.due.max(REPORTED_BYTES) {
            self.advance(false, rules)?;
            self.due = self.text.len().saturating_sub(self.from) + REPORTED_BYTES;
        }
        Ok(piece.to_owned())
    }

    /// The text is over: gives what was held back.
    pub(super) fn finish(&mut self, rules: &mut Rules) -> Result<String, AnswerBlocked> {
        let released = self.advance(true, rules)?;
        let holds = rules.duty() == Duty::Intervene;
        Ok(if holds { released } else { String::new() })
    }

    /// Looks at what is there; gives what need not be held any longer.
    fn advance(&mut self, is_end: bool, rules: &mut Rules) -> Result<String, AnswerBlocked> {
        if self.from == self.text.len() {
            return Ok(String::new());
        }
        let findings = rules.look(&self.text)?;
        let cut = if is_end { self.text.len() } else { self.cut(&findings) };
        let from = self.from;
        rules.allow(findings.iter().filter(|one| one.start < cut && one.end > from))?;
        let mut out = String::with_capacity(cut.saturating_sub(self.from));
        let mut at = self.from;
        for finding in findings.iter().filter(|finding| finding.start < cut) {
            // What began in the context was released before it was known; its rest is hidden.
            let start = self.start(finding).max(at);
            let end = finding.end.min(cut);
            let Some(value) = self.text.get(start..end).filter(|value| !value.is_empty()) else {
                continue;
            };
            if let Some(with) = rules.judge(finding, value) {
                self.keep(at, start, &mut out);
                let is_bare = self.writing == Writing::Json && !self.place.is_in_string();
                self.place.pass(self.text.get(start..end).unwrap_or_default());
                if is_bare {
                    push_quoted(&with, &mut out);
                } else {
                    out.push_str(&with);
                }
                at = end;
            }
        }
        self.keep(at, cut, &mut out);
        let context = self.text.floor_char_boundary(cut.saturating_sub(CONTEXT_BYTES));
        self.text.drain(..context);
        self.from = cut - context;
        Ok(out)
    }

    /// Copies what stays.
    fn keep(&mut self, from: usize, to: usize, out: &mut String) {
        let kept = self.text.get(from..to).unwrap_or_default();
        if self.writing == Writing::Json {
            self.place.pass(kept);
        }
        out.push_str(kept);
    }

    /// Where a finding begins. One that reaches over the quotes of a JSON text begins behind the
    /// last of them, so that the text stays JSON.
    fn start(&self, finding: &Finding) -> usize {
        if self.writing == Writing::Text {
            return finding.start;
        }
        let value = self.text.get(finding.start..finding.end).unwrap_or_default();
        let inside = value.trim_end_matches(['"', '}', ']', ',']);
        match inside.rfind('"') {
            Some(quote) => finding.start + quote + 1,
            None => finding.start,
        }
    }

    /// How far the text can go on: some way behind its end, at white space, not in the middle
    /// of a finding.
    fn cut(&self, findings: &[Finding]) -> usize {
        let is_long = self.text.len().saturating_sub(self.from) > LONGEST_WORD;
        let limit = self.text.len().saturating_sub(HELD_BYTES);
        let limit = self.text.floor_char_boundary(limit).max(self.from);
        let ready = self.text.get(self.from..limit).unwrap_or_default();
        let white = ready.rfind(char::is_whitespace).map(|at| self.from + at);
        let mut cut = white.unwrap_or(if is_long { limit } else { self.from });
        for finding in findings.iter().rev() {
            if finding.start < cut && cut < finding.end {
                let is_stuck = is_long && finding.start <= self.from;
                cut = if is_stuck { finding.end } else { finding.start.max(self.from) };
            }
        }
        cut
    }
}

fn push_quoted(text: &str, out: &mut String) {
    out.push('"');
    out.push_str(text);
    out.push('"');
}

/// A whole text, with what must not go on hidden.
pub(super) fn looked_at(
    text: &str,
    place: Place<'_>,
    rules: &mut Rules,
) -> Result<String, AnswerBlocked> {
    let mut window = Window::new(place.writing);
    if let Some(key) = place.named {
        window.text = format!("{key}: ");
        window.from = window.text.len();
    }
    window.text.push_str(text);
    window.advance(true, rules)
}
