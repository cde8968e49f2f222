//! What is an attachment and what is text.

use base64::Engine as _;

use super::*;

fn sort(text: &str, is_place: bool) -> &'static str {
    match payload(text, is_place) {
        Payload::None => "none",
        Payload::Unreadable { .. } => "unreadable",
        Payload::Text { .. } => "text",
    }
}

#[test]
fn tells_text_from_what_cannot_be_read() {
    let png = format!("data:image/png;base64,{}", "iVBORw0KGgoAAAANSUhEUg".repeat(20));
    assert_eq!(sort(&png, false), "unreadable");
    let text = format!("data:text/plain;base64,{}", encode("write to jo@example.com"));
    assert_eq!(sort(&text, false), "text");
    assert_eq!(sort(&encode("write to jo@example.com"), true), "text");
    assert_eq!(sort(&encode("write to jo@example.com"), false), "none");
    assert_eq!(sort("AKIAIOSFODNN7EXAMPLE", true), "none");
    assert_eq!(sort("hello there", true), "none");
    assert_eq!(sort("https://example.com/a.png", true), "none");
    assert_eq!(sort("data:text/plain,jo@example.com", false), "none");
    let noise: Vec<u8> = (0..2_000_u32).map(|n| ((n * 7_919) >> 3).to_le_bytes()[0]).collect();
    let noise = base64::engine::general_purpose::STANDARD.encode(noise);
    assert_eq!(sort(&noise, true), "unreadable");
}

#[test]
fn text_behind_the_beginning_of_an_image_is_text() {
    let image = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABAAAA".repeat(200);
    let url = format!("data:image/png;base64,{image}");
    assert_eq!(sort(&url, false), "unreadable");
    for text in [" write to jo@example.com", "\nwrite to jo", "\"", "=a"] {
        assert_eq!(sort(&format!("{url}{text}"), false), "none", "{text}");
        assert_eq!(sort(&format!("{image}{text}"), true), "none", "{text}");
    }
}

fn decoded(bytes: &[u8]) -> Option<String> {
    let coded = base64::engine::general_purpose::STANDARD.encode(bytes);
    let url = format!("data:text/plain;base64,{coded}");
    [url.as_str(), coded.as_str()].into_iter().fold(None, |_, text| match payload(text, true) {
        Payload::Text { decoded, .. } => Some(decoded),
        _ => None,
    })
}

#[test]
fn letters_that_formats_begin_with_are_text_in_a_text() {
    for word in ["BM", "ID3", "RIFF", "GIF8", "OggS", "fLaC"] {
        let text = format!("{word} tags are described here, write to jo@example.com");
        assert_eq!(decoded(text.as_bytes()).as_deref(), Some(text.as_str()), "{word}");
    }
    for image in ["GIF89a\x10\0\x10\0\u{1}", "RIFF\x10\0\0\0WEBPVP8 ", "ID3\x03\0\0\0\0\x0F"] {
        let image = image.repeat(100);
        assert_eq!(decoded(image.as_bytes()), None, "{image}");
    }
}

#[test]
fn texts_with_odd_bytes_are_read() {
    let line = "jo@example.com wrote this. ".repeat(40);
    let coloured = format!("\x1b[31mERROR\x1b[0m {line}");
    let one_control = format!("{line}\x01 and {line}");
    let latin = [b"Jos\xE9 ".as_slice(), line.as_bytes()].concat();
    let cyrillic = [[0xEF, 0xF0, 0xE8, 0xE2, 0xE5, 0xF2, b' '].repeat(40), line.clone().into()];
    let little: Vec<u8> = line.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = line.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let marked = [b"\xFF\xFE".as_slice(), &little].concat();
    let (coloured, one_control) = (coloured.into_bytes(), one_control.into_bytes());
    for bytes in [coloured, one_control, latin, cyrillic.concat(), little, big, marked] {
        let text = decoded(&bytes).unwrap_or_default();
        assert!(text.contains("jo@example.com wrote"), "{bytes:?}");
    }
}

#[test]
fn prose_is_no_base64_and_broken_lines_are() {
    for prose in ["my password is hunter twelve", "words\nin lines\nof letters", "one\ntwo\n"] {
        assert_eq!(sort(&prose.repeat(60), true), "none", "{prose}");
    }
    let coded = encode(&"write to jo@example.com ".repeat(20));
    let lines: Vec<&str> =
        coded.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
    assert_eq!(sort(&lines.join("\r\n"), true), "text");
}
