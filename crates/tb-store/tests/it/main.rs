//! The stores and the journal from outside.

mod conformance;
mod journal;
mod pepper;
mod sqlite;
mod support;
