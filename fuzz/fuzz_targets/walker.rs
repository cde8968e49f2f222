//! Fuzzes documents: `cargo +nightly fuzz run walker` in the root.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    tollbar_fuzz::walker::document(bytes);
});
