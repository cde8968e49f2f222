//! What must hold for any bytes: the bodies of the fuzz targets.
//!
//! The targets in `fuzz_targets/` only call these functions. The test suites of `tb-api` and
//! `tb-guard` include the same two files and give them thousands of damaged inputs from a seed,
//! so that every run of the tests checks what a fuzzer checks for longer. A broken promise is a
//! panic.

pub mod guard;
pub mod walker;
