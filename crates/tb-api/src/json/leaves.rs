//! The walker: every string, number and object key of a document, at any depth.

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;

use super::Document;

/// One step from the root to a leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step<'d> {
    /// A member of an object, by its decoded key.
    Key(Cow<'d, str>),
    /// An element of an array.
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
    /// Its text, unescaped; numbers as they are written.
    pub text: Cow<'d, str>,
    /// The way to it.
    pub path: &'l [Step<'d>],
}

impl Document {
    /// Visits every string, number and key in the order of the document; a key comes before its
    /// value. One pass, no recursion.
    pub fn leaves<'d>(&'d self, mut visit: impl FnMut(&Leaf<'_, 'd>)) {
        let _ = &mut visit;
    }

    /// The document with ranges replaced by JSON texts; everything else stays byte for byte.
    /// `splices` come in rising order, do not overlap, and lie on whole tokens.
    #[must_use]
    pub fn spliced(&self, splices: &[(Range<usize>, String)]) -> Bytes {
        let _ = splices;
        self.bytes().clone()
    }
}
