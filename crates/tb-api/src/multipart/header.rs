//! The headers of a form and of its parts.

use std::ops::Range;

use super::MultipartError;

/// RFC 2046 section 5.1.1: a boundary has 1 to 70 characters.
const MAX_BOUNDARY_BYTES: usize = 70;

/// What the headers of a part say. Ranges count from the start of its headers.
pub(super) struct Described {
    pub(super) disposition: Disposition,
    pub(super) content_type: Option<String>,
}

/// What `form-data; name="…"; filename="…"` says.
pub(super) struct Disposition {
    pub(super) name: String,
    pub(super) file_name: Option<(String, Range<usize>)>,
    pub(super) extended_file_name: Option<(String, Range<usize>)>,
}

impl Described {
    pub(super) fn is_file(&self) -> bool {
        self.disposition.file_name.is_some() || self.disposition.extended_file_name.is_some()
    }
}

/// The boundary of a `content-type` header.
pub(super) fn boundary(content_type: &str) -> Result<Vec<u8>, MultipartError> {
    let (kind, params) = split_first_token(content_type.as_bytes());
    if !kind.eq_ignore_ascii_case(b"multipart/form-data") {
        return Err(MultipartError("the content type is not multipart/form-data"));
    }
    let mut boundary = None;
    for param in Params::new(params) {
        let Param { key: name, value, .. } = param?;
        // `boundary*`, `boundary*0` (RFC 2231): some readers take them for the boundary.
        if name.contains(&b'*') {
            return Err(MultipartError("the content type has a parameter with `*`"));
        }
        if name.eq_ignore_ascii_case(b"boundary") && boundary.replace(value).is_some() {
            return Err(MultipartError("the content type has two boundaries"));
        }
    }
    let boundary = boundary.ok_or(MultipartError("the content type has no boundary"))?;
    let printable = boundary.iter().all(|byte| (0x20..0x7F).contains(byte));
    if boundary.is_empty()
        || boundary.len() > MAX_BOUNDARY_BYTES
        || boundary.ends_with(b" ")
        || !printable
    {
        return Err(MultipartError("the boundary is not 1 to 70 printable characters"));
    }
    Ok(boundary)
}

/// Reads the headers of a part, given without the empty line at their end.
pub(super) fn describe(block: &[u8]) -> Result<Described, MultipartError> {
    let mut found = None;
    let mut content_type = None;
    let mut encoded = false;
    for (start, line) in Lines::new(block) {
        let colon = memchr::memchr(b':', line)
            .filter(|&colon| colon > 0)
            .ok_or(MultipartError("a header line of a part has no name"))?;
        let (name, value) = line.split_at_checked(colon).unwrap_or_default();
        let value = value.get(1..).unwrap_or_default().trim_ascii_start();
        let value_start = start + line.len() - value.len();
        let value = value.trim_ascii_end();
        // This refuses continued lines too (they begin with white space), which RFC 7578
        // does not need and which readers join differently.
        if !name.iter().all(|&byte| is_token(byte)) || value.iter().any(|&b| b < 0x20 && b != b'\t')
        {
            return Err(MultipartError("a header line of a part is malformed"));
        }
        if name.eq_ignore_ascii_case(b"content-disposition") {
            if found.replace(disposition(value, value_start)?).is_some() {
                return Err(MultipartError("a part has two content-disposition headers"));
            }
        } else if name.eq_ignore_ascii_case(b"content-type") {
            let kind = String::from_utf8_lossy(split_first_token(value).0).to_ascii_lowercase();
            if content_type.replace(kind).is_some() {
                return Err(MultipartError("a part has two content types"));
            }
        } else if name.eq_ignore_ascii_case(b"content-transfer-encoding") {
            let plain: [&[u8]; 3] = [b"7bit", b"8bit", b"binary"];
            encoded |= !plain.iter().any(|plain| value.eq_ignore_ascii_case(plain));
        }
    }
    let disposition = found.ok_or(MultipartError("a part has no content-disposition"))?;
    let described = Described { disposition, content_type };
    if encoded && !described.is_file() {
        return Err(MultipartError("a plain field has a transfer encoding"));
    }
    Ok(described)
}

/// Reads `form-data; name="…"; filename="…"`, which begins at `start`.
fn disposition(value: &[u8], start: usize) -> Result<Disposition, MultipartError> {
    let (kind, params) = split_first_token(value);
    if !kind.eq_ignore_ascii_case(b"form-data") {
        return Err(MultipartError("a part is not form-data"));
    }
    let start = start + value.len() - params.len();
    let mut name = None;
    let mut file_name = None;
    let mut extended_file_name = None;
    for param in Params::new(params) {
        let Param { key, value, odd_escape, range } = param?;
        let range = start + range.start..start + range.end;
        if key.eq_ignore_ascii_case(b"name") {
            if odd_escape {
                return Err(MultipartError("a backslash in a part's name"));
            }
            if name.replace(value).is_some() {
                return Err(MultipartError("a part has two names"));
            }
        } else if key.eq_ignore_ascii_case(b"filename") {
            let text = String::from_utf8_lossy(&value).into_owned();
            if file_name.replace((text, range)).is_some() {
                return Err(MultipartError("a part has two file names"));
            }
        } else if key.eq_ignore_ascii_case(b"filename*") {
            if extended_file_name.replace(extended(&value, range)).is_some() {
                return Err(MultipartError("a part has two file names"));
            }
        } else if key.contains(&b'*') {
            // `name*`, `name*0`, `name*0*` (RFC 2231): some readers take them for the name.
            return Err(MultipartError("a part has a parameter with `*`"));
        }
    }
    let name = name.filter(|name| !name.is_empty()).ok_or(MultipartError("a part has no name"))?;
    let name = String::from_utf8(name).map_err(|_| MultipartError("a part's name is not UTF-8"))?;
    Ok(Disposition { name, file_name, extended_file_name })
}

/// The text of `UTF-8''a%20b` (RFC 5987) and where it lies: behind the second apostrophe. What
/// does not have this form is text as a whole.
fn extended(value: &[u8], range: Range<usize>) -> (String, Range<usize>) {
    let mut quotes = memchr::memchr_iter(b'\'', value);
    let text = quotes.nth(1).map_or(0, |quote| quote + 1);
    let encoded = value.get(text..).unwrap_or_default();
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    while let [byte, behind @ ..] = rest {
        let escape = match rest {
            [b'%', high, low, behind @ ..] => hex_pair(*high, *low).map(|byte| (byte, behind)),
            _ => None,
        };
        let (byte, behind) = escape.unwrap_or((*byte, behind));
        decoded.push(byte);
        rest = behind;
    }
    (String::from_utf8_lossy(&decoded).into_owned(), range.start + text..range.end)
}

fn hex_pair(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(high)? * 16 + digit(low)?)
}

/// Splits at the first semicolon; the first half is trimmed.
fn split_first_token(value: &[u8]) -> (&[u8], &[u8]) {
    let end = memchr::memchr(b';', value).unwrap_or(value.len());
    let (token, rest) = value.split_at_checked(end).unwrap_or((value, b""));
    (token.trim_ascii(), rest)
}

/// One `; key=value`; the value is a token or a quoted string.
struct Param<'a> {
    key: &'a [u8],
    /// Without quotes and escapes.
    value: Vec<u8>,
    /// A backslash stood before something else than `"` or `\`: some readers drop such a
    /// backslash and some keep it, as in Windows paths in a file name, where it does not matter
    /// to us.
    odd_escape: bool,
    /// Where the value lies, quotes left out.
    range: Range<usize>,
}

/// All parameters, one after the other.
struct Params<'a> {
    rest: &'a [u8],
    /// The bytes of the whole.
    length: usize,
}

impl<'a> Params<'a> {
    fn new(params: &'a [u8]) -> Self {
        Self { rest: params, length: params.len() }
    }
}

impl<'a> Iterator for Params<'a> {
    type Item = Result<Param<'a>, MultipartError>;

    fn next(&mut self) -> Option<Self::Item> {
        let malformed = Some(Err(MultipartError("a header parameter is malformed")));
        let rest = match std::mem::take(&mut self.rest).trim_ascii_start() {
            [] => return None,
            [b';', rest @ ..] => rest.trim_ascii_start(),
            _ => return malformed,
        };
        if rest.is_empty() {
            return None;
        }
        let key_end = rest.iter().position(|&byte| !is_token(byte)).unwrap_or(rest.len());
        let (key, after) = rest.split_at_checked(key_end)?;
        let [b'=', written @ ..] = after else { return malformed };
        if key.is_empty() {
            return malformed;
        }
        if let [b'"', quoted @ ..] = written {
            let Some((value, odd_escape, rest)) = quoted_string(quoted) else { return malformed };
            let range = self.length - quoted.len()..self.length - rest.len() - 1;
            self.rest = rest;
            return Some(Ok(Param { key, value, odd_escape, range }));
        }
        let end = written.iter().position(|&byte| byte == b';').unwrap_or(written.len());
        let (token, rest) = written.split_at_checked(end)?;
        let token = token.trim_ascii_end();
        if token.iter().any(|byte| matches!(byte, b'"' | b' ' | b'\t' | b'\\')) {
            return malformed;
        }
        let start = self.length - written.len();
        self.rest = rest;
        let range = start..start + token.len();
        Some(Ok(Param { key, value: token.to_vec(), odd_escape: false, range }))
    }
}

/// The value, whether it holds an odd escape, and what follows the closing quote.
fn quoted_string(bytes: &[u8]) -> Option<(Vec<u8>, bool, &[u8])> {
    let mut value = Vec::new();
    let mut odd_escape = false;
    let mut rest = bytes;
    loop {
        rest = match rest {
            [b'"', rest @ ..] => return Some((value, odd_escape, rest)),
            [b'\\', byte @ (b'"' | b'\\'), rest @ ..] => {
                value.push(*byte);
                rest
            }
            [byte, rest @ ..] => {
                odd_escape |= *byte == b'\\';
                value.push(*byte);
                rest
            }
            [] => return None,
        };
    }
}

/// RFC 9110 section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Lines that end with CRLF, each with where it begins.
struct Lines<'a> {
    block: Option<&'a [u8]>,
    at: usize,
}

impl<'a> Lines<'a> {
    fn new(block: &'a [u8]) -> Self {
        Self { block: Some(block), at: 0 }
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = (usize, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let block = self.block.take()?;
        let start = self.at;
        let Some(end) = memchr::memmem::find(block, b"\r\n") else { return Some((start, block)) };
        self.block = block.get(end + 2..);
        self.at += end + 2;
        Some((start, block.get(..end)?))
    }
}
