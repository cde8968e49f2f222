//! The operator's file made into a checked, immutable snapshot.
//!
//! [`load()`] reads one TOML file (or none), the `TOLLBAR_*` variables and the command line's
//! [`Overrides`], and gives either a [`Loaded`] configuration or a [`Report`] with every fault
//! that was found, each with its place, what to do about it and the nearest valid name. A
//! configuration is applied whole or not at all.
//!
//! How it works: the file is parsed into a document whose nodes know their bytes; `reader`
//! takes values out of it and records faults and effective values; `sections` builds the
//! [`Snapshot`]. What may be written, with its default and its description, stands once, in
//! `keys`: the reader, the JSON Schema and the reference are all made from that table. What the
//! contract names and this version does not enforce stands in `refused`. The rules files that
//! models name are read and reported in the same way, each under its own name; files of words
//! are plain text and have no faults but that they cannot be read.
//!
//! This is the only crate that reads files and environment variables, through [`Environment`].
//! It knows nothing of running state: no clock, no sockets, no store.

mod codes;
mod document;
mod effective;
mod environment;
mod hash;
mod keys;
mod load;
mod nearest;
mod reader;
mod redact;
mod refused;
mod report;
mod schema;
mod sections;
mod value;
mod vendors;
mod watched;

pub mod snapshot;

pub use codes::{Code, Severity};
pub use effective::{EffectiveValue, effective};
pub use environment::{Environment, FixedEnvironment, SystemEnvironment};
pub use load::{Loaded, Overrides, Source, load};
pub use nearest::nearest;
pub use report::{Diagnostic, Position, Report};
pub use schema::{reference, schema};
pub use snapshot::*;
pub use watched::{FileStamp, Watched};

/// The commented file that `tollbar init` writes. It passes `check` on a machine where no
/// variable is set.
#[must_use]
pub const fn template() -> &'static str {
    include_str!("template.toml")
}
