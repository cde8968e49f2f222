//! Documented token formats: a prefix, then characters of a class. Tables by field.

mod cloud;
mod code;
mod messages;
mod models;
mod money;
mod operations;
mod products;

use super::checksum::Checksum;
use super::class::Class;

/// A run may be as long as this where the vendor promises no length.
pub(crate) const OPEN: usize = 512;

/// One format.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Format {
    /// Its name in findings.
    pub(crate) rule: &'static str,
    /// How it begins, in its own case.
    pub(crate) prefix: &'static str,
    /// What follows the prefix.
    pub(crate) parts: Parts,
    /// What is known of its last characters.
    pub(crate) checksum: Checksum,
}

impl Format {
    /// Whether its length is not fixed.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.parts, Parts::One(_, least, most) if least < most)
    }

    /// Whether any long run of base64 would do behind the prefix.
    pub(crate) fn is_open_base64(&self) -> bool {
        self.is_open()
            && matches!(self.parts, Parts::One(class, ..) if class.has(b'/') && class.has(b'+'))
    }
}

/// What follows a prefix: one run or several with fixed text between.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Parts {
    /// Between so many and so many of a class.
    One(Class, usize, usize),
    /// One after the other.
    Many(&'static [Part]),
}

/// A piece of a format.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Part {
    /// Between so many and so many of a class.
    Run(Class, usize, usize),
    /// Exactly this.
    Text(&'static str),
}

/// A format with one run of `least` to `most` characters.
const fn run(
    rule: &'static str,
    prefix: &'static str,
    class: Class,
    least: usize,
    most: usize,
) -> Format {
    Format { rule, prefix, parts: Parts::One(class, least, most), checksum: Checksum::None }
}

/// A format with one run of exactly `length` characters.
const fn fixed(rule: &'static str, prefix: &'static str, class: Class, length: usize) -> Format {
    run(rule, prefix, class, length, length)
}

/// A format in several parts.
const fn parts(rule: &'static str, prefix: &'static str, parts: &'static [Part]) -> Format {
    Format { rule, prefix, parts: Parts::Many(parts), checksum: Checksum::None }
}

/// The same format with a checksum at its end.
const fn checked(format: Format, checksum: Checksum) -> Format {
    Format { checksum, ..format }
}

/// Every format.
pub(crate) fn all() -> impl Iterator<Item = &'static Format> {
    [
        models::FORMATS,
        cloud::FORMATS,
        code::FORMATS,
        messages::FORMATS,
        money::FORMATS,
        operations::FORMATS,
        products::FORMATS,
    ]
    .into_iter()
    .flatten()
}
