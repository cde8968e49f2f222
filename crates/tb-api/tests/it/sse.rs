//! The event stream parser and writer.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use tb_api::sse::{SseError, SseEvent, SseParser};

const LIMIT: usize = 1 << 16;

/// The events of `pieces`, and how the stream ended.
pub(crate) fn read(pieces: &[&[u8]], limit: usize) -> (Vec<SseEvent>, Result<(), SseError>) {
    let mut parser = SseParser::new(limit);
    let mut out = Vec::new();
    for piece in pieces {
        if let Err(error) = parser.push(&Bytes::copy_from_slice(piece), &mut out) {
            return (out, Err(error));
        }
    }
    let end = parser.finish(&mut out);
    (out, end)
}

fn shown(events: &[SseEvent]) -> Vec<(Option<&str>, &str)> {
    let text = |bytes: &'static [u8]| std::str::from_utf8(bytes).unwrap();
    let leak = |bytes: &Bytes| text(Box::leak(bytes.to_vec().into_boxed_slice()));
    events.iter().map(|event| (event.event.as_ref().map(leak), leak(&event.data))).collect()
}

fn assert_reads(stream: &str, expected: &[(Option<&str>, &str)]) {
    let (events, end) = read(&[stream.as_bytes()], LIMIT);
    assert_eq!(end, Ok(()));
    assert_eq!(shown(&events), expected, "{stream:?}");
}

#[test]
fn reads_the_fields_of_the_standard() {
    assert_reads("data: a\n\ndata:b\n\n", &[(None, "a"), (None, "b")]);
    assert_reads("data:  two spaces\n\n", &[(None, " two spaces")]);
    assert_reads("event: x\ndata: 1\ndata: 2\n\n", &[(Some("x"), "1\n2")]);
    assert_reads("data\ndata\n\n", &[(None, "\n")]);
    assert_reads("data:\n\n", &[(None, "")]);
    assert_reads(": ping\n\ndata: a\n: b\ndata: c\n\n", &[(None, "a\nc")]);
    assert_reads("id: 1\nretry: 5\nfoo: x\ndata: a\n\n", &[(None, "a")]);
    assert_reads("event: ping\n\ndata: a\n\n", &[(None, "a")]);
    assert_reads("id: 7\n\n: x\n\n\n\n", &[]);
    assert_reads("event: a\nevent: b\ndata: 1\n\n", &[(Some("b"), "1")]);
    assert_reads("event: a\nevent:\ndata: 1\n\n", &[(None, "1")]);
    assert_reads("dataset: 1\n data: 2\nDATA: 3\n\n", &[]);
}

#[test]
fn reads_every_line_end() {
    for end in ["\n", "\r", "\r\n"] {
        let stream = format!("event: e{end}data: a{end}data: b{end}{end}data: c{end}{end}");
        assert_reads(&stream, &[(Some("e"), "a\nb"), (None, "c")]);
    }
    assert_reads("data: a\r\n\rdata: b\n\r\n", &[(None, "a"), (None, "b")]);
}

#[test]
fn drops_one_leading_byte_order_mark() {
    assert_reads("\u{feff}data: a\n\n", &[(None, "a")]);
    assert_reads("\u{feff}\u{feff}data: a\n\n", &[]);
    assert_reads("data: a\n\n\u{feff}data: b\n\n", &[(None, "a")]);
}

#[test]
fn gives_out_what_the_end_cut_short() {
    assert_reads("data: a", &[(None, "a")]);
    assert_reads("data: a\n", &[(None, "a")]);
    assert_reads("data: a\r", &[(None, "a")]);
    assert_reads("event: x\ndata: a\ndat", &[(Some("x"), "a")]);
    assert_reads("event: x\n", &[]);
    assert_reads("", &[]);
}

#[test]
fn copies_nothing_when_an_event_lies_in_one_piece() {
    let piece = Bytes::from_static(b"event: e\ndata: hello\n\ndata: x\n\n");
    let mut out = Vec::new();
    SseParser::new(LIMIT).push(&piece, &mut out).unwrap();
    assert_eq!(out[0].data.as_ptr(), piece[15..].as_ptr());
    assert_eq!(out[0].event.as_ref().unwrap().as_ptr(), piece[7..].as_ptr());
    assert_eq!(out[1].data.as_ptr(), piece[28..].as_ptr());
}

#[test]
fn refuses_events_beyond_the_limit() {
    let refused = Err(SseError::EventTooLarge(20));
    assert_eq!(read(&[b"data: 0123456789abcd\n\n"], 20).1, Ok(()));
    assert_eq!(read(&[b"data: 0123456789abcde\n\n"], 20).1, refused);
    assert_eq!(read(&[b"data: 1234567890\ndata: 34\n\n"], 20).1, Ok(()));
    assert_eq!(read(&[b"data: 1234567890\ndata: 345678\n\n"], 20).1, refused);
    assert_eq!(read(&[&[b'x'; 21]], 20).1, refused);
    assert_eq!(read(&[b": ", &[b'x'; 18], b"x"], 20).1, refused);
    assert_eq!(read(&[&b"data\n".repeat(40)], 20).1, refused);
    assert_eq!(read(&[&b"id: 123456\n".repeat(40)], 20).1, Ok(()));
    let (events, end) = read(&[b"data: a\n\n", &[b'x'; 21]], 20);
    assert_eq!((events.len(), end), (1, refused));
}

#[test]
fn refuses_text_that_is_not_utf8() {
    for stream in [&b"data: a\n\ndata: \xff\n\n"[..], b"data: a\n\nevent: \xc3\ndata: b\n\n"] {
        let (events, end) = read(&[stream], LIMIT);
        assert_eq!((events.len(), end), (1, Err(SseError::NotUtf8)));
    }
    assert_eq!(read(&[b": \xff\n\n"], LIMIT).1, Ok(()));
}

#[test]
fn joins_characters_that_were_cut() {
    let (events, _) = read(&[b"data: \xf0\x9f", b"\x98", b"\x80\n\n"], LIMIT);
    assert_eq!(shown(&events), [(None, "\u{1F600}")]);
}

#[test]
fn writes_events_that_no_line_break_can_forge() {
    let mut out = BytesMut::new();
    SseEvent::data(Bytes::from_static(b"[DONE]")).write(&mut out);
    SseEvent::named("error", Bytes::from_static(b"a\nb\rdata: c\r\n\r\nd")).write(&mut out);
    let forged = Bytes::from_static(b"x\ndata: forged\n\n");
    SseEvent { event: Some(forged), data: Bytes::new() }.write(&mut out);
    assert_eq!(
        out,
        "data: [DONE]\n\nevent: error\ndata: a\ndata: b\ndata: data: c\ndata: \ndata: d\n\nevent: x\ndata: \n\n"
    );
}

#[test]
fn debug_output_holds_no_text() {
    let mut parser = SseParser::new(LIMIT);
    let mut out = Vec::new();
    parser.push(&Bytes::from_static(b"data: canary\n\ndata: canary\ndata: can"), &mut out).unwrap();
    let shown = format!("{parser:?} {out:?}");
    assert!(!shown.contains("can"), "{shown}");
}

/// Streams of likely lines and of arbitrary bytes.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let text = prop_oneof![
        Just("data: ".to_owned()),
        Just("data:".to_owned()),
        Just("event: ".to_owned()),
        Just("id: ".to_owned()),
        Just(":".to_owned()),
        Just("\u{feff}".to_owned()),
        "[a-z \u{e9}\u{1F600}]{0,12}",
    ];
    let end = prop_oneof![Just("\n"), Just("\r"), Just("\r\n"), Just("\n\n"), Just("\r\n\r\n")];
    let piece = prop_oneof![
        20 => text.prop_map(String::into_bytes),
        20 => end.prop_map(|end| end.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..3),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

/// A slow reader that follows the standard's text on the whole stream.
fn reference(stream: &str) -> Vec<(Option<String>, String)> {
    let stream = stream.strip_prefix('\u{feff}').unwrap_or(stream);
    let stream = stream.replace("\r\n", "\n").replace('\r', "\n");
    let (mut events, mut name, mut data) = (Vec::new(), String::new(), String::new());
    let closed = format!("{stream}\n\n");
    for line in closed.split('\n') {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "" if line.is_empty() => {
                if let Some(data) = data.strip_suffix('\n') {
                    let event = Some(name.clone()).filter(|name| !name.is_empty());
                    events.push((event, data.to_owned()));
                }
                (name, data) = (String::new(), String::new());
            }
            "event" => name = value.to_owned(),
            "data" => data.push_str(&format!("{value}\n")),
            _ => {}
        }
    }
    events
}

proptest! {
    #[test]
    fn every_cut_gives_the_same_events(
        stream in stream(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        limit in prop_oneof![Just(LIMIT), 0usize..60],
    ) {
        let whole = read(&[&stream], limit);
        let single: Vec<&[u8]> = stream.chunks(1).collect();
        prop_assert_eq!(&read(&single, limit), &whole);
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        places.extend([0, stream.len()]);
        places.sort_unstable();
        let pieces: Vec<&[u8]> = places.windows(2).map(|pair| &stream[pair[0]..pair[1]]).collect();
        prop_assert_eq!(&read(&pieces, limit), &whole);
        for cut in 0..=stream.len() {
            prop_assert_eq!(&read(&[&stream[..cut], &stream[cut..]], limit), &whole);
        }
    }

    #[test]
    fn reads_what_the_standard_says(stream in stream()) {
        let Ok(text) = String::from_utf8(stream) else { return Ok(()) };
        let (events, end) = read(&[text.as_bytes()], LIMIT);
        prop_assert_eq!(end, Ok(()));
        let expected = reference(&text);
        let expected: Vec<_> = expected.iter().map(|(e, d)| (e.as_deref(), d.as_str())).collect();
        prop_assert_eq!(shown(&events), expected);
    }

    #[test]
    fn written_events_read_back(
        events in prop::collection::vec(("[a-z.]{0,8}", "[^\r]{0,30}"), 0..6),
    ) {
        let events: Vec<SseEvent> = events
            .into_iter()
            .map(|(name, data)| SseEvent {
                event: (!name.is_empty()).then(|| Bytes::from(name)),
                data: Bytes::from(data),
            })
            .collect();
        let mut out = BytesMut::new();
        events.iter().for_each(|event| event.write(&mut out));
        prop_assert_eq!(read(&[&out], LIMIT), (events, Ok(())));
    }
}
