//! Server-sent events: an incremental parser over bytes, and the writer.
//!
//! The rules are those of the WHATWG HTML standard, section 9.2 ("Server-sent events"), with
//! one exception: an event that the end of the stream cuts short is given out
//! ([`SseParser::finish`]), because several providers omit the last blank line.

use bytes::{BufMut, Bytes, BytesMut};
use memchr::{memchr, memchr2};

/// One event. `id:` and `retry:` fields and comments are dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct SseEvent {
    /// The `event:` field, if any (valid UTF-8).
    pub event: Option<Bytes>,
    /// The `data:` lines joined with `\n` (valid UTF-8).
    pub data: Bytes,
}

/// Shows the name and the size only: the text of an answer must not reach logs.
impl std::fmt::Debug for SseEvent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SseEvent")
            .field("event", &self.event)
            .field("data_bytes", &self.data.len())
            .finish()
    }
}

/// Why a stream is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SseError {
    /// One event is larger than the limit.
    #[error("a server-sent event exceeds {0} bytes")]
    EventTooLarge(usize),
    /// The bytes are not UTF-8.
    #[error("the event stream is not UTF-8")]
    NotUtf8,
}

/// The data of an event in progress.
enum Data {
    /// No `data` line yet; such an event is not given out.
    None,
    /// One line, still where it came from.
    One(Bytes),
    /// Several lines, copied together.
    Many(BytesMut),
}

impl Data {
    fn len(&self) -> usize {
        match self {
            Self::None => 0,
            Self::One(line) => line.len(),
            Self::Many(lines) => lines.len(),
        }
    }

    fn add(&mut self, line: Bytes) {
        let mut lines = match std::mem::replace(self, Self::None) {
            Self::None => {
                *self = Self::One(line);
                return;
            }
            Self::One(first) => BytesMut::from(&*first),
            Self::Many(lines) => lines,
        };
        lines.put_u8(b'\n');
        lines.extend_from_slice(&line);
        *self = Self::Many(lines);
    }
}

/// Splits a byte stream into events, however it is cut. Zero-copy when an event arrives in
/// one piece.
pub struct SseParser {
    max_event_bytes: usize,
    /// The beginning of a line whose end has not come yet.
    line: BytesMut,
    event: Option<Bytes>,
    data: Data,
    /// The last byte was the CR that ended a line: an LF at the very next place belongs to it.
    after_cr: bool,
    /// No line is complete yet, so a byte order mark may still come.
    at_start: bool,
}

/// Shows sizes only: the text of an answer must not reach logs.
impl std::fmt::Debug for SseParser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SseParser")
            .field("held_bytes", &self.held())
            .field("max_event_bytes", &self.max_event_bytes)
            .finish()
    }
}

impl SseParser {
    /// A parser that refuses events of more than `max_event_bytes`.
    ///
    /// Counted are the data so far, the name, and the whole line in progress with its field
    /// name, be it a comment or never ended: this bounds what the parser holds.
    #[must_use]
    pub fn new(max_event_bytes: usize) -> Self {
        Self {
            max_event_bytes,
            line: BytesMut::new(),
            event: None,
            data: Data::None,
            after_cr: false,
            at_start: true,
        }
    }

    /// Takes the next bytes and adds the events that they complete to `out`.
    ///
    /// # Errors
    /// See [`SseError`]; the parser is of no use afterwards. Events before the fault are in
    /// `out`.
    pub fn push(&mut self, bytes: &Bytes, out: &mut Vec<SseEvent>) -> Result<(), SseError> {
        let mut at = 0;
        if self.after_cr && !bytes.is_empty() {
            self.after_cr = false;
            at = usize::from(bytes.first() == Some(&b'\n'));
        }
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let Some(stop) = memchr2(b'\r', b'\n', rest) else {
                self.check(rest.len())?;
                self.line.extend_from_slice(rest);
                break;
            };
            self.check(stop)?;
            let line = if self.line.is_empty() {
                bytes.slice(at..at + stop)
            } else {
                self.line.extend_from_slice(rest.get(..stop).unwrap_or_default());
                self.line.split().freeze()
            };
            at += stop + 1;
            if rest.get(stop) == Some(&b'\r') {
                match rest.get(stop + 1) {
                    Some(b'\n') => at += 1,
                    Some(_) => {}
                    None => self.after_cr = true,
                }
            }
            self.take_line(line, out)?;
        }
        Ok(())
    }

    /// The bytes ended: an event whose last line is unterminated or that lacks the final
    /// blank line is given out all the same when it has data.
    ///
    /// # Errors
    /// See [`SseError`].
    pub fn finish(&mut self, out: &mut Vec<SseEvent>) -> Result<(), SseError> {
        if !self.line.is_empty() {
            let line = self.line.split().freeze();
            self.take_line(line, out)?;
        }
        self.dispatch(out)
    }

    fn held(&self) -> usize {
        self.line.len() + self.data.len() + self.event.as_ref().map_or(0, Bytes::len)
    }

    /// Refuses what would make the event too large, before it is copied.
    fn check(&self, more: usize) -> Result<(), SseError> {
        if self.held().saturating_add(more) > self.max_event_bytes {
            return Err(SseError::EventTooLarge(self.max_event_bytes));
        }
        Ok(())
    }

    fn take_line(&mut self, mut line: Bytes, out: &mut Vec<SseEvent>) -> Result<(), SseError> {
        if std::mem::take(&mut self.at_start) && line.starts_with(b"\xEF\xBB\xBF") {
            line = line.slice(3..);
        }
        if line.is_empty() {
            return self.dispatch(out);
        }
        let name_end = memchr(b':', &line).unwrap_or(line.len());
        let value_start = match (line.get(name_end), line.get(name_end + 1)) {
            (None, _) => name_end,
            (_, Some(b' ')) => name_end + 2,
            _ => name_end + 1,
        };
        match line.get(..name_end) {
            Some(b"data") => {
                let value = line.slice(value_start..);
                self.data.add(value);
            }
            Some(b"event") => {
                let name = line.slice(value_start..);
                self.event = (!name.is_empty()).then_some(name);
            }
            _ => {}
        }
        Ok(())
    }

    /// Gives out the event in progress, if it has data, and begins the next.
    fn dispatch(&mut self, out: &mut Vec<SseEvent>) -> Result<(), SseError> {
        let event = self.event.take();
        let data = match std::mem::replace(&mut self.data, Data::None) {
            Data::None => return Ok(()),
            Data::One(line) => line,
            Data::Many(lines) => lines.freeze(),
        };
        let name = event.as_deref().unwrap_or_default();
        if std::str::from_utf8(&data).is_err() || std::str::from_utf8(name).is_err() {
            return Err(SseError::NotUtf8);
        }
        out.push(SseEvent { event, data });
        Ok(())
    }
}

impl SseEvent {
    /// An event without a name.
    #[must_use]
    pub fn data(data: Bytes) -> Self {
        Self { event: None, data }
    }

    /// An event with a name.
    #[must_use]
    pub fn named(event: &'static str, data: Bytes) -> Self {
        Self { event: Some(Bytes::from_static(event.as_bytes())), data }
    }

    /// Writes the event with its final blank line.
    ///
    /// A line break of any sort in the data begins a new `data:` line, and a name ends at its
    /// first line break: neither can forge a field or an event.
    pub fn write(&self, out: &mut BytesMut) {
        out.reserve(self.data.len() + self.event.as_ref().map_or(0, Bytes::len) + 24);
        if let Some(name) = &self.event {
            let end = memchr2(b'\r', b'\n', name).unwrap_or(name.len());
            out.put_slice(b"event: ");
            out.put_slice(name.get(..end).unwrap_or_default());
            out.put_u8(b'\n');
        }
        let mut rest: &[u8] = &self.data;
        loop {
            let end = memchr2(b'\r', b'\n', rest);
            out.put_slice(b"data: ");
            out.put_slice(end.and_then(|end| rest.get(..end)).unwrap_or(rest));
            out.put_u8(b'\n');
            let Some(end) = end else { break };
            let pair = usize::from(rest.get(end..end + 2) == Some(b"\r\n"));
            rest = rest.get(end + 1 + pair..).unwrap_or_default();
        }
        out.put_u8(b'\n');
    }
}
