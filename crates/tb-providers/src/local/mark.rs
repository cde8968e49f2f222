//! The member `tollbar` in answers and streams.

use bytes::{Bytes, BytesMut};
use memchr::{memchr, memchr2};
use tb_api::json::Document;

/// The member that tells what is special about an answer.
const MEMBER: &str = "tollbar";

/// The answer with one more member `tollbar` at its root, whose value is the JSON text
/// `extension`; one that is there already is replaced. Unchanged when it is no JSON object.
#[must_use]
pub fn mark(body: &Bytes, extension: &str) -> Bytes {
    match Document::parse(body.clone()) {
        Ok(document) => document.edit().set(&[MEMBER], extension).apply(),
        Err(_) => body.clone(),
    }
}

/// A stream of server-sent events with the member `tollbar` in the first event whose data is a
/// JSON object; everything else stays byte for byte.
#[must_use]
pub fn mark_stream(events: &Bytes, extension: &str) -> Bytes {
    let mut lines = Lines { bytes: events, at: 0 };
    let mut parts: Vec<DataLine> = Vec::new();
    loop {
        let line = lines.next();
        match &line {
            Some(line) if !line.content.is_empty() => {
                parts.extend(DataLine::read(line));
                continue;
            }
            _ => {}
        }
        if let Some(marked) = marked_event(events, &parts, extension) {
            return marked;
        }
        if line.is_none() {
            return events.clone();
        }
        parts.clear();
    }
}

/// A line without its end.
struct Line<'a> {
    start: usize,
    content: &'a [u8],
    /// Where the next line starts.
    end: usize,
}

/// Splits at LF, CR or both, as the standard of server-sent events does.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        let start = self.at;
        let rest = self.bytes.get(start..).filter(|rest| !rest.is_empty())?;
        let length = memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
        let stop = match (rest.get(length), rest.get(length + 1)) {
            (None, _) => 0,
            (Some(b'\r'), Some(b'\n')) => 2,
            _ => 1,
        };
        self.at = start + length + stop;
        Some(Line { start, content: rest.get(..length)?, end: self.at })
    }
}

/// A `data:` line of an event.
struct DataLine {
    start: usize,
    value_start: usize,
    value_end: usize,
    end: usize,
}

impl DataLine {
    fn read(line: &Line<'_>) -> Option<Self> {
        let colon = memchr(b':', line.content)?;
        let bom = if line.start == 0 { b"\xEF\xBB\xBF".as_slice() } else { b"" };
        let name = line.content.get(..colon)?;
        if name.strip_prefix(bom).unwrap_or(name) != b"data" {
            return None;
        }
        let space = usize::from(line.content.get(colon + 1) == Some(&b' '));
        let value_end = line.start + line.content.len();
        let value_start = line.start + colon + 1 + space;
        Some(Self { start: line.start, value_start, value_end, end: line.end })
    }
}

/// The stream with this event marked, when its data is a JSON object.
fn marked_event(events: &Bytes, parts: &[DataLine], extension: &str) -> Option<Bytes> {
    let (first, more) = parts.split_first()?;
    let mut joined = BytesMut::from(events.get(first.value_start..first.value_end)?);
    for part in more {
        joined.extend_from_slice(b"\n");
        joined.extend_from_slice(events.get(part.value_start..part.value_end)?);
    }
    let document = Document::parse(joined.freeze()).ok()?;
    let marked = document.edit().set(&[MEMBER], extension).apply();
    let mut out = BytesMut::with_capacity(events.len() + extension.len() + 16);
    out.extend_from_slice(events.get(..first.value_start)?);
    // White space of JSON may hold line ends: each begins another `data:` line.
    for (position, line) in marked.split(|byte| *byte == b'\n').enumerate() {
        if position > 0 {
            out.extend_from_slice(b"\ndata: ");
        }
        out.extend_from_slice(line);
    }
    let mut at = first.value_end;
    for part in more {
        out.extend_from_slice(events.get(at..part.start)?);
        at = part.end;
    }
    out.extend_from_slice(events.get(at..)?);
    Some(out.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(body: &str) -> String {
        String::from_utf8(mark(&Bytes::copy_from_slice(body.as_bytes()), "{\"d\":1}").to_vec())
            .unwrap()
    }

    fn marked_stream(events: &str) -> String {
        let events = Bytes::copy_from_slice(events.as_bytes());
        String::from_utf8(mark_stream(&events, "1").to_vec()).unwrap()
    }

    #[test]
    fn adds_or_replaces_one_member_and_keeps_every_other_byte() {
        assert_eq!(marked("{ \"a\" : 1e2 }"), "{ \"a\" : 1e2,\"tollbar\":{\"d\":1} }");
        assert_eq!(
            marked("{\"tollbar\":{\"x\":[1]}, \"a\":1}"),
            "{\"tollbar\":{\"d\":1}, \"a\":1}"
        );
        for other in ["", "[1]", "{", "text", "{} {}"] {
            assert_eq!(marked(other), other);
        }
    }

    #[test]
    fn marks_the_first_event_with_an_object() {
        for (events, expected) in [
            (
                ": hi\n\ndata: [DONE]\n\nevent: a\ndata: {\"x\":1}\nid: 7\n\ndata: {\"x\":2}\n\n",
                ": hi\n\ndata: [DONE]\n\nevent: a\ndata: {\"x\":1,\"tollbar\":1}\nid: 7\n\n\
                 data: {\"x\":2}\n\n",
            ),
            ("data:{}\r\n\r\ndata:{}\r\n", "data:{\"tollbar\":1}\r\n\r\ndata:{}\r\n"),
            ("data: {\"tollbar\":{}}", "data: {\"tollbar\":1}"),
            ("\u{feff}data: {}\n\n", "\u{feff}data: {\"tollbar\":1}\n\n"),
            (
                "data: {\ndata: \"a\":1}\nid: 1\n\n",
                "data: {\ndata: \"a\":1,\"tollbar\":1}\nid: 1\n\n",
            ),
            ("data: [1]\n\n: x\n\n", "data: [1]\n\n: x\n\n"),
            ("", ""),
        ] {
            assert_eq!(marked_stream(events), expected, "{events:?}");
        }
    }
}
