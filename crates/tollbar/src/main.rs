//! tollbar
fn main() {}
