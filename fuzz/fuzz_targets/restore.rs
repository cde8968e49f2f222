//! Fuzzes texts that are hidden and restored: `cargo +nightly fuzz run restore` in the root.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    tollbar_fuzz::guard::restore(bytes);
});
