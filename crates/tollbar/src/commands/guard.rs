//! `guard test`: what the guard finds in a text, what it would make of it, and how often it is
//! right.

mod look;
mod stats;

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use serde::de::DeserializeOwned;

use self::look::{Looked, Rules};
use crate::cli::{Global, GuardTest};
use crate::configuration::Configuration;
use crate::failure::Failed;
use crate::output::{self, Format};

/// One line of `--jsonl`. What else stands in it is left alone.
#[derive(serde::Deserialize)]
struct Line {
    text: String,
}

/// The first bytes of a file that gzip packed (RFC 1952).
const GZIP: &[u8] = &[0x1f, 0x8b];

/// Prints findings and the text that would leave, or figures.
pub(super) fn test(
    options: &GuardTest,
    configuration: &Configuration,
    global: &Global,
) -> anyhow::Result<ExitCode> {
    let loaded = configuration.load_loudly(global.quiet)?;
    let rules = Rules::new(&loaded.snapshot, options.service.as_deref())?;
    if !rules.policy.enabled && !global.quiet {
        output::message("the guard is off here: what is shown is what it would do");
    }
    let format = global.output;
    if let Some(file) = &options.stats {
        return stats::print(&rules, file, format);
    }
    if options.jsonl {
        let wanted = "{\"text\": \"...\"}";
        each_line(&options.file, wanted, |_, line: Line| {
            Ok(output::json_line(&rules.look(&line.text)?.to_json())?)
        })?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut text = String::new();
    open(&options.file)?.read_to_string(&mut text).context("the text is not UTF-8")?;
    let looked = rules.look(&text)?;
    match format {
        Format::Table => for_people(&looked)?,
        _ => output::json_line(&looked.to_json())?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads a file of one JSON object a line; empty lines are left out.
fn each_line<T: DeserializeOwned>(
    file: &Path,
    wanted: &str,
    mut take: impl FnMut(u64, T) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut reader = open(file)?;
    if reader.fill_buf().is_ok_and(|bytes| bytes.starts_with(GZIP)) {
        return Err(Failed::usage("the file is packed: unpack it with `zcat FILE` into `-`").into());
    }
    for (line, number) in reader.lines().zip(1_u64..) {
        let line = line.with_context(|| format!("line {number} cannot be read"))?;
        if line.trim().is_empty() {
            continue;
        }
        let read = serde_json::from_str(&line).map_err(|fault| {
            Failed::usage(format!("line {number} is not like {wanted}: {fault}"))
        })?;
        take(number, read)?;
    }
    Ok(())
}

fn open(file: &Path) -> anyhow::Result<Box<dyn BufRead>> {
    if file == Path::new("-") {
        return Ok(Box::new(std::io::stdin().lock()));
    }
    let opened =
        std::fs::File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(Box::new(BufReader::new(opened)))
}

fn for_people(looked: &Looked) -> anyhow::Result<()> {
    looked.rows().print(Format::Table)?;
    output::data(&format!("\n{}\n", looked.text.trim_end()))?;
    for message in looked.messages() {
        output::message(&message);
    }
    Ok(())
}
