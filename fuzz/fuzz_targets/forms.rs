//! Fuzzes forms: `cargo +nightly fuzz run forms` in the root.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    tollbar_fuzz::walker::form(bytes);
});
