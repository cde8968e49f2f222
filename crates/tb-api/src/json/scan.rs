//! The validator: one pass from left to right with an explicit stack, no recursion.

use std::hash::{BuildHasher, RandomState};

use super::text::{is_attachment, scan_string, unescape};
use super::{Kind, MAX_DEPTH};

/// A problem at a byte offset; line and column are worked out only when it is reported.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fault {
    pub(super) problem: &'static str,
    pub(super) offset: usize,
}

/// A range of bytes. Four-byte offsets halve the memory that a hostile document with millions
/// of keys can claim.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// Offsets beyond 4 GiB saturate; [`index`] refuses such documents before it makes spans.
    pub(super) fn new(start: usize, end: usize) -> Self {
        let narrow = |offset| u32::try_from(offset).unwrap_or(u32::MAX);
        Self { start: narrow(start), end: narrow(end) }
    }

    pub(super) fn start(self) -> usize {
        usize::try_from(self.start).unwrap_or(usize::MAX)
    }

    pub(super) fn end(self) -> usize {
        usize::try_from(self.end).unwrap_or(usize::MAX)
    }

    pub(super) fn of(self, bytes: &[u8]) -> &[u8] {
        bytes.get(self.start()..self.end()).unwrap_or_default()
    }
}

/// A member of an object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member {
    /// The key without its quotes, still escaped.
    pub(super) key: Span,
    /// The value without white space around it.
    pub(super) value: Span,
    pub(super) kind: Kind,
    /// The key holds a backslash.
    pub(super) escaped: bool,
}

impl Member {
    /// Whether the key, decoded, is `key`.
    pub(super) fn is(&self, bytes: &[u8], key: &str) -> bool {
        let raw = self.key.of(bytes);
        if self.escaped { *unescape(raw) == *key.as_bytes() } else { raw == key.as_bytes() }
    }
}

impl Root {
    fn problem(self) -> &'static str {
        match self {
            Self::Object => "the document must be a JSON object",
            Self::Container => "the document must be a JSON object or array",
        }
    }
}

/// What one pass over a document finds.
#[derive(Debug)]
pub(super) struct Index {
    /// The members of the root object.
    pub(super) members: Vec<Member>,
    /// Bytes of all decoded string values that are text.
    pub(super) text_bytes: u64,
    /// String values that are none.
    pub(super) attachments: u64,
}

/// What may stand at the root of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Root {
    Object,
    Container,
}

/// Validates a document (UTF-8 already).
pub(super) fn index(bytes: &[u8], root: Root) -> Result<Index, Fault> {
    if u32::try_from(bytes.len()).is_err() {
        return Err(Fault { problem: "the document is larger than 4 GiB", offset: 0 });
    }
    let mut scanner = Scanner {
        bytes,
        at: 0,
        frames: Vec::with_capacity(16),
        keys: Vec::with_capacity(32),
        index: Index { members: Vec::with_capacity(16), text_bytes: 0, attachments: 0 },
    };
    scanner.white_space();
    match scanner.peek() {
        Some(b'{') => {}
        Some(b'[') if root == Root::Container => {}
        Some(0xEF) if bytes.starts_with(b"\xEF\xBB\xBF") => {
            return scanner.fault("a byte order mark is not allowed");
        }
        Some(_) => return scanner.fault(root.problem()),
        None => return scanner.fault("the document is empty"),
    }
    scanner.values()?;
    scanner.white_space();
    if scanner.peek().is_some() {
        return scanner.fault("text after the end of the document");
    }
    Ok(scanner.index)
}

/// The most members of one object. Bounds the memory that a body of tiny keys can claim; the
/// largest object of a real request, a `logit_bias`, has a few hundred.
const MAX_MEMBERS: usize = 65_536;

/// Up to this many keys of one object are compared pairwise; that is faster than hashing for
/// the objects of real requests, most of which have fewer than ten.
const LINEAR_KEYS: usize = 16;

/// An open object or array.
#[derive(Debug, Clone, Copy)]
struct Frame {
    object: bool,
    /// Where the keys of this object begin in `Scanner::keys`.
    first_key: usize,
    /// The keys are many, or one has an escape: compare them by hash when the object closes.
    check_at_end: bool,
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    frames: Vec<Frame>,
    /// The keys of all open objects, outermost first.
    keys: Vec<Span>,
    index: Index,
}

impl Scanner<'_> {
    fn fault<T>(&self, problem: &'static str) -> Result<T, Fault> {
        let inside = !self.frames.is_empty();
        let problem = match self.peek() {
            None if inside => "the document ends too early",
            _ => problem,
        };
        Err(Fault { problem, offset: self.at })
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn white_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    /// Reads values until the root is complete.
    fn values(&mut self) -> Result<(), Fault> {
        loop {
            let complete = self.value()?;
            if complete && !self.next_value()? {
                return Ok(());
            }
        }
    }

    /// Reads a scalar or an empty container (true), or opens a container up to its first
    /// value (false).
    fn value(&mut self) -> Result<bool, Fault> {
        match self.peek() {
            Some(b'"') => {
                self.begin(Kind::String);
                self.string_leaf()?;
            }
            Some(b'{') => return self.open(Kind::Object),
            Some(b'[') => return self.open(Kind::Array),
            Some(b'-' | b'0'..=b'9') => {
                self.begin(Kind::Number);
                self.number()?;
            }
            Some(b't') => self.literal(b"true", Kind::Bool)?,
            Some(b'f') => self.literal(b"false", Kind::Bool)?,
            Some(b'n') => self.literal(b"null", Kind::Null)?,
            _ => return self.fault("expected a value"),
        }
        Ok(true)
    }

    /// Moves from the end of a value to the start of the next one; false when the root ended.
    fn next_value(&mut self) -> Result<bool, Fault> {
        loop {
            let Some(frame) = self.frames.last().copied() else { return Ok(false) };
            if self.frames.len() == 1 {
                self.end_member();
            }
            self.white_space();
            match (self.peek(), frame.object) {
                (Some(b','), object) => {
                    self.at += 1;
                    self.white_space();
                    if object {
                        self.key()?;
                    }
                    return Ok(true);
                }
                (Some(b'}'), true) | (Some(b']'), false) => self.close()?,
                (_, true) => return self.fault("expected `,` or `}`"),
                (_, false) => return self.fault("expected `,` or `]`"),
            }
        }
    }

    fn open(&mut self, kind: Kind) -> Result<bool, Fault> {
        if self.frames.len() >= MAX_DEPTH {
            return self.fault("nested too deep");
        }
        self.begin(kind);
        let object = kind == Kind::Object;
        self.frames.push(Frame { object, first_key: self.keys.len(), check_at_end: false });
        self.at += 1;
        self.white_space();
        match (self.peek(), object) {
            (Some(b'}'), true) | (Some(b']'), false) => {
                self.close()?;
                return Ok(true);
            }
            (_, true) => self.key()?,
            (_, false) => {}
        }
        Ok(false)
    }

    fn close(&mut self) -> Result<(), Fault> {
        if let Some(frame) = self.frames.pop() {
            if frame.check_at_end {
                self.check_keys(frame.first_key)?;
            }
            self.keys.truncate(frame.first_key);
        }
        self.at += 1;
        Ok(())
    }

    /// Notes where a value of the root object begins.
    fn begin(&mut self, kind: Kind) {
        if self.frames.len() == 1
            && let Some(member) = self.index.members.last_mut()
        {
            member.value = Span::new(self.at, self.at);
            member.kind = kind;
        }
    }

    /// Notes where a value of the root object ends.
    fn end_member(&mut self) {
        if let Some(member) = self.index.members.last_mut() {
            member.value = Span::new(member.value.start(), self.at);
        }
    }

    /// Reads a string value. Every string leaf of the document passes here, in order.
    fn string_leaf(&mut self) -> Result<(), Fault> {
        let string = scan_string(self.bytes, self.at)?;
        let inner = self.bytes.get(self.at + 1..string.end - 1).unwrap_or_default();
        if is_attachment(inner) {
            self.index.attachments += 1;
        } else {
            let decoded = inner.len() - string.saved;
            self.index.text_bytes += u64::try_from(decoded).unwrap_or_default();
        }
        self.at = string.end;
        Ok(())
    }

    /// Reads a key and its colon, up to the value.
    fn key(&mut self) -> Result<(), Fault> {
        if self.peek() != Some(b'"') {
            return self.fault("expected a key in double quotes");
        }
        let string = scan_string(self.bytes, self.at)?;
        let key = Span::new(self.at + 1, string.end - 1);
        self.add_key(key, string.escaped)?;
        self.at = string.end;
        self.white_space();
        if self.peek() != Some(b':') {
            return self.fault("expected `:` after a key");
        }
        self.at += 1;
        self.white_space();
        Ok(())
    }

    fn add_key(&mut self, key: Span, escaped: bool) -> Result<(), Fault> {
        if let Some(frame) = self.frames.last_mut() {
            let earlier = self.keys.get(frame.first_key..).unwrap_or_default();
            frame.check_at_end |= escaped || earlier.len() >= LINEAR_KEYS;
            if earlier.len() >= MAX_MEMBERS {
                let offset = key.start().saturating_sub(1);
                return Err(Fault { problem: "an object has more than 65,536 members", offset });
            }
            let text = key.of(self.bytes);
            if !frame.check_at_end && earlier.iter().any(|other| other.of(self.bytes) == text) {
                return Err(duplicate(key));
            }
        }
        self.keys.push(key);
        if self.frames.len() == 1 {
            self.index.members.push(Member { key, value: key, kind: Kind::Null, escaped });
        }
        Ok(())
    }

    /// Looks for equal keys among those from `first_key` on. The hash is keyed at random, so
    /// that nobody can choose keys that collide; equal hashes are compared in full.
    fn check_keys(&self, first_key: usize) -> Result<(), Fault> {
        let state = RandomState::new();
        let keys = self.keys.get(first_key..).unwrap_or_default();
        let mut hashed: Vec<(u64, Span)> =
            keys.iter().map(|&key| (state.hash_one(&*unescape(key.of(self.bytes))), key)).collect();
        // By position too, so that the later one of two equal keys is reported.
        hashed.sort_unstable_by_key(|&(hash, key)| (hash, key.start));
        for same in hashed.chunk_by(|one, other| one.0 == other.0) {
            for (position, &(_, key)) in same.iter().enumerate().skip(1) {
                let text = unescape(key.of(self.bytes));
                let mut earlier = same.iter().take(position);
                if earlier.any(|(_, other)| unescape(other.of(self.bytes)) == text) {
                    return Err(duplicate(key));
                }
            }
        }
        Ok(())
    }

    fn literal(&mut self, word: &[u8], kind: Kind) -> Result<(), Fault> {
        if !self.bytes.get(self.at..).unwrap_or_default().starts_with(word) {
            return self.fault("expected a value");
        }
        self.begin(kind);
        self.at += word.len();
        Ok(())
    }

    fn number(&mut self) -> Result<(), Fault> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
            if matches!(self.peek(), Some(b'0'..=b'9')) {
                return self.fault("a number must not begin with 0");
            }
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    /// At least one digit.
    fn digits(&mut self) -> Result<(), Fault> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at == start { self.fault("a number lacks a digit") } else { Ok(()) }
    }
}

fn duplicate(key: Span) -> Fault {
    // The offset of the key's opening quote.
    Fault { problem: "a key occurs twice in one object", offset: key.start().saturating_sub(1) }
}
