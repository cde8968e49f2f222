//! The labelled files of a folder.

use std::error::Error;
use std::path::Path;

use serde::Deserialize;
use tb_guard::score::{LabelledSpan, LabelledText};

/// A line of a file.
#[derive(Deserialize)]
pub(crate) struct Line {
    /// The text.
    pub(crate) text: String,
    /// What is in it.
    pub(crate) spans: Vec<LabelledSpan>,
    /// How it is disguised.
    #[serde(default)]
    pub(crate) evasion: String,
    /// How much is asked of such disguises.
    #[serde(default)]
    pub(crate) tier: String,
}

impl Line {
    /// What scores need of it.
    pub(crate) fn labelled(&self) -> LabelledText {
        LabelledText { text: self.text.clone(), spans: self.spans.clone() }
    }
}

/// Reads `NAME.dev.jsonl`.
pub(crate) fn read(folder: &Path, name: &str) -> Result<Vec<Line>, Box<dyn Error>> {
    let path = folder.join(format!("{name}.dev.jsonl"));
    let text = std::fs::read_to_string(&path)
        .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    Ok(lines.map(serde_json::from_str).collect::<Result<_, _>>()?)
}
