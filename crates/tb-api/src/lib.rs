//! Wire-level building blocks of the public API, pure and without any other crate of ours.
//!
//! * [`json`]: the one-pass index over a request body: it validates (UTF-8, syntax, depth,
//!   duplicate keys), finds the members, walks over every text, and edits in place by splicing,
//!   so that everything untouched is forwarded byte for byte.
//! * [`sse`]: the incremental parser and the writer of server-sent events.
//! * [`multipart`]: finds fields, files and their names in `multipart/form-data` and replaces them in place.
//! * [`error`]: the error envelopes of OpenAI and Anthropic.
//!
//! It does not know providers, keys, or what a request means.

pub mod error;
pub mod json;
pub mod multipart;
mod splice;
pub mod sse;
