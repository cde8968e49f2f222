//! `guard test`: what the guard finds in a text, and what it would make of it.

use std::io::{BufRead, Read};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use ring::rand::{SecureRandom, SystemRandom};
use serde::Deserialize;
use serde_json::{Value, json};
use tb_guard::{Action, Actions, Finding, Guard, GuardSettings, Vault};

use crate::cli::GuardTest;
use crate::failure::Failed;
use crate::output::{self, Format, Rows};

/// One line of `--jsonl`. What else stands in it is left alone.
#[derive(Deserialize)]
struct Line {
    text: String,
}

/// A text looked at.
struct Looked {
    findings: Vec<Value>,
    text: String,
    is_opaque: bool,
}

/// Prints findings and the masked text.
pub(super) fn test(options: &GuardTest, format: Format) -> anyhow::Result<ExitCode> {
    let guard = Guard::new(&GuardSettings::default()).context("the guard does not compile")?;
    let mut seed = [0; 40];
    SystemRandom::new()
        .fill(&mut seed)
        .map_err(|_| anyhow::anyhow!("the system's random number generator failed"))?;
    let (tag, key) = seed.split_at(8);
    let vault = || {
        let tag = u64::from_le_bytes(tag.try_into().unwrap_or_default());
        Vault::new(tag, key.try_into().unwrap_or(&[0; 32]))
    };
    if options.jsonl {
        for (line, number) in open(&options.file)?.lines().zip(1_u64..) {
            let line = line.with_context(|| format!("line {number} cannot be read"))?;
            if line.trim().is_empty() {
                continue;
            }
            let line: Line = serde_json::from_str(&line).map_err(|fault| {
                Failed::usage(format!("line {number} is not like {{\"text\": \"...\"}}: {fault}"))
            })?;
            output::json_line(&described(&look(&guard, &line.text, &mut vault())))?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let mut text = String::new();
    open(&options.file)?.read_to_string(&mut text).context("the text is not UTF-8")?;
    let looked = look(&guard, &text, &mut vault());
    if format == Format::Table {
        return for_people(&looked);
    }
    output::json_line(&described(&looked))?;
    Ok(ExitCode::SUCCESS)
}

fn open(file: &Path) -> anyhow::Result<Box<dyn BufRead>> {
    if file == Path::new("-") {
        return Ok(Box::new(std::io::stdin().lock()));
    }
    let opened =
        std::fs::File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(Box::new(std::io::BufReader::new(opened)))
}

fn look(guard: &Guard, text: &str, vault: &mut Vault) -> Looked {
    let scan = guard.scan(text);
    let actions = Actions::default();
    let hidden = actions.hide(text, &scan.findings, vault);
    // Places are counted in one pass over the text: findings come in its order.
    let (mut bytes, mut characters) = (0, 0);
    let mut place = |byte: usize| {
        characters += text.get(bytes..byte).map_or(0, |between| between.chars().count());
        bytes = byte;
        characters
    };
    let shown = |finding: &Finding| {
        let (start, end) = (place(finding.start), place(finding.end));
        json!({
            "type": finding.kind.as_str(),
            "rule": finding.rule,
            "start": start,
            "end": end,
            "byte_start": finding.start,
            "byte_end": finding.end,
            "score": (f64::from(finding.score) * 1_000.0).round() / 1_000.0,
            "action": word(actions.of(&finding.kind)),
        })
    };
    let findings = scan.findings.iter().map(shown).collect();
    Looked { findings, text: hidden.text, is_opaque: scan.is_opaque }
}

const fn word(action: Action) -> &'static str {
    match action {
        Action::Allow => "allow",
        Action::Report => "report",
        Action::Mask => "mask",
        Action::Redact => "redact",
        Action::Tokenize => "tokenize",
        Action::Hash => "hash",
        Action::Block => "block",
    }
}

fn described(looked: &Looked) -> Value {
    json!({
        "schema_version": 1,
        "findings": looked.findings,
        "text": looked.text,
        "opaque": looked.is_opaque,
    })
}

fn for_people(looked: &Looked) -> anyhow::Result<ExitCode> {
    let columns = ["type", "rule", "start", "end", "score", "action"];
    let mut rows = Rows::new(columns.to_vec());
    for finding in &looked.findings {
        rows.push(
            columns.iter().map(|name| finding.get(*name).cloned().unwrap_or_default()).collect(),
        );
    }
    rows.print(Format::Table)?;
    output::data(&format!("\n{}\n", looked.text.trim_end()))?;
    if looked.is_opaque {
        output::message("part of the text could not be looked at: too much is encoded in itself");
    }
    Ok(ExitCode::SUCCESS)
}
