//! Finds a text in bytes in every form that programs write texts in.
#![expect(clippy::indexing_slicing, reason = "the symbols are 64")]

use std::path::Path;

/// One text to look for, in all forms.
pub(crate) struct Canary {
    pub(crate) text: String,
    forms: Vec<String>,
}

impl Canary {
    /// `text` is ASCII.
    pub(crate) fn new(text: &str) -> Self {
        let bytes = text.as_bytes();
        let each = |write: &dyn Fn(u8) -> String| bytes.iter().map(|b| write(*b)).collect();
        let unless_plain = |write: &dyn Fn(u8) -> String, byte: u8| {
            if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { write(byte) }
        };
        let mut forms: Vec<String> = vec![
            text.to_owned(),
            text.to_ascii_lowercase(),
            text.to_ascii_uppercase(),
            // UTF-16 in both orders.
            each(&|byte| format!("{}\0", char::from(byte))),
            each(&|byte| format!("\0{}", char::from(byte))),
            each(&|byte| format!("{byte:02x}")),
            each(&|byte| format!("{byte:02X}")),
            each(&|byte| format!("%{byte:02x}")),
            each(&|byte| format!("%{byte:02X}")),
            each(&|byte| unless_plain(&|byte| format!("%{byte:02X}"), byte)),
            each(&|byte| unless_plain(&|byte| format!("%{byte:02x}"), byte)),
            // Dots and dashes stand for themselves in addresses, blanks are a plus in forms.
            each(&|byte| match byte {
                b' ' => "+".to_owned(),
                b'.' | b'-' | b'_' | b'~' => char::from(byte).to_string(),
                _ => unless_plain(&|byte| format!("%{byte:02X}"), byte),
            }),
            each(&|byte| format!("\\u{{{byte:x}}}")),
            each(&|byte| format!("\\u{byte:04x}")),
            each(&|byte| format!("\\u{byte:04X}")),
            each(&|byte| format!("\\x{byte:02x}")),
            each(&|byte| unless_plain(&|byte| format!("\\u{byte:04x}"), byte)),
        ];
        forms.extend((0..3).map(|before| base64_at(bytes, before)));
        forms.sort();
        forms.dedup();
        // What is too short to be known again in base64 would be found everywhere.
        forms.retain(|form| form.len() >= 8);
        Self { text: text.to_owned(), forms }
    }

    /// Whether it stands in `ascii`, which is what [`ascii`] gives.
    pub(crate) fn is_in(&self, ascii: &str) -> bool {
        self.forms.iter().any(|form| ascii.contains(form.as_str()))
    }

    /// Every form of it, one a line.
    pub(crate) fn written(&self) -> impl Iterator<Item = &str> {
        self.forms.iter().map(String::as_str)
    }
}

/// The canaries in these bytes.
pub(crate) fn found<'c>(bytes: &[u8], canaries: &'c [Canary]) -> Vec<&'c str> {
    let ascii = ascii(bytes);
    canaries.iter().filter(|one| one.is_in(&ascii)).map(|one| one.text.as_str()).collect()
}

/// The canaries in all files below a folder, each with the file's name.
pub(crate) fn found_below(folder: &Path, canaries: &[Canary]) -> Vec<String> {
    let mut places = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            places.extend(found_below(&path, canaries));
            continue;
        }
        let named = path.file_name().unwrap().to_string_lossy().into_owned();
        // A file may go away between listing and reading.
        let bytes = std::fs::read(&path).unwrap_or_default();
        for canary in found(&[named.as_bytes(), b"\n", &bytes].concat(), canaries) {
            places.push(format!("{canary} in {}", path.display()));
        }
    }
    places
}

/// The bytes as a text in which all that is not ASCII became one character, and pages of zeros
/// are left out: the search through `str` is many times faster than one through bytes, and the
/// journal's files are mostly room for what is to come.
fn ascii(bytes: &[u8]) -> String {
    const ZEROS: [u8; 4096] = [0; 4096];
    let mut text = String::new();
    for page in bytes.chunks(ZEROS.len()) {
        if page == ZEROS {
            text.push('\n');
            continue;
        }
        if !page.is_ascii() {
            let one = |byte: &u8| if byte.is_ascii() { char::from(*byte) } else { '\u{1a}' };
            text.extend(page.iter().map(one));
        } else if let Ok(page) = std::str::from_utf8(page) {
            text.push_str(page);
        }
    }
    text
}

/// The part of its base64 that does not depend on what stands around it, when `before` bytes of
/// its first group of three come before it.
fn base64_at(bytes: &[u8], before: usize) -> String {
    const SYMBOLS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let skipped = (3 - before) % 3;
    let groups = bytes.get(skipped..).unwrap_or_default().chunks_exact(3);
    groups
        .flat_map(|group| {
            let bits = group.iter().fold(0_usize, |bits, byte| (bits << 8) | usize::from(*byte));
            [18, 12, 6, 0].map(|shift| char::from(SYMBOLS[(bits >> shift) & 63]))
        })
        .collect()
}

#[test]
fn finds_a_text_in_every_form_and_no_other() {
    let canary = Canary::new("qzx.canary@example.org");
    for form in [
        "see qzx.canary@example.org!",
        "QZX.CANARY@EXAMPLE.ORG",
        "qzx.canary%40example.org",
        "qzx\\u002ecanary\\u0040example\\u002eorg",
        "71 71 717a782e63616e617279406578616d706c652e6f7267",
        // Of "qzx.canary@example.org", of "xqzx…" and of "xyqzx…".
        "cXp4LmNhbmFyeUBleGFtcGxlLm9yZw==",
        "eHF6eC5jYW5hcnlAZXhhbXBsZS5vcmc=",
        "eHlxenguY2FuYXJ5QGV4YW1wbGUub3Jn",
    ] {
        assert!(canary.is_in(&ascii(form.as_bytes())), "{form}");
    }
    let wide: Vec<u8> =
        "é qzx.canary@example.org".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(found(&wide, &[canary]), ["qzx.canary@example.org"]);
    let canary = Canary::new("qzx.canary@example.org");
    assert!(!canary.is_in("qzx.canary@example.net qzx.canary at example.org"));
}
