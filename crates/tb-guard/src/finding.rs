//! What was found, and where.

use std::borrow::Cow;

use crate::Kind;

/// What a detector found in the text that it was given.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// What it is.
    pub kind: Kind,
    /// Which rule found it, where a kind has several (secrets: the format's name).
    pub rule: Option<Cow<'static, str>>,
    /// First byte in that text; on a character boundary.
    pub start: usize,
    /// Byte after the last one; on a character boundary.
    pub end: usize,
    /// How sure, 0 to 1: 1.0 with a checksum or an unmistakable form.
    pub score: f32,
}

/// What was found in the original text.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// What it is.
    pub kind: Kind,
    /// Which rule found it.
    pub rule: Option<Cow<'static, str>>,
    /// First byte in the original.
    pub start: usize,
    /// Byte after the last one in the original.
    pub end: usize,
    /// How sure, 0 to 1.
    pub score: f32,
    /// It was only visible in a decoded view (base64, percent, …): its place covers the whole
    /// encoded run.
    pub is_encoded: bool,
}
