//! The headers of a form and of its parts.

use super::MultipartError;

/// RFC 2046 section 5.1.1: a boundary has 1 to 70 characters.
const MAX_BOUNDARY_BYTES: usize = 70;

/// What the headers of a part say.
#[derive(Debug)]
pub(super) struct Described {
    pub(super) name: String,
    pub(super) is_file: bool,
}

/// The boundary of a `content-type` header.
pub(super) fn boundary(content_type: &str) -> Result<Vec<u8>, MultipartError> {
    let (kind, params) = split_first_token(content_type.as_bytes());
    if !kind.eq_ignore_ascii_case(b"multipart/form-data") {
        return Err(MultipartError("the content type is not multipart/form-data"));
    }
    let mut boundary = None;
    for param in Params(params) {
        let (name, value, _) = param?;
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
    let mut encoded = false;
    for line in Lines(Some(block)) {
        let colon = memchr::memchr(b':', line)
            .filter(|&colon| colon > 0)
            .ok_or(MultipartError("a header line of a part has no name"))?;
        let (name, value) = line.split_at_checked(colon).unwrap_or_default();
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        // This refuses continued lines too (they begin with white space), which RFC 7578
        // does not need and which readers join differently.
        if !name.iter().all(|&byte| is_token(byte)) || value.iter().any(|&b| b < 0x20 && b != b'\t')
        {
            return Err(MultipartError("a header line of a part is malformed"));
        }
        if name.eq_ignore_ascii_case(b"content-disposition") {
            if found.replace(disposition(value)?).is_some() {
                return Err(MultipartError("a part has two content-disposition headers"));
            }
        } else if name.eq_ignore_ascii_case(b"content-transfer-encoding") {
            let plain: [&[u8]; 3] = [b"7bit", b"8bit", b"binary"];
            encoded |= !plain.iter().any(|plain| value.eq_ignore_ascii_case(plain));
        }
    }
    let described = found.ok_or(MultipartError("a part has no content-disposition"))?;
    if encoded && !described.is_file {
        return Err(MultipartError("a plain field has a transfer encoding"));
    }
    Ok(described)
}

/// Reads `form-data; name="…"; filename="…"`.
fn disposition(value: &[u8]) -> Result<Described, MultipartError> {
    let (kind, params) = split_first_token(value);
    if !kind.eq_ignore_ascii_case(b"form-data") {
        return Err(MultipartError("a part is not form-data"));
    }
    let mut name = None;
    let mut is_file = false;
    for param in Params(params) {
        let (key, value, odd_escape) = param?;
        if key.eq_ignore_ascii_case(b"name") {
            if odd_escape {
                return Err(MultipartError("a backslash in a part's name"));
            }
            if name.replace(value).is_some() {
                return Err(MultipartError("a part has two names"));
            }
        } else if key.eq_ignore_ascii_case(b"filename") || key.eq_ignore_ascii_case(b"filename*") {
            is_file = true;
        } else if key.contains(&b'*') {
            // `name*`, `name*0`, `name*0*` (RFC 2231): some readers take them for the name.
            return Err(MultipartError("a part has a parameter with `*`"));
        }
    }
    let name = name.filter(|name| !name.is_empty()).ok_or(MultipartError("a part has no name"))?;
    let name = String::from_utf8(name).map_err(|_| MultipartError("a part's name is not UTF-8"))?;
    Ok(Described { name, is_file })
}

/// Splits at the first semicolon; the first half is trimmed.
fn split_first_token(value: &[u8]) -> (&[u8], &[u8]) {
    let end = memchr::memchr(b';', value).unwrap_or(value.len());
    let (token, rest) = value.split_at_checked(end).unwrap_or((value, b""));
    (token.trim_ascii(), rest)
}

/// `; key=value` pairs; a value is a token or a quoted string. Gives the key, the value
/// without quotes, and whether a backslash stood before something else than `"` or `\`: some
/// readers drop such a backslash and some keep it, as in Windows paths in a file name, where
/// it does not matter to us.
struct Params<'a>(&'a [u8]);

impl<'a> Iterator for Params<'a> {
    type Item = Result<(&'a [u8], Vec<u8>, bool), MultipartError>;

    fn next(&mut self) -> Option<Self::Item> {
        let malformed = Some(Err(MultipartError("a header parameter is malformed")));
        let rest = self.0.trim_ascii_start();
        let mut rest = match rest {
            [] => return None,
            [b';', rest @ ..] => rest.trim_ascii_start(),
            _ => {
                self.0 = b"";
                return malformed;
            }
        };
        self.0 = b"";
        if rest.is_empty() {
            return None;
        }
        let key_end = rest.iter().position(|&byte| !is_token(byte)).unwrap_or(rest.len());
        let (key, after) = rest.split_at_checked(key_end)?;
        let [b'=', value @ ..] = after else { return malformed };
        rest = value;
        if key.is_empty() {
            return malformed;
        }
        if let [b'"', quoted @ ..] = rest {
            let Some((value, odd_escape, rest)) = quoted_string(quoted) else { return malformed };
            self.0 = rest;
            return Some(Ok((key, value, odd_escape)));
        }
        let end = rest.iter().position(|&byte| byte == b';').unwrap_or(rest.len());
        let (value, rest) = rest.split_at_checked(end)?;
        let value = value.trim_ascii_end();
        if value.iter().any(|byte| matches!(byte, b'"' | b' ' | b'\t' | b'\\')) {
            return malformed;
        }
        self.0 = rest;
        Some(Ok((key, value.to_vec(), false)))
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

/// Lines that end with CRLF.
struct Lines<'a>(Option<&'a [u8]>);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let block = self.0.take()?;
        let Some(end) = memchr::memmem::find(block, b"\r\n") else { return Some(block) };
        self.0 = block.get(end + 2..);
        block.get(..end)
    }
}
