//! `multipart/form-data`: finding and replacing small fields, files left where they lie.
//!
//! What a lenient and a strict reader would understand differently is refused: the gateway
//! must see the same `model` as the provider behind it.

use std::ops::Range;

use bytes::{Buf, Bytes};
use memchr::memmem;

use crate::splice::splice;

mod header;

/// At most this many parts; real forms have fewer than twenty.
const MAX_PARTS: usize = 256;
/// The largest block of headers of one part, in bytes.
const MAX_HEADER_BYTES: usize = 8 * 1024;

/// What is wrong with a form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid multipart form: {0}")]
pub struct MultipartError(pub &'static str);

/// One part of a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The `name` parameter.
    pub name: String,
    /// Whether it has a file name.
    pub is_file: bool,
    /// Where its content lies in the body.
    pub content: Range<usize>,
    /// Where its headers lie in the body, without the empty line behind them. They are forwarded
    /// as they came: unknown headers and parameters too.
    pub headers: Range<usize>,
    /// Its file name and where the name's text lies in the body, quotes left out. What takes its
    /// place is written with [`file_name_text`].
    pub file_name: Option<(String, Range<usize>)>,
    /// The same for `filename*`, decoded. Some clients send both (.NET's does).
    pub extended_file_name: Option<(String, Range<usize>)>,
    /// What its `content-type` says, without parameters, in lower case.
    pub content_type: Option<String>,
}

/// A form with its parts located.
#[derive(Clone)]
pub struct Form {
    body: Bytes,
    parts: Vec<Part>,
}

/// Shows the parts but nothing of their content: it must not reach logs.
impl std::fmt::Debug for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Form")
            .field("bytes", &self.body.len())
            .field("parts", &self.parts.len())
            .finish()
    }
}

/// What stands behind a boundary.
enum Delimiter {
    /// A part, from this offset on.
    Part(usize),
    /// The end of the form.
    Close(usize),
}

impl Form {
    /// Locates the parts of `body` (RFC 7578), at most 256. Text before the first boundary and
    /// behind the last one has no meaning and is left out of [`Self::body`].
    ///
    /// # Errors
    /// When `content_type` has no boundary, the body does not end with the closing boundary,
    /// a part has no name, or a plain field occurs twice (`model` must mean one thing) unless
    /// its name ends in `[]`. Also when a part is ambiguous: two names, a transfer encoding on
    /// a plain field, the boundary followed by other characters.
    pub fn parse(content_type: &str, body: Bytes) -> Result<Self, MultipartError> {
        let boundary = header::boundary(content_type)?;
        let delimiter = [b"\r\n--", boundary.as_slice()].concat();
        let finder = memmem::Finder::new(&delimiter);
        let dashes = delimiter.get(2..).unwrap_or_default();
        let mut body = body;
        if !body.starts_with(dashes) {
            let before = finder.find(&body).ok_or(MultipartError("the boundary never occurs"))?;
            body.advance(before + 2);
        }
        let mut parts: Vec<Part> = Vec::new();
        let mut next = behind_boundary(&body, dashes.len())?;
        let end = loop {
            let start = match next {
                Delimiter::Part(start) => start,
                Delimiter::Close(end) => break end,
            };
            if parts.len() == MAX_PARTS {
                return Err(MultipartError("more than 256 parts"));
            }
            let part = headers(&body, start)?;
            let content = part.content.start;
            let rest = body.get(content..).unwrap_or_default();
            let stop =
                finder.find(rest).ok_or(MultipartError("the closing boundary is missing"))?;
            add(&mut parts, Part { content: content..content + stop, ..part })?;
            next = behind_boundary(&body, content + stop + delimiter.len())?;
        };
        let epilogue = body.get(end..).unwrap_or_default();
        if memmem::find(epilogue, dashes).is_some() {
            return Err(MultipartError("the boundary occurs behind the closing boundary"));
        }
        if epilogue != b"\r\n" {
            body.truncate(end);
        }
        Ok(Self { body, parts })
    }

    /// The body, from the first boundary to the last one, as it came.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// All parts, in order.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The text of a plain field; `None` also when it is not UTF-8. The first one of a name
    /// that ends in `[]`.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        let part = self.plain(name)?;
        std::str::from_utf8(self.body.get(part.content.clone())?).ok()
    }

    /// The body with the content of the plain field `name` replaced, everything else byte for
    /// byte. Unchanged when there is no such field. `text` is a single line from our side (a
    /// model id); it must not hold a line break followed by the boundary.
    #[must_use]
    pub fn with_text(&self, name: &str, text: &str) -> Bytes {
        let Some(part) = self.plain(name) else { return self.body.clone() };
        splice(&self.body, &[(part.content.clone(), text)])
    }

    /// The body with ranges replaced, everything else byte for byte. `splices` come in rising
    /// order and do not overlap; what they put in must not hold a line break followed by the
    /// boundary ([`Form::parse`] of the outcome tells).
    #[must_use]
    pub fn spliced(&self, splices: &[(Range<usize>, Vec<u8>)]) -> Bytes {
        splice(&self.body, splices)
    }

    fn plain(&self, name: &str) -> Option<&Part> {
        self.parts.iter().find(|part| !part.is_file && part.name == name)
    }
}

/// Reads what follows a boundary that ends at `at`.
fn behind_boundary(body: &[u8], at: usize) -> Result<Delimiter, MultipartError> {
    let rest = body.get(at..).unwrap_or_default();
    if rest.starts_with(b"--") {
        return Ok(Delimiter::Close(at + 2));
    }
    // RFC 2046 section 5.1.1 lets gateways pad the line with white space.
    let padding = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    if rest.get(padding..padding + 2) == Some(b"\r\n") {
        return Ok(Delimiter::Part(at + padding + 2));
    }
    Err(MultipartError(if rest.len() == padding {
        "the closing boundary is missing"
    } else {
        "other characters follow the boundary in its line"
    }))
}

/// Reads the headers of the part that begins at `start`; its content is empty still.
fn headers(body: &[u8], start: usize) -> Result<Part, MultipartError> {
    const END: &[u8] = b"\r\n\r\n";
    let rest = body.get(start..).unwrap_or_default();
    if rest.starts_with(b"\r\n") {
        return Err(MultipartError("a part has no name"));
    }
    let window = rest.get(..MAX_HEADER_BYTES + END.len()).unwrap_or(rest);
    let length = memmem::find(window, END)
        .ok_or(MultipartError("the headers of a part do not end, or exceed 8 KiB"))?;
    let described = header::describe(rest.get(..length).unwrap_or_default())?;
    let is_file = described.is_file();
    let header::Disposition { name, file_name, extended_file_name } = described.disposition;
    let located =
        |(text, range): (String, Range<usize>)| (text, start + range.start..start + range.end);
    let content = start + length + END.len();
    Ok(Part {
        name,
        is_file,
        content: content..content,
        headers: start..start + length,
        file_name: file_name.map(located),
        extended_file_name: extended_file_name.map(located),
        content_type: described.content_type,
    })
}

fn add(parts: &mut Vec<Part>, part: Part) -> Result<(), MultipartError> {
    let twice = !part.name.ends_with("[]")
        && parts.iter().any(|other| other.name == part.name && !(other.is_file && part.is_file));
    if twice {
        return Err(MultipartError("a plain field occurs twice"));
    }
    parts.push(part);
    Ok(())
}

/// `text` as it may stand in the place of a file name, quoted or not, and of `filename*`: what
/// is not of RFC 5987's `attr-char` is percent-encoded.
#[must_use]
pub fn file_name_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            for digit in [byte >> 4, byte & 0xF] {
                let digit = char::from_digit(u32::from(digit), 16).unwrap_or('0');
                out.push(digit.to_ascii_uppercase());
            }
        }
    }
    out
}
