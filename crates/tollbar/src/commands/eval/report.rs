//! `eval report`

use std::process::ExitCode;

use tb_eval::report;

use super::runs;
use crate::cli::{EvalReport, ReportForm};
use crate::failure::Failed;
use crate::output::{self, Format};

pub(super) fn run(options: &EvalReport, format: Format) -> anyhow::Result<ExitCode> {
    let run = runs::read(&options.run, &options.folder.evaluations)?;
    match (options.form, format) {
        (ReportForm::Text, Format::Json | Format::Jsonl) => {
            output::json_line(&report::summary(&run))?;
        }
        (ReportForm::Text, Format::Csv) => {
            return Err(Failed::usage("a report is a text (-o table) or JSON (-o json)").into());
        }
        (ReportForm::Text, Format::Table) => {
            output::data(&report::terminal(&report::of_run(&run)))?;
        }
        (ReportForm::Html, _) => output::data(&report::html(&report::of_run(&run)))?,
        (ReportForm::Markdown, _) => output::data(&report::markdown(&report::of_run(&run)))?,
        (ReportForm::Junit, _) => output::data(&report::junit(&run, None))?,
    }
    Ok(ExitCode::SUCCESS)
}
