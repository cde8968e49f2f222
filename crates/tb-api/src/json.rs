//! The one-pass index over a JSON document, and edits by splicing.
//!
//! [`Document::parse`] reads every byte once and keeps where the members of the root object
//! lie. A look deeper ([`Value::get`], [`Value::elements`]) steps through the validated text
//! again, which is cheap and needs no memory. [`Document::leaves`] visits every text in it.

use std::borrow::Cow;

use bytes::Bytes;

mod edit;
mod leaves;
mod scan;
mod text;
mod walk;

pub use edit::Edits;
pub use leaves::{Leaf, LeafKind, Step};
pub use text::write_string;

use scan::{Fault, Member, Root};

/// The deepest nesting accepted. Real requests stay below 20; serde_json stops at 128.
pub const MAX_DEPTH: usize = 96;

/// What is wrong with a document, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem} at line {line}, column {column} (byte {offset})")]
pub struct JsonError {
    /// What is wrong, in words for the caller; never quotes the document.
    pub problem: &'static str,
    /// Byte offset, from 0.
    pub offset: usize,
    /// Line, from 1.
    pub line: usize,
    /// Column in bytes, from 1.
    pub column: usize,
}

impl JsonError {
    fn new(bytes: &[u8], fault: Fault) -> Self {
        let before = bytes.get(..fault.offset).unwrap_or(bytes);
        let line = memchr::memchr_iter(b'\n', before).count() + 1;
        let column = memchr::memrchr(b'\n', before)
            .map_or(before.len() + 1, |line_break| before.len() - line_break);
        Self { problem: fault.problem, offset: fault.offset, line, column }
    }
}

/// The type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `{…}`
    Object,
    /// `[…]`
    Array,
    /// `"…"`
    String,
    /// `12.5e3`
    Number,
    /// `true` or `false`
    Bool,
    /// `null`
    Null,
}

/// A validated JSON document with the members of its root object located.
#[derive(Clone)]
pub struct Document {
    bytes: Bytes,
    members: Vec<Member>,
    text_bytes: u64,
    attachments: u64,
}

/// A value inside a document.
#[derive(Clone, Copy)]
pub struct Value<'a> {
    /// Its bytes, without white space around it.
    pub raw: &'a [u8],
    /// Where `raw` lies in the document.
    pub start: usize,
    /// Its type.
    pub kind: Kind,
}

/// Shows the size only: a request's text must not reach logs.
impl std::fmt::Debug for Document {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Document")
            .field("bytes", &self.bytes.len())
            .field("members", &self.members.len())
            .finish()
    }
}

/// Shows place and type only: a request's text must not reach logs.
impl std::fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Value")
            .field("start", &self.start)
            .field("bytes", &self.raw.len())
            .field("kind", &self.kind)
            .finish()
    }
}

impl Document {
    /// Validates `bytes` wholly and locates the members of the root object.
    ///
    /// # Errors
    /// Not UTF-8, not JSON (RFC 8259, one value, no byte order mark), root not an object,
    /// deeper than [`MAX_DEPTH`], or a key that occurs twice in one object (at any depth).
    /// A `\u` escape that holds half of a surrogate pair is refused too: it stands for no text.
    pub fn parse(bytes: Bytes) -> Result<Self, JsonError> {
        Self::with_root(bytes, Root::Object)
    }

    /// Like [`Self::parse`], for text that may have an array at its root too (JSON inside a
    /// string). Such a document has no members; [`Self::leaves`] and [`Self::spliced`] work.
    ///
    /// # Errors
    /// Those of [`Self::parse`], and a root that is neither an object nor an array.
    pub fn parse_value(bytes: Bytes) -> Result<Self, JsonError> {
        Self::with_root(bytes, Root::Container)
    }

    fn with_root(bytes: Bytes, root: Root) -> Result<Self, JsonError> {
        let index = std::str::from_utf8(&bytes)
            .map_err(|e| Fault { problem: "the document is not UTF-8", offset: e.valid_up_to() })
            .and_then(|text| scan::index(text.as_bytes(), root));
        match index {
            Ok(scan::Index { members, text_bytes, attachments }) => {
                Ok(Self { bytes, members, text_bytes, attachments })
            }
            Err(fault) => Err(JsonError::new(&bytes, fault)),
        }
    }

    /// The document as it came.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// A member of the root object. Keys are compared decoded.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Value<'_>> {
        let member = self.members.iter().find(|member| member.is(&self.bytes, key))?;
        Some(member.value(&self.bytes, 0))
    }

    /// The members of the root object in their order, keys decoded.
    pub fn members(&self) -> impl Iterator<Item = (Cow<'_, str>, Value<'_>)> {
        self.members.iter().map(|member| member.decoded(&self.bytes, 0))
    }

    /// How many bytes the string values of the document hold, keys apart (for estimates):
    /// UTF-8 bytes of the decoded text, at any depth. Attachments count as none, see
    /// [`Self::attachments`].
    #[must_use]
    pub fn text_bytes(&self) -> u64 {
        self.text_bytes
    }

    /// How many string values hold no text but an attachment, at any depth, told by their form:
    /// a `data:` URL with a media type, or more than 1,024 bytes of nothing but base64. It is a
    /// guess for estimates; nothing that protects text may rely on it.
    #[must_use]
    pub fn attachments(&self) -> u64 {
        self.attachments
    }

    /// Starts a list of edits.
    #[must_use]
    pub fn edit(&self) -> Edits<'_> {
        Edits::new(self)
    }
}

impl Member {
    /// The value; `base` is where `bytes` begins in the document.
    fn value<'a>(&self, bytes: &'a [u8], base: usize) -> Value<'a> {
        Value { raw: self.value.of(bytes), start: base + self.value.start(), kind: self.kind }
    }

    fn decoded<'a>(&self, bytes: &'a [u8], base: usize) -> (Cow<'a, str>, Value<'a>) {
        let raw = self.key.of(bytes);
        // A key that stands for no text (only in text that was not validated) is shown as it is
        // written, so that it is never taken for the empty one.
        let key = decode(raw).unwrap_or_else(|| String::from_utf8_lossy(raw));
        (key, self.value(bytes, base))
    }
}

/// The text of the bytes between the quotes of a string.
fn decode(inner: &[u8]) -> Option<Cow<'_, str>> {
    match text::unescape(inner) {
        Cow::Borrowed(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
        Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
    }
}

impl<'a> Value<'a> {
    /// The text of a string, unescaped.
    #[must_use]
    pub fn as_str(&self) -> Option<Cow<'a, str>> {
        match (self.kind, self.raw) {
            (Kind::String, [b'"', inner @ .., b'"']) => decode(inner),
            _ => None,
        }
    }

    /// The value of `true` or `false`.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self.raw {
            b"true" => Some(true),
            b"false" => Some(false),
            _ => None,
        }
    }

    /// A non-negative integer, written without fraction and exponent, up to `u64::MAX`.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        match self.kind {
            Kind::Number => std::str::from_utf8(self.raw).ok()?.parse().ok(),
            _ => None,
        }
    }

    /// A number as the nearest `f64`; `None` when it is out of range.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        let number: f64 = match self.kind {
            Kind::Number => std::str::from_utf8(self.raw).ok()?.parse().ok()?,
            _ => return None,
        };
        number.is_finite().then_some(number)
    }

    /// Whether this is `null`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.kind == Kind::Null
    }

    /// A member, when this is an object. Keys are compared decoded.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Value<'a>> {
        let member = self.raw_members().find(|member| member.is(self.raw, key))?;
        Some(member.value(self.raw, self.start))
    }

    /// The members in their order, keys decoded, when this is an object (empty otherwise).
    pub fn members(&self) -> impl Iterator<Item = (Cow<'a, str>, Value<'a>)> + use<'a> {
        let (raw, start) = (self.raw, self.start);
        self.raw_members().map(move |member| member.decoded(raw, start))
    }

    fn raw_members(&self) -> impl Iterator<Item = Member> + use<'a> {
        let object = self.kind == Kind::Object;
        object.then(|| walk::members(self.raw, 0)).into_iter().flatten()
    }

    /// The elements, when this is an array (empty otherwise).
    pub fn elements(&self) -> impl Iterator<Item = Value<'a>> + use<'a> {
        let (raw, base) = (self.raw, self.start);
        let array = self.kind == Kind::Array;
        array.then(|| walk::elements(raw, 0)).into_iter().flatten().map(
            move |(start, end, kind)| Value {
                raw: raw.get(start..end).unwrap_or_default(),
                start: base + start,
                kind,
            },
        )
    }
}
