//! Fuzzes texts that are scanned: `cargo +nightly fuzz run normaliser` in the root.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    tollbar_fuzz::guard::scan(bytes);
});
