//! The harness of integration tests: a gateway in the test's process, and a fake provider.
//!
//! [`TestApp`] starts the whole gateway (stores in memory, journal in a private directory,
//! public listener on a free loopback port) from a configuration text, sends it requests over
//! real sockets, and asserts when dropped that no request is unsettled. [`FakeProvider`] is
//! an HTTP server that records what reaches it and answers as the test says, with every
//! fault. [`FaultProxy`] stands before either or any other server and spoils what passes.
//! Used by `tests/it` only; panics are failures of the test.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a harness fails the test by panicking"
)]

mod app;
mod client;
mod fault_proxy;
mod listening;
mod provider;

pub use app::TestApp;
pub use client::{TestRequest, TestResponse};
pub use fault_proxy::{Fault, FaultPlan, FaultProxy, Proxied};
pub use provider::{FakeProvider, FakeReply, Recorded};
