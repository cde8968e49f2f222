//! Labelled texts: those of the folder, and what training needs of them.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::gazetteer::Gazetteer;
use super::token::{self, Token};

/// A labelled text.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    pub(super) text: String,
    /// Label, first byte, byte after the last one; in order, without overlaps.
    pub(super) spans: Vec<(usize, usize, usize)>,
    /// The template that it was made from.
    pub(super) group: usize,
}

/// The data set's file, without `.gz`.
const FILE: &str = "synth_v2.dev.jsonl";

#[derive(Deserialize)]
struct Line {
    template_id: usize,
    text: String,
    spans: Vec<LabelledSpan>,
}

#[derive(Deserialize)]
struct LabelledSpan {
    r#type: String,
    bstart: usize,
    bend: usize,
}

/// Reads the data set; unpacks it with `gzip` if only the packed file is there.
pub(super) fn read(folder: &Path) -> Result<Vec<Sample>> {
    let plain = folder.join(FILE);
    let text = if plain.exists() {
        fs::read_to_string(&plain).with_context(|| format!("reading {}", plain.display()))?
    } else {
        let packed = folder.join(format!("{FILE}.gz"));
        let output =
            Command::new("gzip").arg("-dc").arg(&packed).output().context("starting gzip")?;
        ensure!(output.status.success(), "gzip cannot read {}", packed.display());
        String::from_utf8(output.stdout)?
    };
    text.lines().map(|line| Ok(sample(serde_json::from_str(line)?))).collect()
}

fn sample(line: Line) -> Sample {
    let mut spans: Vec<_> = line
        .spans
        .iter()
        .filter_map(|span| Some((label(&span.r#type)?, span.bstart, span.bend)))
        .collect();
    spans.sort_by_key(|span| span.1);
    Sample { text: line.text, spans, group: line.template_id }
}

/// The label of a type of the data set; `None` if another detector is for it.
fn label(name: &str) -> Option<usize> {
    Some(match name {
        "PERSON" => 1,
        "GPE" | "LOCATION" => 2,
        "STREET_ADDRESS" => 3,
        "ORGANIZATION" => 4,
        "TITLE" => 5,
        "AGE" => 6,
        "NRP" => 7,
        "ZIP_CODE" => 8,
        "DATE_TIME" => 9,
        _ => return None,
    })
}

impl Sample {
    /// Its tokens, and the label of each.
    pub(super) fn labelled(&self, gazetteer: &Gazetteer) -> (Vec<Token>, Vec<usize>) {
        let mut tokens = Vec::new();
        token::cut(&self.text, gazetteer, &mut tokens);
        let label = |token: &Token| {
            let span = self.spans.iter().find(|span| span.1 < token.end && token.start < span.2);
            span.map_or(0, |span| span.0)
        };
        let labels = tokens.iter().map(label).collect();
        (tokens, labels)
    }

    /// The same in another case, which may change lengths.
    pub(super) fn with_case(&self, change: fn(&str) -> String) -> Self {
        let mut text = String::new();
        let mut spans = Vec::new();
        let mut at = 0;
        for (label, start, end) in &self.spans {
            text += &change(self.text.get(at..*start).unwrap_or_default());
            let first = text.len();
            text += &change(self.text.get(*start..*end).unwrap_or_default());
            spans.push((*label, first, text.len()));
            at = *end;
        }
        text += &change(self.text.get(at..).unwrap_or_default());
        Self { text, spans, group: self.group }
    }
}
