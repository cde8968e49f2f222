//! `eval`

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// `eval`
#[derive(Debug, Subcommand)]
pub(crate) enum Eval {
    /// Ask a model every case of a suite, through a running gateway; exit code 0 when every case
    /// was answered, 1 when some were not, 2 when none could be asked
    #[command(
        before_help = "Examples:\n  tollbar eval run suite.toml --target support --key-file key\n  tollbar eval run suite.toml --target support --max-cost 2.50 --limit 200\n  tollbar eval run suite.toml --target support --resume run_20261124T031500_7f3a"
    )]
    Run(EvalRun),
    /// Say whether a run is as good as its baseline; exit code 0 when it is, 1 when it is worse, 3
    /// when that is not certain, 2 when it cannot be said
    #[command(
        before_help = "Examples:\n  tollbar eval compare run_b                   against the blessed baseline\n  tollbar eval compare run_a run_b -o json\n  tollbar eval compare a/results.jsonl b/results.jsonl --margin 3%\n  tollbar eval compare run_b --vary prompt --markdown comment.md --junit results.xml"
    )]
    Compare(Box<EvalCompare>),
    /// Make a run the baseline that later ones are held to
    #[command(before_help = "Example:\n  tollbar eval bless run_a && git add evaluations")]
    Bless(EvalBless),
    /// Show what came of a run
    #[command(
        before_help = "Examples:\n  tollbar eval report run_a\n  tollbar eval report run_a --as junit > results.xml"
    )]
    Report(EvalReport),
}

/// Where runs lie.
#[derive(Debug, Args)]
pub(crate) struct EvalFolder {
    /// The folder of runs and baselines
    #[arg(long, value_name = "FOLDER", default_value = "evaluations")]
    pub(crate) evaluations: PathBuf,
}

/// `eval run`
#[derive(Debug, Args)]
pub(crate) struct EvalRun {
    /// The suite
    #[arg(value_name = "SUITE")]
    pub(crate) suite: PathBuf,
    /// What is asked: a model's name at the gateway
    #[arg(long, value_name = "NAME")]
    pub(crate) target: String,
    /// The file with the virtual key [default: the variable TOLLBAR_KEY]
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// The gateway's public address [default: server.listen of the configuration]
    #[arg(long)]
    pub(crate) url: Option<String>,
    /// What the calls are for [default: evaluation, where the service has that purpose]
    #[arg(long, value_name = "NAME")]
    pub(crate) purpose: Option<String>,
    /// Go on with this run: only what is missing is asked
    #[arg(long, value_name = "RUN")]
    pub(crate) resume: Option<String>,
    /// Stop before more than so many dollars are spent
    #[arg(long, value_name = "DOLLARS", value_parser = dollars)]
    pub(crate) max_cost: Option<f64>,
    /// Only the first so many cases
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) limit: Option<u64>,
    /// Stream the answers, so that the time to the first token is measured; their cost is not
    #[arg(long)]
    pub(crate) stream: bool,
    /// Where runs lie
    #[command(flatten)]
    pub(crate) folder: EvalFolder,
}

/// An amount above nothing.
fn dollars(text: &str) -> Result<f64, String> {
    let number = text.trim().trim_end_matches("usd").trim().parse::<f64>();
    number
        .ok()
        .filter(|dollars| dollars.is_finite() && *dollars > 0.0)
        .ok_or_else(|| "write an amount of dollars, such as 2.50".to_owned())
}

/// `eval compare`
#[derive(Debug, Args)]
pub(crate) struct EvalCompare {
    /// The candidate, or baseline and candidate: ids of runs, folders, or results.jsonl
    #[arg(required = true, num_args = 1..=2, value_name = "RUN")]
    pub(crate) runs: Vec<String>,
    /// The baseline when only the candidate is named: `blessed`, or a run
    #[arg(long, value_name = "RUN", default_value = "blessed")]
    pub(crate) baseline: String,
    /// The loss of pass rate that is accepted: 2% or 0.02
    #[arg(long, value_name = "SHARE", default_value = "2%", value_parser = share)]
    pub(crate) margin: f64,
    /// The same for a slice, and for the recall and precision of a label
    #[arg(long, value_name = "SHARE", default_value = "5%", value_parser = share)]
    pub(crate) slice_margin: f64,
    /// The chance of a false alarm that is accepted, one-sided
    #[arg(long, value_name = "SHARE", default_value = "5%", value_parser = share)]
    pub(crate) alpha: f64,
    /// What may differ between the two runs
    #[arg(long, value_enum, default_value_t)]
    pub(crate) vary: Varied,
    /// The share of answers that may fail to come, or cannot be judged
    #[arg(long, value_name = "SHARE", default_value = "2%", value_parser = share)]
    pub(crate) max_faults: f64,
    /// How many times as slow or dear the candidate may be, such as latency_ms=1.2
    #[arg(long, value_name = "MEASURE=RATIO")]
    pub(crate) limit: Vec<String>,
    /// The candidate may have stopped early: tests that stay valid at every look
    #[arg(long)]
    pub(crate) sequential: bool,
    /// Write the report as one HTML file
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Write the report as Markdown for a pull request
    #[arg(long, value_name = "FILE")]
    pub(crate) markdown: Option<PathBuf>,
    /// Write the candidate's cases and the verdict as JUnit XML
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
    /// Where runs lie
    #[command(flatten)]
    pub(crate) folder: EvalFolder,
}

/// What may differ between two runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Varied {
    /// The target; the prompt is the same.
    #[default]
    Model,
    /// The version of the prompt; the target is the same.
    Prompt,
}

/// `eval bless`
#[derive(Debug, Args)]
pub(crate) struct EvalBless {
    /// The run: its id, or its folder
    pub(crate) run: String,
    /// Who blesses it [default: the user id]
    #[arg(long, value_name = "NAME")]
    pub(crate) by: Option<String>,
    /// Where runs lie
    #[command(flatten)]
    pub(crate) folder: EvalFolder,
}

/// `eval report`
#[derive(Debug, Args)]
pub(crate) struct EvalReport {
    /// The run: its id, its folder, or its results.jsonl
    pub(crate) run: String,
    /// In which form
    #[arg(long = "as", value_enum, default_value_t)]
    pub(crate) form: ReportForm,
    /// Where runs lie
    #[command(flatten)]
    pub(crate) folder: EvalFolder,
}

/// The form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum ReportForm {
    /// For a terminal, or JSON with -o json.
    #[default]
    Text,
    /// One HTML file.
    Html,
    /// For a pull request.
    Markdown,
    /// JUnit XML.
    Junit,
}

/// `2%`, or `0.02`.
fn share(text: &str) -> Result<f64, String> {
    let (number, divisor) = match text.trim().strip_suffix('%') {
        Some(number) => (number, 100.0),
        None => (text, 1.0),
    };
    match number.trim().parse::<f64>() {
        Ok(number) if (0.0..=1.0).contains(&(number / divisor)) => Ok(number / divisor),
        _ => Err("write a share, such as 2% or 0.02".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn a_share_is_a_percentage_or_a_number_up_to_one() {
        assert_eq!((share("2%"), share("0.02"), share(" 100 % ")), (Ok(0.02), Ok(0.02), Ok(1.0)));
        for wrong in ["2", "-1%", "NaN", "", "%", "101%"] {
            assert!(share(wrong).is_err(), "{wrong}");
        }
    }
}
