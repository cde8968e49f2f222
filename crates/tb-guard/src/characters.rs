//! Characters that people do not see: control, bidirectional, tag and zero-width ones.

mod joiners;

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
    /// Looks at a text; linear in its length.
    #[must_use]
    pub fn clean<'t>(&self, text: &'t str) -> Cleaned<'t> {
        let mut counts = CharacterCounts::default();
        let mut is_rejected = false;
        let mut stripped: Option<String> = None;
        // What lies before `copied` is in `stripped`, or was taken out.
        let (mut at, mut copied) = (0, 0);
        while let Some((start, symbol)) = next_odd(text, at) {
            at = start + symbol.len_utf8();
            let Some(class) = class(symbol) else { continue };
            if let Some(end) = needed_until(text, start, symbol) {
                at = end;
                continue;
            }
            let (handling, count) = self.of(class, &mut counts);
            if handling == Handling::Allow {
                continue;
            }
            *count += 1;
            is_rejected |= handling == Handling::Reject;
            if handling == Handling::Strip {
                let out = stripped.get_or_insert_with(|| String::with_capacity(text.len()));
                out.push_str(text.get(copied..start).unwrap_or_default());
                copied = at;
            }
        }
        let text = match stripped {
            Some(out) => Cow::Owned(out + text.get(copied..).unwrap_or_default()),
            None => Cow::Borrowed(text),
        };
        Cleaned { text, counts, is_rejected }
    }

    const fn of<'c>(
        &self,
        class: Class,
        counts: &'c mut CharacterCounts,
    ) -> (Handling, &'c mut u64) {
        match class {
            Class::Control => (self.controls, &mut counts.controls),
            Class::Bidi => (self.bidi, &mut counts.bidi),
            Class::Tag => (self.tags, &mut counts.tags),
            Class::ZeroWidth => (self.zero_width, &mut counts.zero_width),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Control,
    Bidi,
    Tag,
    ZeroWidth,
}

/// The class of a character by itself (Unicode 16, `Default_Ignorable_Code_Point` and `Cc`; what
/// some script writes with, such as fillers of Hangul, has none).
const fn class(symbol: char) -> Option<Class> {
    match symbol {
        '\t' | '\n' | '\r' => None,
        '\0'..='\x1F' | '\x7F'..='\u{9F}' => Some(Class::Control),
        '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => {
            Some(Class::Bidi)
        }
        '\u{E0000}'..='\u{E007F}' => Some(Class::Tag),
        '\u{AD}'
        | '\u{180E}'
        | '\u{200B}'..='\u{200D}'
        | '\u{2060}'..='\u{2064}'
        | '\u{206A}'..='\u{206F}'
        | '\u{FE00}'..='\u{FE0F}'
        | '\u{FEFF}'
        | '\u{E0100}'..='\u{E01EF}' => Some(Class::ZeroWidth),
        _ => None,
    }
}

/// Where the sequence ends that needs this character here; `None`: nothing needs it.
fn needed_until(text: &str, start: usize, symbol: char) -> Option<usize> {
    let end = start + symbol.len_utf8();
    let before = text.get(..start).unwrap_or_default();
    let after = text.get(end..).unwrap_or_default();
    let is_needed = match symbol {
        '\u{200C}' | '\u{200D}' => joiners::is_joiner_needed(symbol, before, after),
        '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}' => {
            joiners::is_selector_needed(symbol, before, after)
        }
        '\u{E0000}'..='\u{E007F}' => {
            return joiners::flag_bytes(before, text.get(start..)?).map(|bytes| start + bytes);
        }
        _ => false,
    };
    is_needed.then_some(end)
}

/// The next character that may be of a class. Blocks of plain ASCII are passed over whole.
fn next_odd(text: &str, from: usize) -> Option<(usize, char)> {
    /// Bytes that are looked at together; the compiler makes a few instructions of them.
    const BLOCK: usize = 64;
    let rest = text.as_bytes().get(from..)?;
    let plain = rest
        .chunks(BLOCK)
        .position(|block| block.iter().fold(false, |odd, byte| odd | is_not_plain(*byte)))?;
    let offset = plain * BLOCK;
    let offset = offset + rest.get(offset..)?.iter().position(|byte| may_begin_odd(*byte))?;
    let start = from + offset;
    Some((start, text.get(start..)?.chars().next()?))
}

const fn is_not_plain(byte: u8) -> bool {
    (byte < b' ') & (byte != b'\t') & (byte != b'\n') & (byte != b'\r') | (byte >= 0x7F)
}

/// Whether a character of some class begins with this byte of UTF-8. None of them is a
/// continuation byte.
const fn may_begin_odd(byte: u8) -> bool {
    matches!(byte, 0..=8 | 0x0B | 0x0C | 0x0E..=0x1F | 0x7F)
        || matches!(byte, 0xC2 | 0xD8 | 0xE1 | 0xE2 | 0xEF | 0xF3)
}

#[cfg(test)]
mod tests;
