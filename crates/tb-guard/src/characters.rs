//! Characters that people do not see: control, bidirectional, tag and zero-width ones.

use std::borrow::Cow;

/// What is done with one class of characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Handling {
    /// They stay, and nobody counts them.
    Allow,
    /// They stay and are counted.
    #[default]
    Report,
    /// They are taken out and counted.
    Strip,
    /// The text is refused.
    Reject,
}

/// What is done with each class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Characters {
    /// C0 and C1 controls but tab, line feed and carriage return.
    pub controls: Handling,
    /// Marks, embeddings, overrides and isolates of the bidirectional algorithm.
    pub bidi: Handling,
    /// Tag characters (U+E0000 to U+E007F) but those of flags.
    pub tags: Handling,
    /// Zero-width characters but joiners where a script or an emoji needs them.
    pub zero_width: Handling,
}

/// How many of each class were there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CharacterCounts {
    /// Controls.
    pub controls: u64,
    /// Bidirectional ones.
    pub bidi: u64,
    /// Tags.
    pub tags: u64,
    /// Zero-width ones.
    pub zero_width: u64,
}

/// A text looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cleaned<'t> {
    /// The text without what was to be stripped; borrowed where nothing was.
    pub text: Cow<'t, str>,
    /// What was there of the classes that are not allowed.
    pub counts: CharacterCounts,
    /// It has characters of a class that is rejected.
    pub is_rejected: bool,
}

impl Default for Characters {
    /// What no writing needs is stripped, what some writing needs is reported.
    fn default() -> Self {
        Self {
            controls: Handling::Strip,
            bidi: Handling::Report,
            tags: Handling::Strip,
            zero_width: Handling::Report,
        }
    }
}

impl Characters {
    /// Looks at a text.
    #[must_use]
    pub fn clean<'t>(&self, text: &'t str) -> Cleaned<'t> {
        Cleaned { text: Cow::Borrowed(text), counts: CharacterCounts::default(), is_rejected: false }
    }
}
