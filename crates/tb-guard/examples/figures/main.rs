//! The figures of `docs/guard.md`, as JSON, for `cargo xtask guard-report`.
//!
//! `figures quality FOLDER` reads the labelled files of a folder; `figures speed [FOLDER]`
//! measures CPU time on texts of our own, and on those of the folder; `figures compile` says what
//! a guard costs at start, in a process that has done nothing else. No text of the folder is
//! printed.
#![expect(clippy::print_stdout, reason = "a command line tool")]

mod clock;
mod hostile;
mod labelled;
mod prompts;
mod quality;
mod speed;

use std::error::Error;
use std::path::Path;

use serde_json::{Value, json};
use tb_guard::{Guard, GuardSettings};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let figures = match words.as_slice() {
        ["quality", folder] => serde_json::to_value(quality::measure(Path::new(folder))?)?,
        ["speed"] => serde_json::to_value(speed::measure(None)?)?,
        ["speed", folder] => serde_json::to_value(speed::measure(Some(Path::new(folder)))?)?,
        ["compile"] => compile()?,
        _ => return Err("quality FOLDER | speed [FOLDER] | compile".into()),
    };
    println!("{figures}");
    Ok(())
}

/// What a guard costs before the first request.
fn compile() -> Result<Value, Box<dyn Error>> {
    let (guard, took) = clock::cpu(|| {
        let guard = Guard::new(&GuardSettings::default())?;
        guard.warm();
        Ok::<_, tb_guard::GuardFault>(guard)
    });
    let guard = guard?;
    let (scan, first) = clock::cpu(|| guard.scan("Call Jane Miller at jane@example.org."));
    Ok(json!({
        "compile_ms": took.as_secs_f64() * 1e3,
        "first_scan_ms": first.as_secs_f64() * 1e3,
        "found": scan.findings.len(),
    }))
}
