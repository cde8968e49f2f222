//! Prompts as versioned templates.
//!
//! A [`PromptSource`] is a file: front matter in YAML and a body that lines such as
//! `{{role "system"}}` cut into messages *before* anything is rendered, so that no value can ever
//! make a role. Each message is a template of its own. What it consists of, [`PromptContent`],
//! has a hash; a [`PromptRecord`] is a content with its number, and never changes. Labels point to
//! numbers. [`PromptBook`] is what requests are served with: everything compiled, in memory.

mod book;
mod content;
mod desk;
mod fill;
mod import;
mod label;
mod schema;
mod source;
mod specials;
mod template;

pub use book::{Absent, Chosen, Prompt, PromptBook, is_production};
pub use content::{MessageSource, PromptContent, PromptRecord, PromptRole};
pub use desk::{Candidate, Evidence, Move, MoveFault, NoGate, PromotionGate, PromptDesk, Warrant};
pub use fill::{Filling, RenderedMessage, ValueFault};
pub use import::{Imported, import};
pub use label::LabelRecord;
pub use source::{PromptSource, SourceFault};
pub use template::Template;

/// The longest name of a prompt, a label or an alias, in bytes.
const MAX_NAME_BYTES: usize = 64;

/// Whether prompts, labels and partials may be called so: 1 to 64 letters, digits, `-`, `_` and
/// `.`, the first one no dot.
#[must_use]
pub fn is_name(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    (1..=MAX_NAME_BYTES).contains(&text.len()) && text.bytes().all(fits) && !text.starts_with('.')
}

/// Whether a label may be called so: as [`is_name`], and never digits alone, which would read as
/// the number of a version.
#[must_use]
pub fn is_label(text: &str) -> bool {
    is_name(text) && !text.bytes().all(|b| b.is_ascii_digit())
}
