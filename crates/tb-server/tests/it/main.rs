//! The public server over real sockets, with a fake provider or the simulated one.

mod accounting;
mod bad_input;
mod chat;
mod keys;
mod streams;
mod upstream_faults;
