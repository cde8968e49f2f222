//! Configuration files, good and bad, through the public door.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails by panicking, also in its own functions"
)]

mod accountability;
mod codes;
mod examples;
mod guard;
mod ladder;
mod meaning;
mod precedence;
mod prompts;
mod reports;
mod rules;
mod schema;
mod secrets;

use std::path::{Path, PathBuf};

use tb_config::{FixedEnvironment, Loaded, Overrides, Report, Source, load};

/// The folder that texts pretend to stand in.
pub(crate) const FOLDER: &str = "/etc/tollbar";

pub(crate) fn source(text: &str) -> Source {
    Source::Text {
        name: "tollbar.toml".to_owned(),
        folder: PathBuf::from(FOLDER),
        text: text.to_owned(),
    }
}

pub(crate) fn read_in(text: &str, environment: &FixedEnvironment) -> Result<Loaded, Report> {
    load(&source(text), &Overrides::default(), environment)
}

pub(crate) fn read(text: &str) -> Result<Loaded, Report> {
    read_in(text, &FixedEnvironment::default())
}

/// The codes of everything that was found, warnings of a good file included.
pub(crate) fn codes(outcome: &Result<Loaded, Report>) -> Vec<&'static str> {
    let diagnostics = match outcome {
        Ok(loaded) => &loaded.warnings,
        Err(report) => &report.diagnostics,
    };
    diagnostics.iter().map(|diagnostic| diagnostic.code.as_str()).collect()
}

pub(crate) fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples")
}
