//! Tests of the guard through its public interface.

#![expect(clippy::unwrap_used, clippy::string_slice, reason = "a test may panic")]

mod again;
mod figures;
mod identity;
mod injection;
mod leaks;
mod mutations;
mod passwords;
mod scanning;
mod streams;
