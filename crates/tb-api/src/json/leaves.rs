//! The walker: every string, number and object key of a document, at any depth.

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;

use super::walk::{skip_string, skip_value};
use super::{Document, decode};
use crate::splice::splice;

/// One step from the root to a leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step<'d> {
    /// A member of an object, by its decoded key.
    Key(Cow<'d, str>),
    /// An element of an array, from 0.
    Index(usize),
}

/// What a leaf is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeafKind {
    /// A string value.
    String,
    /// A number.
    Number,
    /// The key of a member; its path ends with itself.
    Key,
}

/// A string, a number or a key.
#[derive(Clone)]
pub struct Leaf<'l, 'd> {
    /// What it is.
    pub kind: LeafKind,
    /// Where it lies in the document, quotes included.
    pub range: Range<usize>,
    /// Its text, unescaped; numbers as they are written. Borrowed where no escape stands.
    pub text: Cow<'d, str>,
    /// The way to it.
    pub path: &'l [Step<'d>],
}

/// Shows kind and place only: a request's text must not reach logs.
impl std::fmt::Debug for Leaf<'_, '_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Leaf")
            .field("kind", &self.kind)
            .field("range", &self.range)
            .finish_non_exhaustive()
    }
}

impl Document {
    /// Visits every string, number and key in the order of the document; a key comes before its
    /// value. One pass, no recursion.
    pub fn leaves<'d>(&'d self, mut visit: impl FnMut(&Leaf<'_, 'd>)) {
        let mut walker =
            Walker { bytes: self.bytes(), at: 0, path: Vec::with_capacity(16), key_is_next: false };
        while let Some(&byte) = walker.bytes.get(walker.at) {
            match byte {
                b'"' => walker.string(&mut visit),
                b'-' | b'0'..=b'9' => walker.number(&mut visit),
                _ => walker.token(byte),
            }
        }
    }

    /// The document with ranges replaced by JSON texts; everything else stays byte for byte.
    /// `splices` come in rising order, do not overlap, and lie on whole tokens.
    #[must_use]
    pub fn spliced(&self, splices: &[(Range<usize>, String)]) -> Bytes {
        splice(self.bytes(), splices)
    }
}

/// Steps from token to token through text that the validator has accepted.
struct Walker<'d> {
    bytes: &'d [u8],
    at: usize,
    /// A step for each open container: the member or element that stands in it now.
    path: Vec<Step<'d>>,
    /// A string at this place is a key.
    key_is_next: bool,
}

impl<'d> Walker<'d> {
    /// Anything but a string and a number; blanks and literals go byte by byte.
    fn token(&mut self, byte: u8) {
        match byte {
            b'{' => {
                self.path.push(Step::Key(Cow::Borrowed("")));
                self.key_is_next = true;
            }
            b'[' => {
                self.path.push(Step::Index(0));
                self.key_is_next = false;
            }
            b'}' | b']' => {
                self.path.pop();
                // An empty object closes while its first key was looked for.
                self.key_is_next = false;
            }
            b',' => match self.path.last_mut() {
                Some(Step::Index(index)) => *index += 1,
                _ => self.key_is_next = true,
            },
            _ => {}
        }
        self.at += 1;
    }

    fn string(&mut self, visit: &mut impl FnMut(&Leaf<'_, 'd>)) {
        let range = self.at..skip_string(self.bytes, self.at);
        self.at = range.end;
        let inner = self.bytes.get(range.start + 1..range.end.saturating_sub(1));
        // Never `None` in validated text, and shown as written rather than left out if it were.
        let inner = inner.unwrap_or_default();
        let text = decode(inner).unwrap_or_else(|| String::from_utf8_lossy(inner));
        let mut kind = LeafKind::String;
        if std::mem::take(&mut self.key_is_next) {
            kind = LeafKind::Key;
            if let Some(step) = self.path.last_mut() {
                *step = Step::Key(text.clone());
            }
        }
        visit(&Leaf { kind, range, text, path: &self.path });
    }

    fn number(&mut self, visit: &mut impl FnMut(&Leaf<'_, 'd>)) {
        let range = self.at..skip_value(self.bytes, self.at);
        self.at = range.end;
        let text = String::from_utf8_lossy(self.bytes.get(range.clone()).unwrap_or_default());
        visit(&Leaf { kind: LeafKind::Number, range, text, path: &self.path });
    }
}
