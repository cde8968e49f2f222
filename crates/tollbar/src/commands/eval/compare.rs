//! `eval compare`

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use serde_json::json;
use tb_eval::case::Measure;
use tb_eval::compare::{Arm, Comparison, Options, Vary, Verdict, compare};
use tb_eval::gate::{self, Baseline, Wanted};
use tb_eval::report;

use super::runs;
use crate::cli::{EvalCompare, Varied};
use crate::failure::{Failed, NEGATIVE, USAGE};
use crate::output::{self, Format};

/// It is not certain.
const INCONCLUSIVE: u8 = 3;

pub(super) fn run(options: &EvalCompare, format: Format) -> anyhow::Result<ExitCode> {
    let (blessed, baseline, candidate) = arms(options)?;
    let compared = compare(&baseline, &candidate, &settings(options)?)
        .map_err(|refusal| Failed::usage(refusal.to_string()))?;
    write_reports(options, &candidate, &compared)?;
    match format {
        Format::Table => output::data(&report::terminal(&report::of_comparison(&compared)))?,
        Format::Json | Format::Jsonl => print_json(&compared, blessed.as_ref())?,
        Format::Csv => {
            return Err(Failed::usage("a comparison is a text (-o table) or JSON (-o json)").into());
        }
    }
    Ok(match compared.verdict {
        Verdict::NonInferior | Verdict::Improved => ExitCode::SUCCESS,
        Verdict::Regressed => ExitCode::from(NEGATIVE),
        Verdict::Inconclusive => ExitCode::from(INCONCLUSIVE),
        Verdict::InfrastructureError => ExitCode::from(USAGE),
    })
}

/// Baseline and candidate, and the pointer when the baseline is the blessed one.
fn arms(options: &EvalCompare) -> anyhow::Result<(Option<Baseline>, Arm, Arm)> {
    let folder = &options.folder.evaluations;
    let (baseline, candidate) = match options.runs.as_slice() {
        [baseline, candidate] => (baseline.as_str(), candidate),
        [candidate] => (options.baseline.as_str(), candidate),
        _ => return Err(Failed::usage("name one run or two").into()),
    };
    let candidate = runs::read(candidate, folder)?;
    if baseline == "blessed" {
        let (pointer, baseline) = runs::blessed(&candidate, folder)?;
        return Ok((Some(pointer), baseline, candidate));
    }
    Ok((None, runs::read(baseline, folder)?, candidate))
}

fn settings(options: &EvalCompare) -> anyhow::Result<Options> {
    Ok(Options {
        margin: options.margin,
        part_margin: options.slice_margin,
        alpha: options.alpha,
        vary: match options.vary {
            Varied::Model => Vary::Model,
            Varied::Prompt => Vary::Prompt,
        },
        tolerated_faults: options.max_faults,
        sequential: options.sequential,
        limits: limits(&options.limit)?,
        ..Options::default()
    })
}

fn limits(written: &[String]) -> anyhow::Result<BTreeMap<Measure, f64>> {
    let limit = |text: &String| {
        let (measure, ratio) = text.split_once('=')?;
        let measure = serde_json::from_value(json!(measure)).ok()?;
        Some((measure, ratio.parse().ok()?))
    };
    let wrong = |text: &String| {
        Failed::usage(format!(
            "--limit {text}: write MEASURE=RATIO; measures are latency_ms, ttft_ms, input_tokens, \
             output_tokens, cost_micro_usd"
        ))
    };
    written.iter().map(|text| Ok(limit(text).ok_or_else(|| wrong(text))?)).collect()
}

fn print_json(compared: &Comparison, blessed: Option<&Baseline>) -> anyhow::Result<()> {
    let mut value = serde_json::to_value(compared)?;
    let target = compared.candidate.target.as_deref();
    if let (Some(blessed), Some(target)) = (blessed, target)
        && let Ok(evidence) = gate::passes(compared, blessed, Wanted::Target(target))
        && let Some(members) = value.as_object_mut()
    {
        members.insert("evidence".to_owned(), serde_json::to_value(evidence)?);
    }
    Ok(output::json_line(&value)?)
}

fn write_reports(
    options: &EvalCompare,
    candidate: &Arm,
    compared: &Comparison,
) -> anyhow::Result<()> {
    let write = |path: Option<&Path>, text: &dyn Fn() -> String| match path {
        Some(path) => {
            std::fs::write(path, text()).with_context(|| format!("cannot write {}", path.display()))
        }
        None => Ok(()),
    };
    let page = report::of_comparison(compared);
    write(options.html.as_deref(), &|| report::html(&page))?;
    write(options.markdown.as_deref(), &|| report::markdown(&page))?;
    write(options.junit.as_deref(), &|| report::junit(candidate, Some(compared)))
}
